//! The control API: inspects and changes a sandbox while it runs. It is the same for all platforms.
//!
//! The endpoints at `/sandbox`, next to the platform's API, require no token and have no rate limits. Keys are
//! kebab-case, instants are as in RFC 3339, and errors are `{"message": …}`. The [console](super::console) at `/` is
//! a client of this API.
//!
//! | request | |
//! |---|---|
//! | `GET /sandbox` | the account: clock, quota, number of tokens, kinds of tokens, switches |
//! | `GET /sandbox/tokens` | tokens without values; `state`, `kind`, `query`, `offset` and `limit` select |
//! | `POST /sandbox/tokens` | `{"kind": …}` and the fields of the kind: creates a token as the platform's portal does |
//! | `POST /sandbox/tokens/{id}/rotate` | rotates a token; `{"expires-at": …}` is optional |
//! | `POST /sandbox/tokens/{id}/activate`, `…/deactivate` | makes a token valid or invalid |
//! | `DELETE /sandbox/tokens/{id}` | revokes a token |
//! | `PUT /sandbox/switches/{name}` | `{"on": false}` |
//! | `POST /sandbox/seed` | adds users, tokens and other objects, bypassing the platform's rules |
//! | `GET`, `POST /sandbox/clock` | `{"now": …}`; move it: `{"advance": "90d"}` or `{"now": …}`; durations as in `36h`, `2w`, `1mo`, `P1Y` |
//! | `GET /sandbox/audit` | every changing request, also rejected ones, oldest first; `after` and `limit` select |
//! | `GET /sandbox/events` | server-sent events: `audit`, `fault`, `clock` and `change` |
//! | `GET`, `POST`, `DELETE /sandbox/faults` | the pending [`Fault`](super::Fault)s; add one; remove all |
//! | `GET /sandbox/faults/struck` | the latest faults that struck |
//! | `GET`, `DELETE /sandbox/calls` | the number of calls of each endpoint, `{"GET /service-accounts": 2}`; reset |
//! | `GET`, `PATCH /sandbox/options` | the behaviour of the platform; change the given options |
//! | `GET /sandbox/values` | the token values issued, to search a state or a log for leaks |
//! | `GET /sandbox/openapi.json` | the OpenAPI document of these endpoints |
//!
//! A person who can reach the address controls the sandbox, but a web page of another site does not.

mod access;
mod activity;
mod audit;
mod clock;
mod endpoint;
mod events;
mod expiry;
mod faults;
mod history;
mod management;
mod openapi;
mod options;
mod overview;
mod rejection;
mod request;
mod secret_text;
mod token;
mod tokens;

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodFilter;
use axum::{Json, Router, middleware};
use schemars::JsonSchema;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Fault, Sandbox, console};
use overview::Counts;
use rejection::{read_body, read_query};

pub(super) use activity::Activity;
pub use activity::{AuditEntry, Source, StruckFault};
pub(super) use audit::record as audit;
pub use audit::{Audited, AuditedRequest};
pub use endpoint::Endpoint;
pub(super) use expiry::expiry;
pub use history::History;
pub use management::{Fields, Start, TokenManagement};
pub use overview::{Field, FieldType, Kind, OtherSandbox, Overview, Quota, Switch};
pub use rejection::Rejection;
pub(super) use request::Change;
pub(super) use secret_text::expose;
pub use token::{Action, EndedTokens, IssuedToken, TokenState, TokenView};

/// The control API and the console.
pub(super) fn routes<P: TokenManagement>() -> Router<Sandbox<P>> {
    Router::new()
        .nest("/sandbox", endpoint::router(endpoints()))
        .merge(console::routes())
        .layer(middleware::from_fn(access::require_same_site))
}

/// The endpoints, relative to `/sandbox`.
fn endpoints<P: TokenManagement>() -> Vec<Endpoint<P>> {
    const GET: MethodFilter = MethodFilter::GET;
    const POST: MethodFilter = MethodFilter::POST;
    const PUT: MethodFilter = MethodFilter::PUT;
    const PATCH: MethodFilter = MethodFilter::PATCH;
    const DELETE: MethodFilter = MethodFilter::DELETE;
    let mut endpoints = vec![
        Endpoint::new(GET, "/", overview, "The account, its quota, and what can be done").answers::<Overview>(),
        Endpoint::new(GET, "/openapi.json", openapi::document, "This document").answers::<Map<String, Value>>(),
        Endpoint::new(GET, "/tokens", tokens::list, "The tokens by name, then the ended ones")
            .query::<tokens::Filter>()
            .answers::<tokens::Page>(),
        Endpoint::new(
            POST,
            "/tokens",
            tokens::create,
            "Creates a token as the platform's portal does",
        )
        .body::<tokens::Creation>()
        .creates::<tokens::Issued>(),
        Endpoint::new(DELETE, "/tokens/{id}", tokens::revoke, "Revokes a token"),
        Endpoint::new(
            POST,
            "/tokens/{id}/rotate",
            tokens::rotate,
            "Replaces the value of a token",
        )
        .optional_body::<tokens::Rotation>()
        .answers::<tokens::Issued>(),
        Endpoint::new(
            POST,
            "/tokens/{id}/activate",
            tokens::activate,
            "Makes an inactive token valid",
        )
        .answers::<tokens::Changed>(),
        Endpoint::new(
            POST,
            "/tokens/{id}/deactivate",
            tokens::deactivate,
            "Makes a token invalid",
        )
        .answers::<tokens::Changed>(),
        Endpoint::new(PUT, "/switches/{name}", set_switch, "Turns a switch on or off")
            .body::<Position>()
            .answers::<Switch>(),
        Endpoint::new(POST, "/seed", seed, "Adds objects, bypassing the platform's rules").body::<P::Contents>(),
        Endpoint::new(GET, "/clock", clock::read, "The sandbox's time").answers::<clock::Now>(),
        Endpoint::new(POST, "/clock", clock::change, "Moves the clock")
            .body::<clock::Move>()
            .answers::<clock::Now>(),
        Endpoint::new(
            GET,
            "/audit",
            audit_log,
            "The changing requests, also rejected ones, oldest first",
        )
        .query::<AuditQuery>()
        .answers::<AuditLog>(),
        Endpoint::new(
            GET,
            "/events",
            events::stream,
            "What happens: audit, fault, clock and change",
        )
        .query::<events::After>()
        .streams(),
        Endpoint::new(GET, "/faults", faults::pending, "The faults that have not struck yet").answers::<Vec<Fault>>(),
        Endpoint::new(POST, "/faults", faults::add, "Adds a fault").body::<Fault>(),
        Endpoint::new(DELETE, "/faults", faults::clear, "Removes all pending faults"),
        Endpoint::new(GET, "/faults/struck", faults::struck, "The latest faults that struck")
            .answers::<Vec<StruckFault>>(),
        Endpoint::new(
            GET,
            "/calls",
            calls,
            "The number of calls of each endpoint of the platform's API",
        )
        .answers::<BTreeMap<String, usize>>(),
        Endpoint::new(DELETE, "/calls", reset_calls, "Resets the numbers of calls"),
        Endpoint::new(GET, "/options", options::read, "The behaviour of the platform").answers::<P::Options>(),
        Endpoint::new(PATCH, "/options", options::change, "Changes the given options")
            .body::<P::Options>()
            .answers::<P::Options>(),
        Endpoint::new(
            GET,
            "/values",
            values,
            "The values issued, to search states and logs for leaks",
        )
        .answers::<Values>(),
    ];
    endpoints.extend(P::control_endpoints());
    endpoints
}

async fn not_found() -> Rejection {
    Rejection::not_found("there is no endpoint at this path")
}

async fn method_not_allowed() -> Rejection {
    Rejection::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "the endpoint does not support this method",
    )
}

async fn overview<P: TokenManagement>(State(sandbox): State<Sandbox<P>>) -> Json<Overview> {
    let surroundings = sandbox.surroundings();
    sandbox.with(|platform, now| {
        let tokens = platform.tokens(now);
        let ended = platform.ended_tokens().latest_first();
        let counts = Counts::of(tokens.iter().chain(ended).map(|token| token.state));
        Json(Overview {
            platform: P::NAME,
            title: P::TITLE,
            account: platform.account().to_owned(),
            now,
            base_url: surroundings.base_url,
            others: surroundings.others,
            quota: platform.quota(now),
            counts,
            kinds: platform.kinds(),
            switches: platform.switches(),
        })
    })
}

/// The position of a switch.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Position {
    on: bool,
}

async fn set_switch<P: TokenManagement>(
    State(sandbox): State<Sandbox<P>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let position = read_body(&body);
    let action = match position {
        Ok(Position { on: true }) => "switch on",
        _ => "switch off",
    };
    let change = Change::console(&headers, action, name.clone());
    let outcome = position.and_then(|Position { on }| {
        sandbox.with(|platform, now| {
            platform.set_switch(&name, on, now)?;
            let switch = platform.switches().into_iter().find(|switch| switch.name == name);
            Ok(Json(switch).into_response())
        })
    });
    sandbox.finish(change, outcome)
}

async fn seed<P: TokenManagement>(State(sandbox): State<Sandbox<P>>, headers: HeaderMap, body: Bytes) -> Response {
    let change = Change::by(Source::Control, &headers, "seed", P::TITLE);
    let outcome = read_body(&body).and_then(|contents| sandbox.with(|platform, now| platform.seed(contents, now)));
    sandbox.finish(change, outcome.map(|()| StatusCode::NO_CONTENT.into_response()))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AuditQuery {
    /// Selects the entries after this sequence number. By default, the newest ones are returned.
    after: Option<u64>,
    /// The maximum number of entries; at most 1000, by default 200.
    limit: Option<usize>,
}

/// A part of the audit log.
#[derive(Serialize, JsonSchema)]
struct AuditLog {
    entries: Vec<AuditEntry>,
}

async fn audit_log<P: TokenManagement>(
    State(sandbox): State<Sandbox<P>>,
    uri: Uri,
) -> Result<Json<AuditLog>, Rejection> {
    let AuditQuery { after, limit } = read_query(&uri)?;
    let limit = limit.unwrap_or(200).min(1_000);
    let entries = sandbox.activity.audit(after, limit);
    Ok(Json(AuditLog { entries }))
}

async fn calls<P: TokenManagement>(State(sandbox): State<Sandbox<P>>) -> Response {
    Json(&sandbox.traffic.lock().calls).into_response()
}

async fn reset_calls<P: TokenManagement>(State(sandbox): State<Sandbox<P>>) -> StatusCode {
    sandbox.traffic.lock().calls.clear();
    StatusCode::NO_CONTENT
}

/// Values of tokens.
#[derive(Serialize, JsonSchema)]
struct Values {
    issued: Vec<String>,
}

async fn values<P: TokenManagement>(State(sandbox): State<Sandbox<P>>) -> Json<Values> {
    let issued = sandbox.issued_values();
    let issued = issued.iter().map(|value| value.expose_secret().to_owned()).collect();
    Json(Values { issued })
}
