//! Ending a service account so that it is really gone.
//!
//! # Flow
//! Revoke, and look: what the list still has is revoked again.
//!
//! # Guarantees
//! - What is reported as gone is not in the platform's list. An answer alone does not do: a proxy can say 200 or 404
//!   without the platform having heard of it, and an administrator's token that nobody knows of would live on.
//!
//! # Assumptions
//! - The list is complete, but for what has expired.
//! - Nobody else creates an account of the same name while a revocation is under way.

use std::sync::{Mutex, PoisonError};

use super::api::{Api, ServiceAccount};
use super::errors::failure;
use crate::framework::Diagnostic;
use crate::platform::ensure;
use crate::rest::Operation;

/// Revokes the service account of that name, and of that token where it is known. Gone already is gone.
///
/// # Errors
/// What to tell the user if it is not gone, or may not be.
pub(super) async fn revoke(
    api: &Api,
    operation: &Operation,
    name: &str,
    token_id: Option<i64>,
) -> Result<(), Diagnostic> {
    let is_it = |account: &ServiceAccount| {
        // Another token of the same name is one that somebody has made since.
        let is_another = token_id
            .zip(account.token_id)
            .is_some_and(|(ours, theirs)| ours != theirs);
        let is_same_token = token_id.is_some() && token_id == account.token_id;
        is_same_token || account.name == name && !is_another
    };
    // The platform may list it under another spelling of the name, and not know it by this one.
    let listed_as = Mutex::new(name.to_owned());
    ensure::absent(operation, &format!("The service account {name:?}"), || async {
        let name = listed_as.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match api.delete_service_account(operation, &name).await {
            Err(error) if !error.is_not_found() => return Err(failure(&error)),
            _ => {}
        }
        let accounts = api.list_service_accounts(operation).await;
        let accounts = accounts.map_err(|error| failure(&error))?;
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
    async fn what_somebody_else_answered_is_not_taken_for_a_revocation() {
        for answer in [
            Fault::answer(200),
            Fault::answer(204),
            Fault::answer(404),
            Fault::answer(200).body("{"),
        ] {
            let sandbox = sandbox(Options::default());
            sandbox.add_service_account("ci-pipeline", None);
            sandbox.fault(answer.on(DELETE.0, DELETE.1).times(2));
            revoke(&api(&sandbox), &operation(), "ci-pipeline", None).await.unwrap();
            assert_eq!(sandbox.service_accounts().len(), 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_stays_in_the_list_is_told() {
        let sandbox = sandbox(Options::default());
        sandbox.add_service_account("ci-pipeline", None);
        sandbox.fault(Fault::answer(204).on(DELETE.0, DELETE.1).times(100));
        let diagnostic = revoke(&api(&sandbox), &operation(), "ci-pipeline", None)
            .await
            .unwrap_err();
        assert!(diagnostic.summary.contains("still exists"), "{diagnostic}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_answer_is_asked_for_again_and_gone_already_is_gone() {
        let sandbox = sandbox(Options::default());
        sandbox.add_service_account("ci-pipeline", None);
        sandbox.fault(Fault::new(Effect::Cut).after().on(DELETE.0, DELETE.1).times(3));
        revoke(&api(&sandbox), &operation(), "ci-pipeline", None).await.unwrap();
        revoke(&api(&sandbox), &operation(), "ci-pipeline", None).await.unwrap();
    }
}
