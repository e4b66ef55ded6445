//! Deleting a token so that it is certainly gone.
//!
//! # Flow
//! Delete, and list: what the list still has is deleted again.
//!
//! # Guarantees
//! - What is reported as gone is not in the platform's list. An answer alone does not prove it: a proxy can say 204 or
//!   404 without the platform having received the request, and an unknown token would remain valid.
//! - Nothing but this one token is deleted: see [`TokenId`].
//!
//! # Assumptions
//! - Ids are not given out again.

use crate::framework::Diagnostic;
use crate::neuroio::api::{Api, TokenId};
use crate::neuroio::errors::failure;
use crate::platform::ensure;
use crate::rest::Operation;

/// Deletes a token. Gone already is gone.
///
/// # Errors
/// It is not gone, or may not be.
pub(in crate::neuroio) async fn delete(api: &Api, operation: &Operation, id: TokenId) -> Result<(), Diagnostic> {
    ensure::absent(operation, &format!("The stream token {id}"), || async {
        match api.delete(operation, id).await {
            Err(error) if !error.is_not_found() => Err(failure(&error)),
            _ => is_listed(api, operation, id).await,
        }
    })
    .await
}

/// Whether the platform's list has the token.
///
/// # Errors
/// The error to report if that cannot be found out.
pub(in crate::neuroio) async fn is_listed(api: &Api, operation: &Operation, id: TokenId) -> Result<bool, Diagnostic> {
    let tokens = api.list(operation, None).await.map_err(|error| failure(&error))?;
    Ok(tokens.iter().any(|token| token.id == id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neuroio::tests::{api, id, path, sandbox};
    use crate::platform::testing::operation;
    use crate::sandbox::neuroio::{Options, Realm};
    use crate::sandbox::{Effect, Fault};

    #[tokio::test(start_paused = true)]
    async fn delete_does_not_trust_an_answer_from_elsewhere() {
        for answer in [Fault::answer(200), Fault::answer(204), Fault::answer(404)] {
            let sandbox = sandbox(Options::default());
            let token = sandbox.add_token(&Realm::Account, true);
            sandbox.fault(answer.on("DELETE", &path(&token)).times(2));
            delete(&api(&sandbox), &operation(), id(&token)).await.unwrap();
            assert!(sandbox.tokens(&Realm::Account).is_empty());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn delete_reports_a_token_that_stays_in_the_list() {
        let sandbox = sandbox(Options::default());
        let token = sandbox.add_token(&Realm::Account, true);
        sandbox.fault(Fault::answer(204).on("DELETE", &path(&token)).times(100));
        let told = delete(&api(&sandbox), &operation(), id(&token)).await.unwrap_err();
        assert!(told.summary.contains("is still there"), "{told}");
    }

    #[tokio::test(start_paused = true)]
    async fn delete_retries_after_a_lost_answer_and_deletes_nothing_else() {
        let sandbox = sandbox(Options::default());
        let (token, other) = (
            sandbox.add_token(&Realm::Account, true),
            sandbox.add_token(&Realm::Account, false),
        );
        sandbox.fault(Fault::new(Effect::Cut).after().on("DELETE", &path(&token)).times(3));
        delete(&api(&sandbox), &operation(), id(&token)).await.unwrap();
        delete(&api(&sandbox), &operation(), id(&token)).await.unwrap();
        let left: Vec<_> = sandbox.tokens(&Realm::Account).iter().map(|token| token.id).collect();
        assert_eq!(left, [other.id]);
        assert_eq!(sandbox.calls("DELETE", "/streams/tokens/"), 0);
    }
}
