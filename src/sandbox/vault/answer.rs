//! The answers to successful requests.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

/// The answer to a successful request.
pub(super) enum Success {
    /// Data in the envelope's `data`.
    Data(Value),
    /// Data in the envelope's `data` and in the envelope itself.
    DataTwice(Map<String, Value>),
    /// A token in the envelope's `auth`.
    Auth(Value),
    /// A status and a body without envelope.
    Bare(StatusCode, Value),
    NoContent,
}

impl Success {
    /// The answer with this request id.
    pub(super) fn into_response(self, id: &str) -> Response {
        match self {
            Self::Data(data) => Json(envelope(id, data)).into_response(),
            Self::DataTwice(data) => {
                let mut answer = envelope(id, data.clone().into());
                if let Some(answer) = answer.as_object_mut() {
                    answer.extend(data);
                }
                Json(answer).into_response()
            }
            Self::Auth(auth) => {
                let mut answer = envelope(id, Value::Null);
                if let Some(answer) = answer.as_object_mut() {
                    answer.insert("auth".to_owned(), auth);
                }
                Json(answer).into_response()
            }
            Self::Bare(status, body) => (status, Json(body)).into_response(),
            Self::NoContent => StatusCode::NO_CONTENT.into_response(),
        }
    }
}

/// The envelope of answers.
pub(super) fn envelope(id: &str, data: Value) -> Value {
    json!({
        "request_id": id,
        "lease_id": "",
        "renewable": false,
        "lease_duration": 0,
        "data": data,
        "wrap_info": null,
        "warnings": null,
        "auth": null,
    })
}
