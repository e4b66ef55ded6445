//! Checks and warnings of a plan that creates, rotates or deletes a stream token.

use super::delete::{is_own, is_own_token};
use super::diagnostics;
use super::model::StreamToken;
use crate::neuroio::api::TokenId;
use crate::neuroio::connection::{Connection, Context};
use crate::neuroio::quota::PlannedRotation;

/// Warns if a planned creation exceeds the limit. Errors are ignored here: apply reports them.
pub(super) async fn plan_creation(context: &Context) {
    let Some(connection) = context.known_client() else {
        return;
    };
    if let Ok(existing) = connection.permanent_tokens(&connection.operation(context)).await {
        let excess = connection.planned.create(&existing);
        let warning = excess.map(|excess| diagnostics::limit_exceeded(&excess, &existing));
        context.diagnostics().extend(warning);
    }
}

/// Records a planned deletion of the token and of the previous one, and warns if the provider will
/// refuse it.
pub(super) async fn plan_deletion(context: &Context, prior: &StreamToken) {
    let Some(connection) = context.known_client() else {
        return;
    };
    if let Some(previous) = prior.previous.id() {
        plan_deletion_of_previous(context, &connection, previous).await;
    }
    if let Ok(id) = prior.id() {
        connection.planned.delete(id);
    }
    if is_own_token(&connection, &connection.operation(context), prior).await {
        context.report(diagnostics::own_credential("delete").as_warning());
    }
}

/// Records that the apply deletes the previous token, and warns if the provider will refuse it.
pub(super) async fn plan_deletion_of_previous(context: &Context, connection: &Connection, previous: TokenId) {
    connection.planned.delete(previous);
    // Errors are ignored here: apply reports them.
    if is_own(connection, &connection.operation(context), previous).await == Ok(true) {
        context.report(diagnostics::own_credential("delete").as_warning());
    }
}

/// Plans a rotation: reports which tokens are deleted, and whether the new one exceeds the limit.
/// `keeps_current` if the current token remains valid for an overlap.
pub(super) async fn plan_rotation(context: &Context, prior: &StreamToken, keeps_current: bool) {
    let (Some(connection), Ok(id)) = (context.known_client(), prior.id()) else {
        return;
    };
    let previous = prior.previous.id();
    if let Some(previous) = previous {
        context.report(diagnostics::deletes_previous(&prior.name(), previous, None));
        plan_deletion_of_previous(context, &connection, previous).await;
    }
    if is_own_token(&connection, &connection.operation(context), prior).await {
        context.report(diagnostics::rotates_own_credential(keeps_current));
    }
    if !prior.is_permanent() {
        return;
    }
    // Errors are ignored here: apply reports them.
    if let Ok(existing) = connection.permanent_tokens(&connection.operation(context)).await {
        let rotation = PlannedRotation {
            keeps_current,
            deletes_first: previous,
        };
        let excess = connection.planned.rotate(id, rotation, &existing);
        let warning = excess.map(|excess| diagnostics::limit_exceeded(&excess, &existing));
        context.diagnostics().extend(warning);
    }
}
