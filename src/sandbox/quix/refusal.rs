//! The errors of the platform, with the status and the body that the options select.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::options::{ErrorBody, Options};

/// The reason the platform rejects a request.
#[derive(Debug)]
pub(super) enum Refusal {
    Unauthenticated,
    /// The caller lacks the permission.
    Forbidden,
    NotFound,
    MethodNotAllowed,
    /// The request is not valid, for this reason.
    Invalid(&'static str),
    /// The platform answers this status, for this reason.
    Rejected(StatusCode, &'static str),
}

impl Options {
    pub(super) fn status_and_message(&self, refusal: &Refusal) -> (StatusCode, &'static str) {
        match refusal {
            Refusal::Unauthenticated => (StatusCode::UNAUTHORIZED, "The token is not valid."),
            Refusal::Forbidden => (self.forbidden, "The caller lacks the permission."),
            Refusal::NotFound => (StatusCode::NOT_FOUND, "Not found."),
            Refusal::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "Method not allowed."),
            Refusal::Rejected(status, problem) => (*status, *problem),
            Refusal::Invalid(problem) => (StatusCode::BAD_REQUEST, *problem),
        }
    }

    /// The answer to a rejected request.
    pub(super) fn rejected(&self, refusal: &Refusal) -> Response {
        let (status, message) = self.status_and_message(refusal);
        match self.errors {
            ErrorBody::Problem => {
                let body = json!({"title": "Error", "status": status.as_u16(), "detail": message});
                (status, Json(body)).into_response()
            }
            ErrorBody::Message => (status, Json(json!({ "message": message }))).into_response(),
            ErrorBody::Plain => (status, message).into_response(),
            ErrorBody::Empty => status.into_response(),
        }
    }
}
