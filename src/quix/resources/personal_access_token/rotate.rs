//! Rotates a personal access token: creates a successor, stores its value, then deletes the current
//! token, at once or after `overlap`.

use http::StatusCode;
use jiff::Timestamp;

use super::create::{Creation, create, mark, mark_within};
use super::delete::{delete, find};
use super::diagnostics::{add_cleanup, predecessor_not_deleted, uses_own_token};
use super::model::PersonalAccessToken;
use super::own_token::{self, OwnToken};
use crate::framework::{Diagnostic, Diagnostics, Failed, Leaving, Outcome};
use crate::platform::attributes::known_duration;
use crate::platform::delivery::{DeliveredToken, Delivery, StorePermit, StoredSecret};
use crate::platform::previous_token::PreviousToken;
use crate::platform::{generation, private_record};
use crate::quix::api::{IssuedPersonalAccessToken, PersonalAccessToken as Listed, TokenId};
use crate::quix::connection::{Connection, Context};
use crate::quix::errors::request_failed;
use crate::quix::secret_owner;
use crate::rest::Operation;
use crate::token::{Clock, Deletion, Lifetime};

/// A new token whose value is stored.
pub(super) struct NewToken {
    pub(super) issued: IssuedPersonalAccessToken,
    /// The expiry that was requested.
    pub(super) requested: Option<Timestamp>,
    /// The attributes of the stored value.
    pub(super) delivery: Delivery,
}

/// Why a token was not issued.
pub(super) struct IssueError {
    pub(super) diagnostic: Diagnostic,
    /// A token that was created and could not be deleted again.
    pub(super) orphan: Option<Listed>,
}

/// Creates a token as planned, the first one or the successor of `predecessor`, and stores its
/// value as declared. If that fails, the new token is deleted again.
pub(super) async fn issue(
    connection: &Connection,
    operation: &Operation,
    planned: &PersonalAccessToken,
    predecessor: Option<&TokenId>,
    permit: StorePermit,
    now: Timestamp,
    diagnostics: &mut Diagnostics,
) -> Result<NewToken, IssueError> {
    let not_created = |diagnostic| IssueError {
        diagnostic,
        orphan: None,
    };
    let requested = requested_expiry(planned, now).map_err(not_created)?;
    let scopes = planned.scopes();
    let new = Creation {
        name: planned.name(),
        expires_at: requested,
        scopes: scopes.as_deref(),
        may_extend_name: predecessor.is_some(),
    };
    let issued = create(connection, operation, &new, diagnostics)
        .await
        .map_err(not_created)?;
    match store(operation, planned, &issued, predecessor, permit).await {
        Ok(delivery) => Ok(NewToken {
            issued,
            requested,
            delivery,
        }),
        Err(mut diagnostic) => {
            let deleted = delete(connection, &connection.cleanup_operation(), &issued.token.id).await;
            add_cleanup(&mut diagnostic, &issued.token.id, deleted.as_ref().err());
            Err(IssueError {
                diagnostic,
                orphan: deleted.is_err().then_some(issued.token),
            })
        }
    }
}

/// Returns the expiry to request, with the mark that identifies the token; `None` for the platform's
/// default.
fn requested_expiry(planned: &PersonalAccessToken, now: Timestamp) -> Result<Option<Timestamp>, Diagnostic> {
    let policy = &planned.rotation.expiry;
    let Some(expiry) = policy.expiry_to_send(now, Lifetime::Undocumented)? else {
        return Ok(None);
    };
    let end = known_duration(&policy.expires_in).and_then(|lifetime| now.checked_add(lifetime).ok());
    let marked = match end {
        Some(end) => mark_within(end),
        None => mark(expiry.instant()),
    };
    // A lifetime of a second leaves no room for a mark.
    Ok(Some(if marked <= now { expiry.instant() } else { marked }))
}

/// Stores a value as declared, and returns its attributes.
async fn store(
    operation: &Operation,
    planned: &PersonalAccessToken,
    issued: &IssuedPersonalAccessToken,
    predecessor: Option<&TokenId>,
    permit: StorePermit,
) -> Result<Delivery, Diagnostic> {
    let mut delivery = Delivery {
        token: issued.value.clone().into(),
        ..planned.delivery.clone()
    };
    let token = DeliveredToken {
        what: planned.title(),
        name: planned.name().to_owned(),
        id: Some(secret_owner::id(&issued.token.id)),
        note: predecessor.map(ToString::to_string),
    };
    delivery.store(token, permit, operation).await?;
    Ok(delivery)
}

/// Replaces the token in the state `prior` by a new one.
pub(super) async fn rotate(
    connection: &Connection,
    context: &Context,
    clock: &Clock,
    mut prior: PersonalAccessToken,
    mut planned: PersonalAccessToken,
) -> Outcome<PersonalAccessToken> {
    let operation = connection.operation(context);
    let id = prior.id()?;
    // A resource never has more than two tokens.
    if let Some(previous) = prior.previous.id() {
        delete_previous(connection, &operation, context, &prior.title(), &previous).await?;
        prior.previous = PreviousToken::default();
    }
    let (delivery, owner) = (&planned.delivery, prior.owner(&planned.delivery.vault));
    let permit = delivery
        .prepare(&connection.vault, &operation, owner, &mut context.diagnostics())
        .await
        .leaving(prior.clone())?;
    planned.delivery.generation = generation::next(&prior.delivery.generation);
    let own = own_token::current(connection, &operation, &prior.delivery, &context.private).await;
    own_token::record_previous(connection, &operation, &prior.delivery, &context.private).await;
    let diagnostics = &mut *context.diagnostics();
    let issued = issue(
        connection,
        &operation,
        &planned,
        Some(&id),
        permit,
        clock.now(),
        diagnostics,
    )
    .await;
    let NewToken {
        issued,
        requested,
        delivery,
    } = match issued {
        Ok(new) => new,
        Err(IssueError { diagnostic, orphan }) => {
            if let Some(orphan) = orphan {
                prior.previous = PreviousToken::new(&orphan.id, Deletion::Due);
            }
            return Err(Failed::from(diagnostic).leaving(prior));
        }
    };
    planned.set_issued(&issued, requested, delivery, (&context.private, clock), diagnostics);
    private_record::set_issued(&context.private);
    let overlap = planned.rotation.overlap_duration();
    planned.previous = PreviousToken::new(&id, Deletion::after(planned.created(), overlap));
    if overlap.is_zero() {
        match delete_predecessor(connection, &operation, &id, own, &issued).await {
            Ok(()) => planned.previous = PreviousToken::default(),
            Err(error) => {
                planned.previous = PreviousToken::new(&id, Deletion::Due);
                diagnostics.push(predecessor_not_deleted(&prior.title(), &id, &error));
            }
        }
    }
    let before = (&prior.delivery.vault, &prior.delivery.vault_version);
    let (now, owner) = (&planned.delivery.vault, prior.current_owner());
    connection
        .vault
        .delete_previous_location(&operation, before, now, &owner, diagnostics)
        .await;
    Ok(planned)
}

/// Deletes the token that a rotation replaced. If it is the provider's own, the provider switches to
/// the successor.
async fn delete_predecessor(
    connection: &Connection,
    operation: &Operation,
    id: &TokenId,
    own: OwnToken,
    successor: &IssuedPersonalAccessToken,
) -> Result<(), Diagnostic> {
    let switch = async || {
        let switched = connection.api.switch_credential(operation, &successor.value).await;
        switched.map_err(|error| request_failed(&error))
    };
    if own == OwnToken::Yes {
        switch().await?;
    }
    let deleted = delete(connection, operation, id).await;
    if deleted.is_err() && own == OwnToken::Unknown && is_rejected(connection, operation).await {
        // It was the provider's own token, and no longer is valid.
        switch().await?;
        return delete(connection, operation, id).await;
    }
    deleted
}

/// Whether the platform rejects the token that the provider uses.
async fn is_rejected(connection: &Connection, operation: &Operation) -> bool {
    let tokens = connection.fetch_personal_access_tokens(operation).await;
    tokens.is_err_and(|error| error.status() == Some(StatusCode::UNAUTHORIZED))
}

/// Deletes the previous token, unless the provider uses it.
pub(super) async fn delete_previous(
    connection: &Connection,
    operation: &Operation,
    context: &Context,
    title: &str,
    previous: &TokenId,
) -> Result<(), Diagnostic> {
    if own_token::previous(connection, &context.private).await == OwnToken::Yes {
        return Err(uses_own_token(title, previous));
    }
    delete(connection, operation, previous).await
}

/// Returns the successor that a killed run has created and delivered to Vault, whose secret names
/// this token as its predecessor.
pub(super) fn delivered_successor<'a>(
    tokens: &'a [Listed],
    id: &TokenId,
    secret: Option<&StoredSecret<'_>>,
) -> Option<&'a Listed> {
    let successor = secret?.value()?.successor_of(id.as_str())?.parse().ok()?;
    find(tokens, &successor)
}
