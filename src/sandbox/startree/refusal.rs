//! The errors of the platform, with the status and the body that the options select.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::options::{ErrorBody, Options};

/// The reason the platform rejects a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Unauthenticated,
    Forbidden,
    /// The addressed object does not exist.
    NotFound,
    /// The endpoint does not exist.
    NoEndpoint,
    MethodNotAllowed,
    UnsupportedMediaType,
    Invalid(&'static str),
    /// The name is in use.
    NameTaken,
    /// The assignment or attachment exists.
    AlreadyExists,
    /// The object has the relation that the text describes.
    InUse(&'static str),
}

impl Options {
    pub(super) fn status_and_message(&self, refusal: Refusal) -> (StatusCode, &'static str) {
        match refusal {
            Refusal::Unauthenticated => (StatusCode::UNAUTHORIZED, "Unauthorized."),
            Refusal::Forbidden => (StatusCode::FORBIDDEN, "Access denied."),
            Refusal::NotFound => (self.not_found, "The resource does not exist."),
            Refusal::NoEndpoint => (StatusCode::NOT_FOUND, "There is no such endpoint."),
            Refusal::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "Method not allowed."),
            Refusal::UnsupportedMediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported media type."),
            Refusal::Invalid(problem) => (StatusCode::BAD_REQUEST, problem),
            Refusal::NameTaken => (self.name_taken, "The name is in use."),
            Refusal::AlreadyExists => (StatusCode::CONFLICT, "The relation exists already."),
            Refusal::InUse(by) => (self.in_use, by),
        }
    }

    /// The answer to a rejected request.
    pub(super) fn rejected(&self, refusal: Refusal) -> Response {
        let (status, message) = self.status_and_message(refusal);
        match self.errors {
            ErrorBody::Message => (status, Json(json!({ "message": message }))).into_response(),
            ErrorBody::Spring => {
                let body = json!({"timestamp": "2027-01-01T00:00:00Z", "status": status.as_u16(), "error": message});
                (status, Json(body)).into_response()
            }
            ErrorBody::Plain => (status, message).into_response(),
            ErrorBody::Empty => status.into_response(),
        }
    }
}
