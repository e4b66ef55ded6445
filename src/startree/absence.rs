//! What is there and what is not: an absence counts only where the platform's list, well received, does not show the thing.
//!
//! What the platform answers about a thing that is not there is not documented, and a 404 can come from whatever stands
//! between. So whatever a request about one thing fails with, its list decides; but for 401 and 403, which say nothing of
//! the thing.

use std::sync::Arc;

use http::StatusCode;

use super::api::{Assignment, Name, Subject};
use super::connection::Connection;
use super::errors::failure;
use crate::framework::Diagnostic;
use crate::rest::{Error, Operation};

impl Connection {
    /// Whether the cached list of roles has this one.
    ///
    /// # Errors
    /// The error to report if that cannot be found out.
    pub(super) async fn has_role(&self, operation: &Operation, name: &Name) -> Result<bool, Diagnostic> {
        let roles = self.role_names(operation).await.map_err(|error| failure(&error))?;
        Ok(roles.iter().any(|role| role == name.as_str()))
    }

    /// Whether the cached list of policies has this one.
    ///
    /// # Errors
    /// The error to report if that cannot be found out.
    pub(super) async fn has_policy(&self, operation: &Operation, name: &Name) -> Result<bool, Diagnostic> {
        let policies = self.policy_names(operation).await.map_err(|error| failure(&error))?;
        Ok(policies.iter().any(|policy| policy == name.as_str()))
    }

    /// Whether the list of roles still has this one, after a request did not find it.
    ///
    /// # Errors
    /// The error to report if that cannot be found out.
    pub(super) async fn still_has_role(&self, operation: &Operation, name: &Name) -> Result<bool, Diagnostic> {
        let listed = self.lists_role_now(operation, name).await;
        listed.map_err(|error| failure(&error))
    }

    /// The same for a policy.
    ///
    /// # Errors
    /// The error to report if that cannot be found out.
    pub(super) async fn still_has_policy(&self, operation: &Operation, name: &Name) -> Result<bool, Diagnostic> {
        let listed = self.lists_policy_now(operation, name).await;
        listed.map_err(|error| failure(&error))
    }

    /// Whom a role is assigned to; no one if the role has been deleted meanwhile.
    ///
    /// # Errors
    /// [`Error`]: it may be there, and could not be read.
    pub(super) async fn assignments_if_there(
        &self,
        operation: &Operation,
        role: &Name,
    ) -> Result<Arc<[Assignment]>, Error> {
        let read = self.assignments(operation, role).await;
        let read = or_gone(read, self.still_has_role(operation, role)).await?;
        Ok(read.unwrap_or_default())
    }

    /// Whether a role is assigned. A role that is not there is not.
    ///
    /// # Errors
    /// The error to report if that cannot be found out.
    pub(super) async fn is_assigned(
        &self,
        operation: &Operation,
        role: &Name,
        subject: &Subject,
    ) -> Result<bool, Diagnostic> {
        let assignments = self.assignments(operation, role).await;
        let assignments = or_absent(assignments, self.still_has_role(operation, role)).await?;
        Ok(assignments.is_some_and(|assignments| assignments.iter().any(|one| subject.has(one))))
    }

    /// Whether a policy is attached to a role. A role that is not there has none.
    ///
    /// # Errors
    /// The error to report if that cannot be found out.
    pub(super) async fn is_attached(
        &self,
        operation: &Operation,
        role: &Name,
        policy: &Name,
    ) -> Result<bool, Diagnostic> {
        let policies = self.policies_of(operation, role).await;
        let policies = or_absent(policies, self.still_has_role(operation, role)).await?;
        Ok(policies.is_some_and(|policies| policies.iter().any(|one| one == policy.as_str())))
    }
}

/// What was read of a thing; `None` if it is not there, which `is_listed` tells.
///
/// # Errors
/// Why it could not be read although it may be there.
pub(super) async fn or_absent<T>(
    read: Result<T, Error>,
    is_listed: impl Future<Output = Result<bool, Diagnostic>>,
) -> Result<Option<T>, Diagnostic> {
    or_gone(read, is_listed).await.map_err(|error| failure(&error))
}

/// The same, with the failure as it is.
async fn or_gone<T>(
    read: Result<T, Error>,
    is_listed: impl Future<Output = Result<bool, Diagnostic>>,
) -> Result<Option<T>, Error> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error) if !is_locked_out(&error) && is_listed.await == Ok(false) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether a thing is there after it was to be ended, which `is_there` tells.
///
/// # Errors
/// Why it is there, or may be.
pub(super) async fn after_its_end(
    ended: Result<(), Error>,
    is_there: impl Future<Output = Result<bool, Diagnostic>>,
) -> Result<bool, Diagnostic> {
    match ended {
        Ok(()) => is_there.await,
        Err(error) => match is_locked_out(&error) {
            false if is_there.await == Ok(false) => Ok(false),
            _ => Err(failure(&error)),
        },
    }
}

/// Whether the provider itself is not let in.
fn is_locked_out(error: &Error) -> bool {
    matches!(error.status(), Some(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN))
}
