//! Detection of service tokens that no longer exist.
//!
//! The platform has no list of service tokens, and does not document its answer about one that does
//! not exist. So a rejected `GET /service-tokens/{srn}` does not show that the token is absent: the
//! provider may spell the SRN wrong, or a proxy may have answered, and Terraform would drop a token
//! that is in use. The rejection counts if it comes twice, and the same request finds another
//! service token: any that this run has read, the provider's own, or one that has a role. A role
//! that is assigned to the token does not show that it exists, because the platform does not
//! document whether deleting a token deletes its assignments.

use http::StatusCode;

use super::api::{AccessKey, RemoteToken};
use super::connection::Connection;
use crate::rest::{Error, Kind, Operation};

/// The maximum number of other tokens that are read.
const MAX_OTHERS: usize = 3;

/// Whether a service token exists.
#[derive(Debug)]
pub(super) enum Existence {
    /// The token exists.
    Exists(RemoteToken),
    /// The token does not exist.
    Absent,
    /// The platform does not find the token, and has not answered the same request for any other
    /// token.
    Unknown,
}

/// Reads a service token and determines whether it exists.
///
/// # Errors
/// [`Error`]: the answer does not say whether it exists.
pub(super) async fn check(
    connection: &Connection,
    operation: &Operation,
    access_key: &AccessKey,
) -> Result<Existence, Error> {
    match connection.tokens.read(operation, access_key).await {
        Err(error) if is_not_found(&error) => {}
        answer => return answer.map(Existence::Exists),
    }
    if !can_read_another(connection, operation, access_key).await {
        return Ok(Existence::Unknown);
    }
    match connection.tokens.read(operation, access_key).await {
        Err(error) if is_not_found(&error) => Ok(Existence::Absent),
        answer => answer.map(Existence::Exists),
    }
}

/// Returns whether this run has read a service token, or can read one other than this.
pub(super) async fn can_read_another(connection: &Connection, operation: &Operation, access_key: &AccessKey) -> bool {
    let tokens = &connection.tokens;
    if tokens.has_read_any() {
        return true;
    }
    let grants = connection.role_grants(operation).await;
    let with_role = grants
        .iter()
        .flat_map(|grants| grants.iter())
        .map(|grant| grant.access_key.clone());
    let mut others: Vec<_> = tokens.own().into_iter().chain(with_role).collect();
    others.dedup();
    for other in others.iter().filter(|other| *other != access_key).take(MAX_OTHERS) {
        if tokens.read(operation, other).await.is_ok() {
            return true;
        }
    }
    false
}

/// Returns whether the platform answered that the object, or an object of that name, does not
/// exist. Authentication errors, transient errors and HTML pages do not count.
pub(super) fn is_not_found(error: &Error) -> bool {
    match error.kind() {
        Kind::Status {
            status, page: false, ..
        } => matches!(
            *status,
            StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND | StatusCode::GONE | StatusCode::UNPROCESSABLE_ENTITY
        ),
        _ => false,
    }
}
