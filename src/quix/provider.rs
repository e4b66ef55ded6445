//! The provider `quix`.

use http::HeaderValue;

use super::api::Api;
use super::connection::Connection;
use super::data_sources::permission::PermissionDataSource;
use super::data_sources::workspace::WorkspaceDataSource;
use super::data_sources::workspaces::WorkspacesDataSource;
use super::ephemeral_resources::broker_config::BrokerConfigEphemeral;
use super::ephemeral_resources::streaming_tokens::StreamingTokensEphemeral;
use super::resources::streaming_tokens::StreamingTokensResource;
use super::settings::{self, Config, Settings};
use crate::framework::{
    Configured, Context, Diagnostics, DynDataSource, DynEphemeralResource, DynFunction, DynResource, Provider,
};
use crate::platform::account::ProviderAccount;
use crate::platform::{AgeDecrypt, Runtime, Session};
use crate::redaction::KnownSecrets;
use crate::rest::Options;

const USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("terraform-provider-quix/", env!("CARGO_PKG_VERSION")));

/// The provider for Quix.
pub struct Quix {
    session: Session,
    runtime: Runtime,
}

impl Quix {
    /// Creates a provider that is not configured yet.
    pub fn new(runtime: Runtime) -> Self {
        Self {
            session: Session::new(runtime.clock.clone()),
            runtime,
        }
    }

    fn connect(&self, settings: Settings) -> Connection {
        let account = ProviderAccount::new(settings.portal_api.host(), &settings.portal_api);
        let client = self.session.client(
            &self.runtime,
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

impl Provider for Quix {
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
        vec![Box::new(StreamingTokensResource::new(self.session.clone()))]
    }

    fn data_sources(&self) -> Vec<Box<dyn DynDataSource<Connection>>> {
        vec![
            Box::new(PermissionDataSource),
            Box::new(WorkspaceDataSource),
            Box::new(WorkspacesDataSource),
        ]
    }

    fn ephemeral_resources(&self) -> Vec<Box<dyn DynEphemeralResource<Connection>>> {
        vec![Box::new(BrokerConfigEphemeral), Box::new(StreamingTokensEphemeral)]
    }

    fn functions(&self) -> Vec<Box<dyn DynFunction>> {
        vec![Box::new(AgeDecrypt)]
    }
}
