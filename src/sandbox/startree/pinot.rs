//! The part of Pinot that validates tokens: `GET /appconfigs`, which the page *Generate an API
//! token* calls with a bearer token.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::Sandbox;
use super::api::{bearer, credentials};

pub(super) fn routes() -> Router<Sandbox> {
    Router::new().route("/appconfigs", get(app_configs))
}

async fn app_configs(State(sandbox): State<Sandbox>, headers: HeaderMap) -> Response {
    sandbox.with(|environment, now| {
        let value = bearer(&headers).map(str::to_owned);
        let value = value.or_else(|| basic_auth(&headers).filter(|_| environment.options.basic_auth));
        let token = value.and_then(|bearer| environment.token_with_value(&bearer));
        match token.map(|token| environment.pinot_accepts(token, now)) {
            Some(true) => Json(json!({"systemConfig": {"arch": "amd64"}, "runtimeConfig": {}})).into_response(),
            Some(false) => environment.options.forbidden.into_response(),
            None => StatusCode::UNAUTHORIZED.into_response(),
        }
    })
}

/// Returns the bearer token that corresponds to user name and password.
fn basic_auth(headers: &HeaderMap) -> Option<String> {
    let decoded = STANDARD.decode(credentials(headers, "Basic")?).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (user, password) = text.split_once(':')?;
    Some(format!("st-{user}-{password}"))
}
