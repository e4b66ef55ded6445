//! The provider `neuroio`.

use http::HeaderValue;

use super::api::Api;
use super::connection::Connection;
use super::data_sources::stream_token::StreamTokenDataSource;
use super::data_sources::stream_tokens::StreamTokensDataSource;
use super::ephemeral_resources::stream_token::StreamTokenEphemeral;
use super::resources::stream_token::StreamTokenResource;
use super::settings::{self, Config, Settings};
use crate::framework::{
    Configured, Context, Diagnostics, DynDataSource, DynEphemeralResource, DynFunction, DynListResource, DynResource,
    Provider,
};
use crate::platform::account::ProviderAccount;
use crate::platform::{AgeDecrypt, Runtime, Session};
use crate::redaction::KnownSecrets;
use crate::rest::Options;

const USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("terraform-provider-neuroio/", env!("CARGO_PKG_VERSION")));

/// The provider for NeuroIO.
pub struct NeuroIo {
    session: Session,
    runtime: Runtime,
}

impl NeuroIo {
    /// Creates a provider that is not configured yet.
    pub fn new(runtime: Runtime) -> Self {
        Self {
            session: Session::new(runtime.clock.clone()),
            runtime,
        }
    }

    fn connect(&self, settings: Settings) -> Connection {
        let account = ProviderAccount::new(settings.base_url.host(), &settings.base_url);
        let client = self.session.client(
            &self.runtime,
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

impl Provider for NeuroIo {
    type Config = Config;
    type Client = Connection;

    fn secrets(&self) -> KnownSecrets {
        self.session.secrets().clone()
    }

    async fn configure(
        &self,
        _: &Context<()>,
        config: Config,
        terraform_version: &str,
    ) -> Result<Configured<Connection>, Diagnostics> {
        tracing::debug!(terraform_version, "configuring");
        Ok(settings::resolve(config, &self.runtime.environment)?.map(|settings| self.connect(settings)))
    }

    fn resources(&self) -> Vec<Box<dyn DynResource<Connection>>> {
        vec![Box::new(StreamTokenResource::new(self.session.clone()))]
    }

    fn data_sources(&self) -> Vec<Box<dyn DynDataSource<Connection>>> {
        vec![
            Box::new(StreamTokenDataSource::new(self.session.clone())),
            Box::new(StreamTokensDataSource::new(self.session.clone())),
        ]
    }

    fn ephemeral_resources(&self) -> Vec<Box<dyn DynEphemeralResource<Connection>>> {
        vec![Box::new(StreamTokenEphemeral::new(self.session.clone()))]
    }

    fn list_resources(&self) -> Vec<Box<dyn DynListResource<Connection>>> {
        vec![Box::new(StreamTokenResource::new(self.session.clone()))]
    }

    fn functions(&self) -> Vec<Box<dyn DynFunction>> {
        vec![Box::new(AgeDecrypt)]
    }
}
