//! The errors of the control API.

use axum::Json;
use axum::extract::Query;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The reason a request is rejected. The answer is `{"message": "…"}`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Rejection {
    /// The HTTP status.
    pub status: StatusCode,
    /// What is wrong, and what to do.
    pub message: String,
}

impl Rejection {
    /// Creates a rejection.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
        }
    }

    /// 400: the request is not valid.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 409: the platform cannot do this with the object.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, message)
    }

    /// 404: the object does not exist.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }
}

/// The body of an error.
#[derive(Serialize, JsonSchema)]
pub(super) struct Message {
    message: String,
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        let Self { status, message } = self;
        (status, Json(Message { message })).into_response()
    }
}

/// Parses a JSON body.
pub(crate) fn read_body<T: DeserializeOwned>(body: &[u8]) -> Result<T, Rejection> {
    serde_json::from_slice(body).map_err(|error| Rejection::invalid(format!("the request's body: {error}")))
}

/// Parses the query.
pub(crate) fn read_query<T: DeserializeOwned>(uri: &Uri) -> Result<T, Rejection> {
    let query = Query::try_from_uri(uri).map_err(|error| Rejection::invalid(format!("the query: {error}")))?;
    Ok(query.0)
}
