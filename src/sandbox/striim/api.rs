//! The REST API: exactly the endpoints of the document's reference.
//!
//! A request is authenticated, counted against the rate limits, parsed and executed, in this order.
//! Requests are validated strictly: an undocumented query parameter or body field is a 400, so that
//! a client cannot rely on one. The toggle ignores its body, because none is documented.

use std::convert::Infallible;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{FromRequestParts, Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri, header};
use axum::response::Response;
use axum::routing::{get, post};
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Sandbox;
use super::caller::{Caller, UserRef};
use super::rate_limit::LimitedOperation;
use super::refusal::Refusal;
use super::state::Account;

/// The API's endpoints, relative to the base URL.
pub(super) fn routes() -> Router<Sandbox> {
    Router::new()
        .route("/service-accounts", get(list))
        .route("/service-account", post(create).delete(delete))
        .route("/service-account/rotate", post(rotate))
        .route("/user-token", get(user_token).delete(revoke_user_token))
        .route("/user-token/rotate", post(rotate_user_token))
        .route("/user-token/status", get(pat_status).patch(toggle_pat_status))
        .fallback(not_found)
}

async fn list(State(sandbox): State<Sandbox>, credential: Credential) -> Response {
    sandbox.serve(&credential, None, |account, caller, now| {
        Ok(account.options.service_accounts(account.list(caller, now)?))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Creation {
    name: String,
    description: Option<String>,
    expires_at: Option<Timestamp>,
}

async fn create(State(sandbox): State<Sandbox>, credential: Credential, body: Bytes) -> Response {
    sandbox.serve(&credential, Some(LimitedOperation::Issue), |account, caller, now| {
        let Creation {
            name,
            description,
            expires_at,
        } = read_body(&body)?;
        let created = account.create(caller, name, description, expires_at, now)?;
        Ok(account.options.created(&created))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Rotation {
    name: String,
    expires_at: Option<Timestamp>,
}

async fn rotate(State(sandbox): State<Sandbox>, credential: Credential, body: Bytes) -> Response {
    sandbox.serve(&credential, Some(LimitedOperation::Issue), |account, caller, now| {
        let Rotation { name, expires_at } = read_body(&body)?;
        let rotated = account.rotate(caller, &name, expires_at, now)?;
        Ok(account.options.rotated(&rotated))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ByName {
    name: String,
}

async fn delete(State(sandbox): State<Sandbox>, credential: Credential, uri: Uri) -> Response {
    sandbox.serve(&credential, Some(LimitedOperation::Revoke), |account, caller, now| {
        let ByName { name } = read_query(&uri)?;
        account.delete(caller, &name, now)?;
        Ok(account.options.deleted(&name))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ByEmail {
    email: Option<String>,
}

async fn user_token(State(sandbox): State<Sandbox>, credential: Credential, uri: Uri) -> Response {
    sandbox.serve(&credential, None, |account, caller, _| {
        let ByEmail { email } = read_query(&uri)?;
        let (user, pat) = account.pat(caller, email.as_deref().map_or(UserRef::Caller, UserRef::Email))?;
        Ok(account.options.pat(user, pat))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct PatRotation {
    email: Option<String>,
    expires_at: Option<Timestamp>,
}

async fn rotate_user_token(State(sandbox): State<Sandbox>, credential: Credential, body: Bytes) -> Response {
    sandbox.serve(&credential, Some(LimitedOperation::Issue), |account, caller, now| {
        let PatRotation { email, expires_at } = read_body(&body)?;
        let of = email.as_deref().map_or(UserRef::Caller, UserRef::Email);
        let (user, pat) = account.rotate_pat(caller, of, expires_at, now)?;
        Ok(account.options.pat_rotated(&user, &pat))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Revocation {
    email: Option<String>,
    user_id: Option<i64>,
}

async fn revoke_user_token(State(sandbox): State<Sandbox>, credential: Credential, uri: Uri) -> Response {
    sandbox.serve(&credential, Some(LimitedOperation::Revoke), |account, caller, now| {
        let revocation: Revocation = read_query(&uri)?;
        let of = match (&revocation.email, revocation.user_id) {
            (Some(email), None) => UserRef::Email(email),
            (None, Some(id)) => UserRef::Id(id),
            _ => {
                return Err(Refusal::Invalid("either email or user-id is required".to_owned()));
            }
        };
        account.revoke_pat(caller, of, now)?;
        Ok(account.options.deleted("the personal access token"))
    })
}

async fn pat_status(State(sandbox): State<Sandbox>, credential: Credential) -> Response {
    sandbox.serve(&credential, None, |account, caller, _| {
        Ok(account.options.pat_status(account.pat_status(caller)?))
    })
}

async fn toggle_pat_status(State(sandbox): State<Sandbox>, credential: Credential) -> Response {
    sandbox.serve(&credential, Some(LimitedOperation::Toggle), |account, caller, now| {
        let enabled = account.toggle_pats(caller, now)?;
        Ok(account.options.toggled(enabled))
    })
}

async fn not_found(State(sandbox): State<Sandbox>, credential: Credential) -> Response {
    sandbox.serve(&credential, None, |_, _, _| {
        Err(Refusal::NotFound("there is no endpoint at this path".to_owned()))
    })
}

impl Sandbox {
    /// Authenticates a request, checks its rate limit and executes it.
    fn serve(
        &self,
        credential: &Credential,
        limited: Option<LimitedOperation>,
        operation: impl FnOnce(&mut Account, &Caller, Timestamp) -> Result<Response, Refusal>,
    ) -> Response {
        self.with(|account, now| {
            let answer = account
                .admit(credential, limited, now)
                .and_then(|caller| operation(account, &caller, now));
            answer.unwrap_or_else(|refusal| account.options.rejected(&refusal))
        })
    }
}

impl Account {
    /// Authenticates a request and checks its rate limit.
    fn admit(
        &mut self,
        credential: &Credential,
        limited: Option<LimitedOperation>,
        now: Timestamp,
    ) -> Result<Caller, Refusal> {
        let caller = self.authenticate(credential.0.as_deref(), now)?;
        limited.map_or(Ok(()), |operation| self.check_rate_limit(operation, now))?;
        Ok(caller)
    }
}

/// The token of an `Authorization: Bearer <token>` header, if there is one.
struct Credential(Option<String>);

impl<S: Sync> FromRequestParts<S> for Credential {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(bearer(&parts.headers).map(str::to_owned)))
    }
}

/// The bearer token of a request.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let header = headers.get(header::AUTHORIZATION)?;
    header.to_str().ok()?.strip_prefix("Bearer ")
}

/// Parses a JSON body; an error is a 400.
fn read_body<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::Invalid(format!("the request's body: {error}")))
}

fn read_query<T: DeserializeOwned>(uri: &Uri) -> Result<T, Refusal> {
    let query = Query::try_from_uri(uri).map_err(|error| Refusal::Invalid(format!("the query: {error}")))?;
    Ok(query.0)
}
