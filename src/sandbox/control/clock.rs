//! The endpoints of the clock.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use jiff::{Span, Timestamp, tz::TimeZone};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::activity::Source;
use super::management::TokenManagement;
use super::rejection::{Rejection, read_body};
use super::request::Change;
use crate::sandbox::Sandbox;

/// The time by the sandbox's clock.
#[derive(Serialize, JsonSchema)]
pub(super) struct Now {
    now: Timestamp,
}

/// A move of the clock.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) enum Move {
    /// By a time in calendar units of UTC, such as `36h`, `2w`, `1mo` or `P1Y`.
    Advance(Span),
    /// To an instant.
    Now(Timestamp),
}

pub(super) async fn read<P: TokenManagement>(State(sandbox): State<Sandbox<P>>) -> Json<Now> {
    Json(Now {
        now: sandbox.clock.now(),
    })
}

pub(super) async fn change<P: TokenManagement>(
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
        Json(Now {
            now: sandbox.clock.now(),
        })
        .into_response()
    });
    sandbox.finish(change, outcome)
}
