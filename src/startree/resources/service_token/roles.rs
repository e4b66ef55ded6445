//! The roles that a service token has.

use super::existence::denies;
use crate::framework::Diagnostic;
use crate::rest::Operation;
use crate::startree::api::{AccessKey, Name, Subject};
use crate::startree::connection::Connection;
use crate::startree::errors::failure;
use crate::startree::resources::role_assignment::{assign, take_handed_on, unassign};

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
        assigned.map_err(|error| error.diagnostic)?;
    }
    Ok(())
}

/// Gives the roles of a token to the one that comes after it. A role that an assignment of this process takes from the first
/// meanwhile is taken from the second as well, and leaves `roles`.
pub(super) async fn hand_on(
    connection: &Connection,
    operation: &Operation,
    roles: &mut Vec<Name>,
    before: &AccessKey,
    access_key: &AccessKey,
) -> Result<(), Diagnostic> {
    connection.tokens.hands_on(before.clone(), access_key.clone());
    give(connection, operation, roles, access_key).await?;
    let (taken, kept) = std::mem::take(roles)
        .into_iter()
        .partition::<Vec<_>, _>(|role| connection.tokens.was_taken(role, before));
    for role in &taken {
        take_handed_on(connection, operation, role, &Subject::token(access_key)).await?;
    }
    *roles = kept;
    Ok(())
}

/// Verifies, by lists requested now, that a token has these roles.
///
/// # Errors
/// Which one it does not have, or may not have.
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
            return Err(Diagnostic::error(
                format!("The new token lost the role {:?}", role.as_str()),
                format!(
                    "The role was assigned to {access_key}, and the platform's list of its assignments no longer shows that. \
                     Another user or another run may have taken it away meanwhile."
                ),
            ));
        }
    }
    Ok(())
}

/// Takes all its roles from a token that is to be deleted. A role whose assignments the platform cannot show is left: it
/// must not prevent the deletion.
pub(super) async fn take(
    connection: &Connection,
    operation: &Operation,
    access_key: &AccessKey,
) -> Result<(), Diagnostic> {
    let subject = Subject::token(access_key);
    let roles = connection.roles_with_assignments(operation).await;
    for (role, assignments) in roles.map_err(|error| failure(&error))? {
        match assignments {
            Ok(assignments) if assignments.iter().any(|one| subject.has(one)) => {
                unassign(connection, operation, &role, &subject).await?;
            }
            Ok(_) => {}
            Err(error) if denies(&error) => {
                tracing::warn!(
                    "the assignments of the role {:?} cannot be read; if {access_key} has it, it stays: {error}",
                    role.as_str()
                );
            }
            Err(error) => return Err(failure(&error)),
        }
    }
    Ok(())
}
