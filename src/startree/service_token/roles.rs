//! The roles that a service token has.

use crate::framework::Diagnostic;
use crate::rest::Operation;
use crate::startree::api::{AccessKey, Name, Subject};
use crate::startree::connection::Connection;
use crate::startree::failure::failure;
use crate::startree::role_assignment::{assign, unassign};

/// The roles that a token has now.
pub(super) async fn of(
    connection: &Connection,
    operation: &Operation,
    access_key: &AccessKey,
) -> Result<Vec<Name>, Diagnostic> {
    let roles = connection.roles_of(operation, access_key).await;
    roles.map_err(|error| failure(&error))
}

/// Assigns roles to a token.
pub(in crate::startree) async fn give(
    connection: &Connection,
    operation: &Operation,
    roles: &[Name],
    access_key: &AccessKey,
) -> Result<(), Diagnostic> {
    for role in roles {
        let assigned = assign(connection, operation, role, &Subject::token(access_key)).await;
        connection.changed(role).await;
        assigned.map_err(|unmade| unmade.why)?;
    }
    Ok(())
}

/// Takes all its roles from a token.
pub(super) async fn take(
    connection: &Connection,
    operation: &Operation,
    access_key: &AccessKey,
) -> Result<(), Diagnostic> {
    for role in of(connection, operation, access_key).await? {
        let ended = unassign(connection, operation, &role, &Subject::token(access_key)).await;
        connection.changed(&role).await;
        ended?;
    }
    Ok(())
}
