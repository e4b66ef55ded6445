//! The control API, by which a test inspects and changes the platform. The parent module documents
//! it.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use jiff::{Span, Timestamp, tz::TimeZone};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Sandbox;
use super::api::{Credential, PatRotation, read_body};
use super::caller::UserRef;
use super::refusal::Refusal;
use super::state::Account;
use super::token::Token;
use super::user::Role;
use crate::sandbox::{Effect, Fault};

/// The endpoints below `/sandbox` without those of the console.
pub(super) fn routes() -> Router<Sandbox> {
    Router::new()
        .route("/", get(inspect))
        .route("/clock", get(clock).post(move_clock))
        .route("/audit", get(audit))
        .route("/calls", get(calls).delete(reset_calls))
        .route("/values", get(values))
        .route("/options", get(options).patch(change_options))
        .route("/faults", get(faults).post(add_fault).delete(clear_faults))
        .route("/service-account", post(seed_service_account))
        .route("/user", post(seed_user))
        .route("/user-token", post(seed_user_token))
}

/// The operations that the web console offers and the API does not.
pub(super) fn console_only() -> Router<Sandbox> {
    Router::new().route("/user-token", post(create_user_token))
}

async fn inspect(State(sandbox): State<Sandbox>) -> Json<Value> {
    sandbox.with(|account, now| Json(describe(account, now)))
}

fn describe(account: &Account, now: Timestamp) -> Value {
    let token = |token: &Token| {
        json!({
            "token-id": token.id,
            "expires-at": token.expires_at,
            "live": token.is_live(now),
            "updated-at": token.updated.at,
            "updated-by": token.updated.by,
        })
    };
    let users = account.users.iter().map(|user| {
        let pat = account.pats.get(&user.id).map(token);
        json!({ "id": user.id, "email": user.email, "role": user.role, "token": pat })
    });
    let service_accounts = account
        .service_accounts
        .values()
        .map(|found| json!({ "name": found.name, "description": found.description, "token": token(&found.token) }));
    json!({
        "account": account.name,
        "now": now,
        "quota": { "limit": account.options.quota, "used": account.quota_used(now) },
        "service-accounts": service_accounts.collect::<Vec<_>>(),
        "users": users.collect::<Vec<_>>(),
        "pats-enabled": account.pats_enabled,
        "usage": { "service-account": account.usage.service_account, "personal": account.usage.personal },
    })
}

async fn clock(State(sandbox): State<Sandbox>) -> Json<Value> {
    Json(json!({ "now": sandbox.clock.now() }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
enum Move {
    Advance(Span),
    Now(Timestamp),
}

async fn move_clock(State(sandbox): State<Sandbox>, body: Bytes) -> Result<Json<Value>, Refusal> {
    let now = match read_body(&body)? {
        Move::Now(now) => now,
        Move::Advance(span) => {
            let later = sandbox.clock.now().to_zoned(TimeZone::UTC).checked_add(span);
            later.map_err(|error| Refusal::Invalid(error.to_string()))?.timestamp()
        }
    };
    sandbox.clock.set(now);
    Ok(clock(State(sandbox)).await)
}

async fn audit(State(sandbox): State<Sandbox>) -> Response {
    Json(sandbox.audit()).into_response()
}

async fn calls(State(sandbox): State<Sandbox>) -> Response {
    Json(&sandbox.traffic.lock().calls).into_response()
}

async fn reset_calls(State(sandbox): State<Sandbox>) -> StatusCode {
    sandbox.traffic.lock().calls.clear();
    StatusCode::NO_CONTENT
}

async fn values(State(sandbox): State<Sandbox>) -> Json<Value> {
    let issued = sandbox.issued_values();
    Json(json!({
        "admin": sandbox.admin_token().expose_secret(),
        "foreign": sandbox.foreign_token().expose_secret(),
        "issued": issued.iter().map(ExposeSecret::expose_secret).collect::<Vec<_>>(),
    }))
}

async fn options(State(sandbox): State<Sandbox>) -> Response {
    sandbox.with(|account, _| Json(&account.options).into_response())
}

async fn change_options(State(sandbox): State<Sandbox>, body: Bytes) -> Result<Response, Refusal> {
    let changes: serde_json::Map<String, Value> = read_body(&body)?;
    sandbox.with(|account, _| {
        let invalid = |error: serde_json::Error| Refusal::Invalid(error.to_string());
        let mut options = serde_json::to_value(&account.options).map_err(invalid)?;
        if let Some(fields) = options.as_object_mut() {
            fields.extend(changes);
        }
        account.options = serde_json::from_value(options).map_err(invalid)?;
        Ok(Json(&account.options).into_response())
    })
}

async fn faults(State(sandbox): State<Sandbox>) -> Response {
    Json(&sandbox.traffic.lock().faults).into_response()
}

async fn add_fault(State(sandbox): State<Sandbox>, body: Bytes) -> Result<StatusCode, Refusal> {
    let fault: Fault = read_body(&body)?;
    if let Effect::Answer(answer) = &fault.effect {
        answer.build().map_err(|error| Refusal::Invalid(error.to_string()))?;
    }
    sandbox.fault(fault);
    Ok(StatusCode::NO_CONTENT)
}

async fn clear_faults(State(sandbox): State<Sandbox>) -> StatusCode {
    sandbox.clear_faults();
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct ServiceAccountSeed {
    name: String,
    description: Option<String>,
    /// Absent for a legacy token.
    expires_at: Option<Timestamp>,
    /// Absent for a random value.
    token: Option<SecretString>,
}

async fn seed_service_account(State(sandbox): State<Sandbox>, body: Bytes) -> Result<Response, Refusal> {
    let ServiceAccountSeed {
        name,
        description,
        expires_at,
        token,
    } = read_body(&body)?;
    sandbox.with(|account, now| {
        let seeded = account.seed_service_account(name, description, expires_at, token, now);
        Ok(account.options.created(&seeded))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct UserSeed {
    email: String,
    role: Role,
}

async fn seed_user(State(sandbox): State<Sandbox>, body: Bytes) -> Result<Json<Value>, Refusal> {
    let UserSeed { email, role } = read_body(&body)?;
    let user = sandbox.add_user(&email, role);
    Ok(Json(json!({ "id": user.id, "email": user.email, "role": user.role })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct PatSeed {
    email: String,
    /// Absent for a legacy token.
    expires_at: Option<Timestamp>,
    /// Absent for a random value.
    token: Option<SecretString>,
}

async fn seed_user_token(State(sandbox): State<Sandbox>, body: Bytes) -> Result<Response, Refusal> {
    let PatSeed {
        email,
        expires_at,
        token,
    } = read_body(&body)?;
    sandbox.with(|account, now| {
        let (user, pat) = account.seed_pat(&email, expires_at, token, now)?;
        Ok(account.options.pat_rotated(&user, &pat))
    })
}

async fn create_user_token(State(sandbox): State<Sandbox>, credential: Credential, body: Bytes) -> Response {
    sandbox.serve(&credential, None, |account, caller, now| {
        let PatRotation { email, expires_at } = read_body(&body)?;
        let of = email.as_deref().map_or(UserRef::Caller, UserRef::Email);
        let (user, pat) = account.create_pat(caller, of, expires_at, now)?;
        Ok(account.options.pat_rotated(&user, &pat))
    })
}
