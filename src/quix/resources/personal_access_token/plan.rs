//! Checks and warnings of a plan that changes a personal access token.

use super::diagnostics::{deletes_previous, may_be_own_token, rotates_own_token, uses_own_token};
use super::model::PersonalAccessToken;
use super::own_token::{self, OwnToken};
use crate::quix::connection::{Connection, Context};

/// Plans a deletion. Warns about tokens that the apply refuses to delete.
pub(super) async fn plan_removal(context: &Context, prior: &PersonalAccessToken) {
    let Some(connection) = context.known_client() else {
        return;
    };
    let operation = connection.operation(context);
    if let Ok(id) = prior.id() {
        match own_token::current(&connection, &operation, &prior.delivery, &context.private).await {
            OwnToken::Yes => context.report(uses_own_token(&prior.title(), &id).as_warning()),
            OwnToken::Unknown => context.report(may_be_own_token(&prior.title())),
            OwnToken::No => {}
        }
    }
    warn_about_previous(&connection, context, prior).await;
    connection
        .vault
        .plan_deletion(&prior.delivery.vault, &prior.current_owner());
}

/// Warns if the provider uses the previous token, which the apply then refuses to delete.
pub(super) async fn warn_about_previous(connection: &Connection, context: &Context, prior: &PersonalAccessToken) {
    if let Some(previous) = prior.previous.id()
        && own_token::previous(connection, &context.private).await == OwnToken::Yes
    {
        context.report(uses_own_token(&prior.title(), &previous).as_warning());
    }
}

/// Records in which secret the value of a token is and remains, so that no other resource of the
/// plan uses it.
pub(super) fn claim_secret(context: &Context, prior: &PersonalAccessToken, planned: &PersonalAccessToken) {
    if let Some(connection) = context.known_client() {
        let vault = &planned.delivery.vault;
        connection
            .vault
            .claim(vault, &prior.owner(vault), &mut context.diagnostics());
    }
}

/// Plans a rotation: reports which tokens are deleted, and checks that the delivery will work.
pub(super) async fn plan_rotation(context: &Context, prior: &PersonalAccessToken, planned: &PersonalAccessToken) {
    let Some(connection) = context.known_client() else {
        return;
    };
    if let Some(previous) = prior.previous.id() {
        context.report(deletes_previous(&prior.title(), &previous, None));
        warn_about_previous(&connection, context, prior).await;
    }
    let operation = connection.operation(context);
    match own_token::current(&connection, &operation, &prior.delivery, &context.private).await {
        OwnToken::Yes => context.report(rotates_own_token(&prior.title())),
        OwnToken::Unknown => context.report(may_be_own_token(&prior.title())),
        OwnToken::No => {}
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
    prior: &PersonalAccessToken,
    planned: &PersonalAccessToken,
) {
    let (operation, vault) = (connection.operation(context), &planned.delivery.vault);
    connection
        .vault
        .plan(&operation, vault, prior.owner(vault), &mut context.diagnostics())
        .await;
}
