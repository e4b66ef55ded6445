//! Reads an existing token by the id in a configuration.

use super::api::{Issued, TokenId};
use super::connection::Connection;
use super::errors::request_failed;
use crate::framework::{Diagnostic, Field};
use crate::rest::Operation;

/// Validates an id.
pub(super) fn is_token_id(text: &str) -> Result<(), &'static str> {
    text.parse::<TokenId>().map(drop).map_err(|_| {
        "must be the id of a stream token, which is a number, and not its value. The data source `neuroio_stream_tokens` \
         lists the ids"
    })
}

/// Reads a token, and whether it is permanent.
///
/// # Errors
/// The token does not exist or cannot be read.
pub(super) async fn read_token(
    connection: &Connection,
    operation: &Operation,
    id: &Field<String>,
) -> Result<(Issued, bool), Diagnostic> {
    let id = id.known().map_or("", String::as_str);
    let id: TokenId = id
        .parse()
        .map_err(|_| Diagnostic::invalid("id", "must be the id of a stream token, which is a number"))?;
    let failed = |error| request_failed(&error).on("id");
    let issued = connection.api.get(operation, id).await.map_err(failed)?;
    let permanent = connection.is_permanent(operation, id).await.map_err(failed)?;
    Ok((issued, permanent))
}
