//! `data.startree_token_check`: whether Pinot accepts a service token
//! ([`token_check`](crate::startree::token_check)).

use secrecy::SecretString;

use crate::framework::{DataSource, Diagnostics, Field, Model};
use crate::startree::connection::{Connection, Context};
use crate::startree::token_check::{is_bearer, is_valid};

/// Checks whether the environment's Pinot accepts a service token, with a request that changes
/// nothing (`GET /appconfigs`).
///
/// ~> **The Terraform state contains the `token`**, as it contains every argument of a data source.
/// With Terraform 1.10 or OpenTofu 1.11, or later, use the [ephemeral resource of the same
/// name](../ephemeral-resources/token_check.md), which is in no plan and no state. Without `token`,
/// the state contains no value.
///
/// After a role is assigned, it can take up to an hour until the token is accepted; until then,
/// `valid` is false. It is also false for a token that was deleted, that has no role, or whose
/// roles do not allow it to read Pinot's configuration. The platform does not distinguish these
/// cases.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::startree) struct TokenCheck {
    /// The token to check. It is stored in the Terraform state. Default: the provider's own.
    #[attribute(optional, check = is_bearer)]
    token: Field<SecretString>,
    /// Whether Pinot accepts the token now.
    #[attribute(computed)]
    valid: Field<bool>,
}

/// Implements `startree_token_check`.
pub(in crate::startree) struct TokenCheckDataSource;

impl DataSource for TokenCheckDataSource {
    type Model = TokenCheck;
    type Client = Connection;

    const TYPE: &'static str = "startree_token_check";

    async fn read(&self, context: &Context, config: TokenCheck) -> Result<TokenCheck, Diagnostics> {
        let valid = is_valid(context, &config.token).await?.into();
        Ok(TokenCheck { valid, ..config })
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use jiff::SignedDuration;

    use super::*;
    use crate::framework::testing::{Outcome, Workspace};
    use crate::sandbox::startree::{Options, PinotAccess, Sandbox, Subject};
    use crate::sandbox::{Effect, Fault};
    use crate::startree::tests::{connection, provider, sandbox};

    async fn check(sandbox: &Sandbox, token: Field<SecretString>) -> Outcome<crate::framework::Value> {
        let provider = provider(sandbox, &sandbox.add_administrator().bearer());
        let config = TokenCheck {
            token,
            ..TokenCheck::default()
        };
        Workspace::new()
            .read_data_source(provider, "startree_token_check", config)
            .await
    }

    async fn is_valid(sandbox: &Sandbox, token: Field<SecretString>) -> bool {
        let checked = check(sandbox, token).await.model::<TokenCheck>();
        checked.valid.into_known().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn token_is_valid_from_its_first_role_until_it_is_deleted() {
        for forbidden in [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN] {
            let sandbox = sandbox(Options {
                forbidden,
                propagation: SignedDuration::from_mins(30),
                ..Options::default()
            });
            let token = sandbox.add_token();
            let valid = async || is_valid(&sandbox, token.bearer().into()).await;
            assert!(!valid().await, "it has no role");
            sandbox.assign_outside("system-admin", Subject::token(&token.access_key));
            assert!(!valid().await, "the role has not taken effect");
            tokio::time::advance(std::time::Duration::from_secs(31 * 60)).await;
            assert!(valid().await);
            sandbox.delete_token_outside(&token.access_key);
            assert!(!valid().await, "it is deleted");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn check_without_token_checks_the_providers_own() {
        let sandbox = sandbox(Options::default());
        assert!(is_valid(&sandbox, Field::Null).await);
        sandbox.set_options(|options| options.pinot_access = PinotAccess::RoleWithPolicy);
        sandbox.detach_outside("system-admin", "system-admin");
        assert!(!is_valid(&sandbox, Field::Null).await);
    }

    #[tokio::test(start_paused = true)]
    async fn check_without_pinot_url_sends_no_request_and_names_the_setting() {
        let sandbox = sandbox(Options::default());
        let bearer = sandbox.add_administrator().bearer();
        let mut connection = connection(&sandbox, &bearer);
        connection.pinot = None;
        let context = Context::with_client(connection);
        let read = DataSource::read(&TokenCheckDataSource, &context, TokenCheck::default()).await;
        let error = read.unwrap_err().iter().next().unwrap().to_string();
        assert!(
            error.contains("pinot_url") && error.contains("STARTREE_PINOT_URL"),
            "{error}"
        );
        assert_eq!(sandbox.calls("GET", "/appconfigs"), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn unclear_answers_are_errors() {
        for fault in [
            Fault::answer(404),
            Fault::answer(500).times(100),
            Fault::answer(302),
            Fault::new(Effect::Cut).times(100),
        ] {
            let sandbox = sandbox(Options::default());
            sandbox.fault(fault.clone().on("GET", "/appconfigs"));
            assert!(check(&sandbox, Field::Null).await.has_errors(), "{fault:?}");
        }
        let sandbox = sandbox(Options::default());
        let refused = check(&sandbox, SecretString::from("s3cret\n").into()).await;
        let error = &refused.fails("token").diagnostics[0];
        assert!(
            error.attribute.as_deref() == Some("token") && !error.to_string().contains("s3cret"),
            "{error}"
        );
    }
}
