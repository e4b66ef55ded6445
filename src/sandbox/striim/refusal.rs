//! The errors of the platform.

use jiff::SignedDuration;

use super::options::Refused;

/// The reason the platform rejects a request: one variant per status code in the document's table
/// of errors.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// 400: a parameter violates a rule.
    #[error("{0}")]
    Invalid(String),
    /// 401: no token, or one that is unknown, revoked, rotated or expired.
    #[error("the bearer token is missing or not valid")]
    Unauthenticated,
    /// 403: the caller's role lacks the permission, or the token belongs to another account.
    #[error("{0}")]
    Forbidden(String),
    /// 404: no such service account, user or token.
    #[error("{0}")]
    NotFound(String),
    /// 409: the quota is used up, or the object exists already.
    #[error("{0}")]
    Conflict(String),
    /// 429: too many requests of a kind within a minute.
    #[error("too many requests of this kind within a minute")]
    TooMany {
        /// The time until another request is accepted.
        retry_after: SignedDuration,
    },
}

impl Refused {
    pub(super) fn because(self, reason: impl Into<String>) -> Refusal {
        let reason = reason.into();
        match self {
            Self::BadRequest => Refusal::Invalid(reason),
            Self::Forbidden => Refusal::Forbidden(reason),
            Self::Conflict => Refusal::Conflict(reason),
        }
    }
}
