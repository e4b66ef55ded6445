//! Checks and warnings of a plan that changes a service token.

use super::diagnostics::{deletes_previous, roles_unknown, rotates_own_token, uses_own_token};
use super::model::ServiceToken;
use super::rotate::warn_about_orphan;
use crate::framework::Field;
use crate::startree::connection::{Connection, Context};
use crate::startree::errors::failure;

/// Plans a deletion. Warns about tokens that the apply refuses to delete.
pub(super) fn plan_removal(context: &Context, prior: &ServiceToken) {
    let Some(connection) = context.known_client() else {
        return;
    };
    for access_key in [prior.access_key().ok(), prior.previous.access_key()]
        .into_iter()
        .flatten()
    {
        if connection.tokens.is_own(&access_key) {
            context.report(uses_own_token(&prior.title(), &access_key).as_warning());
        }
    }
    connection
        .vault
        .plan_deletion(&prior.delivery.vault, &prior.current_owner());
}

/// Plans a replacement by a token with another description. Terraform plans the creation in a
/// separate call.
pub(super) async fn plan_replacement(context: &Context, prior: &ServiceToken, planned: &ServiceToken) {
    plan_removal(context, prior);
    let Some(connection) = context.known_client() else {
        return;
    };
    let replacement = ServiceToken {
        description: planned.description.clone(),
        ..ServiceToken::default()
    };
    let before = (&prior.delivery.vault, &prior.current_owner());
    let now = (&planned.delivery.vault, replacement.owner(&Field::Null));
    let operation = connection.operation(context);
    connection
        .vault
        .plan_replacement(&operation, before, now, &mut context.diagnostics())
        .await;
}

/// Records in which secret the value of a token is and remains, so that no other resource of the
/// plan uses it.
pub(super) fn claim_secret(context: &Context, prior: &ServiceToken, planned: &ServiceToken) {
    if let Some(connection) = context.known_client() {
        let vault = &planned.delivery.vault;
        connection
            .vault
            .claim(vault, &prior.owner(vault), &mut context.diagnostics());
    }
}

/// Plans a rotation: reports which tokens are deleted, and checks that roles and delivery will
/// work.
pub(super) async fn plan_rotation(context: &Context, prior: &ServiceToken, planned: &ServiceToken) {
    let (Some(connection), Ok(access_key)) = (context.known_client(), prior.access_key()) else {
        return;
    };
    let operation = connection.operation(context);
    if let Some(previous) = prior.previous.access_key() {
        context.report(deletes_previous(&prior.title(), previous.as_str(), None));
    }
    if connection.tokens.is_own(&access_key) {
        context.report(rotates_own_token(&prior.title()));
    }
    match connection.role_grants(&operation).await {
        Ok(grants) => warn_about_orphan(&connection, context, &operation, prior, &access_key, &grants).await,
        Err(error) => context.report(roles_unknown(&prior.title(), &failure(&error))),
    }
    let vault = &planned.delivery.vault;
    connection
        .vault
        .plan_move(&prior.delivery.vault, vault, &prior.current_owner());
    plan_delivery(context, &connection, prior, planned).await;
}

/// Checks that the next value of a token can be delivered.
pub(super) async fn plan_delivery(
    context: &Context,
    connection: &Connection,
    prior: &ServiceToken,
    planned: &ServiceToken,
) {
    let (operation, vault) = (connection.operation(context), &planned.delivery.vault);
    connection
        .vault
        .plan(&operation, vault, prior.owner(vault), &mut context.diagnostics())
        .await;
}
