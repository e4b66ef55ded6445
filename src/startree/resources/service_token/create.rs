//! Creates a service token: the first one of a resource, or the successor that a rotation puts in
//! place of another.
//!
//! A successor gets the roles of its predecessor, and its value is delivered. If a step fails, the
//! new token is deleted again, and the predecessor remains valid.

use super::delete::delete;
use super::diagnostics::{add_cleanup_failed, add_cleanup_succeeded, add_possible_orphan, deleted_before_rotation};
use super::model::ServiceToken;
use super::roles;
use crate::framework::Diagnostic;
use crate::platform::delivery::{DeliveredToken, Delivery, StorePermit};
use crate::rest::Operation;
use crate::startree::api::{AccessKey, IssuedToken, Name};
use crate::startree::connection::Connection;
use crate::startree::errors::failure;
use crate::startree::predecessor;
use crate::startree::secret_owner;
use crate::startree::token_existence::{self, Existence};

/// A new token, with its roles and with its value delivered.
pub(super) struct NewToken {
    pub(super) issued: IssuedToken,
    /// The roles of the predecessor, which the new token has.
    pub(super) roles: Vec<Name>,
    /// The attributes of the value, which is stored as declared.
    pub(super) delivery: Delivery,
}

/// Why a token was not created.
pub(super) struct IssueError {
    pub(super) diagnostic: Diagnostic,
    /// A token that was created and could not be deleted again.
    pub(super) orphan: Option<AccessKey>,
}

/// Creates a token as planned: the first one, or the successor of `predecessor`.
pub(super) async fn create(
    connection: &Connection,
    operation: &Operation,
    planned: &ServiceToken,
    predecessor: Option<&AccessKey>,
    permit: StorePermit,
) -> Result<NewToken, IssueError> {
    // While both are valid, users and assignments need to distinguish them by their descriptions.
    let description = match predecessor {
        Some(predecessor) if !planned.rotation.overlap_duration().is_zero() => {
            predecessor::describe(planned.description(), predecessor)
        }
        _ => planned.description().to_owned(),
    };
    let not_created = |diagnostic| IssueError {
        diagnostic,
        orphan: None,
    };
    let mut roles = match predecessor {
        Some(predecessor) => roles_to_transfer(connection, operation, predecessor)
            .await
            .map_err(not_created)?,
        None => Vec::new(),
    };
    let issued = issue(connection, operation, &description).await.map_err(not_created)?;
    let transferred = match predecessor {
        Some(predecessor) => roles::transfer(connection, operation, &mut roles, predecessor, &issued.access_key).await,
        None => Ok(()),
    };
    let stored = match transferred {
        Ok(()) => store(operation, planned, &issued, predecessor, permit).await,
        Err(diagnostic) => Err(diagnostic),
    };
    match stored {
        Ok(delivery) => Ok(NewToken {
            issued,
            roles,
            delivery,
        }),
        Err(diagnostic) => Err(clean_up(connection, issued.access_key, diagnostic).await),
    }
}

/// Lists the roles of a token to be replaced.
///
/// # Errors
/// The error to report if they cannot be read, or if the token has none because it was deleted.
async fn roles_to_transfer(
    connection: &Connection,
    operation: &Operation,
    predecessor: &AccessKey,
) -> Result<Vec<Name>, Diagnostic> {
    let roles = roles::list(connection, operation, predecessor).await?;
    if roles.is_empty()
        && let Ok(Existence::Absent) = token_existence::check(connection, operation, predecessor).await
    {
        return Err(deleted_before_rotation(predecessor));
    }
    Ok(roles)
}

/// Creates a service token without roles. The request is not retried: after a lost answer, nothing
/// identifies the token.
pub(in crate::startree) async fn issue(
    connection: &Connection,
    operation: &Operation,
    description: &str,
) -> Result<IssuedToken, Diagnostic> {
    let created = connection.api.create_service_token(operation, Some(description)).await;
    created.map_err(|error| {
        let mut diagnostic = failure(&error);
        if error.is_ambiguous() {
            add_possible_orphan(&mut diagnostic, description);
        }
        diagnostic
    })
}

/// Stores a value as declared, and returns its attributes.
async fn store(
    operation: &Operation,
    planned: &ServiceToken,
    issued: &IssuedToken,
    predecessor: Option<&AccessKey>,
    permit: StorePermit,
) -> Result<Delivery, Diagnostic> {
    let mut delivery = Delivery {
        token: issued.bearer().into(),
        ..planned.delivery.clone()
    };
    let token = DeliveredToken {
        what: planned.title(),
        name: planned.description().to_owned(),
        id: Some(secret_owner::id(&issued.access_key)),
        note: predecessor.map(ToString::to_string),
    };
    delivery.store(token, permit, operation).await?;
    Ok(delivery)
}

/// Deletes a token whose creation was not completed.
async fn clean_up(connection: &Connection, access_key: AccessKey, mut diagnostic: Diagnostic) -> IssueError {
    let orphan = match delete(connection, &connection.cleanup_operation(), &access_key).await {
        Ok(()) => {
            add_cleanup_succeeded(&mut diagnostic);
            None
        }
        Err(error) => {
            add_cleanup_failed(&mut diagnostic, &access_key, &error);
            Some(access_key)
        }
    };
    IssueError { diagnostic, orphan }
}
