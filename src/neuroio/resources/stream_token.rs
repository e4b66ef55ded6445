//! `neuroio_stream_token`: a permanent or temporary stream token.
//!
//! # Flow
//! - Create creates the token (`create.rs`) and deactivates it if `is_active` is false.
//! - Refresh reads the token with its value, which the platform returns again.
//! - A change of `is_active` updates the token in place (`activate.rs`).
//! - A change of `age_recipients` reads the value again and stores it as declared (`stored_key.rs`).
//! - A reason to rotate (`rotation_policy.rs`) creates a successor and then deletes the current
//!   token (`rotate.rs`): in the same apply, or in the first one after `overlap`.
//! - Destroy deletes both tokens (`delete.rs`).
//!
//! # Guarantees
//! - Every token that was created is in the state or named in an error, even if a later step fails.
//! - The current token is deleted only after its successor exists. A token that could not be
//!   deleted stays in the state as `previous_id`, and the next apply retries it. A resource never
//!   has more than two tokens.
//! - A token is removed from the state only if the platform's complete list does not contain it. An
//!   expired token stays in the state nevertheless: the plan reports its expiry and rotates it.
//! - The provider's own API token is neither deactivated nor deleted, except that a rotation
//!   deletes it after the provider has switched to the successor.
//!
//! # Assumptions
//! - The platform's list is complete.
//! - A permanent token does not expire, even if the platform reports an `expires` for it.

mod activate;
pub(in crate::neuroio) mod create;
pub(in crate::neuroio) mod delete;
mod diagnostics;
mod model;
mod plan;
mod rotate;
mod rotation_policy;
mod stored_key;
#[cfg(test)]
mod tests;

use std::mem::discriminant;

use jiff::Timestamp;

use self::activate::set_active;
use self::create::with_times;
use self::delete::{delete, delete_unless_own, is_listed, is_own_token};
pub(in crate::neuroio) use self::model::StreamToken;
use self::plan::{plan_creation, plan_deletion, plan_deletion_of_previous, plan_rotation};
use self::rotate::rotate;
use self::rotation_policy::Decision;
use crate::framework::{Change, Diagnostics, Field, Leaving, Outcome, Resource};
use crate::neuroio::api::TokenId;
use crate::neuroio::connection::{Connection, Context};
use crate::neuroio::errors::request_failed;
use crate::platform::attributes::may_rotate;
use crate::platform::decision_time::{self, DecisionTime};
use crate::platform::previous_token::PreviousToken;
use crate::platform::{Session, account, generation, overlap, private_record};
use crate::token::Deletion;

/// Implements `neuroio_stream_token`.
pub(in crate::neuroio) struct StreamTokenResource {
    session: Session,
}

impl StreamTokenResource {
    pub(in crate::neuroio) fn new(session: Session) -> Self {
        Self { session }
    }

    pub(in crate::neuroio) fn session(&self) -> &Session {
        &self.session
    }

    fn now(&self) -> Timestamp {
        self.session.clock().now()
    }

    /// Warns if the apply will refuse to deactivate the token.
    async fn warn_about_own_credential(&self, context: &Context, prior: &StreamToken, planned: &StreamToken) {
        if let Some(connection) = context.known_client()
            && planned.is_inactive()
            && !prior.is_inactive()
            && is_own_token(&connection, &connection.operation(context), prior).await
        {
            context.report(diagnostics::own_credential("deactivate").as_warning());
        }
    }
}

impl Resource for StreamTokenResource {
    type Model = StreamToken;
    type Client = Connection;

    const TYPE: &'static str = "neuroio_stream_token";

    fn validate(&self, config: &StreamToken, diagnostics: &mut Diagnostics) {
        config.rotation.validate(config.permanent.known().copied(), diagnostics);
    }

    async fn plan(&self, context: &Context, change: &mut Change<StreamToken>) -> Result<(), Diagnostics> {
        let planned = &mut change.planned;
        let Some(prior) = &change.prior else {
            planned.generation = Field::Unknown;
            planned.value.mark_unknown();
            planned.previous = PreviousToken::default();
            if planned.is_permanent() {
                planned.expires_at = Field::Null;
                plan_creation(context).await;
            }
            return Ok(());
        };
        self.session.generations().observe(&prior.generation);
        if planned.permanent != prior.permanent {
            // The token is replaced. Terraform plans the creation in a separate call.
            plan_deletion(context, prior).await;
            return Ok(());
        }
        // Another spelling of the same duration is no change.
        planned.rotation.keep_spelling(&prior.rotation);
        let (policy, current) = (&change.config.rotation, prior.current(&context.private));
        let interval = policy.shortest_interval(prior.is_permanent());
        if interval.is_some() {
            self.session.synchronise(context, &mut context.diagnostics()).await;
        }
        let is_active = !planned.is_inactive();
        let decide = |at| policy.decide(is_active, &prior.rotation, &current, at);
        let records = |at| decision_time::records(prior, planned) || decide(at).is_change();
        let time = DecisionTime::new(&context.private, self.now(), records, interval);
        let decision = time.decide(&prior.name(), decide, &mut context.diagnostics());
        self.warn_about_own_credential(context, prior, planned).await;
        match decision {
            Decision::Keep => {
                let deletion = policy.deletion(is_active, &prior.rotation, &current);
                planned.previous.previous_ends_at = overlap::ends_at(deletion);
                let left = policy.expires_unrenewed_in(&current, self.now());
                if let (Some(left), Some(expires_at), true) = (left, prior.expires_at.known(), is_active) {
                    let left = left.unsigned_abs();
                    context.report(diagnostics::expires_soon(&prior.name(), expires_at, left));
                }
            }
            Decision::DeletePrevious => {
                if let (Some(connection), Some(previous)) = (context.known_client(), prior.previous.id()) {
                    let since = prior.previous.previous_ends_at.known().map(String::as_str);
                    context.report(diagnostics::deletes_previous(&prior.name(), previous, since));
                    plan_deletion_of_previous(context, &connection, previous).await;
                }
                planned.previous = PreviousToken::default();
            }
            Decision::Rotate(reasons) => {
                let keeps_current = is_active && !policy.overlap_duration().is_zero();
                let kept_for = policy.overlap.known().filter(|_| keeps_current);
                let warning = diagnostics::rotates(&prior.name(), &reasons, kept_for.map(String::as_str));
                context.report(warning);
                plan_rotation(context, prior, keeps_current).await;
                planned.mark_unknown();
                planned.generation = generation::next(&prior.generation);
                // Without an overlap, the apply keeps it only if its deletion fails.
                if keeps_current && !planned.is_active.is_unknown() {
                    planned.previous.previous_id = prior.id.clone();
                }
            }
            Decision::Unknown => {
                context.report(may_rotate(&prior.name(), &policy.unknown()));
                planned.mark_unknown();
                planned.generation = Field::Unknown;
            }
        }
        if planned.value.is_stored_differently(&prior.value) {
            planned.value.mark_unknown();
        }
        // If the apply deactivates the token, it deletes the previous one.
        if planned.is_active.is_unknown() && !planned.previous.previous_id.is_null() {
            planned.previous = PreviousToken::unknown();
        }
        Ok(())
    }

    async fn plan_destroy(&self, context: &Context, prior: &StreamToken) -> Result<(), Diagnostics> {
        plan_deletion(context, prior).await;
        Ok(())
    }

    async fn create(&self, context: &Context, planned: StreamToken) -> Outcome<StreamToken> {
        let connection = context.client()?;
        decision_time::record(&context.private, self.now());
        let operation = connection.operation(context);
        let permanent = planned.is_permanent();
        planned.value.check()?;
        let created = {
            let (before, diagnostics) = (&mut *connection.created.lock().await, &mut context.diagnostics());
            create::create(&connection.api, &operation, permanent, None, before, diagnostics).await
        };
        if permanent {
            connection.planned.creation_finished();
        }
        connection.invalidate();
        let issued = with_times(&connection.api, &operation, permanent, created?).await;
        let is_inactive = planned.is_inactive();
        let mut state = planned;
        state.generation = self.session.first_generation().into();
        state.previous = PreviousToken::default();
        state.set_issued(&context.private, issued).leaving(state.clone())?;
        if is_inactive {
            let set = set_active(&connection, &operation, state.clone(), false).await;
            return set.map_err(|failed| failed.or_leaving(state));
        }
        Ok(state)
    }

    async fn read(&self, context: &Context, mut state: StreamToken) -> Outcome<StreamToken, Option<StreamToken>> {
        if context.is_config_unknown() {
            return Ok(Some(state));
        }
        let (connection, id) = (context.client()?, state.id()?);
        let operation = connection.operation(context);
        let read = connection.api.get(&operation, id).await;
        self.session.report_skew(&mut context.diagnostics());
        match read {
            Ok(issued) => state.refresh_from(issued)?,
            // The platform may hide expired tokens. An expired token was not deleted outside
            // Terraform.
            Err(error) if error.is_not_found() && state.has_expired(self.now()) => {}
            Err(error) if error.is_not_found() => {
                if is_listed(&connection.api, &operation, id).await? {
                    return Ok(Some(state));
                }
                // The previous token is still to be deleted, so it must stay in the state.
                let Some(previous) = state.previous.id() else {
                    return Ok(None);
                };
                match connection.api.get(&operation, previous).await {
                    Ok(issued) => {
                        context.report(diagnostics::falls_back(&state.name(), previous));
                        state.fall_back_to(&context.private, issued)?;
                    }
                    Err(error) if error.is_not_found() => {
                        let is_listed = is_listed(&connection.api, &operation, previous).await?;
                        return Ok(is_listed.then_some(state));
                    }
                    Err(error) => return Err(request_failed(&error).into()),
                }
            }
            Err(error) => return Err(request_failed(&error).into()),
        }
        // Errors are ignored here: the next refresh reads the previous token again.
        if let Some(previous) = state.previous.id()
            && let Err(error) = connection.api.get(&operation, previous).await
            && error.is_not_found()
            && is_listed(&connection.api, &operation, previous).await == Ok(false)
        {
            state.previous = PreviousToken::default();
        }
        let current = state.current(&context.private);
        let (policy, is_active) = (&state.rotation, !state.is_inactive());
        decision_time::refresh(&context.private, self.now(), |at| {
            discriminant(&policy.decide(is_active, policy, &current, at))
        });
        Ok(Some(state))
    }

    async fn update(&self, context: &Context, prior: StreamToken, planned: StreamToken) -> Outcome<StreamToken> {
        let connection = context.client()?;
        decision_time::record(&context.private, self.now());
        if planned.id.is_unknown() {
            let id = prior.id()?;
            let rotated = rotate(&connection, context, prior, planned).await;
            connection.planned.rotation_finished(id);
            connection.invalidate();
            return rotated;
        }
        let operation = connection.operation(context);
        let is_active = *planned.is_active.get()?;
        let mut state = StreamToken {
            is_active: prior.is_active,
            ..planned
        };
        if let Some(previous) = prior.previous.id()
            && state.previous.previous_id.is_null()
        {
            // The token itself is updated nevertheless, and the next apply retries the deletion.
            if let Err(error) = delete_unless_own(&connection, &operation, previous).await {
                context.report(error);
                state.previous = PreviousToken::new(previous, Deletion::Due);
            }
            connection.invalidate();
        }
        if state.value.is_unknown() {
            let issued = connection.api.get(&operation, state.id()?).await;
            let issued = issued.map_err(|error| request_failed(&error)).leaving(prior.clone())?;
            state.value.store(issued.key).leaving(prior)?;
        }
        if state.is_active == is_active.into() {
            return Ok(state);
        }
        let set = set_active(&connection, &operation, state.clone(), is_active).await;
        set.map_err(|failed| failed.or_leaving(state))
    }

    async fn delete(&self, context: &Context, mut state: StreamToken) -> Outcome<StreamToken, ()> {
        let (connection, id) = (context.client()?, state.id()?);
        self.session.generations().observe(&state.generation);
        let operation = connection.operation(context);
        if is_own_token(&connection, &operation, &state).await {
            return Err(diagnostics::own_credential("delete").into());
        }
        if let Some(previous) = state.previous.id() {
            delete_unless_own(&connection, &operation, previous).await?;
            state.previous = PreviousToken::default();
        }
        let deleted = delete(&connection.api, &operation, id).await;
        connection.invalidate();
        deleted.leaving(state)
    }

    async fn import(&self, context: &Context, id: &str) -> Outcome<StreamToken, Option<StreamToken>> {
        let id: TokenId = id.parse().map_err(|_| diagnostics::not_an_id())?;
        let connection = context.client()?;
        let operation = connection.operation(context);
        let issued = connection.api.get(&operation, id).await;
        let issued = issued.map_err(|error| request_failed(&error))?;
        let permanent = connection.is_permanent(&operation, id).await;
        let mut state = StreamToken {
            permanent: permanent.map_err(|error| request_failed(&error))?.into(),
            generation: self.session.first_generation().into(),
            ..StreamToken::default()
        };
        state.refresh_from(issued)?;
        private_record::set_imported(&context.private);
        decision_time::record(&context.private, self.now());
        Ok(Some(state))
    }

    async fn permits(&self, context: &Context, state: &StreamToken) -> Result<(), Diagnostics> {
        let exists = async {
            let connection = context.client()?;
            let operation = connection.operation(context);
            match connection.api.get(&operation, state.id()?).await {
                Ok(issued) => Ok(state.may_be(&issued)),
                Err(error) if error.is_not_found() => Ok(false),
                Err(error) => Err(request_failed(&error)),
            }
        };
        let account = self.session.account();
        Ok(account::verify(&context.private, account, &state.name(), exists).await?)
    }

    fn record_place(&self, context: &Context) {
        account::record(&context.private, self.session.account());
    }

    fn title(&self, state: &StreamToken) -> Option<String> {
        Some(state.name())
    }
}
