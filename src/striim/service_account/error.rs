//! The errors of a creation and of a rotation.

use std::sync::Arc;

use http::StatusCode;

use crate::rest::Error;
use crate::striim::api::{ServiceAccount, find};

/// The error of a creation.
#[derive(Debug)]
pub(in crate::striim) struct CreateError {
    /// The last failed request.
    pub(in crate::striim) error: Error,
    /// The last list of the service accounts, if one was received.
    pub(in crate::striim) accounts: Option<Arc<[ServiceAccount]>>,
    /// Whether the account exists or may exist, without a known value.
    pub(in crate::striim) may_exist: bool,
}

/// The error of a rotation, or of the creation in its place.
#[derive(Debug)]
pub(in crate::striim) enum ReissueError {
    Rotate(Error),
    Create(CreateError),
}

impl CreateError {
    pub(super) fn without_effect(error: Error) -> Self {
        Self {
            error,
            accounts: None,
            may_exist: false,
        }
    }

    /// Whether the name is taken, or the quota used up.
    ///
    /// The status for that is not documented. 409 means it; 400 is for any invalid argument, and
    /// means it only without a message, or with one about the name or the quota.
    pub(in crate::striim) fn is_conflict(&self) -> bool {
        match self.error.status() {
            Some(StatusCode::CONFLICT) => true,
            Some(StatusCode::BAD_REQUEST) => self.error.platform_message().is_none_or(is_about_conflict),
            _ => false,
        }
    }

    /// Whether an account that the list does not show may hold the name, as an expired one may.
    pub(super) fn may_be_hidden(&self, name: &str) -> bool {
        let accounts = self.accounts.as_ref();
        self.is_conflict() && !self.may_exist && accounts.is_some_and(|accounts| find(accounts, name).is_none())
    }
}

/// Whether the message of a 400 is about a name that is taken or a quota, and not about another argument.
fn is_about_conflict(message: &str) -> bool {
    const TAKEN: [&str; 5] = ["already exist", "exists", "is taken", "already in use", "duplicate"];
    const QUOTA: [&str; 6] = ["quota", "limit", "maximum", "at most", "too many", "unique"];
    const OTHER: [&str; 6] = ["expir", "descri", "date", "month", "day", "character"];
    let message = message.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| message.contains(word));
    has(&TAKEN) || (has(&QUOTA) && !has(&OTHER))
}

#[cfg(test)]
mod tests {
    #[test]
    fn bad_request_is_conflict_only_with_message_about_name_or_quota() {
        for (message, expected) in [
            ("a service account named \"ci\" exists", true),
            ("Service account name already exists", true),
            ("Name is taken", true),
            ("name must be unique", true),
            ("the account has 3 active service accounts of at most 3", true),
            ("Token quota exceeded", true),
            ("expires-at must be within 12 months", false),
            ("expiresAt exceeds the maximum of 365 days", false),
            ("The expiration date has already passed", false),
            ("description: must have at most 255 characters", false),
            ("name: must have 3 to 30 characters", false),
            ("Bad Request", false),
        ] {
            assert_eq!(super::is_about_conflict(message), expected, "{message}");
        }
    }
}
