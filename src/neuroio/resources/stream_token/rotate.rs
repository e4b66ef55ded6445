//! Rotates a stream token: creates a successor, then deletes the current token, at once or after
//! `overlap`.
//!
//! # Guarantees
//! - The current token is deleted only after its successor exists and its value is known.
//! - A failure before that changes nothing: the state keeps the current token.
//! - Permanent tokens of one run are rotated in turn, so that they need one free place of the limit
//!   together, unless they overlap.
//!
//! # Limits
//! A run that is killed after it created the successor and before Terraform wrote the state leaves
//! an orphan, like a killed creation. If it was killed after the deletion, the state names a token
//! that no longer exists; the next refresh says so, and the plan creates another.

use super::activate::set_active;
use super::create::{create, with_times};
use super::delete::{delete, delete_unless_own, is_own_token};
use super::diagnostics;
use super::model::StreamToken;
use crate::framework::{Diagnostic, Failed, Leaving, Outcome};
use crate::neuroio::api::{Issued, TokenId};
use crate::neuroio::connection::{Connection, Context};
use crate::neuroio::errors::request_failed;
use crate::platform::generation;
use crate::platform::previous_token::PreviousToken;
use crate::rest::Operation;
use crate::token::Deletion;

/// Replaces the token in the state `prior` by a new one.
pub(super) async fn rotate(
    connection: &Connection,
    context: &Context,
    mut prior: StreamToken,
    planned: StreamToken,
) -> Outcome<StreamToken> {
    let (operation, current) = (connection.operation(context), prior.id()?);
    // A resource never has more than two tokens.
    if let Some(previous) = prior.previous.id() {
        delete_unless_own(connection, &operation, previous).await?;
        prior.previous = PreviousToken::default();
    }
    planned.value.check().leaving(prior.clone())?;
    let mut turn = connection.created.lock().await;
    let permanent = planned.is_permanent();
    let created = {
        let diagnostics = &mut context.diagnostics();
        create(
            &connection.api,
            &operation,
            permanent,
            Some(current),
            &mut turn,
            diagnostics,
        )
        .await
    };
    let issued = match created {
        Ok(issued) => issued,
        Err(diagnostic) => return Err(Failed::from(diagnostic).leaving(prior)),
    };
    // Permanent tokens are rotated in turn.
    let turn = permanent.then_some(turn);
    let issued = with_times(&connection.api, &operation, permanent, issued).await;
    let inactive = planned.is_inactive();
    let mut state = planned;
    state.generation = generation::next(&prior.generation);
    let stored = state.set_issued(&context.private, issued.clone());
    stored.leaving(state.clone())?;
    let overlap = state.rotation.overlap_duration();
    state.previous = PreviousToken::new(current, Deletion::after(state.created(), overlap));
    if inactive || overlap.is_zero() {
        state.previous = match delete_predecessor(connection, &operation, &prior, current, &issued).await {
            Ok(()) => PreviousToken::default(),
            Err(cause) => {
                context.report(diagnostics::predecessor_not_deleted(&prior.name(), current, &cause));
                PreviousToken::new(current, Deletion::Due)
            }
        };
    }
    drop(turn);
    if inactive {
        let deactivated = set_active(connection, &operation, state.clone(), false).await;
        return deactivated.map_err(|failed| failed.or_leaving(state));
    }
    Ok(state)
}

/// Deletes the current token after a rotation. If it is the provider's own, the provider switches
/// to the successor first.
async fn delete_predecessor(
    connection: &Connection,
    operation: &Operation,
    prior: &StreamToken,
    current: TokenId,
    successor: &Issued,
) -> Result<(), Diagnostic> {
    if is_own_token(connection, operation, prior).await {
        let switched = connection.api.switch_credential(operation, successor).await;
        switched.map_err(|error| request_failed(&error))?;
    }
    delete(&connection.api, operation, current).await
}
