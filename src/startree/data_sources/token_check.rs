//! `data.startree_token_check`: whether a service token is let in, as the page *Generate an API token* tries one.
//!
//! # Flow
//! `GET /appconfigs` at Pinot with the token: an answer is a yes, 401 and 403 are a no.
//!
//! # Guarantees
//! - Where it cannot be told, as with a Pinot that fails or is another server, that is an error, not a no.
//!
//! # Assumptions
//! - Whoever is let in at Pinot at all may read its configuration. If a role does not allow that, the answer is no.

use secrecy::SecretString;

use crate::framework::{DataSource, Diagnostic, Diagnostics, Field, Model};
use crate::platform;
use crate::rest::{Credential, Error, InvalidCredential, Kind};
use crate::startree::connection::{Connection, Context};

/// Tries whether a service token is accepted by the environment's Pinot (`GET /appconfigs`), and changes nothing.
///
/// A token that has just got its role may take up to an hour until it is accepted: `valid` is false until then, as it is
/// for one that was revoked, has no role, or has none that lets it read Pinot's configuration. The platform does not
/// distinguish these.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::startree) struct TokenCheck {
    /// The token to try. Default: the one that the provider works with. As every argument of a data source, it is kept in
    /// the Terraform state.
    #[attribute(optional, check = is_bearer)]
    token: Field<SecretString>,
    /// Whether it is accepted now.
    #[attribute(computed)]
    valid: Field<bool>,
}

fn is_bearer(token: &SecretString) -> Result<(), InvalidCredential> {
    Credential::bearer(token.clone()).map(drop)
}

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
        let valid = pinot.lets_in(&connection.operation(context), credential).await;
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
        "The token would be checked at Pinot, whose address is not known: the provider is configured with a base URL, and no \
         other host is inferred from it, because the token is sent there. Set the provider's `pinot_url`, or the environment \
         variable STARTREE_PINOT_URL.",
    )
}

fn advice(error: &Error) -> Option<&'static str> {
    match error.cause() {
        Kind::Connect(_)
        | Kind::Unreachable { .. }
        | Kind::NotHttp(_)
        | Kind::Unreadable { .. }
        | Kind::Status { .. } => {
            Some("Whether the token is let in is not known. Check that the provider's `pinot_url` is that of Pinot.")
        }
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
    async fn a_token_is_valid_from_its_first_role_on_until_it_ends() {
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
            assert!(!valid().await, "it is not known yet");
            tokio::time::advance(std::time::Duration::from_secs(31 * 60)).await;
            assert!(valid().await);
            sandbox.delete_token_outside(&token.access_key);
            assert!(!valid().await, "it is gone");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_token_it_is_the_providers_own() {
        let sandbox = sandbox(Options::default());
        assert!(is_valid(&sandbox, Field::Null).await);
        sandbox.set_options(|options| options.pinot_access = PinotAccess::RoleWithPolicy);
        sandbox.detach_outside("system-admin", "system-admin");
        assert!(!is_valid(&sandbox, Field::Null).await);
    }

    #[tokio::test(start_paused = true)]
    async fn check_without_pinot_url_sends_nothing_and_names_the_setting() {
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
    async fn what_cannot_be_told_is_an_error_and_no_no() {
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
