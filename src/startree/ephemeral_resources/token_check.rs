//! Ephemeral `startree_token_check`: whether Pinot accepts a service token
//! ([`token_check`](crate::startree::token_check)).
//!
//! # Flow
//! Open checks the token. It creates nothing, so Close is empty.
//!
//! # Guarantees
//! - The token is in no plan and no state.

use secrecy::SecretString;

use crate::framework::{EphemeralResource, Field, Model, Opened, Outcome};
use crate::startree::connection::{Connection, Context};
use crate::startree::token_check::{is_bearer, is_valid};

/// Checks whether the environment's Pinot accepts a service token, with a request that changes
/// nothing (`GET /appconfigs`). The token and the result are in no plan and no state.
///
/// Terraform checks the token in the plan **and** again in the apply. A token that is created or
/// rotated in the same run is checked in the apply alone. Any other token is checked in the plan
/// before the changes of the run, even with `depends_on`. To fail the run if the token is not
/// valid, use a `postcondition` as in the example.
///
/// After a role is assigned, it can take up to an hour until the token is accepted; until then,
/// `valid` is false. It is also false for a token that was deleted, that has no role, or whose
/// roles do not allow it to read Pinot's configuration. The platform does not distinguish these
/// cases.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::startree) struct EphemeralTokenCheck {
    /// The token to check. Default: the provider's own.
    #[attribute(optional, check = is_bearer)]
    token: Field<SecretString>,
    /// Whether Pinot accepts the token now.
    #[attribute(computed)]
    valid: Field<bool>,
}

/// Implements the ephemeral `startree_token_check`.
pub(in crate::startree) struct TokenCheckEphemeral;

impl EphemeralResource for TokenCheckEphemeral {
    type Model = EphemeralTokenCheck;
    type Client = Connection;

    const TYPE: &'static str = "startree_token_check";

    async fn open(&self, context: &Context, config: EphemeralTokenCheck) -> Outcome<Opened<EphemeralTokenCheck>> {
        let valid = match context.is_config_unknown() {
            true => Field::Unknown,
            false => is_valid(context, &config.token).await?.into(),
        };
        Ok(Opened {
            result: EphemeralTokenCheck { valid, ..config },
            private: Vec::new(),
            renew_at: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::framework::testing::{Outcome as Run, Workspace};
    use crate::sandbox::Fault;
    use crate::sandbox::startree::{Options, Sandbox, Subject};
    use crate::startree::tests::{provider, sandbox};

    async fn check(sandbox: &Sandbox, token: Field<SecretString>) -> Run<crate::framework::Value> {
        let provider = provider(sandbox, &sandbox.add_administrator().bearer());
        let config = EphemeralTokenCheck {
            token,
            ..EphemeralTokenCheck::default()
        };
        Workspace::new()
            .read_ephemeral(provider, TokenCheckEphemeral::TYPE, config)
            .await
    }

    async fn is_valid(sandbox: &Sandbox, token: Field<SecretString>) -> bool {
        let checked = check(sandbox, token).await.model::<EphemeralTokenCheck>();
        checked.valid.into_known().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn open_reports_whether_pinot_accepts_the_given_or_the_own_token() {
        let sandbox = sandbox(Options::default());
        let token = sandbox.add_token();
        assert!(!is_valid(&sandbox, token.bearer().into()).await, "it has no role");
        sandbox.assign_outside("system-admin", Subject::token(&token.access_key));
        assert!(is_valid(&sandbox, token.bearer().into()).await);
        sandbox.delete_token_outside(&token.access_key);
        assert!(!is_valid(&sandbox, token.bearer().into()).await, "it is deleted");
        assert!(is_valid(&sandbox, Field::Null).await, "the provider's own");
    }

    #[tokio::test(start_paused = true)]
    async fn unclear_answer_that_repeats_the_token_is_an_error_without_it() {
        let sandbox = sandbox(Options::default());
        let token = sandbox.add_token().bearer();
        let echo = format!(r#"{{"message": "{} is unknown"}}"#, token.expose_secret());
        sandbox.fault(Fault::answer(404).body(&echo).on("GET", "/appconfigs"));
        let checked = check(&sandbox, token.clone().into()).await;
        assert!(checked.has_errors());
        let secret = token.expose_secret().rsplit('-').next().unwrap();
        assert!(!format!("{:?}", checked.diagnostics).contains(secret));
    }
}
