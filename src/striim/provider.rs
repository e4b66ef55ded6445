//! The provider `striim`.

use http::HeaderValue;

use super::actions::revoke_personal_access_token::RevokePersonalAccessToken;
use super::actions::revoke_service_account_token::RevokeServiceAccountToken;
use super::actions::rotate_service_account_token::RotateServiceAccountToken;
use super::api::Api;
use super::connection::Connection;
use super::data_sources::pat_status::PatStatusDataSource;
use super::data_sources::service_account_tokens::ServiceAccountTokensDataSource;
use super::data_sources::token::TokenDataSource;
use super::ephemeral_resources::service_account_token::ServiceAccountTokenEphemeral;
use super::functions;
use super::resources::pat_status::PatStatusResource;
use super::resources::personal_access_token::PersonalAccessTokenResource;
use super::resources::service_account_token::ServiceAccountTokenResource;
use super::resources::service_account_token_pair::ServiceAccountTokenPairResource;
use super::secret_owner;
use super::settings::{self, Config, Settings};
use crate::framework::{
    Configured, Context, Diagnostics, DynAction, DynDataSource, DynEphemeralResource, DynFunction, DynListResource,
    DynResource, Provider, Schema,
};
use crate::platform::account::ProviderAccount;
use crate::platform::{AgeDecrypt, Runtime, Session};
use crate::redaction::KnownSecrets;
use crate::rest::Options;

/// Identifies the provider to the platform.
const USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("terraform-provider-striim/", env!("CARGO_PKG_VERSION")));

/// The provider for Striim Cloud.
pub struct Striim {
    session: Session,
    runtime: Runtime,
}

impl Striim {
    /// Creates a provider that is not configured yet.
    pub fn new(runtime: Runtime) -> Self {
        Self {
            session: Session::new(runtime.clock.clone()),
            runtime,
        }
    }

    #[cfg(test)]
    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    fn connect(&self, settings: Settings) -> Connection {
        let Settings {
            account,
            base_url,
            credential,
            managed_by,
            request_timeout,
            retry_timeout,
            vault,
        } = settings;
        let present = ProviderAccount::new(&account, &base_url);
        let owner = secret_owner::account(&base_url, &account);
        let client = self.session.client(
            &self.runtime,
            present,
            Options {
                base_url,
                credential,
                user_agent: USER_AGENT,
                request_timeout,
            },
        );
        let api = Api::new(client).managed_by(managed_by);
        let vault = self.session.vault(&self.runtime, vault, USER_AGENT, request_timeout);
        Connection::new(api, account, retry_timeout).with_vault(vault, owner)
    }
}

impl Provider for Striim {
    type Config = Config;
    type Client = Connection;

    fn schema(&self) -> Schema {
        settings::schema()
    }

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
            Box::new(PatStatusResource::new(self.session.clone())),
            Box::new(PersonalAccessTokenResource::new(self.session.clone())),
            Box::new(ServiceAccountTokenResource::new(self.session.clone())),
            Box::new(ServiceAccountTokenPairResource::new(self.session.clone())),
        ]
    }

    fn data_sources(&self) -> Vec<Box<dyn DynDataSource<Connection>>> {
        vec![
            Box::new(PatStatusDataSource),
            Box::new(ServiceAccountTokensDataSource::new(self.session.clone())),
            Box::new(TokenDataSource::new(self.session.clone())),
        ]
    }

    fn ephemeral_resources(&self) -> Vec<Box<dyn DynEphemeralResource<Connection>>> {
        vec![Box::new(ServiceAccountTokenEphemeral::new(self.session.clone()))]
    }

    fn list_resources(&self) -> Vec<Box<dyn DynListResource<Connection>>> {
        vec![Box::new(ServiceAccountTokenResource::new(self.session.clone()))]
    }

    fn actions(&self) -> Vec<Box<dyn DynAction<Connection>>> {
        vec![
            Box::new(RevokePersonalAccessToken),
            Box::new(RevokeServiceAccountToken::new(self.session.clone())),
            Box::new(RotateServiceAccountToken::new(self.session.clone())),
        ]
    }

    fn functions(&self) -> Vec<Box<dyn DynFunction>> {
        vec![
            Box::new(AgeDecrypt),
            Box::new(functions::BaseUrl),
            Box::new(functions::DurationAdd),
            Box::new(functions::ExpiresWithin),
        ]
    }
}
