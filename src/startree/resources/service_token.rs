//! `startree_service_token`: a credential for machines, which the platform's user interface calls
//! an API token.
//!
//! # Flow
//! - Create issues a token and takes its value from the answer, the only place where the platform
//!   shows it (`create.rs`).
//! - A reason to rotate (`rotation_policy.rs`) creates a successor with the roles of the current
//!   token, delivers its value, and then deletes the current token (`rotate.rs`): in the same
//!   apply, or in the first one after `overlap`. Until then the successor's description names its
//!   predecessor.
//! - Delete revokes the roles of both tokens and deletes both (`delete.rs`).
//!
//! # Guarantees
//! - Every token that an answer reported is in the state afterwards, or is deleted again, whatever
//!   else failed.
//! - The current token is deleted only after its successor has all its roles and its value is
//!   stored. A token that could not be deleted stays in the state as `previous_access_key`, and the
//!   next apply retries it. A resource never has more than two tokens.
//! - A token leaves the state only if the platform demonstrably finds service tokens, and twice
//!   does not find this one ([`token_existence`]).
//! - The token that the provider uses is not deleted.
//! - A token whose configuration is unchanged and that is not due is not changed, and neither is an
//!   imported one.
//!
//! # Assumptions
//! - The SRN of a service token is `srn2:service-token#<access key>`. If it is not, no token leaves
//!   the state.
//! - A creation whose answer was lost may leave an orphan that no request finds. It has no role and
//!   therefore no access; the error says so.
//! - A run that is killed between the creation of a successor and the write of its state leaves an
//!   orphan with roles, whose value is lost or only in Vault. If it is in Vault, the next refresh
//!   completes the rotation; otherwise, the plan of the next rotation warns.

mod create;
mod delete;
mod diagnostics;
mod model;
mod plan;
mod previous;
mod roles;
mod rotate;
mod rotation_policy;
#[cfg(test)]
mod tests;

use std::mem::discriminant;

use jiff::Timestamp;

pub(in crate::startree) use self::create::issue;
use self::create::{IssueError, NewToken, create};
pub(in crate::startree) use self::delete::delete;
use self::delete::delete_unless_own;
use self::diagnostics::{
    deleted_outside, deletes_previous, falls_back, has_no_role, invalid_id, possibly_deleted, rotates,
    rotation_completed, uses_own_token, value_unknown,
};
pub(in crate::startree) use self::model::ServiceToken;
use self::plan::{claim_secret, plan_delivery, plan_removal, plan_replacement, plan_rotation};
use self::previous::PreviousToken;
pub(in crate::startree) use self::roles::assign as assign_roles;
use self::rotate::{delivered_successor, rotate};
use self::rotation_policy::Decision;
#[cfg(test)]
pub(in crate::startree) use self::rotation_policy::RotationPolicy;
use crate::framework::{Change, Diagnostic, Diagnostics, Failed, Field, Leaving, Model, Outcome, Resource, Schema};
use crate::platform::attributes::{keep_spelling, may_rotate};
use crate::platform::decision_time::{self, DecisionTime};
use crate::platform::{Session, account, delivery, generation, overlap, private_record};
use crate::startree::api::{AccessKey, Reported};
use crate::startree::connection::{Connection, Context};
use crate::startree::errors::failure;
use crate::startree::predecessor;
use crate::startree::secret_owner::FIELD_NAMES;
use crate::startree::token_existence::{self, Existence};
use crate::token::{Deletion, Expiry};

/// Implements `startree_service_token`.
pub(in crate::startree) struct ServiceTokenResource {
    session: Session,
}

impl ServiceTokenResource {
    pub(in crate::startree) fn new(session: Session) -> Self {
        Self { session }
    }

    fn now(&self) -> Timestamp {
        self.session.clock().now()
    }
}

impl Resource for ServiceTokenResource {
    type Model = ServiceToken;
    type Client = Connection;

    const TYPE: &'static str = "startree_service_token";

    fn schema(&self) -> Schema {
        delivery::described(ServiceToken::schema(), &FIELD_NAMES).describe(
            "token",
            "The value of the current token, `st-<access key>-<secret key>`, for use as a bearer token. Null after an import, \
             and with `vault` or `age_recipients`.",
        )
    }

    fn validate(&self, config: &ServiceToken, diagnostics: &mut Diagnostics) {
        config.delivery.validate(&FIELD_NAMES, diagnostics);
    }

    async fn plan(&self, context: &Context, change: &mut Change<ServiceToken>) -> Result<(), Diagnostics> {
        let planned = &mut change.planned;
        let Some(prior) = &change.prior else {
            planned.delivery.generation = Field::Unknown;
            planned.mark_unknown();
            planned.previous = PreviousToken::default();
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
        if planned.description != prior.description && !prior.description.is_null() {
            plan_replacement(context, prior, planned).await;
            return Ok(());
        }
        if let (Some(connection), Ok(access_key)) = (context.known_client(), prior.access_key()) {
            connection
                .tokens
                .record_predecessor(access_key, prior.previous.predecessor());
        }
        // Another spelling of the same duration is no change.
        keep_spelling(&mut planned.rotation.rotate_every, &prior.rotation.rotate_every);
        keep_spelling(&mut planned.rotation.overlap, &prior.rotation.overlap);
        self.session.synchronise(context, &mut context.diagnostics()).await;
        let (config, current) = (&change.config, prior.current(&context.private));
        let decide = |at| config.decide(prior, &current, at);
        let records = |at| decision_time::records(prior, planned) || decide(at).is_change();
        let interval = config.rotation.shortest_interval();
        let time = DecisionTime::new(&context.private, self.now(), records, interval);
        let decision = time.decide(&prior.title(), decide, &mut context.diagnostics());
        match decision {
            Decision::Keep => {
                let deletion = config.rotation.deletion(&prior.rotation, &current);
                planned.previous.previous_ends_at = overlap::ends_at(deletion);
                claim_secret(context, prior, planned);
            }
            Decision::DeletePrevious => {
                let PreviousToken {
                    previous_access_key: previous,
                    previous_ends_at: until,
                } = &prior.previous;
                let (previous, until) = (previous.known().map_or("", String::as_str), until.known());
                context.report(deletes_previous(&prior.title(), previous, until.map(String::as_str)));
                if let (Some(connection), Some(previous)) = (context.known_client(), prior.previous.access_key())
                    && connection.tokens.is_own(&previous)
                {
                    context.report(uses_own_token(&prior.title(), &previous).as_warning());
                }
                planned.previous = PreviousToken::default();
                claim_secret(context, prior, planned);
            }
            Decision::Rotate(reasons) => {
                let overlap = &config.rotation.overlap;
                context.report(rotates(&prior.title(), prior.known_access_key(), overlap, &reasons));
                plan_rotation(context, prior, planned).await;
                planned.mark_unknown();
                planned.delivery.generation = generation::next(&prior.delivery.generation);
                planned.previous = PreviousToken::unknown();
                // Without an overlap, the apply keeps it only if its deletion fails.
                if !config.rotation.overlap_duration().is_zero() {
                    planned.previous.previous_access_key = prior.access_key.clone();
                }
            }
            Decision::Unknown => {
                let storage = config.delivery.unknown();
                let unknown: Vec<_> = config.rotation.unknown().into_iter().chain(storage).collect();
                context.report(may_rotate(&prior.title(), &unknown));
                if let Some(connection) = context.known_client() {
                    plan_delivery(context, &connection, prior, planned).await;
                }
                planned.mark_unknown();
                planned.delivery.generation = Field::Unknown;
                planned.previous = PreviousToken::unknown();
            }
        }
        Ok(())
    }

    async fn plan_destroy(&self, context: &Context, prior: &ServiceToken) -> Result<(), Diagnostics> {
        plan_removal(context, prior);
        Ok(())
    }

    async fn create(&self, context: &Context, mut planned: ServiceToken) -> Outcome<ServiceToken> {
        let connection = context.client()?;
        let (operation, owner) = (connection.operation(context), planned.current_owner());
        let permit = planned
            .delivery
            .prepare(&connection.vault, &operation, owner, &mut context.diagnostics())
            .await?;
        planned.delivery.generation = self.session.first_generation().into();
        decision_time::record(&context.private, self.now());
        match create(&connection, &operation, &planned, None, permit).await {
            Ok(NewToken { issued, delivery, .. }) => {
                decision_time::record(&context.private, self.now());
                connection.tokens.record_predecessor(issued.access_key.clone(), None);
                planned.set_issued(issued, delivery, self.now());
                Ok(planned)
            }
            // The state records the orphan without a value, so that the next apply replaces it.
            Err(IssueError { diagnostic, orphan }) => Err(Failed {
                diagnostics: diagnostic.into(),
                leaves: orphan.map(|access_key| {
                    planned.set_without_value(&access_key);
                    planned
                }),
            }),
        }
    }

    async fn read(&self, context: &Context, mut state: ServiceToken) -> Outcome<ServiceToken, Option<ServiceToken>> {
        if context.is_config_unknown() {
            return Ok(Some(state));
        }
        let (connection, mut access_key) = (context.client()?, state.access_key()?);
        let operation = connection.operation(context);
        let (vault, owner) = (&state.delivery.vault, state.current_owner());
        let secret = connection.vault.read(&operation, vault, owner).await;
        if let Some(successor) = delivered_successor(&connection, &operation, &access_key, secret.as_ref()).await {
            context.report(rotation_completed(&state.title()));
            state.previous = PreviousToken::new(&access_key, Deletion::Due);
            state.set_access_key(&successor);
            state.created_at = Expiry::at(self.now()).to_string().into();
            private_record::set_issued(&context.private);
            access_key = successor;
        }
        if let Some(previous) = state.previous.access_key()
            && let Ok(Existence::Absent) = token_existence::check(&connection, &operation, &previous).await
        {
            state.previous = PreviousToken::default();
        }
        connection
            .tokens
            .record_predecessor(access_key.clone(), state.previous.predecessor());
        let found = token_existence::check(&connection, &operation, &access_key).await;
        self.session.report_skew(&mut context.diagnostics());
        match found.map_err(|error| failure(&error)).leaving(state.clone())? {
            Existence::Exists(token) => {
                if state.description.is_null() {
                    state.description = description(token.description);
                }
                let grants = connection.role_grants(&operation).await;
                if grants.is_ok_and(|grants| !grants.iter().any(|grant| grant.access_key == access_key)) {
                    context.report(has_no_role(&state.title()));
                }
            }
            Existence::Unknown => context.report(possibly_deleted(&state.title())),
            Existence::Absent => {
                // The previous token is still to be deleted, so it must stay in the state.
                let Some(previous) = state.previous.access_key() else {
                    context.report(deleted_outside(&state.title(), &access_key));
                    return Ok(None);
                };
                context.report(falls_back(&state.title(), &previous));
                state.set_without_value(&previous);
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
        let current = state.current(&context.private);
        decision_time::refresh(&context.private, self.now(), |at| {
            discriminant(&state.decide(&state, &current, at))
        });
        Ok(Some(state))
    }

    async fn update(&self, context: &Context, prior: ServiceToken, planned: ServiceToken) -> Outcome<ServiceToken> {
        let connection = context.client()?;
        decision_time::record(&context.private, self.now());
        if planned.access_key.is_unknown() {
            return rotate(&connection, context, prior, planned, || self.now()).await;
        }
        let mut state = planned;
        if let Some(previous) = prior.previous.access_key()
            && state.previous.previous_access_key.is_null()
        {
            let operation = connection.operation(context);
            if let Err(error) = delete_unless_own(&connection, &operation, &prior.title(), &previous).await {
                context.report(error);
                state.previous = PreviousToken::new(&previous, Deletion::Due);
            }
        }
        if let Ok(access_key) = state.access_key() {
            connection
                .tokens
                .record_predecessor(access_key, state.previous.predecessor());
        }
        Ok(state)
    }

    async fn delete(&self, context: &Context, mut state: ServiceToken) -> Outcome<ServiceToken, ()> {
        let (connection, access_key) = (context.client()?, state.access_key()?);
        self.session.generations().observe(&state.delivery.generation);
        let operation = connection.operation(context);
        if let Some(previous) = state.previous.access_key() {
            delete_unless_own(&connection, &operation, &state.title(), &previous).await?;
            state.previous = PreviousToken::default();
        }
        delete_unless_own(&connection, &operation, &state.title(), &access_key)
            .await
            .leaving(state.clone())?;
        let (vault, version) = (&state.delivery.vault, &state.delivery.vault_version);
        let owner = state.current_owner();
        connection
            .vault
            .delete(&operation, vault, version, &owner, &mut context.diagnostics())
            .await;
        Ok(())
    }

    async fn permits(&self, context: &Context, state: &ServiceToken) -> Result<(), Diagnostics> {
        let exists = async {
            let Some(connection) = context.known_client() else {
                return Ok(true);
            };
            let operation = connection.operation(context);
            let previous = state.previous.access_key();
            for access_key in [Some(state.access_key()?), previous].into_iter().flatten() {
                let found = token_existence::check(&connection, &operation, &access_key).await;
                if let Existence::Exists(_) = found.map_err(|error| failure(&error))? {
                    return Ok(true);
                }
            }
            Ok(false)
        };
        Ok(account::verify(&context.private, self.session.account(), &state.title(), exists).await?)
    }

    fn record_place(&self, context: &Context) {
        account::record(&context.private, self.session.account());
    }

    fn title(&self, state: &ServiceToken) -> Option<String> {
        Some(state.title())
    }

    async fn import(&self, context: &Context, id: &str) -> Outcome<ServiceToken, Option<ServiceToken>> {
        let access_key = parse_import_id(id)?;
        let connection = context.client()?;
        let operation = connection.operation(context);
        let token = connection.tokens.read(&operation, &access_key).await;
        let token = token.map_err(|error| failure(&error))?;
        context.report(value_unknown(&access_key));
        let mut state = ServiceToken {
            description: description(token.description),
            ..ServiceToken::default()
        };
        state.delivery.generation = self.session.first_generation().into();
        state.set_access_key(&access_key);
        private_record::set_imported(&context.private);
        decision_time::record(&context.private, self.now());
        Ok(Some(state))
    }
}

/// Returns the user's part of a token's description; null if it is empty or the platform does not
/// report it.
fn description(reported: Reported<String>) -> Field<String> {
    match reported {
        Reported::Value(text) if !text.is_empty() => predecessor::parse(&text).0.into(),
        Reported::Value(_) | Reported::Absent => Field::Null,
    }
}

/// Parses the access key in an import id, which is the key or its SRN.
fn parse_import_id(id: &str) -> Result<AccessKey, Diagnostic> {
    let key = ["#", "%23"]
        .iter()
        .find_map(|mark| id.strip_prefix("srn2:service-token")?.strip_prefix(mark));
    key.unwrap_or(id).parse().map_err(invalid_id)
}
