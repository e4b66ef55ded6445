//! The errors of the platform, with the status and the body that the options select.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::SignedDuration;
use serde_json::json;

use super::options::{ErrorBody, Options, RefusalStatus};

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

impl Refusal {
    /// The documented status code.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Invalid(_) => StatusCode::BAD_REQUEST,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
        }
    }
}

impl Options {
    /// The answer to a rejected request.
    pub(super) fn rejected(&self, refusal: &Refusal) -> Response {
        let (status, message) = (refusal.status(), refusal.to_string());
        let mut answer = match self.errors {
            ErrorBody::Message => (status, Json(json!({ "message": message }))).into_response(),
            ErrorBody::Nested => (status, Json(json!({ "error": { "message": message } }))).into_response(),
            ErrorBody::Plain => (status, message).into_response(),
            ErrorBody::Empty => status.into_response(),
        };
        if let (Refusal::TooMany { retry_after }, true) = (refusal, self.retry_after) {
            let seconds = retry_after.as_secs() + i64::from(retry_after.subsec_nanos() > 0);
            answer
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        answer
    }
}

impl IntoResponse for Refusal {
    /// Returns `{"message": …}` regardless of the options.
    fn into_response(self) -> Response {
        Options::default().rejected(&self)
    }
}

impl RefusalStatus {
    /// Creates an error with this status.
    pub(super) fn because(self, reason: impl Into<String>) -> Refusal {
        let reason = reason.into();
        match self {
            Self::BadRequest => Refusal::Invalid(reason),
            Self::Forbidden => Refusal::Forbidden(reason),
            Self::Conflict => Refusal::Conflict(reason),
        }
    }
}
