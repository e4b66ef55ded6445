//! `data.startree_token_check`: whether Pinot accepts a service token.
//!
//! # Flow
//! `GET /appconfigs` at Pinot with the token, as on the page *Generate an API token*. Success means
//! valid; 401 and 403 mean invalid.
//!
//! # Guarantees
//! - Any other answer, such as that of a failing Pinot or of another server, is an error, not
//!   "invalid".
//!
//! # Assumptions
//! - Every role that grants access to Pinot allows this request. A token whose roles do not allow
//!   it is reported as invalid.

use secrecy::SecretString;

use crate::framework::{DataSource, Diagnostic, Diagnostics, Field, Model};
use crate::platform;
use crate::rest::{Credential, Error, InvalidCredential, Kind};
use crate::startree::connection::{Connection, Context};

/// Checks whether the environment's Pinot accepts a service token, with a request that changes
/// nothing (`GET /appconfigs`).
///
/// After a role is assigned, it can take up to an hour until the token is accepted; until then,
/// `valid` is false. It is also false for a token that was deleted, that has no role, or whose
/// roles do not allow it to read Pinot's configuration. The platform does not distinguish these
/// cases.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::startree) struct TokenCheck {
    /// The token to check. Default: the provider's own. Like every argument of a data source, it is
    /// stored in the Terraform state.
    #[attribute(optional, check = is_bearer)]
    token: Field<SecretString>,
    /// Whether Pinot accepts the token now.
    #[attribute(computed)]
    valid: Field<bool>,
}

fn is_bearer(token: &SecretString) -> Result<(), InvalidCredential> {
    Credential::bearer(token.clone()).map(drop)
}

/// Implements `startree_token_check`.
pub(in crate::startree) struct TokenCheckDataSource;

impl DataSource for TokenCheckDataSource {
    type Model = TokenCheck;
    type Client = Connection;

    const TYPE: &'static str = "startree_token_check";

    async fn read(&self, context: &Context, config: TokenCheck) -> Result<TokenCheck, Diagnostics> {
        let connection = context.client()?;
        let credential = match config.token.known() {
            Some(token) => Credential::bearer(token.clone()).map_err(|error| Diagnostic::invalid("token", error))?,
            None => connection.api.credential().await,
        };
        let pinot = connection.pinot.as_ref().ok_or_else(missing_pinot_url)?;
        let valid = pinot.accepts(&connection.operation(context), credential).await;
        let valid = valid.map_err(|error| platform::request_failed(&error, advice))?;
        Ok(TokenCheck {
            valid: valid.into(),
            ..config
        })
    }
}

fn missing_pinot_url() -> Diagnostic {
    Diagnostic::error(
        "Missing pinot_url",
        "The token is checked at Pinot, whose address is unknown: the provider is configured with a base URL, and does not \
         infer another host from it, because it would send the token there. Set the provider's `pinot_url`, or the \
         environment variable STARTREE_PINOT_URL.",
    )
}

fn advice(error: &Error) -> Option<&'static str> {
    match error.cause() {
        Kind::Connect(_)
        | Kind::Unreachable { .. }
        | Kind::NotHttp(_)
        | Kind::Unreadable { .. }
        | Kind::Status { .. } => Some(
            "It is unknown whether the token is valid. Check that the provider's `pinot_url` is the address of Pinot.",
        ),
        _ => None,
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
