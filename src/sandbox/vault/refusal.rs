//! The errors of Vault.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::answer::envelope;

/// The reason Vault rejects a request. Every answer is `{"errors": […]}`.
#[derive(Debug)]
pub(super) enum Refusal {
    /// 400
    Invalid(&'static str),
    /// 400: the credentials of a login are not accepted.
    Login(String),
    /// 403: no token, or an unknown one.
    Unauthenticated,
    /// 403: the token's policies do not allow it.
    Denied,
    /// 403: nothing is mounted at the path, or the token has no capability below the mount.
    NoAccess(String),
    /// 404. For a deleted or destroyed version, with its metadata.
    NotFound(Option<Value>),
    /// 404: nothing is mounted at the path.
    NoHandler(String),
    /// 404: the mounted engine has no such path.
    UnsupportedPath,
    /// 404: a KV version 2 has no such path.
    InvalidPath,
    /// 405
    UnsupportedOperation,
    /// 500: the cubbyhole's answer to an invalid request.
    Internal(&'static str),
    /// 503
    Sealed,
}

impl Refusal {
    /// The answer with this request id.
    pub(super) fn into_response(self, id: &str) -> Response {
        let (status, errors) = match self {
            Self::Invalid(reason) => (StatusCode::BAD_REQUEST, vec![reason.to_owned()]),
            Self::Login(reason) => (StatusCode::BAD_REQUEST, vec![reason]),
            Self::Unauthenticated => (StatusCode::FORBIDDEN, vec!["permission denied".to_owned()]),
            Self::Denied => (StatusCode::FORBIDDEN, vec![wrapped("permission denied")]),
            Self::NoAccess(path) => (
                StatusCode::FORBIDDEN,
                vec![format!(
                    "preflight capability check returned 403, please ensure client's policies grant access to path {path:?}"
                )],
            ),
            Self::NotFound(Some(data)) => return (StatusCode::NOT_FOUND, Json(envelope(id, data))).into_response(),
            Self::NotFound(None) => (StatusCode::NOT_FOUND, Vec::new()),
            Self::NoHandler(path) => (
                StatusCode::NOT_FOUND,
                vec![format!("no handler for route {path:?}. route entry not found.")],
            ),
            Self::UnsupportedPath => (StatusCode::NOT_FOUND, vec![wrapped("unsupported path")]),
            Self::InvalidPath => {
                let mut answer = envelope(id, Value::Null);
                let warning = "Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API \
                               endpoints to use.";
                if let Some(answer) = answer.as_object_mut() {
                    answer.insert("warnings".to_owned(), json!([warning]));
                }
                return (StatusCode::NOT_FOUND, Json(answer)).into_response();
            }
            Self::UnsupportedOperation => (StatusCode::METHOD_NOT_ALLOWED, vec![wrapped("unsupported operation")]),
            Self::Internal(reason) => (StatusCode::INTERNAL_SERVER_ERROR, vec![wrapped(reason)]),
            Self::Sealed => (StatusCode::SERVICE_UNAVAILABLE, vec!["Vault is sealed".to_owned()]),
        };
        (status, Json(json!({ "errors": errors }))).into_response()
    }
}

/// Formats an error as Vault's router forwards it.
fn wrapped(reason: &str) -> String {
    format!("1 error occurred:\n\t* {reason}\n\n")
}
