//! The other token of an assignment to a service token: while a token and its predecessor are both
//! valid (`overlap`), the assignment concerns both.

use super::assign::claim_and_assign;
use super::diagnostics::predecessor_lacks_role;
use crate::platform::ensure::CreateError;
use crate::rest::Operation;
use crate::startree::api::{AccessKey, Name, Reported, Subject};
use crate::startree::connection::{Connection, Context};
use crate::startree::predecessor::{self, Predecessor};

/// The key in the private state of the access key of the other token, which also has the role.
const OVERLAPPING: &str = "overlapping_access_key";

/// Returns the recorded other token.
pub(super) fn recorded(context: &Context) -> Option<Subject> {
    let access_key: AccessKey = context.private.get::<String>(OVERLAPPING)?.parse().ok()?;
    Some(Subject::token(&access_key))
}

/// Records the other token. It stays recorded after the overlap: Terraform shows a refresh that
/// removes it as drift.
pub(super) fn record(context: &Context, subject: Option<&Subject>) {
    if let Some(subject) = subject {
        context.private.set(OVERLAPPING, subject.as_str());
    }
}

/// Returns the recorded other token, unless the platform shows that it does not have the role.
pub(super) async fn recorded_with_role(
    connection: &Connection,
    operation: &Operation,
    role: &Name,
    context: &Context,
) -> Option<Subject> {
    let other = recorded(context)?;
    let has_role = connection.is_assigned(operation, role, &other).await;
    (has_role != Ok(false)).then_some(other)
}

/// Returns the other token for a plan. Errors are ignored here: apply reports them.
pub(super) async fn in_plan(context: &Context, role: &Name) -> Option<Subject> {
    let connection = context.known_client()?;
    let operation = connection.operation(context);
    recorded_with_role(&connection, &operation, role, context).await
}

/// Returns the other token of the resource whose token the first holder is: from this process, or
/// else from the private state.
pub(super) fn other_token(connection: &Connection, holders: &[Subject], context: &Context) -> Option<Subject> {
    let access_key = holders.first()?.access_key()?;
    match connection.tokens.successor(&access_key) {
        Some(successor) => Some(Subject::token(&successor)),
        None => match connection.tokens.predecessor(&access_key) {
            Some(predecessor) => predecessor.map(|before| Subject::token(&before.access_key)),
            None => recorded(context),
        },
    }
}

/// Returns whether one subject is a token that succeeds the other, as far as this process knows.
pub(super) fn is_successor(context: &Context, successor: &Subject, predecessor: &Subject) -> bool {
    let known = context.known_client().zip(predecessor.access_key());
    let found = known.and_then(|(connection, predecessor)| connection.tokens.successor(&predecessor));
    found.is_some() && found == successor.access_key()
}

/// Assigns the role to the subject's predecessor as well, if both are valid. Returns the
/// predecessor if it has the role, or may have it.
pub(super) async fn assign_to_predecessor(
    connection: &Connection,
    operation: &Operation,
    role: &Name,
    subject: &Subject,
    context: &Context,
) -> Option<Subject> {
    let predecessor = find_predecessor(connection, operation, &subject.access_key()?).await?;
    let Predecessor { access_key, overlaps } = predecessor;
    let predecessor = Subject::token(&access_key);
    if !overlaps {
        // The next apply deletes it, and revokes its roles.
        let has_role = connection.is_assigned(operation, role, &predecessor).await;
        return (has_role != Ok(false)).then_some(predecessor);
    }
    match claim_and_assign(connection, operation, role, &predecessor, context).await {
        Ok(()) => Some(predecessor),
        Err(CreateError { diagnostic, may_exist }) => {
            context.report(predecessor_lacks_role(role, subject, &predecessor, &diagnostic));
            may_exist.then_some(predecessor)
        }
    }
}

/// Returns the predecessor of a token that is still valid, from this process or from the
/// descriptions of both. Two tokens with the same description are not enough: the other one may
/// belong to another resource, and must not get the role.
async fn find_predecessor(
    connection: &Connection,
    operation: &Operation,
    access_key: &AccessKey,
) -> Option<Predecessor> {
    let tokens = &connection.tokens;
    if let Some(known) = tokens.predecessor(access_key) {
        return known;
    }
    let described = match tokens.read(operation, access_key).await.ok()?.description {
        Reported::Value(described) => described,
        Reported::Absent => return None,
    };
    let predecessor = match predecessor::parse(&described) {
        (description, Some(access_key)) => {
            let read = tokens.read(operation, &access_key).await;
            let read = read.map(|token| token.description);
            let is_predecessor =
                matches!(read, Ok(Reported::Value(text)) if predecessor::parse(&text).0 == description);
            is_predecessor.then_some(Predecessor {
                access_key,
                overlaps: true,
            })
        }
        (_, None) => None,
    };
    tokens.record_predecessor(access_key.clone(), predecessor.clone());
    predecessor
}
