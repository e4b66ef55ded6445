//! The endpoints of tokens.

use std::cmp::Ordering;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use schemars::JsonSchema;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::management::{Fields, TokenManagement};
use super::rejection::{Rejection, read_body, read_query};
use super::request::Change;
use super::token::{IssuedToken, TokenState, TokenView};
use crate::sandbox::Sandbox;

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 500;

/// Selects tokens.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    /// The state.
    state: Option<TokenState>,
    /// A part of the name, the owner, the description or another text, in any case.
    query: Option<String>,
    /// The kind.
    kind: Option<String>,
    /// The number of tokens to skip.
    #[serde(default)]
    offset: usize,
    /// The maximum number of tokens; at most 500, by default 100.
    limit: Option<usize>,
}

/// A page of tokens.
#[derive(Serialize, JsonSchema)]
pub(super) struct Page {
    /// The number of all matching tokens.
    total: usize,
    tokens: Vec<TokenView>,
}

/// A new token.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Creation {
    /// The kind of the token.
    kind: String,
    /// The fields of the kind, as the overview lists them.
    #[serde(flatten)]
    fields: Map<String, Value>,
}

/// A rotation.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Rotation {
    /// The new expiry; by default the platform decides.
    expires_at: Option<Timestamp>,
}

/// A token and its value.
#[derive(Serialize, JsonSchema)]
pub(super) struct Issued {
    token: TokenView,
    /// The value. It is shown only here.
    value: String,
}

/// A token that was changed.
#[derive(Serialize, JsonSchema)]
pub(super) struct Changed {
    token: TokenView,
}

impl Filter {
    fn matches(&self, token: &TokenView) -> bool {
        let kind = self.kind.as_deref().filter(|kind| !kind.is_empty());
        self.state.is_none_or(|state| token.state == state)
            && kind.is_none_or(|kind| token.kind == kind)
            && self
                .query
                .as_deref()
                .is_none_or(|query| contains(token, &query.to_lowercase()))
    }
}

/// Whether a text of the token contains the query, which is in lower case.
fn contains(token: &TokenView, query: &str) -> bool {
    let texts = [
        Some(&token.name),
        Some(&token.id),
        token.owner.as_ref(),
        token.description.as_ref(),
    ];
    let mut texts = texts.into_iter().flatten().chain(token.details.values());
    query.is_empty() || texts.any(|text| text.to_lowercase().contains(query))
}

/// The matching tokens: those that exist by name, then those that ended, the latest first.
pub(super) async fn list<P: TokenManagement>(
    State(sandbox): State<Sandbox<P>>,
    uri: Uri,
) -> Result<Json<Page>, Rejection> {
    let filter: Filter = read_query(&uri)?;
    let (mut tokens, ended) = sandbox.with(|platform, now| (platform.tokens(now), platform.ended_tokens().clone()));
    tokens.sort_unstable_by(by_name);
    tokens.extend(ended.latest_first().cloned());
    tokens.retain(|token| filter.matches(token));
    let total = tokens.len();
    let limit = filter.limit.unwrap_or(DEFAULT_LIMIT).min(MAX_LIMIT);
    let page: Vec<_> = tokens.into_iter().skip(filter.offset).take(limit).collect();
    Ok(Json(Page { total, tokens: page }))
}

fn by_name(one: &TokenView, other: &TokenView) -> Ordering {
    (&one.name, one.slot, &one.id).cmp(&(&other.name, other.slot, &other.id))
}

pub(super) async fn create<P: TokenManagement>(
    State(sandbox): State<Sandbox<P>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let creation = read_body::<Creation>(&body);
    let target = match &creation {
        Ok(Creation { kind, fields }) => match fields.get("name") {
            Some(Value::String(name)) => format!("{kind} {name}"),
            _ => kind.clone(),
        },
        Err(_) => "token".to_owned(),
    };
    let outcome = creation.and_then(|Creation { kind, fields }| {
        let issued = sandbox.with(|platform, now| platform.create(&kind, Fields::new(fields), now))?;
        Ok((StatusCode::CREATED, answer(issued)).into_response())
    });
    sandbox.finish(Change::console(&headers, "create", target), outcome)
}

pub(super) async fn rotate<P: TokenManagement>(
    State(sandbox): State<Sandbox<P>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let change = Change::console(&headers, "rotate", sandbox.description(&id));
    let outcome = (|| {
        let Rotation { expires_at } = match body.is_empty() {
            true => Rotation::default(),
            false => read_body(&body)?,
        };
        let issued = sandbox.with(|platform, now| platform.rotate(&id, expires_at, now))?;
        Ok(answer(issued).into_response())
    })();
    sandbox.finish(change, outcome)
}

pub(super) async fn activate<P: TokenManagement>(
    State(sandbox): State<Sandbox<P>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    set_active(&sandbox, &id, true, &headers)
}

pub(super) async fn deactivate<P: TokenManagement>(
    State(sandbox): State<Sandbox<P>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    set_active(&sandbox, &id, false, &headers)
}

fn set_active<P: TokenManagement>(sandbox: &Sandbox<P>, id: &str, is_active: bool, headers: &HeaderMap) -> Response {
    let action = if is_active { "activate" } else { "deactivate" };
    let change = Change::console(headers, action, sandbox.description(id));
    let outcome = sandbox
        .with(|platform, now| platform.set_active(id, is_active, now))
        .and_then(|()| {
            let token = sandbox
                .token_by_id(id)
                .ok_or_else(|| Rejection::not_found("the token is gone"))?;
            Ok(Json(Changed { token }).into_response())
        });
    sandbox.finish(change, outcome)
}

pub(super) async fn revoke<P: TokenManagement>(
    State(sandbox): State<Sandbox<P>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let change = Change::console(&headers, "revoke", sandbox.description(&id));
    let outcome = sandbox.with(|platform, now| platform.revoke(&id, now));
    sandbox.finish(change, outcome.map(|()| StatusCode::NO_CONTENT.into_response()))
}

fn answer(issued: IssuedToken) -> Json<Issued> {
    Json(Issued {
        token: issued.token,
        value: issued.value.expose_secret().to_owned(),
    })
}

impl<P: TokenManagement> Sandbox<P> {
    fn token_by_id(&self, id: &str) -> Option<TokenView> {
        self.with(|platform, now| platform.tokens(now).into_iter().find(|token| token.id == id))
    }

    /// The token with this id as the audit log names it.
    fn description(&self, id: &str) -> String {
        match self.token_by_id(id) {
            Some(token) => format!("{} {}", token.kind, token.name),
            None => format!("token {id}"),
        }
    }
}
