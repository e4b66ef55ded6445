//! `quix_personal_access_token`: a personal access token of the provider's user.
//!
//! # Flow
//! - Create issues a token and takes its value from the answer, the only place where the platform
//!   shows it (`create.rs`).
//! - A reason to rotate (`rotation_policy.rs`) creates a successor, delivers its value, and then
//!   deletes the current token (`rotate.rs`): in the same apply, or in the first one after
//!   `overlap`.
//! - Delete revokes both tokens (`delete.rs`).
//!
//! # Guarantees
//! - Every token that an answer reported is in the state afterwards, or is deleted again, whatever
//!   else failed.
//! - The current token is deleted only after the value of its successor is stored. A token that
//!   could not be deleted stays in the state as `previous_id`, and the next apply retries it. A
//!   resource never has more than two tokens.
//! - A token leaves the state only if the complete list of the same user, read twice, does not have
//!   it, and it has neither expired nor just been created.
//! - A token of another user is never changed: the private state records the user.
//! - The token that the provider uses is not deleted. If it is rotated without an overlap, the
//!   provider switches to the new one first.
//! - A token whose configuration is unchanged and that is not due is not changed, and neither is an
//!   imported one.
//!
//! # Assumptions
//! - The platform's list is complete, and lags behind by less than ten minutes.
//! - A run that is killed between the creation of a successor and the write of its state leaves an
//!   orphan whose value is lost or only in Vault. If it is in Vault, the next refresh completes the
//!   rotation.

pub(in crate::quix) mod create;
pub(in crate::quix) mod delete;
mod diagnostics;
mod model;
mod own_token;
mod plan;
mod rotate;
mod rotation_policy;
#[cfg(test)]
mod tests;

use std::mem::discriminant;

use jiff::{SignedDuration, Timestamp};

use self::create::without_number;
use self::delete::{delete, find};
use self::diagnostics::{
    belongs_to_other_user, deleted_outside, deletes_previous, falls_back, invalid_id, not_listed_yet,
    nothing_to_import, possibly_deleted, rotates, rotation_completed, uses_own_token, value_unknown,
};
pub(in crate::quix) use self::model::PersonalAccessToken;
use self::own_token::OwnToken;
use self::plan::{claim_secret, plan_delivery, plan_removal, plan_rotation, warn_about_previous};
use self::rotate::{IssueError, NewToken, delete_previous, delivered_successor, issue, rotate};
use self::rotation_policy::{Arguments, CurrentToken, Decision, Declaration};
use crate::framework::{Change, Diagnostics, Failed, Field, Leaving, Model, Outcome, PrivateState, Resource, Schema};
use crate::platform::attributes::{check_name, keep_prior, may_rotate};
use crate::platform::decision_time::{self, DecisionTime};
use crate::platform::issue_record::IssueRecord;
use crate::platform::previous_token::PreviousToken;
use crate::platform::rotation_policy::{expired_and_not_rotated, unreadable_expiry};
use crate::platform::{Session, account, delivery, generation, overlap, private_record};
use crate::quix::api::TokenId;
use crate::quix::connection::{Connection, Context};
use crate::quix::errors::request_failed;
use crate::quix::secret_owner::FIELD_NAMES;
use crate::token::{Deletion, Expiry, Lifetime};

/// The key in the private state of the user whose token it is.
const USER: &str = "user";

/// The time after its creation in which a token that is not listed stays in the state.
const LISTED_WITHIN: SignedDuration = SignedDuration::from_mins(10);

/// Implements `quix_personal_access_token`.
pub(in crate::quix) struct PersonalAccessTokenResource {
    session: Session,
}

impl PersonalAccessTokenResource {
    pub(in crate::quix) fn new(session: Session) -> Self {
        Self { session }
    }

    pub(in crate::quix) fn session(&self) -> &Session {
        &self.session
    }

    fn now(&self) -> Timestamp {
        self.session.clock().now()
    }
}

impl PersonalAccessToken {
    fn declaration(&self) -> Declaration<'_> {
        Declaration {
            arguments: Arguments {
                name: &self.name,
                scopes: &self.scopes,
            },
            policy: &self.rotation,
            delivery: &self.delivery,
        }
    }

    fn current(&self, private: &PrivateState) -> CurrentToken {
        CurrentToken {
            value: self.value_status(private),
            record: IssueRecord::read(private),
            created: self.created(),
            previous: self.previous.deletion(),
        }
    }

    /// Decides by this configuration what to do with a token whose state is `prior`.
    fn decide(&self, prior: &Self, current: CurrentToken, at: Timestamp) -> Decision {
        let prior = prior.declaration();
        self.declaration().decide(&prior, current, without_number, at)
    }

    /// Whether the token has expired, by the platform's expiry if that is known.
    fn has_expired(&self, private: &PrivateState, now: Timestamp) -> bool {
        let expiry = self.rotation.expiry.real_expiry(IssueRecord::read(private));
        expiry.is_some_and(|expiry| expiry.has_passed(now))
    }

    /// Records the time of a refresh, by which the next plan decides.
    fn record_decision(&self, private: &PrivateState, now: Timestamp) {
        let current = self.current(private);
        let has_passed = |expiry: Option<Expiry>, at| expiry.is_some_and(|expiry| expiry.has_passed(at));
        let expiry = &self.rotation.expiry;
        let (declared, real) = (expiry.expiry(), expiry.real_expiry(current.record));
        decision_time::refresh(private, now, |at| {
            let decision = discriminant(&self.decide(self, current, at));
            (decision, has_passed(declared, at), has_passed(real, at))
        });
    }
}

/// Records the user whose token it is, so that another user's list proves nothing about it. Errors
/// are ignored here: without a record, a token that is not found stays in the state.
async fn record_user(connection: &Connection, context: &Context) {
    if context.private.get::<String>(USER).is_none()
        && let Ok(Some(user)) = connection.user(&connection.operation(context)).await
    {
        context.private.set(USER, user);
    }
}

impl Resource for PersonalAccessTokenResource {
    type Model = PersonalAccessToken;
    type Client = Connection;

    const TYPE: &'static str = "quix_personal_access_token";

    fn schema(&self) -> Schema {
        delivery::described(PersonalAccessToken::schema(), &FIELD_NAMES)
            .describe(
                "token",
                "The value of the current token, for use as a bearer token. Null after an import, and with `vault` or \
                 `age_recipients`.",
            )
            .describe(
                "expires_at",
                "When the token expires, in RFC 3339 with an offset, such as `2027-06-30T00:00:00Z`. **A change rotates the \
                 token.** Another spelling of the same instant changes nothing. The request adds a random fraction of a second, \
                 by which the provider recognises the token if the answer is lost. With neither `expires_at` nor `expires_in`, \
                 the platform decides; Quix does not document what then applies, nor the longest expiry.",
            )
            .describe(
                "expires_in",
                "The lifetime of each token, a duration such as `90d`, `12h` or `1h30m`, less up to one second. Once the token has \
                 expired, the next plan rotates it. A change rotates.",
            )
    }

    fn validate(&self, config: &PersonalAccessToken, diagnostics: &mut Diagnostics) {
        if let Some(name) = config.name.known() {
            check_name("name", name, diagnostics);
        }
        config.rotation.validate(self.now(), diagnostics);
        config.delivery.validate(&FIELD_NAMES, diagnostics);
    }

    async fn plan(&self, context: &Context, change: &mut Change<PersonalAccessToken>) -> Result<(), Diagnostics> {
        let (config, planned) = (&change.config, &mut change.planned);
        let policy = &config.rotation.expiry;
        let prior_policy = change.prior.as_ref().map(|prior| &prior.rotation.expiry);
        if policy.needs_clock(prior_policy, self.now()) {
            self.session.synchronise(context, &mut context.diagnostics()).await;
        }
        let Some(prior) = &change.prior else {
            planned.delivery.generation = Field::Unknown;
            planned.mark_unknown(config);
            planned.previous = PreviousToken::default();
            IssueRecord::plan(&context.private, self.now());
            context
                .diagnostics()
                .ok(policy.expiry_to_send(self.now(), Lifetime::Undocumented));
            // Errors are ignored here: apply reports them.
            if let Some(connection) = context.known_client() {
                let (operation, owner) = (connection.operation(context), planned.current_owner());
                connection
                    .vault
                    .plan_creation(&operation, &planned.delivery.vault, owner, &mut context.diagnostics())
                    .await;
            }
            return Ok(());
        };
        self.session.generations().observe(&prior.delivery.generation);
        planned.rotation.keep_spelling(&prior.rotation);
        let current = prior.current(&context.private);
        let decide = |at| config.decide(prior, current, at);
        let records = |at| decision_time::records(prior, planned) || decide(at).is_change();
        let time = DecisionTime::new(
            &context.private,
            self.now(),
            records,
            config.rotation.shortest_interval(),
        );
        let decision = time.decide(&prior.title(), decide, &mut context.diagnostics());
        match decision {
            Decision::Keep => {
                if policy.is_fixed() {
                    let warning = prior
                        .rotation
                        .expiry
                        .expiry_warning(current.record, &prior.title(), self.now());
                    context.diagnostics().extend(warning);
                }
                let deletion = config.rotation.deletion(&prior.rotation, current);
                planned.previous.previous_ends_at = overlap::ends_at(deletion);
                claim_secret(context, prior, planned);
            }
            Decision::DeletePrevious => {
                if let Some(previous) = prior.previous.id() {
                    let until = prior.previous.previous_ends_at.known().map(String::as_str);
                    context.report(deletes_previous(&prior.title(), &previous, until));
                }
                if let Some(connection) = context.known_client() {
                    warn_about_previous(&connection, context, prior).await;
                }
                planned.previous = PreviousToken::default();
                claim_secret(context, prior, planned);
            }
            Decision::Expired(reasons) => {
                let expiry = prior.rotation.expiry.real_expiry(current.record);
                context.report(expired_and_not_rotated(&prior.title(), expiry, &reasons));
                keep_prior(&mut planned.name, &prior.name);
                keep_prior(&mut planned.scopes, &prior.scopes);
                let triggers = &mut planned.rotation.expiry.rotation_triggers;
                keep_prior(triggers, &prior.rotation.expiry.rotation_triggers);
                planned.delivery.keep_prior_storage(&prior.delivery);
            }
            Decision::Rotate(reasons) => {
                context.report(rotates(
                    &prior.title(),
                    prior.known_id(),
                    &config.rotation.overlap,
                    &reasons,
                ));
                let earlier = &prior.rotation.expiry;
                let warning = policy.follows_plan_warning(earlier, current.record, &prior.title(), self.now());
                context.diagnostics().extend(warning);
                IssueRecord::plan(&context.private, self.now());
                plan_rotation(context, prior, planned).await;
                context
                    .diagnostics()
                    .ok(policy.expiry_to_send(self.now(), Lifetime::Undocumented));
                planned.mark_unknown(config);
                planned.delivery.generation = generation::next(&prior.delivery.generation);
                planned.previous = PreviousToken::unknown();
                // Without an overlap, the apply keeps it only if its deletion fails.
                if !config.rotation.overlap_duration().is_zero() {
                    planned.previous.previous_id = prior.id.clone();
                }
            }
            Decision::Unknown(unknown) => {
                context.report(may_rotate(&prior.title(), &unknown));
                IssueRecord::plan(&context.private, self.now());
                if let Some(connection) = context.known_client() {
                    plan_delivery(context, &connection, prior, planned).await;
                }
                planned.mark_unknown(config);
                planned.delivery.generation = Field::Unknown;
                planned.previous = PreviousToken::unknown();
            }
        }
        Ok(())
    }

    async fn plan_destroy(&self, context: &Context, prior: &PersonalAccessToken) -> Result<(), Diagnostics> {
        plan_removal(context, prior).await;
        Ok(())
    }

    async fn create(&self, context: &Context, mut planned: PersonalAccessToken) -> Outcome<PersonalAccessToken> {
        if planned.rotation.expiry.needs_clock(None, self.now()) {
            self.session.synchronise(context, &mut context.diagnostics()).await;
        }
        let connection = context.client()?;
        let operation = connection.operation(context);
        record_user(&connection, context).await;
        let diagnostics = &mut *context.diagnostics();
        let owner = planned.current_owner();
        let permit = planned
            .delivery
            .prepare(&connection.vault, &operation, owner, diagnostics)
            .await?;
        planned.delivery.generation = self.session.first_generation().into();
        decision_time::record(&context.private, self.now());
        match issue(&connection, &operation, &planned, None, permit, self.now(), diagnostics).await {
            Ok(NewToken {
                issued,
                requested,
                delivery,
            }) => {
                decision_time::record(&context.private, self.now());
                let record = (&context.private, self.session.clock());
                planned.set_issued(&issued, requested, delivery, record, diagnostics);
                Ok(planned)
            }
            // The state records the orphan without a value, so that the next apply replaces it.
            Err(IssueError { diagnostic, orphan }) => Err(Failed {
                diagnostics: diagnostic.into(),
                leaves: orphan.map(|orphan| {
                    planned.set_without_value(&orphan);
                    planned
                }),
            }),
        }
    }

    async fn read(
        &self,
        context: &Context,
        mut state: PersonalAccessToken,
    ) -> Outcome<PersonalAccessToken, Option<PersonalAccessToken>> {
        if context.is_config_unknown() {
            return Ok(Some(state));
        }
        let (connection, mut id) = (context.client()?, state.id()?);
        let operation = connection.operation(context);
        let failed = |error| request_failed(&error);
        let mut tokens = connection.personal_access_tokens(&operation).await.map_err(failed)?;
        if find(&tokens, &id).is_none() {
            tokens = connection
                .fetch_personal_access_tokens(&operation)
                .await
                .map_err(failed)?;
        }
        self.session.report_skew(&mut context.diagnostics());
        let (vault, owner) = (&state.delivery.vault, state.current_owner());
        let secret = connection.vault.read(&operation, vault, owner).await;
        if let Some(successor) = delivered_successor(&tokens, &id, secret.as_ref()) {
            context.report(rotation_completed(&state.title()));
            state.previous = PreviousToken::new(&id, Deletion::Due);
            IssueRecord::remove(&context.private);
            own_token::forget(&context.private);
            state.rotation.expiry.expires_at = Field::Null;
            state.set_without_value(successor);
            private_record::set_issued(&context.private);
            id = successor.id.clone();
        }
        if let Some(previous) = state.previous.id()
            && find(&tokens, &previous).is_none()
        {
            state.previous = PreviousToken::default();
        }
        match find(&tokens, &id) {
            Some(token) => {
                if let Some(spelled) = &token.unreadable_expiry {
                    context.report(unreadable_expiry(&state.title(), spelled));
                }
                state.refresh_from(token, IssueRecord::read(&context.private));
                // The platform may not have reported the user when the token was created.
                record_user(&connection, context).await;
            }
            // The platform may omit expired tokens, so a token that has expired stays in the state.
            None if state.has_expired(&context.private, self.now()) => {}
            None if is_recent(state.created(), self.now()) => context.report(not_listed_yet(&state.title(), &id)),
            None if context.private.get::<String>(USER).is_none() => {
                context.report(possibly_deleted(&state.title(), &id));
            }
            None => {
                // The previous token is still to be deleted, so it must stay in the state.
                let previous = state.previous.id().and_then(|previous| find(&tokens, &previous));
                let Some(previous) = previous else {
                    context.report(deleted_outside(&state.title(), &id));
                    return Ok(None);
                };
                context.report(falls_back(&state.title(), &previous.id));
                IssueRecord::remove(&context.private);
                own_token::forget(&context.private);
                state.rotation.expiry.expires_at = Field::Null;
                state.set_without_value(previous);
                state.previous = PreviousToken::default();
            }
        }
        let token = state.delivered();
        let remote = delivery::RemoteStatus {
            id: token.id.clone(),
            rotated: false,
        };
        state
            .delivery
            .refresh(&token, secret, remote, &mut context.diagnostics());
        private_record::observe_delivery(&context.private, &state.delivery.vault_version);
        state.record_decision(&context.private, self.now());
        Ok(Some(state))
    }

    async fn update(
        &self,
        context: &Context,
        prior: PersonalAccessToken,
        planned: PersonalAccessToken,
    ) -> Outcome<PersonalAccessToken> {
        if planned.rotation.expiry.needs_clock(None, self.now()) {
            self.session.synchronise(context, &mut context.diagnostics()).await;
        }
        let connection = context.client()?;
        record_user(&connection, context).await;
        decision_time::record(&context.private, self.now());
        if planned.id.is_unknown() {
            let rotated = rotate(&connection, context, self.session.clock(), prior, planned).await;
            decision_time::record(&context.private, self.now());
            return rotated;
        }
        let mut state = planned;
        if let Some(previous) = prior.previous.id()
            && state.previous.previous_id.is_null()
        {
            let operation = connection.operation(context);
            let deleted = delete_previous(&connection, &operation, context, &prior.title(), &previous).await;
            if let Err(error) = deleted {
                context.report(error);
                state.previous = PreviousToken::new(&previous, Deletion::Due);
            }
        }
        Ok(state)
    }

    async fn delete(&self, context: &Context, mut state: PersonalAccessToken) -> Outcome<PersonalAccessToken, ()> {
        let (connection, id) = (context.client()?, state.id()?);
        self.session.generations().observe(&state.delivery.generation);
        let operation = connection.operation(context);
        if let Some(previous) = state.previous.id() {
            delete_previous(&connection, &operation, context, &state.title(), &previous).await?;
            state.previous = PreviousToken::default();
        }
        if own_token::current(&connection, &operation, &state.delivery, &context.private).await == OwnToken::Yes {
            return Err(uses_own_token(&state.title(), &id)).leaving(state);
        }
        delete(&connection, &operation, &id).await.leaving(state.clone())?;
        let (vault, version) = (&state.delivery.vault, &state.delivery.vault_version);
        let owner = state.current_owner();
        connection
            .vault
            .delete(&operation, vault, version, &owner, &mut context.diagnostics())
            .await;
        Ok(())
    }

    async fn permits(&self, context: &Context, state: &PersonalAccessToken) -> Result<(), Diagnostics> {
        let exists = async {
            let Some(connection) = context.known_client() else {
                return Ok(true);
            };
            let tokens = connection.personal_access_tokens(&connection.operation(context)).await;
            let tokens = tokens.map_err(|error| request_failed(&error))?;
            let ids = [Some(state.id()?), state.previous.id()];
            Ok(ids.iter().flatten().any(|id| find(&tokens, id).is_some()))
        };
        account::verify(&context.private, self.session.account(), &state.title(), exists).await?;
        if let (Some(recorded), Some(connection)) = (context.private.get::<String>(USER), context.known_client()) {
            let user = connection.user(&connection.operation(context)).await;
            let user = user.map_err(|error| request_failed(&error))?;
            if user.as_ref() != Some(&recorded) {
                return Err(belongs_to_other_user(&state.title()).into());
            }
        }
        Ok(())
    }

    fn record_place(&self, context: &Context) {
        account::record(&context.private, self.session.account());
    }

    fn title(&self, state: &PersonalAccessToken) -> Option<String> {
        Some(state.title())
    }

    async fn import(&self, context: &Context, id: &str) -> Outcome<PersonalAccessToken, Option<PersonalAccessToken>> {
        let id: TokenId = id.parse().map_err(invalid_id)?;
        let connection = context.client()?;
        let tokens = connection.personal_access_tokens(&connection.operation(context)).await;
        let tokens = tokens.map_err(|error| request_failed(&error))?;
        let token = find(&tokens, &id).ok_or_else(|| nothing_to_import(&id))?;
        let mut state = PersonalAccessToken::imported(token);
        context.report(value_unknown(&state.title()));
        state.delivery.generation = self.session.first_generation().into();
        record_user(&connection, context).await;
        private_record::set_imported(&context.private);
        decision_time::record(&context.private, self.now());
        Ok(Some(state))
    }
}

/// Whether a token was created so recently that the list may not have it yet.
fn is_recent(created: Option<Timestamp>, now: Timestamp) -> bool {
    created.is_some_and(|created| now.duration_since(created) < LISTED_WITHIN)
}
