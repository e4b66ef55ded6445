//! Assigns and revokes a role on behalf of a resource, so that two resources of one run do not undo
//! each other.

use crate::platform::ensure::CreateError;
use crate::rest::Operation;
use crate::startree::api::{Name, Subject};
use crate::startree::connection::{Connection, Context};
use crate::startree::role_grants::{self, claim_key};

/// Assigns the role to the subject, and makes this resource the owner of the assignment: no other
/// resource of this process revokes it from now on.
pub(super) async fn claim_and_assign(
    connection: &Connection,
    operation: &Operation,
    role: &Name,
    subject: &Subject,
    context: &Context,
) -> Result<(), CreateError> {
    connection.planned.assignments.applied(&claim_key(role, subject));
    let mut claim = connection.claims.lock(claim_key(role, subject)).await;
    claim.take(&context.private);
    role_grants::assign(connection, operation, role, subject).await
}

/// Revokes the role from all these subjects, except those whose assignment another resource owns.
/// Reports errors, and returns the subjects that have the role, or may have it.
pub(super) async fn revoke_all(
    connection: &Connection,
    operation: &Operation,
    role: &Name,
    holders: Vec<Subject>,
    context: &Context,
) -> Vec<Subject> {
    let mut remaining = Vec::new();
    for subject in holders {
        let claim = connection.claims.lock(claim_key(role, &subject)).await;
        if claim.belongs_to_other_resource(&context.private) {
            continue;
        }
        // A rotation that runs at the same time may have copied the role to another token.
        let access_key = subject.access_key();
        let successor = access_key.and_then(|key| connection.tokens.record_revocation(role, &key));
        if let Err(error) = role_grants::revoke(connection, operation, role, &subject).await {
            context.report(error);
            remaining.push(subject);
        } else if let Some(successor) = successor {
            let successor = Subject::token(&successor);
            let revoked = role_grants::revoke_transferred(connection, operation, role, &successor).await;
            context.diagnostics().ok(revoked);
        }
    }
    remaining
}
