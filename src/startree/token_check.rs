//! The check of a service token at Pinot, for the data source and the ephemeral resource
//! `startree_token_check`.
//!
//! # Flow
//! `GET /appconfigs` at Pinot with the token, as on the page *Generate an API token*. Success means
//! valid; 401 and 403 mean invalid.
//!
//! # Guarantees
//! - Any other answer, such as that of a failing Pinot or of another server, is an error, not
//!   "invalid".
//! - The token is sent only to a configured Pinot, or to that of a configured environment.
//!
//! # Assumptions
//! - Every role that grants access to Pinot allows this request. A token whose roles do not allow
//!   it is reported as invalid.

use secrecy::SecretString;

use super::connection::Context;
use crate::framework::{Diagnostic, Field};
use crate::platform;
use crate::rest::{Credential, Error, InvalidCredential, Kind};

/// Checks that a text can be sent as a bearer token.
pub(super) fn is_bearer(token: &SecretString) -> Result<(), InvalidCredential> {
    Credential::bearer(token.clone()).map(drop)
}

/// Returns whether Pinot accepts a token now; without one, whether it accepts the provider's own.
///
/// # Errors
/// The error to report if it is unknown.
pub(super) async fn is_valid(context: &Context, token: &Field<SecretString>) -> Result<bool, Diagnostic> {
    let connection = context.client()?;
    let credential = match token.known() {
        Some(token) => Credential::bearer(token.clone()).map_err(|error| Diagnostic::invalid("token", error))?,
        None => connection.api.credential().await,
    };
    let pinot = connection.pinot.as_ref().ok_or_else(missing_pinot_url)?;
    let valid = pinot.accepts(&connection.operation(context), credential).await;
    valid.map_err(|error| platform::request_failed(&error, advice))
}

fn missing_pinot_url() -> Diagnostic {
    Diagnostic::error(
        "Missing pinot_url",
        "The token is checked at Pinot, whose address is unknown: the provider is configured with a base URL, and does not \
         infer another host from it, because it would send the token there. Set the provider's `pinot_url`, or the \
         environment variable STARTREE_PINOT_URL.",
    )
}

fn advice(error: &Error) -> Option<&'static str> {
    match error.cause() {
        Kind::Connect(_)
        | Kind::Unreachable { .. }
        | Kind::NotHttp(_)
        | Kind::Unreadable { .. }
        | Kind::Status { .. } => Some(
            "It is unknown whether the token is valid. Check that the provider's `pinot_url` is the address of Pinot.",
        ),
        _ => None,
    }
}
