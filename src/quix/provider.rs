//! The provider `quix`.

use http::HeaderValue;

use super::actions::revoke_personal_access_token::RevokePersonalAccessToken;
use super::api::Api;
use super::connection::Connection;
use super::data_sources::permission::PermissionDataSource;
use super::data_sources::personal_access_tokens::PersonalAccessTokensDataSource;
use super::data_sources::workspace::WorkspaceDataSource;
use super::data_sources::workspaces::WorkspacesDataSource;
use super::ephemeral_resources::broker_config::BrokerConfigEphemeral;
use super::ephemeral_resources::personal_access_token::PersonalAccessTokenEphemeral;
use super::ephemeral_resources::streaming_tokens::StreamingTokensEphemeral;
use super::resources::personal_access_token::PersonalAccessTokenResource;
use super::resources::streaming_tokens::StreamingTokensResource;
use super::secret_owner;
use super::settings::{self, Config, Settings};
use crate::framework::{
    Configured, Context, Diagnostics, DynAction, DynDataSource, DynEphemeralResource, DynFunction, DynListResource,
    DynResource, Provider,
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
        let owner = secret_owner::account(&settings.portal_api);
        let (vault, request_timeout) = (settings.vault, settings.request_timeout);
        let vault = self.session.vault(&self.runtime, vault, USER_AGENT, request_timeout);
        let client = self.session.client(
            &self.runtime,
            account,
            Options {
                base_url: settings.portal_api,
                credential: settings.credential,
                user_agent: USER_AGENT,
                request_timeout,
            },
        );
        Connection::new(Api::new(client), settings.endpoints, settings.retry_timeout).with_vault(vault, owner)
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
        vec![
            Box::new(PersonalAccessTokenResource::new(self.session.clone())),
            Box::new(StreamingTokensResource::new(self.session.clone())),
        ]
    }

    fn data_sources(&self) -> Vec<Box<dyn DynDataSource<Connection>>> {
        vec![
            Box::new(PermissionDataSource),
            Box::new(PersonalAccessTokensDataSource::new(self.session.clone())),
            Box::new(WorkspaceDataSource),
            Box::new(WorkspacesDataSource),
        ]
    }

    fn ephemeral_resources(&self) -> Vec<Box<dyn DynEphemeralResource<Connection>>> {
        vec![
            Box::new(BrokerConfigEphemeral),
            Box::new(PersonalAccessTokenEphemeral::new(self.session.clone())),
            Box::new(StreamingTokensEphemeral),
        ]
    }

    fn list_resources(&self) -> Vec<Box<dyn DynListResource<Connection>>> {
        vec![Box::new(PersonalAccessTokenResource::new(self.session.clone()))]
    }

    fn actions(&self) -> Vec<Box<dyn DynAction<Connection>>> {
        vec![Box::new(RevokePersonalAccessToken::new(self.session.clone()))]
    }

    fn functions(&self) -> Vec<Box<dyn DynFunction>> {
        vec![Box::new(AgeDecrypt)]
    }
}
