//! `action.striim_revoke_service_account_token`: deletes a service account and revokes its token,
//! whoever created it.
//!
//! # Guarantees
//! - An account that is reported as revoked is not in the platform's list
//!   ([`delete`](crate::striim::service_account::delete)).
//!
//! # Assumptions
//! - The token is not the provider's own, which cannot be identified by its name. If it is, the platform
//!   rejects every later request of the provider.

use crate::framework::{Action, Diagnostic, Diagnostics, Field, Model, Progress};
use crate::platform::Session;
use crate::striim::api::find;
use crate::striim::connection::{Connection, Context};
use crate::striim::diagnostics::{expiry_in_words, no_such_account};
use crate::striim::service_account::locked::LockedAccount;

/// Revokes the token of a service account and deletes the account, whoever created it: after a leak, or once another token
/// has replaced it. The token stops working at once.
///
/// Invoke it with `terraform apply -invoke=action.striim_revoke_service_account_token.<label>`, or by an `action_trigger` in a
/// resource's `lifecycle`. A service account that does not exist is a warning, not an error.
///
/// To revoke a token that a configuration manages, take its resource out of the configuration: after this action, the next
/// plan would recreate it.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::striim) struct Config {
    /// The service account's name, which is case-sensitive. Its token must not be the provider's own.
    #[attribute(required, length = 1..)]
    name: Field<String>,
}

pub(in crate::striim) struct RevokeServiceAccountToken {
    session: Session,
}

impl RevokeServiceAccountToken {
    pub(in crate::striim) fn new(session: Session) -> Self {
        Self { session }
    }
}

impl Action for RevokeServiceAccountToken {
    type Config = Config;
    type Client = Connection;

    const TYPE: &'static str = "striim_revoke_service_account_token";

    async fn plan(&self, context: &Context, config: &Config) -> Result<(), Diagnostics> {
        let (Some(name), Some(connection)) = (config.name.known(), context.known_client()) else {
            return Ok(());
        };
        // Errors are ignored here: the invocation reports them.
        let Ok(accounts) = connection.service_accounts(&connection.operation(context)).await else {
            return Ok(());
        };
        context.report(match find(&accounts, name) {
            None => no_such_account("to revoke", name, &accounts).as_warning(),
            Some(account) => Diagnostic::warning(
                format!("This revokes the token of service account {name:?}"),
                format!(
                    "It stops working at once, even if it is in use ({}). If it is the provider's own token, the rest of \
                     this run fails.",
                    expiry_in_words(account, self.session.clock().now())
                ),
            ),
        });
        Ok(())
    }

    async fn invoke(&self, context: &Context, config: Config, progress: &Progress) -> Result<(), Diagnostics> {
        let connection = context.client()?;
        let name = config.name.get()?;
        let locked = LockedAccount::lock(&connection, context, name).await;
        let accounts = connection.fetch_accounts(locked.operation()).await?;
        let Some(account) = find(&accounts, name) else {
            context.report(no_such_account("to revoke", name, &accounts).as_warning());
            return Ok(());
        };
        progress
            .send(format!("Revoking the token of service account {name:?}"))
            .await;
        locked.revoke(account.token_id).await?;
        progress
            .send(format!("{name:?} is revoked: the platform no longer lists it"))
            .await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::sandbox::Fault;
    use crate::sandbox::striim::{Options, Sandbox};
    use crate::striim::tests::{context, invoke, lost_answers, plan, sandbox};

    fn action(sandbox: &Sandbox) -> RevokeServiceAccountToken {
        RevokeServiceAccountToken::new(Session::new(sandbox.clock()))
    }

    const DELETE: (&str, &str) = ("DELETE", "/service-account");

    fn named(name: &str) -> Config {
        Config { name: name.into() }
    }

    #[tokio::test(start_paused = true)]
    async fn reported_revocation_is_confirmed_after_lost_answers() {
        for fault in lost_answers() {
            let sandbox = sandbox(Options::default());
            let value = sandbox.add_service_account("legacy", None);
            sandbox.fault(fault.clone().on(DELETE.0, DELETE.1).times(2));
            let (shown, diagnostics) = invoke(&action(&sandbox), &context(&sandbox), named("legacy")).await;
            assert!(!diagnostics.has_errors(), "{fault:?}: {diagnostics:?}");
            assert!(
                shown.last().unwrap().contains("\"legacy\" is revoked"),
                "{fault:?}: {shown:?}"
            );
            assert!(!sandbox.is_live(value.expose_secret()), "{fault:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn missing_account_is_a_warning_that_lists_existing_names() {
        let sandbox = sandbox(Options::default());
        sandbox.add_service_account("legacy", None);
        let (action, context) = (action(&sandbox), context(&sandbox));
        let planned = plan(&action, &context, &named("Legacy")).await;
        let (shown, diagnostics) = invoke(&action, &context, named("Legacy")).await;
        assert_eq!(shown, <[&str; 0]>::default());
        assert!(!diagnostics.has_errors());
        for warning in [planned[0].clone(), diagnostics.iter().next().unwrap().to_string()] {
            assert!(
                warning.contains("case-sensitive") && warning.contains("\"legacy\""),
                "{warning}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn account_that_stays_listed_is_an_error() {
        let sandbox = sandbox(Options::default());
        sandbox.add_service_account("legacy", None);
        sandbox.fault(Fault::answer(204).on(DELETE.0, DELETE.1).times(100));
        let (shown, diagnostics) = invoke(&action(&sandbox), &context(&sandbox), named("legacy")).await;
        assert!(diagnostics.has_errors());
        assert_eq!(shown.len(), 1, "{shown:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn plan_warns_of_the_revoked_token() {
        let sandbox = sandbox(Options::default());
        sandbox.add_service_account("legacy", None);
        let shown = plan(&action(&sandbox), &context(&sandbox), &named("legacy")).await;
        assert!(
            shown[0].contains("stops working at once") && shown[0].contains("without expiry"),
            "{shown:?}"
        );
    }
}
