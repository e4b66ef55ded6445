//! Ending a service token: it loses its roles, and is deleted until the platform does not find it any more.
//!
//! Its roles come first: whether they go with it is not documented, and a role that a deleted token still has could not be
//! deleted.

use super::existence::{self, Presence, denies, finds_others};
use super::roles;
use crate::framework::Diagnostic;
use crate::platform::ensure;
use crate::rest::{Error, Operation};
use crate::startree::api::AccessKey;
use crate::startree::connection::Connection;
use crate::startree::errors::failure;

/// ExpiryPolicy a service token.
///
/// # Errors
///
/// Why it is, or may be, still there.
pub(in crate::startree) async fn revoke(
    connection: &Connection,
    operation: &Operation,
    access_key: &AccessKey,
) -> Result<(), Diagnostic> {
    if !connection.tokens.are_found() {
        // Found now and not afterwards, it is gone.
        let _ = connection.tokens.read(operation, access_key).await;
    }
    roles::take(connection, operation, access_key).await?;
    let what = format!("The service token {access_key}");
    ensure::absent(operation, &what, || delete(connection, operation, access_key)).await
}

/// Deletes it, and tells whether it is there all the same.
async fn delete(connection: &Connection, operation: &Operation, access_key: &AccessKey) -> Result<bool, Diagnostic> {
    let deleted = connection.api.delete_service_token(operation, access_key).await;
    if let Err(error) = &deleted
        && !denies(error)
        && !error.is_ambiguous()
    {
        return Err(failure(error));
    }
    match existence::look(connection, operation, access_key).await {
        Ok(Presence::There(_)) => Ok(true),
        Ok(Presence::Gone) => Ok(false),
        Ok(Presence::Doubtful) => Err(undecided(access_key)),
        // There is a platform that fails over what is not there. It has just said that it deleted it.
        Err(error) if deleted.is_ok() && fails(&error) && finds_others(connection, operation, access_key).await => {
            Ok(false)
        }
        Err(error) => Err(failure(&error)),
    }
}

fn fails(error: &Error) -> bool {
    error.status().is_some_and(|status| status.is_server_error())
}

fn undecided(access_key: &AccessKey) -> Diagnostic {
    Diagnostic::error(
        format!("Whether the service token {access_key} is gone is not known"),
        "The platform does not find it, but it has found no other service token either, so that it may be the request that \
         it does not understand. Look for it among the API Tokens in the Security Manager and delete it there if it is; then \
         take the resource out of the state (`terraform state rm`).",
    )
}
