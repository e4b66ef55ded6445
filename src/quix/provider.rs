//! The provider `quix`.

use async_trait::async_trait;
use http::HeaderValue;

use super::api::Api;
use super::broker_config::BrokerConfig;
use super::connection::{Connection, Session};
use super::permission::Permission;
use super::settings::{self, Config, Settings};
use super::streaming_tokens::StreamingTokens;
use super::workspace::Workspace;
use super::workspaces::Workspaces;
use crate::framework::{AnyDataSource, AnyEphemeralResource, AnyResource, Diagnostics, Provider, Schema};
use crate::platform::Parts;
use crate::platform::account::ProviderAccount;
use crate::redaction::KnownSecrets;
use crate::rest::Options;

/// Names the provider to the platform.
const USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("terraform-provider-quix/", env!("CARGO_PKG_VERSION")));

/// The provider for Quix.
pub struct Quix {
    session: Session,
    parts: Parts,
}

impl Quix {
    /// A provider that is not yet configured.
    pub fn new(parts: Parts) -> Self {
        Self {
            session: Session::new(parts.clock.clone()),
            parts,
        }
    }

    fn connect(&self, settings: Settings) -> Connection {
        let account = ProviderAccount::new(settings.portal_api.host(), &settings.portal_api);
        let client = self.session.client(
            &self.parts,
            account,
            Options {
                base_url: settings.portal_api,
                credential: settings.credential,
                user_agent: USER_AGENT,
                request_timeout: settings.request_timeout,
            },
        );
        Connection::new(Api::new(client), settings.endpoints, settings.retry_timeout)
    }
}

#[async_trait]
impl Provider for Quix {
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
        vec![Box::new(StreamingTokens::new(self.session.clone()))]
    }

    fn data_sources(&self) -> Vec<Box<dyn AnyDataSource>> {
        vec![
            Box::new(Permission::new(self.session.clone())),
            Box::new(Workspace::new(self.session.clone())),
            Box::new(Workspaces::new(self.session.clone())),
        ]
    }

    fn ephemeral_resources(&self) -> Vec<Box<dyn AnyEphemeralResource>> {
        vec![Box::new(BrokerConfig::new(self.session.clone()))]
    }
}
