//! Detection of absent roles, policies, assignments and attachments. Only the platform's list shows
//! that an object does not exist.
//!
//! The platform does not document its answer about an object that does not exist, and a proxy can
//! answer 404 too. So whenever a request for one object fails, the list decides. The exceptions
//! are 401 and 403, which are about the caller and not about the object.

use std::sync::Arc;

use http::StatusCode;

use super::api::{Assignment, Name, Subject};
use super::connection::Connection;
use super::errors::failure;
use crate::framework::Diagnostic;
use crate::rest::{Error, Operation};

impl Connection {
    /// Returns whether the cached list of roles has this one.
    ///
    /// # Errors
    /// The error to report if the list cannot be read.
    pub(super) async fn has_role(&self, operation: &Operation, name: &Name) -> Result<bool, Diagnostic> {
        let roles = self.role_names(operation).await.map_err(|error| failure(&error))?;
        Ok(roles.iter().any(|role| role == name.as_str()))
    }

    /// Returns whether the cached list of policies has this one.
    ///
    /// # Errors
    /// The error to report if the list cannot be read.
    pub(super) async fn has_policy(&self, operation: &Operation, name: &Name) -> Result<bool, Diagnostic> {
        let policies = self.policy_names(operation).await.map_err(|error| failure(&error))?;
        Ok(policies.iter().any(|policy| policy == name.as_str()))
    }

    /// Fetches the list of roles, and returns whether it still has a role that a request did not
    /// find.
    ///
    /// # Errors
    /// The error to report if the list cannot be read.
    pub(super) async fn still_has_role(&self, operation: &Operation, name: &Name) -> Result<bool, Diagnostic> {
        let listed = self.fetch_lists_role(operation, name).await;
        listed.map_err(|error| failure(&error))
    }

    /// Fetches the list of policies, and returns whether it still has a policy that a request did
    /// not find.
    ///
    /// # Errors
    /// The error to report if the list cannot be read.
    pub(super) async fn still_has_policy(&self, operation: &Operation, name: &Name) -> Result<bool, Diagnostic> {
        let listed = self.fetch_lists_policy(operation, name).await;
        listed.map_err(|error| failure(&error))
    }

    /// Lists the assignments of a role; there are none if the role was deleted in the meantime.
    ///
    /// # Errors
    /// [`Error`]: the role may exist, and its assignments could not be read.
    pub(super) async fn assignments_or_none(
        &self,
        operation: &Operation,
        role: &Name,
    ) -> Result<Arc<[Assignment]>, Error> {
        let read = self.assignments(operation, role).await;
        let read = value_or_absent(read, self.still_has_role(operation, role)).await?;
        Ok(read.unwrap_or_default())
    }

    /// Returns whether a role exists and is assigned to the subject.
    ///
    /// # Errors
    /// The error to report if the role may exist and its assignments cannot be read.
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

    /// Returns whether a role exists and has the policy attached.
    ///
    /// # Errors
    /// The error to report if the role may exist and its policies cannot be read.
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

/// Returns the object that was read; `None` if reading failed and `is_listed` says that the
/// object does not exist.
///
/// # Errors
/// The error to report if the object may exist and could not be read.
pub(super) async fn or_absent<T>(
    read: Result<T, Error>,
    is_listed: impl Future<Output = Result<bool, Diagnostic>>,
) -> Result<Option<T>, Diagnostic> {
    value_or_absent(read, is_listed).await.map_err(|error| failure(&error))
}

/// Returns the object like [`or_absent`], or the request's error.
async fn value_or_absent<T>(
    read: Result<T, Error>,
    is_listed: impl Future<Output = Result<bool, Diagnostic>>,
) -> Result<Option<T>, Error> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error) if !is_rejected(&error) && is_listed.await == Ok(false) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns whether an object still exists after a request to delete it; `exists` reads the
/// platform's list.
///
/// # Errors
/// The error to report if the object exists, or may exist.
pub(super) async fn exists_after_delete(
    deleted: Result<(), Error>,
    exists: impl Future<Output = Result<bool, Diagnostic>>,
) -> Result<bool, Diagnostic> {
    match deleted {
        Ok(()) => exists.await,
        Err(error) => match is_rejected(&error) {
            false if exists.await == Ok(false) => Ok(false),
            _ => Err(failure(&error)),
        },
    }
}

/// Returns whether the platform rejected the provider's credential.
fn is_rejected(error: &Error) -> bool {
    matches!(error.status(), Some(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN))
}
