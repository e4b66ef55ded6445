//! The endpoints of faults.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::activity::{Source, StruckFault};
use super::management::TokenManagement;
use super::rejection::{Rejection, read_body};
use super::request::Change;
use crate::sandbox::{Effect, Fault, Sandbox};

/// The maximum number of pending faults.
const MAX_FAULTS: usize = 1_000;

pub(super) async fn pending<P: TokenManagement>(State(sandbox): State<Sandbox<P>>) -> Json<Vec<Fault>> {
    Json(sandbox.pending_faults())
}

pub(super) async fn struck<P: TokenManagement>(State(sandbox): State<Sandbox<P>>) -> Json<Vec<StruckFault>> {
    Json(sandbox.activity.latest_struck())
}

pub(super) async fn add<P: TokenManagement>(
    State(sandbox): State<Sandbox<P>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let fault = read_body::<Fault>(&body).and_then(|fault| {
        if let Effect::Answer(answer) = &fault.effect {
            answer.build().map_err(|error| Rejection::invalid(error.to_string()))?;
        }
        if sandbox.traffic.lock().faults.len() >= MAX_FAULTS {
            return Err(Rejection::invalid("too many faults are pending; remove them first"));
        }
        Ok(fault)
    });
    let target = fault.as_ref().map_or_else(|_| "fault".to_owned(), Fault::to_string);
    let change = Change::by(Source::Control, &headers, "add fault", target);
    let outcome = fault.map(|fault| {
        sandbox.fault(fault);
        StatusCode::NO_CONTENT.into_response()
    });
    sandbox.finish(change, outcome)
}

pub(super) async fn clear<P: TokenManagement>(State(sandbox): State<Sandbox<P>>, headers: HeaderMap) -> Response {
    sandbox.clear_faults();
    let change = Change::by(Source::Control, &headers, "remove faults", "all faults");
    sandbox.finish(change, Ok(StatusCode::NO_CONTENT.into_response()))
}
