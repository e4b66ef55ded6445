//! Activates and deactivates a stream token.

use super::delete::is_own_token;
use super::diagnostics;
use super::model::StreamToken;
use crate::framework::{Leaving, Outcome};
use crate::neuroio::connection::Connection;
use crate::neuroio::errors::request_failed;
use crate::rest::Operation;

/// Activates or deactivates the token, then reads it.
///
/// # Errors
/// The token is unchanged, or it is the provider's own and would be deactivated.
pub(super) async fn set_active(
    connection: &Connection,
    operation: &Operation,
    mut state: StreamToken,
    is_active: bool,
) -> Outcome<StreamToken> {
    let id = state.id()?;
    if !is_active && is_own_token(connection, operation, &state).await {
        return Err(diagnostics::own_credential("deactivate").into());
    }
    let set = connection.api.set_active(operation, id, is_active).await;
    set.map_err(|error| request_failed(&error))?;
    let issued = connection.api.get(operation, id).await;
    let refreshed = state.refresh_from(issued.map_err(|error| request_failed(&error))?);
    refreshed.leaving(state.clone())?;
    if state.is_active == is_active.into() {
        return Ok(state);
    }
    Err(diagnostics::unchanged(id)).leaving(state)
}
