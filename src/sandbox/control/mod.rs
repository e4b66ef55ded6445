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
//!
//! A person who can reach the address controls the sandbox, but a web page of another site does not.

mod access;
mod activity;
mod audit;
mod events;
mod expiry;
mod management;
mod overview;
mod rejection;
mod request;
mod secret_text;
mod token;
mod tokens;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use axum::{Json, Router, middleware};
use jiff::{Span, Timestamp, tz::TimeZone};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Effect, Fault, Sandbox, console};
use overview::Counts;

pub(super) use activity::Activity;
pub use activity::{AuditEntry, Source, StruckFault};
pub(super) use audit::record as audit;
pub use audit::{Audited, AuditedRequest};
pub(super) use expiry::expiry;
pub use management::{Fields, Start, TokenManagement};
pub use overview::{Field, FieldType, Kind, OtherSandbox, Overview, Quota, Switch};
pub use rejection::Rejection;
use rejection::{read_body, read_query};
pub(super) use request::Change;
pub(super) use secret_text::expose;
pub(super) use token::EndedTokens;
pub use token::{Action, IssuedToken, TokenState, TokenView};

/// The control API and the console. `platform` has the endpoints, relative to `/sandbox`, that only this platform has.
pub(super) fn routes<P: TokenManagement>(platform: Router<Sandbox<P>>) -> Router<Sandbox<P>> {
    let api = Router::new()
        .route("/", get(overview))
        .route("/tokens", get(tokens::list).post(tokens::create))
        .route("/tokens/{id}", delete(tokens::revoke))
        .route("/tokens/{id}/rotate", post(tokens::rotate))
        .route("/tokens/{id}/activate", post(tokens::activate))
        .route("/tokens/{id}/deactivate", post(tokens::deactivate))
        .route("/switches/{name}", put(set_switch))
        .route("/seed", post(seed))
        .route("/clock", get(clock).post(move_clock))
        .route("/audit", get(audit_log))
        .route("/events", get(events::stream))
        .route("/faults", get(faults).post(add_fault).delete(clear_faults))
        .route("/faults/struck", get(struck_faults))
        .route("/calls", get(calls).delete(reset_calls))
        .route("/options", get(options).patch(change_options))
        .route("/values", get(values))
        .merge(platform)
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed);
    Router::new()
        .nest("/sandbox", api)
        .merge(console::routes())
        .layer(middleware::from_fn(access::require_same_site))
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
        let (tokens, ended) = (platform.tokens(now), platform.ended_tokens());
        Json(Overview {
            platform: P::NAME,
            title: P::TITLE,
            account: platform.account().to_owned(),
            now,
            base_url: surroundings.base_url,
            others: surroundings.others,
            quota: platform.quota(now),
            counts: Counts::of(tokens.iter().chain(&ended).map(|token| token.state)),
            kinds: platform.kinds(),
            switches: platform.switches(),
        })
    })
}

#[derive(Deserialize)]
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

async fn clock<P: TokenManagement>(State(sandbox): State<Sandbox<P>>) -> Json<Value> {
    Json(json!({ "now": sandbox.clock.now() }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
enum Move {
    Advance(Span),
    Now(Timestamp),
}

async fn move_clock<P: TokenManagement>(
    State(sandbox): State<Sandbox<P>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let target = read_body(&body).and_then(|to| match to {
        Move::Now(now) => Ok(now),
        Move::Advance(span) => {
            let later = sandbox.clock.now().to_zoned(TimeZone::UTC).checked_add(span);
            later
                .map(|later| later.timestamp())
                .map_err(|error| Rejection::invalid(error.to_string()))
        }
    });
    let shown = target
        .as_ref()
        .map_or_else(|_| "clock".to_owned(), |now| format!("{now:.0}"));
    let change = Change::by(Source::Clock, &headers, "set clock", shown);
    let outcome = target.map(|now| {
        sandbox.set_time(now);
        Json(json!({ "now": sandbox.clock.now() })).into_response()
    });
    sandbox.finish(change, outcome)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AuditQuery {
    after: Option<u64>,
    limit: Option<usize>,
}

async fn audit_log<P: TokenManagement>(State(sandbox): State<Sandbox<P>>, uri: Uri) -> Result<Json<Value>, Rejection> {
    let AuditQuery { after, limit } = read_query(&uri)?;
    let limit = limit.unwrap_or(200).min(1_000);
    Ok(Json(json!({ "entries": sandbox.activity.audit(after, limit) })))
}

async fn faults<P: TokenManagement>(State(sandbox): State<Sandbox<P>>) -> Response {
    Json(&sandbox.traffic.lock().faults).into_response()
}

async fn struck_faults<P: TokenManagement>(State(sandbox): State<Sandbox<P>>) -> Response {
    Json(sandbox.activity.latest_struck()).into_response()
}

/// The maximum number of pending faults.
const MAX_FAULTS: usize = 1_000;

async fn add_fault<P: TokenManagement>(State(sandbox): State<Sandbox<P>>, headers: HeaderMap, body: Bytes) -> Response {
    let fault = read_body::<Fault>(&body).and_then(|fault| {
        if let Effect::Answer(answer) = &fault.effect {
            answer.build().map_err(|error| Rejection::invalid(error.to_string()))?;
        }
        if sandbox.traffic.lock().faults.len() >= MAX_FAULTS {
            return Err(Rejection::invalid("too many faults are pending; remove them first"));
        }
        Ok(fault)
    });
    let target = fault
        .as_ref()
        .map_or_else(|_| "fault".to_owned(), |fault| format!("{:?}", fault.effect));
    let change = Change::by(Source::Control, &headers, "add fault", target);
    let outcome = fault.map(|fault| {
        sandbox.fault(fault);
        StatusCode::NO_CONTENT.into_response()
    });
    sandbox.finish(change, outcome)
}

async fn clear_faults<P: TokenManagement>(State(sandbox): State<Sandbox<P>>, headers: HeaderMap) -> Response {
    sandbox.clear_faults();
    let change = Change::by(Source::Control, &headers, "remove faults", "all faults");
    sandbox.finish(change, Ok(StatusCode::NO_CONTENT.into_response()))
}

async fn calls<P: TokenManagement>(State(sandbox): State<Sandbox<P>>) -> Response {
    Json(&sandbox.traffic.lock().calls).into_response()
}

async fn reset_calls<P: TokenManagement>(State(sandbox): State<Sandbox<P>>) -> StatusCode {
    sandbox.traffic.lock().calls.clear();
    StatusCode::NO_CONTENT
}

async fn options<P: TokenManagement>(State(sandbox): State<Sandbox<P>>) -> Response {
    sandbox.with(|platform, _| Json(platform.options_mut()).into_response())
}

async fn change_options<P: TokenManagement>(
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

async fn values<P: TokenManagement>(State(sandbox): State<Sandbox<P>>) -> Json<Value> {
    let issued = sandbox.issued_values();
    let issued: Vec<_> = issued.iter().map(|value| value.expose_secret()).collect();
    Json(json!({ "issued": issued }))
}
