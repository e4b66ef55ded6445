//! Deletes a personal access token, which revokes it, until the platform no longer lists it.
//!
//! # Guarantees
//! - A token that is reported as deleted is not in the list of the user's tokens. The answer to the
//!   deletion is no proof: a proxy may answer 200 or 404 without forwarding the request.

use http::StatusCode;

use super::diagnostics::own_credential_revoked;
use crate::framework::Diagnostic;
use crate::platform::ensure;
use crate::quix::api::{PersonalAccessToken, TokenId};
use crate::quix::connection::Connection;
use crate::quix::errors::request_failed;
use crate::rest::Operation;

/// Deletes a token. Succeeds if the user has no such token.
///
/// # Errors
/// The token exists, or it is unknown whether it does.
pub(in crate::quix) async fn delete(
    connection: &Connection,
    operation: &Operation,
    id: &TokenId,
) -> Result<(), Diagnostic> {
    let title = format!("The personal access token {id}");
    let deleted = ensure::absent(operation, &title, || async {
        let deleted = connection.api.delete_personal_access_token(operation, id).await;
        connection.invalidate_personal_access_tokens();
        if let Err(error) = &deleted
            && !error.is_not_found()
        {
            return Err(request_failed(error));
        }
        match connection.fetch_personal_access_tokens(operation).await {
            Ok(tokens) => Ok(find(&tokens, id).is_some()),
            // The platform accepted the token of the provider for the deletion, and no longer does.
            Err(error) if deleted.is_ok() && error.status() == Some(StatusCode::UNAUTHORIZED) => {
                Err(own_credential_revoked(id))
            }
            Err(error) => Err(request_failed(&error)),
        }
    });
    let deleted = deleted.await;
    connection.invalidate_personal_access_tokens();
    deleted
}

/// Returns the token with this id.
pub(in crate::quix) fn find<'a>(tokens: &'a [PersonalAccessToken], id: &TokenId) -> Option<&'a PersonalAccessToken> {
    tokens.iter().find(|token| token.id == *id)
}
