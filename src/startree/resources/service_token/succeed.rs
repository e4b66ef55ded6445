//! The token that comes after another: made, given the other's roles, and handed over. Whatever fails on the way, the other
//! one goes on, and what was made half is ended.

use super::roles;
use super::{ServiceToken, revoke};
use crate::framework::{Diagnostic, Field};
use crate::platform::delivery::{Secret, WritePermit};
use crate::rest::Operation;
use crate::startree::api::{AccessKey, IssuedToken, Name};
use crate::startree::connection::Connection;
use crate::startree::errors::failure;
use crate::startree::labels;
use crate::startree::succession;

/// A token that works.
pub(super) struct Successor {
    pub(super) issued: IssuedToken,
    /// The roles of the token before it, which it has.
    pub(super) roles: Vec<Name>,
    /// The version in Vault that holds it; null if it is kept in the state.
    pub(super) version: Field<i64>,
}

/// Why there is no successor.
pub(super) struct Unmade {
    pub(super) why: Diagnostic,
    /// A token that was made and could not be ended again.
    pub(super) left_behind: Option<AccessKey>,
}

/// Makes a token by this plan: the first one, or the one after `before`.
pub(super) async fn succeed(
    connection: &Connection,
    operation: &Operation,
    planned: &ServiceToken,
    before: Option<&AccessKey>,
    ready: Option<WritePermit>,
) -> Result<Successor, Unmade> {
    // While both are valid, the platform's user interface and assignments have to distinguish them.
    let description = match before {
        Some(before) if !planned.rotation.overlap_duration().is_zero() => {
            succession::describe(planned.description(), before)
        }
        _ => planned.description().to_owned(),
    };
    let nothing_made = |why| Unmade { why, left_behind: None };
    let mut roles = match before {
        Some(before) => roles::of(connection, operation, before).await.map_err(nothing_made)?,
        None => Vec::new(),
    };
    let issued = make(connection, operation, &description).await.map_err(nothing_made)?;
    let given = match before {
        Some(before) => roles::hand_on(connection, operation, &mut roles, before, &issued.access_key).await,
        None => Ok(()),
    };
    let finished = match given {
        Ok(()) => delivery(operation, planned, &issued, before, ready).await,
        Err(why) => Err(why),
    };
    match finished {
        Ok(version) => Ok(Successor { issued, roles, version }),
        Err(why) => Err(abandon(connection, issued.access_key, why).await),
    }
}

/// Makes a service token. It is asked for once: of one whose answer is lost nothing is known to find it by.
pub(in crate::startree) async fn make(
    connection: &Connection,
    operation: &Operation,
    description: &str,
) -> Result<IssuedToken, Diagnostic> {
    let made = connection.api.create_service_token(operation, Some(description)).await;
    made.map_err(|error| {
        let mut why = failure(&error);
        if error.is_ambiguous() {
            why.detail.push_str(&format!(
                "\n\nIf it did, there is a service token with the description {description:?} whose value nobody knows. It \
                 has no role, so it is let in nowhere. The platform's API has no list to find it by: look among the API \
                 Tokens in the Security Manager, and delete it there."
            ));
        }
        why
    })
}

/// Hands a value over, and tells the version that holds it; null where the state keeps it.
async fn delivery(
    operation: &Operation,
    planned: &ServiceToken,
    issued: &IssuedToken,
    before: Option<&AccessKey>,
    ready: Option<WritePermit>,
) -> Result<Field<i64>, Diagnostic> {
    let Some(ready) = ready else { return Ok(Field::Null) };
    let secret = Secret {
        value: &issued.bearer(),
        name: planned.description(),
        id: Some(labels::id(&issued.access_key)),
        note: before.map(AccessKey::as_str),
        generation: planned.delivery.generation.known().copied(),
    };
    ready.write(operation, &planned.what(), secret).await.map(Field::from)
}

/// ExpiryPolicy a token that was made half.
async fn abandon(connection: &Connection, access_key: AccessKey, mut why: Diagnostic) -> Unmade {
    let left_behind = match revoke::revoke(connection, &connection.cleanup_operation(), &access_key).await {
        Ok(()) => {
            why.detail
                .push_str("\n\nThe token that was made for it is deleted again.");
            None
        }
        Err(end) => {
            why.detail.push_str(&format!(
                "\n\nThe token that was made for it, {access_key}, could not be deleted again: {}. {} It is in the state, \
                 and the next apply deletes it.",
                end.summary, end.detail
            ));
            Some(access_key)
        }
    };
    Unmade { why, left_behind }
}
