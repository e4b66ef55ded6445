//! Deletes a service token: revokes its roles, then deletes it until the platform no longer finds
//! it.
//!
//! The roles come first, because the platform does not document whether deleting a token deletes
//! its assignments, and a role that is still assigned to a deleted token could not be deleted.

use super::diagnostics::{existence_unknown, uses_own_token};
use super::roles;
use crate::framework::Diagnostic;
use crate::platform::ensure;
use crate::rest::{Error, Operation};
use crate::startree::api::AccessKey;
use crate::startree::connection::Connection;
use crate::startree::errors::failure;
use crate::startree::token_existence::{self, Existence, can_read_another, is_not_found};

/// Deletes a service token, unless the provider uses it.
///
/// # Errors
///
/// The error to report if the token exists, or may exist.
pub(super) async fn delete_unless_own(
    connection: &Connection,
    operation: &Operation,
    title: &str,
    access_key: &AccessKey,
) -> Result<(), Diagnostic> {
    if connection.tokens.is_own(access_key) {
        return Err(uses_own_token(title, access_key));
    }
    delete(connection, operation, access_key).await
}

/// Deletes a service token.
///
/// # Errors
///
/// The error to report if the token exists, or may exist.
pub(in crate::startree) async fn delete(
    connection: &Connection,
    operation: &Operation,
    access_key: &AccessKey,
) -> Result<(), Diagnostic> {
    if !connection.tokens.has_read_any() {
        // If this finds the token, a 404 after the deletion proves that it is gone.
        let _ = connection.tokens.read(operation, access_key).await;
    }
    roles::revoke_all(connection, operation, access_key).await?;
    let title = format!("The service token {access_key}");
    ensure::absent(operation, &title, || delete_once(connection, operation, access_key)).await
}

/// Sends one delete request, and returns whether the token still exists.
async fn delete_once(
    connection: &Connection,
    operation: &Operation,
    access_key: &AccessKey,
) -> Result<bool, Diagnostic> {
    let deleted = connection.api.delete_service_token(operation, access_key).await;
    if let Err(error) = &deleted
        && !is_not_found(error)
        && !error.is_ambiguous()
    {
        return Err(failure(error));
    }
    match token_existence::check(connection, operation, access_key).await {
        Ok(Existence::Exists(_)) => Ok(true),
        Ok(Existence::Absent) => Ok(false),
        Ok(Existence::Unknown) => Err(existence_unknown(access_key)),
        // Some platforms answer 5xx for an object that does not exist. This one has just confirmed
        // the deletion.
        Err(error)
            if deleted.is_ok()
                && is_server_error(&error)
                && can_read_another(connection, operation, access_key).await =>
        {
            Ok(false)
        }
        Err(error) => Err(failure(&error)),
    }
}

fn is_server_error(error: &Error) -> bool {
    error.status().is_some_and(|status| status.is_server_error())
}
