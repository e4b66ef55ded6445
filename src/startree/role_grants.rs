//! Roles of service tokens: listing, assigning and revoking.
//!
//! The API has no request for the roles of one token, so they are found in the assignments of all
//! roles.

use std::sync::Arc;

use futures_util::{StreamExt, stream};

use super::absence::exists_after_delete;
use super::api::{AccessKey, Assignment, Name, Subject, SubjectType};
use super::connection::Connection;
use super::errors::failure;
use crate::framework::Diagnostic;
use crate::platform::ensure::{self, CreateError};
use crate::rest::{Error, Operation};

/// The maximum number of roles that are read concurrently.
const CONCURRENT_READS: usize = 4;

/// A role that is assigned to a service token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RoleGrant {
    pub(super) role: Name,
    pub(super) access_key: AccessKey,
}

impl Connection {
    /// Lists the roles of all service tokens, with one request for each role whose assignments are
    /// not cached.
    ///
    /// # Errors
    /// [`Error`]: the assignments of at least one role could not be read.
    pub(super) async fn role_grants(&self, operation: &Operation) -> Result<Vec<RoleGrant>, Error> {
        let roles = self.roles_with_assignments(operation).await?;
        let mut grants = Vec::new();
        for (role, assignments) in roles {
            grants.extend(grants_of(&role, &assignments?));
        }
        Ok(grants)
    }

    /// Lists the roles of one service token, from the cached lists.
    ///
    /// # Errors
    /// [`Error`], as for [`role_grants`](Self::role_grants): the result never lacks a role.
    pub(super) async fn roles_of(&self, operation: &Operation, access_key: &AccessKey) -> Result<Vec<Name>, Error> {
        let grants = self.role_grants(operation).await?;
        let own = grants.into_iter().filter(|grant| grant.access_key == *access_key);
        Ok(own.map(|grant| grant.role).collect())
    }

    /// Lists all roles, each with its assignments or the error of reading them.
    pub(super) async fn roles_with_assignments(
        &self,
        operation: &Operation,
    ) -> Result<Vec<(Name, Result<Arc<[Assignment]>, Error>)>, Error> {
        let roles = self.role_names(operation).await?;
        let roles: Vec<_> = roles.iter().filter_map(|role| Name::existing(role).ok()).collect();
        let read = stream::iter(roles).map(async |role| {
            let assignments = self.assignments_or_none(operation, &role).await;
            (role, assignments)
        });
        Ok(read.buffered(CONCURRENT_READS).collect().await)
    }
}

/// Returns the service tokens among a role's assignments.
fn grants_of(role: &Name, assignments: &[Assignment]) -> impl Iterator<Item = RoleGrant> {
    assignments.iter().filter_map(|assignment| {
        let access_key: AccessKey = assignment.subject.parse().ok()?;
        Subject::token(&access_key).has(assignment).then(|| RoleGrant {
            role: role.clone(),
            access_key,
        })
    })
}

/// Assigns the role to the subject, unless it has the role.
///
/// # Errors
/// [`CreateError`], which says whether the subject may have the role.
pub(super) async fn assign(
    connection: &Connection,
    operation: &Operation,
    role: &Name,
    subject: &Subject,
) -> Result<(), CreateError> {
    let is_assigned = |operation| async move { connection.is_assigned(&operation, role, subject).await };
    let assign = || connection.assign(operation, role, subject);
    ensure::present(operation, &title(role, subject), failure, assign, is_assigned).await
}

/// Revokes the role from the subject; succeeds if the subject does not have it.
///
/// # Errors
/// The error to report if the subject has the role, or may have it; or if it is the token that the
/// provider uses.
pub(super) async fn revoke(
    connection: &Connection,
    operation: &Operation,
    role: &Name,
    subject: &Subject,
) -> Result<(), Diagnostic> {
    if is_own_token(connection, subject) {
        return Err(own_token_keeps_role(role));
    }
    ensure::absent(operation, &title(role, subject), || async {
        let revoked = connection.unassign(operation, role, subject).await;
        exists_after_delete(revoked, connection.is_assigned(operation, role, subject)).await
    })
    .await
}

/// Revokes a role that a rotation transferred to a token, unless a role assignment of this process
/// owns it.
///
/// # Errors
/// As for [`revoke`].
pub(super) async fn revoke_transferred(
    connection: &Connection,
    operation: &Operation,
    role: &Name,
    successor: &Subject,
) -> Result<(), Diagnostic> {
    let claim = connection.claims.lock(claim_key(role, successor)).await;
    match claim.is_owned() {
        true => Ok(()),
        false => revoke(connection, operation, role, successor).await,
    }
}

/// Returns whether the subject is the service token that the provider uses.
pub(super) fn is_own_token(connection: &Connection, subject: &Subject) -> bool {
    let own = connection.tokens.own();
    own.is_some_and(|key| Subject::token(&key) == *subject)
}

/// Returns the key of an assignment in [`Claims`](super::claims::Claims): equal for equal
/// assignments.
pub(super) fn claim_key(role: &Name, subject: &Subject) -> String {
    let subject = match subject.subject_type() {
        SubjectType::UserEmail | SubjectType::Domain => subject.to_string().to_ascii_lowercase(),
        SubjectType::Group | SubjectType::ServiceToken => subject.to_string(),
    };
    format!("{:?} {subject}", role.as_str())
}

/// Returns the id of an assignment, by which it is imported: `<role>/<subject type>/<subject>`.
pub(super) fn assignment_id(role: &Name, subject: &Subject) -> String {
    format!("{role}/{}", subject_id(subject))
}

/// Returns the part of an assignment's id that names the subject.
pub(super) fn subject_id(subject: &Subject) -> String {
    format!("{}/{}", subject.subject_type().as_str(), subject.as_str())
}

/// Names an assignment in a message.
pub(super) fn title(role: &Name, subject: &Subject) -> String {
    format!("The assignment of the role {:?} to the {subject}", role.as_str())
}

/// The error where a role would be revoked from the token that the provider uses.
pub(super) fn own_token_keeps_role(role: &Name) -> Diagnostic {
    Diagnostic::error(
        format!(
            "Cannot revoke the role {:?} from the token that the provider uses",
            role.as_str()
        ),
        "Without the role, the provider could lose access to the environment. Configure the provider with another token first. \
         To remove only the resource from the state, use a `removed` block or `terraform state rm`.",
    )
}
