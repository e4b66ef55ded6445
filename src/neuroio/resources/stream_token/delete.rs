//! Deletes a stream token until the platform no longer lists it.
//!
//! # Flow
//! Delete the token, then read the list. If the list still has the token, delete it again.
//!
//! # Guarantees
//! - A token that is reported as deleted is not in the platform's list. The answer to the deletion
//!   is no proof: a proxy may answer 204 or 404 without forwarding the request, and the token would
//!   remain valid.
//! - No other token is deleted: see [`TokenId`].
//! - The token that the provider authenticates with is not deleted.
//!
//! # Assumptions
//! - The platform does not reuse ids.

use super::diagnostics::own_credential;
use super::model::StreamToken;
use crate::framework::Diagnostic;
use crate::neuroio::api::{Api, TokenId};
use crate::neuroio::connection::Connection;
use crate::neuroio::errors::request_failed;
use crate::platform::ensure;
use crate::rest::Operation;

/// Deletes a token. Succeeds if the token does not exist.
///
/// # Errors
/// The token exists, or it is unknown whether it does.
pub(in crate::neuroio) async fn delete(api: &Api, operation: &Operation, id: TokenId) -> Result<(), Diagnostic> {
    ensure::absent(operation, &format!("The stream token {id}"), || async {
        match api.delete(operation, id).await {
            Err(error) if !error.is_not_found() => Err(request_failed(&error)),
            _ => is_listed(api, operation, id).await,
        }
    })
    .await
}

/// Deletes a token whose value the state does not have, unless the provider authenticates with it.
///
/// # Errors
/// The token exists, or it is unknown whether it does.
pub(super) async fn delete_unless_own(
    connection: &Connection,
    operation: &Operation,
    id: TokenId,
) -> Result<(), Diagnostic> {
    if is_own(connection, operation, id).await? {
        return Err(own_credential("delete"));
    }
    delete(&connection.api, operation, id).await
}

/// Whether the provider authenticates with the token of a state. An encrypted value is read again;
/// errors are ignored here, because the request that follows reports them.
pub(super) async fn is_own_token(connection: &Connection, operation: &Operation, state: &StreamToken) -> bool {
    match (state.value.known(), state.id()) {
        (Some(key), _) => connection.api.is_own_credential(key).await,
        (None, Ok(id)) => is_own(connection, operation, id).await == Ok(true),
        (None, Err(_)) => false,
    }
}

/// Whether the provider authenticates with a token whose value the state does not have. False if
/// the token does not exist.
///
/// # Errors
/// The token cannot be read.
pub(super) async fn is_own(connection: &Connection, operation: &Operation, id: TokenId) -> Result<bool, Diagnostic> {
    match connection.api.get(operation, id).await {
        Ok(issued) => Ok(connection.api.is_own_credential(&issued.key).await),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(request_failed(&error)),
    }
}

/// Whether the platform's list contains the token.
///
/// # Errors
/// The list cannot be read.
pub(in crate::neuroio) async fn is_listed(api: &Api, operation: &Operation, id: TokenId) -> Result<bool, Diagnostic> {
    let tokens = api.list(operation, None).await;
    let tokens = tokens.map_err(|error| request_failed(&error))?;
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
    async fn delete_repeats_if_a_gateway_answered_for_the_platform() {
        for answer in [Fault::answer(200), Fault::answer(204), Fault::answer(404)] {
            let sandbox = sandbox(Options::default());
            let token = sandbox.add_token(&Realm::Account, true);
            sandbox.fault(answer.on("DELETE", &path(&token)).times(2));
            delete(&api(&sandbox), &operation(), id(&token)).await.unwrap();
            assert!(sandbox.tokens(&Realm::Account).is_empty());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn delete_reports_a_token_that_remains_in_the_list() {
        let sandbox = sandbox(Options::default());
        let token = sandbox.add_token(&Realm::Account, true);
        sandbox.fault(Fault::answer(204).on("DELETE", &path(&token)).times(100));
        let error = delete(&api(&sandbox), &operation(), id(&token)).await.unwrap_err();
        assert!(error.summary.contains("still exists"), "{error}");
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
        let remaining: Vec<_> = sandbox.tokens(&Realm::Account).iter().map(|token| token.id).collect();
        assert_eq!(remaining, [other.id]);
        assert_eq!(sandbox.calls("DELETE", "/streams/tokens/"), 0);
    }
}
