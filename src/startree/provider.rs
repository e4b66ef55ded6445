//! The provider `startree`: its configuration, and the list of what it offers.

use http::HeaderValue;

use super::api::{Api, Pinot};
use super::connection::Connection;
use super::data_sources::service_token::ServiceTokenDataSource;
use super::data_sources::token_check::TokenCheckDataSource;
use super::ephemeral_resources::service_token::ServiceTokenEphemeral;
use super::ephemeral_resources::token_check::TokenCheckEphemeral;
use super::functions;
use super::resources::policy::PolicyResource;
use super::resources::role::RoleResource;
use super::resources::role_assignment::RoleAssignmentResource;
use super::resources::role_policy_attachment::RolePolicyAttachmentResource;
use super::resources::service_token::ServiceTokenResource;
use super::secret_owner;
use super::settings::{self, Config, Settings};
use crate::framework::{
    Configured, Context, Diagnostics, DynDataSource, DynEphemeralResource, DynFunction, DynResource, Provider,
};
use crate::platform::account::ProviderAccount;
use crate::platform::{AgeDecrypt, Runtime, Session};
use crate::redaction::KnownSecrets;
use crate::rest::Options;

/// Identifies the provider to the platform.
const USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("terraform-provider-startree/", env!("CARGO_PKG_VERSION")));

/// The provider for StarTree.
pub struct StarTree {
    session: Session,
    runtime: Runtime,
}

impl StarTree {
    /// Creates a provider that is not yet configured.
    pub fn new(runtime: Runtime) -> Self {
        Self {
            session: Session::new(runtime.clock.clone()),
            runtime,
        }
    }

    fn connect(&self, settings: Settings) -> Connection {
        let Settings {
            environment,
            base_url,
            pinot_url,
            credential,
            own_access_key,
            request_timeout,
            retry_timeout,
            vault,
        } = settings;
        let pinot = pinot_url.map(|pinot_url| Pinot {
            transport: (self.runtime.transport)(&pinot_url.clone().into()),
            base_url: pinot_url,
            user_agent: USER_AGENT,
            request_timeout,
        });
        let account = ProviderAccount::new(&environment, &base_url);
        let owner = secret_owner::environment(&base_url, &environment);
        let client = self.session.client(
            &self.runtime,
            account.clone(),
            Options {
                base_url,
                credential,
                user_agent: USER_AGENT,
                request_timeout,
            },
        );
        let vault = self.session.vault(&self.runtime, vault, USER_AGENT, request_timeout);
        Connection::new(Api::new(client), pinot, environment, own_access_key, retry_timeout)
            .in_account(account)
            .with_vault(vault, owner)
    }
}

impl Provider for StarTree {
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
            Box::new(PolicyResource),
            Box::new(RoleResource),
            Box::new(RoleAssignmentResource),
            Box::new(RolePolicyAttachmentResource),
            Box::new(ServiceTokenResource::new(self.session.clone())),
        ]
    }

    fn ephemeral_resources(&self) -> Vec<Box<dyn DynEphemeralResource<Connection>>> {
        vec![
            Box::new(ServiceTokenEphemeral::new(self.session.clone())),
            Box::new(TokenCheckEphemeral),
        ]
    }

    fn functions(&self) -> Vec<Box<dyn DynFunction>> {
        vec![
            Box::new(AgeDecrypt),
            Box::new(functions::BasicAuth),
            Box::new(functions::ParseToken),
        ]
    }

    fn data_sources(&self) -> Vec<Box<dyn DynDataSource<Connection>>> {
        vec![Box::new(ServiceTokenDataSource), Box::new(TokenCheckDataSource)]
    }
}
