//! The provider `striim`.

use async_trait::async_trait;
use http::HeaderValue;

use super::api::Api;
use super::ephemeral_service_account_token::EphemeralServiceAccountToken;
use super::functions;
use super::labels;
use super::pat_status::PatStatus;
use super::pat_status_data_source::PatStatusDataSource;
use super::personal_access_token::PersonalAccessToken;
use super::revoke_personal_access_token::RevokePersonalAccessToken;
use super::revoke_service_account_token::RevokeServiceAccountToken;
use super::rotate_service_account_token::RotateServiceAccountToken;
use super::service_account_token::ServiceAccountToken;
use super::service_account_token_pair::ServiceAccountTokenPair;
use super::service_account_tokens::ServiceAccountTokens;
use super::session::{Connection, Session};
use super::settings::{self, Config, Settings};
use super::token::Token;
use crate::framework::{
    AnyAction, AnyDataSource, AnyEphemeralResource, AnyFunction, AnyListResource, AnyResource, Diagnostics, Provider,
    Schema,
};
use crate::platform::Parts;
use crate::platform::account::ProviderAccount;
use crate::redaction::KnownSecrets;
use crate::rest::Options;

/// Names the provider to the platform.
const USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("terraform-provider-striim/", env!("CARGO_PKG_VERSION")));

/// The provider for Striim Cloud.
pub struct Striim {
    session: Session,
    parts: Parts,
}

impl Striim {
    /// A provider that is not yet configured.
    pub fn new(parts: Parts) -> Self {
        Self {
            session: Session::new(parts.clock.clone()),
            parts,
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
        let label = labels::account(&base_url, &account);
        let client = self.session.client(
            &self.parts,
            present,
            Options {
                base_url,
                credential,
                user_agent: USER_AGENT,
                request_timeout,
            },
        );
        let api = Api::new(client).managed_by(managed_by);
        let vault = self.session.vault(&self.parts, vault, USER_AGENT, request_timeout);
        Connection::new(api, account, retry_timeout).handing_over_to(vault, label)
    }
}

#[async_trait]
impl Provider for Striim {
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
        vec![
            Box::new(PatStatus::new(self.session.clone())),
            Box::new(PersonalAccessToken::new(self.session.clone())),
            Box::new(ServiceAccountToken::new(self.session.clone())),
            Box::new(ServiceAccountTokenPair::new(self.session.clone())),
        ]
    }

    fn data_sources(&self) -> Vec<Box<dyn AnyDataSource>> {
        vec![
            Box::new(PatStatusDataSource::new(self.session.clone())),
            Box::new(ServiceAccountTokens::new(self.session.clone())),
            Box::new(Token::new(self.session.clone())),
        ]
    }

    fn ephemeral_resources(&self) -> Vec<Box<dyn AnyEphemeralResource>> {
        vec![Box::new(EphemeralServiceAccountToken::new(self.session.clone()))]
    }

    fn list_resources(&self) -> Vec<Box<dyn AnyListResource>> {
        vec![Box::new(ServiceAccountToken::new(self.session.clone()))]
    }

    fn actions(&self) -> Vec<Box<dyn AnyAction>> {
        vec![
            Box::new(RevokePersonalAccessToken::new(self.session.clone())),
            Box::new(RevokeServiceAccountToken::new(self.session.clone())),
            Box::new(RotateServiceAccountToken::new(self.session.clone())),
        ]
    }

    fn functions(&self) -> Vec<Box<dyn AnyFunction>> {
        vec![
            Box::new(functions::BaseUrl),
            Box::new(functions::DurationAdd),
            Box::new(functions::ExpiresWithin),
        ]
    }
}
