//! The roles of a service token: list, assign, transfer to a successor, verify, revoke.

use super::diagnostics::successor_lost_role;
use crate::framework::Diagnostic;
use crate::rest::Operation;
use crate::startree::api::{AccessKey, Name, Subject};
use crate::startree::connection::Connection;
use crate::startree::errors::failure;
use crate::startree::role_grants;
use crate::startree::token_existence::is_not_found;

/// Lists the roles of a token.
pub(super) async fn list(
    connection: &Connection,
    operation: &Operation,
    access_key: &AccessKey,
) -> Result<Vec<Name>, Diagnostic> {
    let roles = connection.roles_of(operation, access_key).await;
    roles.map_err(|error| failure(&error))
}

/// Assigns roles to a token.
pub(in crate::startree) async fn assign(
    connection: &Connection,
    operation: &Operation,
    roles: &[Name],
    access_key: &AccessKey,
) -> Result<(), Diagnostic> {
    for role in roles {
        let assigned = role_grants::assign(connection, operation, role, &Subject::token(access_key)).await;
        assigned.map_err(|error| error.diagnostic)?;
    }
    Ok(())
}

/// Assigns a token's roles to its successor. If a role assignment of this process revokes a role
/// from the token meanwhile, the role is revoked from the successor as well, and removed from
/// `roles`.
pub(super) async fn transfer(
    connection: &Connection,
    operation: &Operation,
    roles: &mut Vec<Name>,
    from: &AccessKey,
    to: &AccessKey,
) -> Result<(), Diagnostic> {
    connection.tokens.start_transfer(from.clone(), to.clone());
    assign(connection, operation, roles, to).await?;
    let (revoked, kept) = std::mem::take(roles)
        .into_iter()
        .partition::<Vec<_>, _>(|role| connection.tokens.was_revoked(role, from));
    for role in &revoked {
        role_grants::revoke_transferred(connection, operation, role, &Subject::token(to)).await?;
    }
    *roles = kept;
    Ok(())
}

/// Fetches the assignments of these roles and checks that a token has all of them.
///
/// # Errors
/// The error to report if the token does not have a role, or may not have it.
pub(super) async fn verify(
    connection: &Connection,
    operation: &Operation,
    roles: &[Name],
    access_key: &AccessKey,
) -> Result<(), Diagnostic> {
    let subject = Subject::token(access_key);
    for role in roles {
        connection.invalidate_assignments(role);
        if !connection.is_assigned(operation, role, &subject).await? {
            return Err(successor_lost_role(role, access_key));
        }
    }
    Ok(())
}

/// Revokes all roles of a token before its deletion. A role whose assignments the platform cannot
/// list is skipped: it must not prevent the deletion.
pub(super) async fn revoke_all(
    connection: &Connection,
    operation: &Operation,
    access_key: &AccessKey,
) -> Result<(), Diagnostic> {
    let subject = Subject::token(access_key);
    let roles = connection.roles_with_assignments(operation).await;
    for (role, assignments) in roles.map_err(|error| failure(&error))? {
        match assignments {
            Ok(assignments) if assignments.iter().any(|one| subject.has(one)) => {
                role_grants::revoke(connection, operation, &role, &subject).await?;
            }
            Ok(_) => {}
            Err(error) if is_not_found(&error) => {
                tracing::warn!(
                    "cannot read the assignments of the role {:?}; if {access_key} has it, it is not revoked: {error}",
                    role.as_str()
                );
            }
            Err(error) => return Err(failure(&error)),
        }
    }
    Ok(())
}
