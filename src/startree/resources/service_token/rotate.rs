//! Rotates a service token: creates a successor, then deletes the current token, at once or after
//! `overlap`.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::create::{IssueError, NewToken, create};
use super::delete::delete_unless_own;
use super::diagnostics::{possible_orphan, predecessor_not_deleted};
use super::model::ServiceToken;
use super::previous::PreviousToken;
use super::roles;
use crate::framework::{Diagnostic, Failed, Leaving, Outcome};
use crate::platform::delivery::StoredSecret;
use crate::platform::{generation, private_record};
use crate::rest::Operation;
use crate::startree::api::{AccessKey, IssuedToken, Name, Reported};
use crate::startree::connection::{Connection, Context};
use crate::startree::errors::failure;
use crate::startree::predecessor;
use crate::startree::role_grants::RoleGrant;
use crate::startree::token_existence::{self, Existence};
use crate::token::Deletion;

/// Replaces the token in the state `prior` by a new one. `now` reads the clock.
pub(super) async fn rotate(
    connection: &Connection,
    context: &Context,
    mut prior: ServiceToken,
    mut planned: ServiceToken,
    now: impl Fn() -> Timestamp,
) -> Outcome<ServiceToken> {
    let operation = connection.operation(context);
    let access_key = prior.access_key()?;
    // A resource never has more than two tokens.
    if let Some(previous) = prior.previous.access_key() {
        delete_unless_own(connection, &operation, &prior.title(), &previous).await?;
        prior.previous = PreviousToken::default();
    }
    let (delivery, owner) = (&planned.delivery, prior.owner(&planned.delivery.vault));
    let permit = delivery
        .prepare(&connection.vault, &operation, owner, &mut context.diagnostics())
        .await
        .leaving(prior.clone())?;
    planned.delivery.generation = generation::next(&prior.delivery.generation);
    let successor = match create(connection, &operation, &planned, Some(&access_key), permit).await {
        Ok(successor) => successor,
        Err(IssueError { diagnostic, orphan }) => {
            if let Some(orphan) = orphan {
                prior.previous = PreviousToken::new(&orphan, Deletion::Due);
            }
            return Err(Failed::from(diagnostic).leaving(prior));
        }
    };
    let NewToken {
        issued,
        roles,
        delivery,
    } = successor;
    planned.set_issued(issued.clone(), delivery, now());
    private_record::set_issued(&context.private);
    let deletion = planned.rotation.deletion_after(planned.created());
    planned.previous = PreviousToken::new(&access_key, deletion);
    if planned.rotation.overlap_duration().is_zero() {
        match delete_predecessor(connection, &operation, &prior.title(), &access_key, &issued, &roles).await {
            Ok(()) => planned.previous = PreviousToken::default(),
            Err(error) => context.report(predecessor_not_deleted(&prior.title(), &access_key, &error)),
        }
    }
    connection
        .tokens
        .record_predecessor(issued.access_key, planned.previous.predecessor());
    let before = (&prior.delivery.vault, &prior.delivery.vault_version);
    let (now, owner) = (&planned.delivery.vault, prior.current_owner());
    connection
        .vault
        .delete_previous_location(&operation, before, now, &owner, &mut context.diagnostics())
        .await;
    Ok(planned)
}

/// Deletes a token after checking that its successor has its roles. If it is the provider's own,
/// the provider switches to the successor first.
async fn delete_predecessor(
    connection: &Connection,
    operation: &Operation,
    title: &str,
    access_key: &AccessKey,
    successor: &IssuedToken,
    roles: &[Name],
) -> Result<(), Diagnostic> {
    roles::verify(connection, operation, roles, &successor.access_key).await?;
    if connection.tokens.is_own(access_key) {
        let switched = connection.tokens.switch_own(operation, successor).await;
        switched.map_err(|error| failure(&error))?;
    }
    delete_unless_own(connection, operation, title, access_key).await
}

/// Returns the successor that a killed run has created and delivered to Vault, whose secret names
/// this token as its predecessor.
pub(super) async fn delivered_successor(
    connection: &Connection,
    operation: &Operation,
    access_key: &AccessKey,
    secret: Option<&StoredSecret<'_>>,
) -> Option<AccessKey> {
    let successor = secret?.value()?.successor_of(access_key.as_str())?.parse().ok()?;
    let found = token_existence::check(connection, operation, &successor).await;
    matches!(found, Ok(Existence::Exists(_))).then_some(successor)
}

/// Warns about another token with the same description and at least the same roles, which may be
/// the successor that a killed run has created. That run may also have revoked roles of the current
/// token already. Errors are ignored here: the warning is a hint.
pub(super) async fn warn_about_orphan(
    connection: &Connection,
    context: &Context,
    operation: &Operation,
    prior: &ServiceToken,
    access_key: &AccessKey,
    grants: &[RoleGrant],
) {
    let roles = |key: &AccessKey| -> BTreeSet<&Name> {
        let own = grants.iter().filter(|grant| grant.access_key == *key);
        own.map(|grant| &grant.role).collect()
    };
    let others: BTreeSet<_> = grants.iter().map(|grant| &grant.access_key).collect();
    let (own_roles, previous) = (roles(access_key), prior.previous.access_key());
    for other in others {
        let other_roles = roles(other);
        if other == access_key || Some(other) == previous.as_ref() || !other_roles.is_superset(&own_roles) {
            continue;
        }
        if let Ok(Reported::Value(text)) = connection.tokens.description(operation, other).await
            && predecessor::parse(&text).0 == prior.description()
        {
            let lacking: Vec<_> = other_roles.difference(&own_roles).map(|role| role.as_str()).collect();
            context.report(possible_orphan(&prior.title(), other, &lacking));
            return;
        }
    }
}
