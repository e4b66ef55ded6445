//! `action.striim_revoke_service_account_token`: ends a service account and its token, whoever made it.
//!
//! # Guarantees
//! - What is told to be revoked is not in the platform's list ([`revoke`]).
//!
//! # Assumptions
//! - The account is not the one that the provider works with, which nothing tells by its name. If it is, the revocation is
//!   the last thing that the platform lets it do.

use crate::framework::{Action, Diagnostic, Diagnostics, Field, Model, Progress};
use crate::platform::Session;
use crate::striim::api::find;
use crate::striim::connection::{Connection, Context};
use crate::striim::quota::ending;
use crate::striim::revoke::revoke;
use crate::striim::service_account::no_such_account;

/// Revokes the token of a service account and deletes the account, whoever created it: one that leaked, or one that another
/// has taken the place of. The token stops working at once. Needs Terraform 1.14.
///
/// Invoke it with `terraform apply -invoke=action.striim_revoke_service_account_token.<label>`, or by an `action_trigger` in a
/// resource's `lifecycle`. There being no such service account is no error, but a warning.
///
/// To revoke a token that a configuration manages, take its resource out of the configuration: after this action, the next
/// plan would recreate it.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::striim) struct Config {
    /// The service account's name, which is case-sensitive. Not that of the one that the provider works with.
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
                    "It stops working at once, wherever it is in use ({}). If it is the token that this provider works \
                     with, whatever comes after that in this run fails.",
                    ending(account, self.session.clock().now())
                ),
            ),
        });
        Ok(())
    }

    async fn invoke(&self, context: &Context, config: Config, progress: &Progress) -> Result<(), Diagnostics> {
        let connection = context.client()?;
        let name = config.name.get()?;
        let _alone = connection.lock_name(name).await;
        let operation = connection.operation(context);
        let accounts = connection.fetch_accounts(&operation).await?;
        let Some(account) = find(&accounts, name) else {
            context.report(no_such_account("to revoke", name, &accounts).as_warning());
            return Ok(());
        };
        progress
            .send(format!("Revoking the token of service account {name:?}"))
            .await;
        let revoked = revoke(&connection.api, &operation, name, account.token_id).await;
        match revoked {
            Ok(()) => connection.removed(name).await,
            Err(_) => connection.invalidate(),
        }
        revoked?;
        progress
            .send(format!("{name:?} is revoked: the platform lists it no longer"))
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
    async fn what_is_told_to_be_revoked_is_gone_whatever_is_lost() {
        for fault in lost_answers() {
            let sandbox = sandbox(Options::default());
            let value = sandbox.add_service_account("legacy", None);
            sandbox.fault(fault.clone().on(DELETE.0, DELETE.1).times(2));
            let (told, diagnostics) = invoke(&action(&sandbox), &context(&sandbox), named("legacy")).await;
            assert!(!diagnostics.has_errors(), "{fault:?}: {diagnostics:?}");
            assert!(
                told.last().unwrap().contains("\"legacy\" is revoked"),
                "{fault:?}: {told:?}"
            );
            assert!(!sandbox.is_live(value.expose_secret()), "{fault:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_that_nobody_has_is_a_warning_with_those_that_there_are() {
        let sandbox = sandbox(Options::default());
        sandbox.add_service_account("legacy", None);
        let (action, context) = (action(&sandbox), context(&sandbox));
        let planned = plan(&action, &context, &named("Legacy")).await;
        let (told, diagnostics) = invoke(&action, &context, named("Legacy")).await;
        assert_eq!(told, <[&str; 0]>::default());
        assert!(!diagnostics.has_errors());
        for warning in [planned[0].clone(), diagnostics.iter().next().unwrap().to_string()] {
            assert!(
                warning.contains("case-sensitive") && warning.contains("\"legacy\""),
                "{warning}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_still_listed_is_an_error_and_is_not_told_to_be_revoked() {
        let sandbox = sandbox(Options::default());
        sandbox.add_service_account("legacy", None);
        sandbox.fault(Fault::answer(204).on(DELETE.0, DELETE.1).times(100));
        let (told, diagnostics) = invoke(&action(&sandbox), &context(&sandbox), named("legacy")).await;
        assert!(diagnostics.has_errors());
        assert_eq!(told.len(), 1, "{told:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_plan_says_what_stops_working() {
        let sandbox = sandbox(Options::default());
        sandbox.add_service_account("legacy", None);
        let told = plan(&action(&sandbox), &context(&sandbox), &named("legacy")).await;
        assert!(
            told[0].contains("stops working at once") && told[0].contains("without expiry"),
            "{told:?}"
        );
    }
}
