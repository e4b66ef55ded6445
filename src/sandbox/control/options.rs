//! The endpoints of the platform's behaviour.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

use super::activity::Source;
use super::management::TokenManagement;
use super::rejection::{Rejection, read_body};
use super::request::Change;
use crate::sandbox::Sandbox;

pub(super) async fn read<P: TokenManagement>(State(sandbox): State<Sandbox<P>>) -> Json<P::Options> {
    sandbox.with(|platform, _| Json(platform.options_mut().clone()))
}

/// Changes the given options.
pub(super) async fn change<P: TokenManagement>(
    State(sandbox): State<Sandbox<P>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let changes: Result<Map<String, Value>, _> = read_body(&body);
    let target = changes.as_ref().map_or_else(
        |_| "options".to_owned(),
        |changes| changes.keys().map(String::as_str).collect::<Vec<_>>().join(", "),
    );
    let change = Change::by(Source::Control, &headers, "change options", target);
    let outcome = changes.and_then(|changes| {
        sandbox.with(|platform, _| {
            let invalid = |error: serde_json::Error| Rejection::invalid(error.to_string());
            let mut options = serde_json::to_value(platform.options_mut()).map_err(invalid)?;
            if let Some(fields) = options.as_object_mut() {
                fields.extend(changes);
            }
            *platform.options_mut() = serde_json::from_value(options).map_err(invalid)?;
            Ok(Json(platform.options_mut()).into_response())
        })
    });
    sandbox.finish(change, outcome)
}
