//! Whether a service token is there.
//!
//! The platform has no list of them, and what it answers about one that is not there is not documented. So a refusal of
//! `GET /service-tokens/{srn}` proves nothing by itself: the SRN could have to be spelled otherwise, or a proxy stand
//! between, and a token that is in use would be forgotten. It counts if it comes twice, and the same request finds another
//! service token: any before in this run, the one that the provider works with, or one that has a role. That a role still
//! names the token proves nothing either, for whether its assignments end with it is not documented.

use http::StatusCode;

use crate::framework::Diagnostic;
use crate::rest::{Error, Kind, Operation};
use crate::startree::api::{AccessKey, Told};
use crate::startree::connection::Connection;

/// How many other tokens are asked for.
const OTHERS: usize = 3;

/// What is known of a service token.
#[derive(Debug)]
pub(in crate::startree) enum Presence {
    /// It is there.
    There(Told),
    /// It is not.
    Gone,
    /// The platform does not find it, and nothing proves that it would.
    Doubtful,
}

/// Looks for a service token.
pub(in crate::startree) async fn look(
    connection: &Connection,
    operation: &Operation,
    access_key: &AccessKey,
) -> Result<Presence, Error> {
    match connection.tokens.read(operation, access_key).await {
        Err(error) if denies(&error) => {}
        answer => return answer.map(Presence::There),
    }
    if !finds_others(connection, operation, access_key).await {
        return Ok(Presence::Doubtful);
    }
    match connection.tokens.read(operation, access_key).await {
        Err(error) if denies(&error) => Ok(Presence::Gone),
        answer => answer.map(Presence::There),
    }
}

/// Whether the platform finds service tokens that are there.
pub(super) async fn finds_others(connection: &Connection, operation: &Operation, access_key: &AccessKey) -> bool {
    let tokens = &connection.tokens;
    if tokens.are_found() {
        return true;
    }
    let listed = connection.holdings(operation).await;
    let listed = listed
        .iter()
        .flat_map(|holdings| holdings.iter())
        .map(|holding| holding.access_key.clone());
    let mut others: Vec<_> = tokens.own().into_iter().chain(listed).collect();
    others.dedup();
    for other in others.iter().filter(|other| *other != access_key).take(OTHERS) {
        if tokens.read(operation, other).await.is_ok() {
            return true;
        }
    }
    false
}

/// Whether an answer says that there is no such thing, or not under such a name. Not a refusal of who asks, nor one that
/// may pass, nor a page for a browser.
pub(in crate::startree) fn denies(error: &Error) -> bool {
    match error.kind() {
        Kind::Status {
            status, page: false, ..
        } => matches!(
            *status,
            StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND | StatusCode::GONE | StatusCode::UNPROCESSABLE_ENTITY
        ),
        _ => false,
    }
}

/// The warning of a refresh that cannot tell.
pub(super) fn doubtful(what: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("{what} was not found, and stays in the state"),
        "The platform answers that there is no such service token. But it has found no other either, so that the answer may \
         be about the request: what it answers about a token that is gone is not documented. If it is not among the API \
         Tokens in the Security Manager, take the resource out of the state (`terraform state rm`).",
    )
}
