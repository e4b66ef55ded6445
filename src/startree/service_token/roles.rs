//! The roles that a service token has.

use std::time::Duration;

use crate::framework::Diagnostic;
use crate::rest::Operation;
use crate::startree::api::{AccessKey, Name, Subject};
use crate::startree::connection::Connection;
use crate::startree::failure::failure;

/// How long to wait before looking again: a list may lag a little behind.
const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(3), Duration::from_secs(9)];

/// The roles that a token has now.
pub(in crate::startree) async fn of(
    connection: &Connection,
    operation: &Operation,
    access_key: &AccessKey,
) -> Result<Vec<Name>, Diagnostic> {
    let holdings = connection
        .tokens
        .list(operation)
        .await
        .map_err(|error| failure(&error))?;
    let its = holdings.into_iter().filter(|holding| holding.access_key == *access_key);
    Ok(its.map(|holding| holding.role).collect())
}

/// Assigns roles to a token.
pub(in crate::startree) async fn give(
    connection: &Connection,
    operation: &Operation,
    roles: &[Name],
    access_key: &AccessKey,
) -> Result<(), Diagnostic> {
    for role in roles {
        set(connection, operation, role, access_key, true).await?;
    }
    Ok(())
}

/// Takes all its roles from a token.
pub(in crate::startree) async fn take(
    connection: &Connection,
    operation: &Operation,
    access_key: &AccessKey,
) -> Result<(), Diagnostic> {
    for role in of(connection, operation, access_key).await? {
        set(connection, operation, &role, access_key, false).await?;
    }
    Ok(())
}

/// Assigns a role, or ends the assignment, until the platform tells that it is so: an answer alone does not do, and a
/// refusal may mean that it is so already.
async fn set(
    connection: &Connection,
    operation: &Operation,
    role: &Name,
    access_key: &AccessKey,
    assigned: bool,
) -> Result<(), Diagnostic> {
    let subject = Subject::token(access_key);
    for pause in PAUSES {
        let done = match assigned {
            true => connection.api.assign(operation, role, &subject).await,
            false => connection.api.unassign(operation, role, &subject).await,
        };
        connection.changed(role).await;
        let there = connection.api.assignments(operation, role).await;
        let there = there.map_err(|error| failure(&error))?;
        if there.iter().any(|assignment| subject.has(assignment)) == assigned {
            return Ok(());
        }
        if let Err(error) = done
            && !error.is_ambiguous()
        {
            return Err(failure(&error));
        }
        if operation.pause(pause).await.is_err() {
            break;
        }
    }
    let (verb, state) = if assigned {
        ("assign", "does not have")
    } else {
        ("end", "still has")
    };
    Err(Diagnostic::error(
        format!("Could not {verb} a role"),
        format!(
            "The platform has answered that it is done, but the {subject} {state} the role {:?}. Something between may have \
             answered in the platform's place: check the provider's `base_url` and proxies, and run again.",
            role.as_str()
        ),
    ))
}
