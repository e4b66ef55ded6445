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
    NotFound,
    MethodNotAllowed,
    UnsupportedMediaType,
    /// The field, and the reason why it is not valid.
    Invalid(&'static str, &'static str),
    /// The limit of permanent tokens is reached.
    LimitReached,
}

impl Options {
    /// The answer to a rejected request.
    pub(super) fn rejected(&self, refusal: &Refusal) -> Response {
        let (status, message, field) = match refusal {
            Refusal::Unauthenticated => (StatusCode::UNAUTHORIZED, "Invalid token.", None),
            Refusal::NotFound => (StatusCode::NOT_FOUND, "Not found.", None),
            Refusal::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "Method not allowed.", None),
            Refusal::UnsupportedMediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported media type.", None),
            Refusal::Invalid(field, problem) => {
                (StatusCode::BAD_REQUEST, "Validation error.", Some((*field, *problem)))
            }
            Refusal::LimitReached => (self.limit_reached, "The limit of permanent tokens is reached.", None),
        };
        let code = status.as_u16();
        let field = field.map(|(name, message)| json!({"name": name, "message": message, "error_code": code}));
        match self.errors {
            ErrorBody::Documented => {
                let fields: Vec<_> = field.into_iter().collect();
                let body = json!({"error_codes": [code], "message": message, "fields": fields});
                (status, Json(body)).into_response()
            }
            ErrorBody::Detail => (status, Json(json!({ "detail": message }))).into_response(),
            ErrorBody::Empty => status.into_response(),
        }
    }
}
