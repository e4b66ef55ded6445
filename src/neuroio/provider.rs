//! The provider `neuroio`.

use async_trait::async_trait;
use http::HeaderValue;

use super::api::Api;
use super::connection::{Connection, Session};
use super::settings::{self, Config, Settings};
use super::stream_token::StreamToken;
use super::stream_token_ephemeral::EphemeralStreamToken;
use super::stream_tokens::StreamTokens;
use crate::framework::{
    AnyDataSource, AnyEphemeralResource, AnyListResource, AnyResource, Diagnostics, Provider, Schema,
};
use crate::platform::Parts;
use crate::platform::account::ProviderAccount;
use crate::redaction::KnownSecrets;
use crate::rest::Options;

/// Names the provider to the platform.
const USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("terraform-provider-neuroio/", env!("CARGO_PKG_VERSION")));

/// The provider for NeuroIO.
pub struct NeuroIo {
    session: Session,
    parts: Parts,
}

impl NeuroIo {
    /// A provider that is not yet configured.
    pub fn new(parts: Parts) -> Self {
        Self {
            session: Session::new(parts.clock.clone()),
            parts,
        }
    }

    fn connect(&self, settings: Settings) -> Connection {
        let account = ProviderAccount::new(settings.base_url.host(), &settings.base_url);
        let client = self.session.client(
            &self.parts,
            account,
            Options {
                base_url: settings.base_url,
                credential: settings.credential,
                user_agent: USER_AGENT,
                request_timeout: settings.request_timeout,
            },
        );
        Connection::new(Api::new(client), settings.retry_timeout)
    }
}

#[async_trait]
impl Provider for NeuroIo {
    type Config = Config;

    fn schema(&self) -> Schema {
        settings::schema()
    }

    fn secrets(&self) -> KnownSecrets {
        self.session.secrets().clone()
    }

    fn validate(&self, config: &Config, diagnostics: &mut Diagnostics) {
        settings::validate(config, diagnostics);
    }

    async fn configure(&self, config: Config, terraform_version: &str, diagnostics: &mut Diagnostics) {
        tracing::debug!(terraform_version, "configuring");
        let resolved = settings::resolve(config, &self.parts.environment, diagnostics);
        self.session.configure(resolved, |settings| self.connect(settings));
    }

    fn resources(&self) -> Vec<Box<dyn AnyResource>> {
        vec![Box::new(StreamToken::new(self.session.clone()))]
    }

    fn data_sources(&self) -> Vec<Box<dyn AnyDataSource>> {
        vec![Box::new(StreamTokens::new(self.session.clone()))]
    }

    fn ephemeral_resources(&self) -> Vec<Box<dyn AnyEphemeralResource>> {
        vec![Box::new(EphemeralStreamToken::new(self.session.clone()))]
    }

    fn list_resources(&self) -> Vec<Box<dyn AnyListResource>> {
        vec![Box::new(StreamToken::new(self.session.clone()))]
    }
}
