//! Deletion of service accounts, which revokes their tokens.
//!
//! # Flow
//! Delete, then fetch the list: an account that is still listed is deleted again.
//!
//! # Guarantees
//! - A deletion succeeds only if the platform's list no longer shows the account. An answer alone
//!   is not enough: a proxy may answer 200 or 404 without forwarding the request, and an
//!   administrator's token would remain valid, unknown to its owner.
//!
//! # Assumptions
//! - The list is complete, except for expired accounts.
//! - No other client creates an account of the same name during the deletion.

use std::sync::{Mutex, PoisonError};

use super::locked::LockedAccount;
use crate::framework::Diagnostic;
use crate::platform::ensure;
use crate::rest::Operation;
use crate::striim::api::{Api, ServiceAccount, find};
use crate::striim::connection::{Connection, Context};
use crate::striim::diagnostics::name_taken_since_plan;
use crate::striim::errors::request_failed;
use crate::striim::token_value::KnownToken;

impl LockedAccount<'_> {
    /// Deletes the service account that a state knows by this token.
    ///
    /// If its name has moved to another resource in this run, which created or adopted an account
    /// under it, that account is spared.
    ///
    /// # Errors
    /// Returns an error if the account exists, or may exist.
    pub(in crate::striim) async fn delete(&self, known: KnownToken<'_>) -> Result<(), Diagnostic> {
        if let Some(last_issued) = self.last_issued() {
            let accounts = self.connection.fetch_accounts(&self.operation).await?;
            let present_id = find(&accounts, self.name).and_then(|account| account.token_id);
            if known.belongs_to_other_resource(last_issued, present_id) {
                return Ok(());
            }
        }
        self.revoke(known.token_id).await?;
        self.connection.planned_accounts.deleted(self.name);
        Ok(())
    }

    /// Deletes an orphan of an interrupted run, so that its name is free.
    ///
    /// The managed-by mark proves ownership. An account that this run created under the name belongs
    /// to another resource.
    ///
    /// # Errors
    /// Returns an error if the orphan exists, or may exist.
    pub(in crate::striim) async fn delete_orphan(&self) -> Result<(), Diagnostic> {
        let (connection, operation) = (self.connection, &self.operation);
        if !connection.api.marks() || self.last_issued().is_some() {
            return Ok(());
        }
        let orphan = |accounts: &[ServiceAccount]| {
            find(accounts, self.name)
                .filter(|account| connection.api.manages(account))
                .cloned()
        };
        let cached = connection.cached_accounts(operation).await;
        if orphan(&cached.map_err(|error| request_failed(&error))?.items).is_none() {
            return Ok(());
        }
        let Some(account) = orphan(&connection.fetch_accounts(operation).await?) else {
            return Ok(());
        };
        tracing::warn!("an interrupted run left the orphan {:?}: recreating it", self.name);
        self.revoke(account.token_id).await
    }

    /// Deletes the service account, with that token where it is known, whoever created it.
    ///
    /// # Errors
    /// Returns an error if the account exists, or may exist.
    pub(in crate::striim) async fn revoke(&self, token_id: Option<i64>) -> Result<(), Diagnostic> {
        let deleted = delete(&self.connection.api, &self.operation, self.name, token_id).await;
        match deleted {
            Ok(()) => self.connection.cache_deleted(self.name).await,
            Err(_) => self.connection.invalidate(),
        }
        deleted
    }
}

/// Checks before a deletion that the replacement can be created: its name was free in the plan and
/// may be taken since.
///
/// # Errors
/// Returns an error if the name is taken by an account that this run did not create. `what` is to
/// be replaced.
pub(in crate::striim) async fn check_replacement_name(
    connection: &Connection,
    context: &Context,
    what: &str,
    name: &str,
) -> Result<(), Diagnostic> {
    let is_created_by_this_run = connection.lock_name(name).await.is_some();
    let cached = connection.cached_accounts(&connection.operation(context)).await;
    let accounts = cached.map_err(|error| request_failed(&error))?.items;
    if is_created_by_this_run || find(&accounts, name).is_none() {
        return Ok(());
    }
    Err(name_taken_since_plan(what, name))
}

/// Deletes the service account of that name until the list no longer shows it.
async fn delete(api: &Api, operation: &Operation, name: &str, token_id: Option<i64>) -> Result<(), Diagnostic> {
    let is_it = |account: &ServiceAccount| {
        // Another token under the same name was created since by another client.
        let is_another = token_id
            .zip(account.token_id)
            .is_some_and(|(ours, theirs)| ours != theirs);
        let is_same_token = token_id.is_some() && token_id == account.token_id;
        is_same_token || account.name == name && !is_another
    };
    // The platform may list it under another spelling of the name, and reject the declared one.
    let listed_as = Mutex::new(name.to_owned());
    ensure::absent(operation, &format!("The service account {name:?}"), || async {
        let name = listed_as.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match api.delete_service_account(operation, &name).await {
            Err(error) if !error.is_not_found() => return Err(request_failed(&error)),
            _ => {}
        }
        let accounts = api.list_service_accounts(operation).await;
        let accounts = accounts.map_err(|error| request_failed(&error))?;
        let listed = accounts.into_iter().find(is_it);
        if let Some(account) = &listed {
            *listed_as.lock().unwrap_or_else(PoisonError::into_inner) = account.name.clone();
        }
        Ok(listed.is_some())
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::striim::Options;
    use crate::sandbox::{Effect, Fault};
    use crate::striim::tests::{api, operation, sandbox};

    const DELETE: (&str, &str) = ("DELETE", "/service-account");

    #[tokio::test(start_paused = true)]
    async fn delete_repeats_after_answer_of_a_proxy() {
        for answer in [
            Fault::answer(200),
            Fault::answer(204),
            Fault::answer(404),
            Fault::answer(200).body("{"),
        ] {
            let sandbox = sandbox(Options::default());
            sandbox.add_service_account("ci-pipeline", None);
            sandbox.fault(answer.on(DELETE.0, DELETE.1).times(2));
            delete(&api(&sandbox), &operation(), "ci-pipeline", None).await.unwrap();
            assert_eq!(sandbox.service_accounts().len(), 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn delete_fails_if_account_stays_listed() {
        let sandbox = sandbox(Options::default());
        sandbox.add_service_account("ci-pipeline", None);
        sandbox.fault(Fault::answer(204).on(DELETE.0, DELETE.1).times(100));
        let diagnostic = delete(&api(&sandbox), &operation(), "ci-pipeline", None)
            .await
            .unwrap_err();
        assert!(diagnostic.summary.contains("still exists"), "{diagnostic}");
    }

    #[tokio::test(start_paused = true)]
    async fn delete_repeats_after_lost_answer_and_is_idempotent() {
        let sandbox = sandbox(Options::default());
        sandbox.add_service_account("ci-pipeline", None);
        sandbox.fault(Fault::new(Effect::Cut).after().on(DELETE.0, DELETE.1).times(3));
        delete(&api(&sandbox), &operation(), "ci-pipeline", None).await.unwrap();
        delete(&api(&sandbox), &operation(), "ci-pipeline", None).await.unwrap();
    }
}
