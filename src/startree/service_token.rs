//! `startree_service_token`: what a machine is let in with; the platform's user interface calls it an API token.
//!
//! # Flow
//! Create makes the token and takes its value from the answer, the only place where the platform shows it. A reason to
//! rotate ([`rotation`]) makes another one, gives it the roles that the present one has, hands it over, and then ends the
//! present one ([`succeed`], [`revoke`]): in the same apply, or in the first one after `overlap`. Until then the new one's
//! description names the one before it. Destroy ends both.
//!
//! # Guarantees
//! - Whatever token an answer told of is in the state afterwards, or is ended again, whatever else went wrong.
//! - The present token is ended only after its successor has all its roles and has reached its keeper. What could not be
//!   ended stays in the state as `previous_access_key`, and the next apply ends it. There are never more than two.
//! - Nothing leaves the state unless the platform is shown to find service tokens, and twice does not find this one
//!   ([`presence`]).
//! - The token that the provider works with is not ended.
//! - A token that is not due, of a configuration that did not change, is not touched; nor is one by its import.
//!
//! # Assumptions
//! - The SRN of a service token is `srn2:service-token#<access key>`. If it is not, nothing leaves the state.
//! - A creation whose answer was lost may have made a token that nothing finds. Without a role it is let in nowhere; the
//!   error says so.
//! - A run that is killed between a successor's creation and its state leaves a token with roles whose value is nowhere, or
//!   in Vault alone. From Vault the next refresh takes it over; of any other, the next rotation's plan warns.

mod model;
mod presence;
mod revoke;
mod roles;
mod rotation;
mod succeed;
mod telling;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::mem::discriminant;

use async_trait::async_trait;
use jiff::Timestamp;

pub(super) use self::model::Model;
use self::model::ends_at;
use self::presence::{Presence, doubtful};
pub(super) use self::revoke::revoke;
pub(super) use self::roles::give;
use self::rotation::{Decision, Previous, ends_previous};
pub(super) use self::succeed::make;
use self::succeed::{Unmade, succeed};
use self::telling::{left_over, own, roles_unknown, rotates_own, stays, taken_over, unusable};
use super::api::{AccessKey, IssuedToken, Name, Told};
use super::connection::{Connection, Session};
use super::failure::failure;
use super::labels::LABELS;
use super::succession;
use super::tokens::Holding;
use crate::framework::{
    Attribute, Change, Context, Diagnostic, Diagnostics, Field, NoIdentity, Resource, Schema, Type,
};
use crate::platform::attributes::{invalid, keep_spelling, may_rotate};
use crate::platform::decision_time::{self, DecisionTime};
use crate::platform::hand_over::{self, Seen};
use crate::platform::{account, generation, private_record};
use crate::rest::Operation;

pub(super) struct ServiceToken {
    session: Session,
}

impl ServiceToken {
    pub(super) fn new(session: Session) -> Self {
        Self { session }
    }

    fn now(&self) -> Timestamp {
        self.session.clock().now()
    }

    /// Warns of what would refuse to be ended.
    fn plan_removal(&self, prior: &Model, diagnostics: &mut Diagnostics) {
        let Some(connection) = self.session.connected() else {
            return;
        };
        for access_key in [prior.access_key().ok(), prior.previous()].into_iter().flatten() {
            if connection.tokens.is_own(&access_key) {
                diagnostics.push(own(&prior.what(), &access_key).as_warning());
            }
        }
        connection.vault.leave(&prior.vault, &prior.owner(&prior.vault));
    }

    /// Notes where the value of a token is and stays.
    fn claim(&self, prior: &Model, planned: &Model, diagnostics: &mut Diagnostics) {
        if let Some(connection) = self.session.connected() {
            let owner = prior.owner(&planned.vault);
            connection.vault.claim(&planned.vault, &owner, diagnostics);
        }
    }

    /// Holds a planned creation against Vault. Errors are ignored here: apply reports them.
    async fn plan_creation(&self, context: &Context, planned: &Model, diagnostics: &mut Diagnostics) {
        if let Some(connection) = self.session.connected() {
            let operation = connection.operation(context);
            let owner = planned.owner(&planned.vault);
            connection
                .vault
                .plan_creation(&operation, &planned.vault, owner, diagnostics)
                .await;
        }
    }

    /// Says what a planned rotation ends, and what may be in its way.
    async fn plan_rotation(&self, context: &Context, prior: &Model, planned: &Model, diagnostics: &mut Diagnostics) {
        let (Some(connection), Ok(access_key)) = (self.session.connected(), prior.access_key()) else {
            return;
        };
        let operation = connection.operation(context);
        if let Some(previous) = prior.previous() {
            diagnostics.push(ends_previous(&prior.what(), previous.as_str(), None));
        }
        if connection.tokens.is_own(&access_key) {
            diagnostics.push(rotates_own(&prior.what()));
        }
        match connection.holdings(&operation).await {
            Ok(holdings) => {
                if let Some(twin) = twin(&connection, &operation, prior, &access_key, &holdings).await {
                    diagnostics.push(left_over(&prior.what(), &twin));
                }
            }
            Err(error) => diagnostics.push(roles_unknown(&prior.what(), &failure(&error))),
        }
        connection
            .vault
            .move_away(&prior.vault, &planned.vault, &prior.owner(&prior.vault));
        let owner = prior.owner(&planned.vault);
        connection
            .vault
            .plan(&operation, &planned.vault, owner, diagnostics)
            .await;
    }

    /// Puts another token in the place of the one in the state.
    async fn rotate(
        &self,
        connection: &Connection,
        context: &Context,
        mut prior: Model,
        mut planned: Model,
        diagnostics: &mut Diagnostics,
    ) -> Model {
        let operation = connection.operation(context);
        let Some(access_key) = diagnostics.ok(prior.access_key()) else {
            return prior;
        };
        // There are never more than two.
        if let Some(previous) = prior.previous() {
            if diagnostics
                .ok(end(connection, &operation, &prior.what(), &previous).await)
                .is_none()
            {
                return prior;
            }
            prior.forget_previous();
        }
        let owner = prior.owner(&planned.vault);
        let ready = connection
            .vault
            .prepare(&operation, &planned.vault, owner, diagnostics)
            .await;
        let Some(ready) = diagnostics.ok(ready) else {
            return prior;
        };
        planned.generation = generation::after(&prior.generation);
        let successor = match succeed(connection, &operation, &planned, Some(&access_key), ready).await {
            Ok(successor) => successor,
            Err(Unmade { why, left_behind }) => {
                diagnostics.push(why);
                if let Some(left_behind) = left_behind {
                    prior.leave(&left_behind, Previous::Due);
                }
                return prior;
            }
        };
        let (issued, roles) = (successor.issued.clone(), successor.roles.clone());
        planned.take(successor, self.now());
        private_record::set_issued(&context.private);
        planned.leave(&access_key, planned.rotation().left(planned.made()));
        if planned.rotation().overlap().is_zero() {
            match make_way(connection, &operation, &prior.what(), &access_key, &issued, &roles).await {
                Ok(()) => planned.forget_previous(),
                Err(why) => diagnostics.push(stays(&prior.what(), &access_key, &why)),
            }
        }
        connection.tokens.follows(issued.access_key, planned.predecessor());
        let before = (&prior.vault, &prior.vault_version);
        let owner = prior.owner(&prior.vault);
        connection
            .vault
            .remove_moved(&operation, before, &planned.vault, &owner, diagnostics)
            .await;
        planned
    }
}

#[async_trait]
impl Resource for ServiceToken {
    type Model = Model;
    type Identity = NoIdentity;

    const TYPE: &'static str = "startree_service_token";

    fn schema(&self) -> Schema {
        let mut attributes = vec![
            Attribute::required(
                "description",
                Type::String,
                "What it is for: the only thing that tells one token from another in the Security Manager, so no two should \
                 have the same.",
            )
            .replaces(),
        ];
        attributes.extend(rotation::attributes());
        attributes.extend(hand_over::attributes(&LABELS));
        attributes.extend([
            Attribute::computed("id", Type::String, "The present token's SRN: `srn2:service-token#` and its access key."),
            Attribute::computed(
                "access_key",
                Type::String,
                "What the present token is known by: its user name, and its `subject` in a `startree_role_assignment`. Each \
                 rotation brings another.",
            ),
            Attribute::computed(
                "secret_key",
                Type::String,
                "The token's password. Null after an import, and where the value is handed over to Vault.",
            )
            .sensitive(),
            Attribute::computed(
                "token",
                Type::String,
                "The token's value, `st-<access key>-<secret key>`, to be sent as a bearer. Null after an import, and where \
                 it is handed over to Vault.",
            )
            .sensitive(),
            Attribute::computed(
                "created_at",
                Type::String,
                "When the present token was made, by the clock of the machine that made it, as the platform documents none. \
                 Null after an import.",
            ),
            generation::attribute(),
            Attribute::computed(
                "previous_access_key",
                Type::String,
                "The access key of a token that is still to be revoked: the one before the present one during `overlap`, or \
                 one that could not be revoked. Null otherwise.",
            ),
            Attribute::computed(
                "previous_ends_at",
                Type::String,
                "From when on an apply revokes it. Null where the next one does.",
            ),
        ]);
        Schema::new(
            "A service token: what a machine is let in with. The platform's user interface calls it an API token.\n\n\
             **A token without a role is let in nowhere.** Give it one with a `startree_role_assignment` whose `subject` is \
             its `access_key`; it may take up to an hour until the platform lets the token in everywhere.\n\n\
             The platform shows the value once, when the token is made. It is kept in the Terraform state, where whoever can \
             read the state can use the token; or with `vault` in HashiCorp Vault alone.\n\n\
             **A rotation** makes a new token, gives it all the roles that the present one has, and then revokes the present \
             one: in the same apply, or with `overlap` in the first apply after that time. Until then both belong to \
             the resource: an assignment concerns both, and the description of the new token ends in `(after <access key of \
             the previous one>)`. A plan rotates, and says why, when `rotation_triggers` or `vault` changed, when the token is older than `rotate_every`, and when its value did not \
             reach Vault or is not there any more. What could not be revoked is kept as `previous_access_key` and revoked by \
             the next apply. Destroying the resource takes its roles from the token and revokes it.\n\n\
             After an import `token` is null, because the platform does not show the value again. It goes on working where it \
             is in use; change `rotation_triggers`, once they are recorded, to get one that Terraform knows.\n\n\
             What the platform's documentation leaves open: it has no list of tokens, and does not say what is answered about \
             one that is gone. So a token leaves the state only if the platform finds another one and, asked twice, not this \
             one. One whose creation was not answered, or whose run was killed then, the provider cannot find: it has no role \
             and is let in nowhere, and the Security Manager shows it. A run that is killed in the middle of a rotation may \
             leave a token that has roles and whose value nobody knows; the plan of the next rotation names it. Where the \
             value has reached Vault by then, the next refresh takes the token over.",
            attributes,
        )
    }

    fn validate(&self, config: &Model, diagnostics: &mut Diagnostics) {
        if config
            .description
            .known()
            .is_some_and(|description| description.trim().is_empty())
        {
            diagnostics.push(invalid(
                "description",
                "must not be empty: nothing else tells what the token is for",
            ));
        }
        config.rotation().validate(diagnostics);
        hand_over::validate(&LABELS, &config.vault, diagnostics);
    }

    async fn plan(&self, context: &Context, change: &mut Change<Model>, diagnostics: &mut Diagnostics) {
        let planned = &mut change.planned;
        let Some(prior) = &change.prior else {
            planned.generation = Field::Unknown;
            planned.expect();
            planned.forget_previous();
            self.plan_creation(context, planned, diagnostics).await;
            return;
        };
        self.session.generations().observe(&prior.generation);
        if planned.description != prior.description && !prior.description.is_null() {
            // It is replaced: what comes instead is planned by itself.
            self.plan_removal(prior, diagnostics);
            if let Some(connection) = self.session.connected() {
                let successor = Model {
                    description: planned.description.clone(),
                    ..Model::default()
                };
                let owner = successor.owner(&Field::Null);
                let operation = connection.operation(context);
                let before = (&prior.vault, &prior.owner(&prior.vault));
                connection
                    .vault
                    .plan_replacement(&operation, before, (&planned.vault, owner), diagnostics)
                    .await;
            }
            return;
        }
        if let (Some(connection), Ok(access_key)) = (self.session.connected(), prior.access_key()) {
            connection.tokens.follows(access_key, prior.predecessor());
        }
        // The spelling in the state stays, so that another one is no difference.
        keep_spelling(&mut planned.rotate_every, &prior.rotate_every);
        keep_spelling(&mut planned.overlap, &prior.overlap);
        self.session.synchronise(context, diagnostics).await;
        let (rotation, standing) = (change.config.rotation(), prior.standing(&context.private));
        let records = decision_time::records(prior, planned);
        let time = DecisionTime::new(&context.private, self.now(), records, rotation.shortest_interval());
        let decide = |at| rotation.decide(prior.rotation(), standing, at);
        match time.decide(&prior.what(), decide, diagnostics) {
            Decision::Keep => {
                planned.previous_ends_at = ends_at(rotation.previous(prior.rotation(), standing));
                self.claim(prior, planned, diagnostics);
            }
            Decision::EndPrevious => {
                let previous = prior.previous_access_key.known().map_or("", String::as_str);
                let until = prior.previous_ends_at.known().map(String::as_str);
                diagnostics.push(ends_previous(&prior.what(), previous, until));
                if let (Some(connection), Some(previous)) = (self.session.connected(), prior.previous())
                    && connection.tokens.is_own(&previous)
                {
                    diagnostics.push(own(&prior.what(), &previous).as_warning());
                }
                planned.forget_previous();
                self.claim(prior, planned, diagnostics);
            }
            Decision::Rotate(reasons) => {
                let access_key = prior.access_key.known().map_or("", String::as_str);
                diagnostics.push(rotation.rotates(&prior.what(), access_key, &reasons));
                self.plan_rotation(context, prior, planned, diagnostics).await;
                planned.expect();
                planned.generation = generation::after(&prior.generation);
                planned.previous_access_key = match rotation.overlap().is_zero() {
                    // If it could not be revoked, it will be known there.
                    true => Field::Unknown,
                    false => prior.access_key.clone(),
                };
                planned.previous_ends_at = Field::Unknown;
            }
            Decision::NotKnownYet => {
                diagnostics.push(may_rotate(&prior.what(), &rotation.unknown()));
                if let Some(connection) = self.session.connected() {
                    let owner = prior.owner(&planned.vault);
                    connection
                        .vault
                        .plan(&connection.operation(context), &planned.vault, owner, diagnostics)
                        .await;
                }
                planned.expect();
                planned.generation = Field::Unknown;
                planned.previous_access_key = Field::Unknown;
                planned.previous_ends_at = Field::Unknown;
            }
        }
    }

    async fn plan_destroy(&self, _: &Context, prior: &Model, diagnostics: &mut Diagnostics) {
        self.plan_removal(prior, diagnostics);
    }

    async fn create(&self, context: &Context, mut planned: Model, diagnostics: &mut Diagnostics) -> Option<Model> {
        let connection = self.session.connection(diagnostics)?;
        let operation = connection.operation(context);
        let owner = planned.owner(&planned.vault);
        let ready = connection
            .vault
            .prepare(&operation, &planned.vault, owner, diagnostics)
            .await;
        let ready = diagnostics.ok(ready)?;
        planned.generation = self.session.first_generation().into();
        decision_time::record(&context.private, self.now());
        match succeed(&connection, &operation, &planned, None, ready).await {
            Ok(successor) => {
                decision_time::record(&context.private, self.now());
                connection.tokens.follows(successor.issued.access_key.clone(), None);
                planned.take(successor, self.now());
            }
            Err(Unmade { why, left_behind }) => {
                diagnostics.push(why);
                // Recorded without a value, Terraform replaces it by the next apply instead of forgetting it.
                planned.without_value(&left_behind?);
            }
        }
        Some(planned)
    }

    async fn read(&self, context: &Context, mut state: Model, diagnostics: &mut Diagnostics) -> Option<Model> {
        if self.session.is_waiting() {
            return Some(state);
        }
        let Some(connection) = self.session.connection(diagnostics) else {
            return Some(state);
        };
        let operation = connection.operation(context);
        let seen = connection
            .vault
            .look(&operation, &state.vault, state.owner(&state.vault))
            .await;
        if let Some(successor) = successor(&connection, &operation, &state, seen.as_ref()).await {
            diagnostics.push(taken_over(&state.what()));
            state.succeeded_by(&successor, self.now());
            private_record::set_issued(&context.private);
        }
        if let Some(previous) = state.previous()
            && let Ok(Presence::Gone) = presence::look(&connection, &operation, &previous).await
        {
            state.forget_previous();
        }
        let Some(access_key) = diagnostics.ok(state.access_key()) else {
            return Some(state);
        };
        connection.tokens.follows(access_key.clone(), state.predecessor());
        let present = presence::look(&connection, &operation, &access_key).await;
        self.session.report_skew(diagnostics);
        match present {
            Ok(Presence::There(told)) => {
                if state.description.is_null() {
                    state.description = description(told);
                }
                let holdings = connection.holdings(&operation).await;
                if holdings.is_ok_and(|holdings| !holdings.iter().any(|holding| holding.access_key == access_key)) {
                    diagnostics.push(unusable(&state.what()));
                }
            }
            Ok(Presence::Doubtful) => diagnostics.push(doubtful(&state.what())),
            // Another one that is still to be ended must not be forgotten with it.
            Ok(Presence::Gone) => state.fall_back(diagnostics)?,
            Err(error) => {
                diagnostics.push(failure(&error));
                return Some(state);
            }
        }
        let told = hand_over::Told {
            id: state.held_as(),
            rotated: false,
        };
        state.hand_over().refresh(seen, told, diagnostics);
        private_record::observe_delivery(&context.private, &state.vault_version);
        let standing = state.standing(&context.private);
        decision_time::refresh(&context.private, self.now(), |at| {
            discriminant(&state.rotation().decide(state.rotation(), standing, at))
        });
        Some(state)
    }

    async fn update(&self, context: &Context, prior: Model, planned: Model, diagnostics: &mut Diagnostics) -> Model {
        let Some(connection) = self.session.connection(diagnostics) else {
            return prior;
        };
        decision_time::record(&context.private, self.now());
        if planned.access_key.is_unknown() {
            return self.rotate(&connection, context, prior, planned, diagnostics).await;
        }
        let mut state = planned;
        if let (Some(previous), true) = (prior.previous(), state.previous_access_key.is_null()) {
            let ended = end(&connection, &connection.operation(context), &prior.what(), &previous).await;
            if diagnostics.ok(ended).is_none() {
                state.leave(&previous, Previous::Due);
            }
        }
        if let Ok(access_key) = state.access_key() {
            connection.tokens.follows(access_key, state.predecessor());
        }
        state
    }

    async fn delete(&self, context: &Context, mut state: Model, diagnostics: &mut Diagnostics) -> Option<Model> {
        let (Some(connection), Some(access_key)) =
            (self.session.connection(diagnostics), diagnostics.ok(state.access_key()))
        else {
            return Some(state);
        };
        self.session.generations().observe(&state.generation);
        let operation = connection.operation(context);
        if let Some(other) = state.previous() {
            if diagnostics
                .ok(end(&connection, &operation, &state.what(), &other).await)
                .is_none()
            {
                return Some(state);
            }
            state.forget_previous();
        }
        if diagnostics
            .ok(end(&connection, &operation, &state.what(), &access_key).await)
            .is_none()
        {
            return Some(state);
        }
        connection
            .vault
            .remove(
                &operation,
                &state.vault,
                &state.vault_version,
                &state.owner(&state.vault),
                diagnostics,
            )
            .await;
        None
    }

    async fn permits(&self, context: &Context, state: &Model, diagnostics: &mut Diagnostics) -> bool {
        let is_there = async {
            let Some(connection) = self.session.connected() else {
                return Ok(true);
            };
            let operation = connection.operation(context);
            for access_key in [Some(state.access_key()?), state.previous()].into_iter().flatten() {
                let presence = presence::look(&connection, &operation, &access_key).await;
                if let Presence::There(_) = presence.map_err(|error| failure(&error))? {
                    return Ok(true);
                }
            }
            Ok(false)
        };
        account::permits(context, self.session.account(), &state.what(), is_there, diagnostics).await
    }

    fn record_place(&self, context: &Context) {
        account::record(&context.private, self.session.account());
    }

    fn title(&self, state: &Model) -> Option<String> {
        Some(state.what())
    }

    async fn import(&self, context: &Context, id: &str, diagnostics: &mut Diagnostics) -> Option<Model> {
        let access_key = diagnostics.ok(imported(id))?;
        let connection = self.session.connection(diagnostics)?;
        let told = connection
            .tokens
            .read(&connection.operation(context), &access_key)
            .await;
        let told = diagnostics.ok(told.map_err(|error| failure(&error)))?;
        diagnostics.push(Diagnostic::warning(
            format!("The value of the service token {access_key} is not known"),
            "The platform showed it once, when it was made, so `token` and `secret_key` stay null. The value goes on working \
             where it is in use. For one that Terraform knows, change `rotation_triggers`, once they are recorded: that makes \
             another token and revokes this one.",
        ));
        let mut state = Model {
            description: description(told),
            generation: self.session.first_generation().into(),
            ..Model::default()
        };
        state.name(&access_key);
        private_record::set_imported(&context.private);
        decision_time::record(&context.private, self.now());
        Some(state)
    }
}

/// The description of an imported token; null if it has none, or the platform does not tell.
fn description(told: Told) -> Field<String> {
    match told {
        Told::Text(text) if !text.is_empty() => succession::parse(&text).0.into(),
        Told::Text(_) | Told::Nothing => Field::Null,
    }
}

/// The access key that an import names, by itself or in its SRN.
fn imported(id: &str) -> Result<AccessKey, Diagnostic> {
    let key = ["#", "%23"]
        .iter()
        .find_map(|mark| id.strip_prefix("srn2:service-token")?.strip_prefix(mark));
    key.unwrap_or(id).parse().map_err(|error| {
        Diagnostic::error(
            "Not a service token",
            format!(
                "A service token is imported by its access key, or by its SRN. What was given {error}. A whole token is not \
                 accepted: it would end up in logs."
            ),
        )
    })
}

/// Ends a token, unless the provider works with it.
async fn end(
    connection: &Connection,
    operation: &Operation,
    what: &str,
    access_key: &AccessKey,
) -> Result<(), Diagnostic> {
    if connection.tokens.is_own(access_key) {
        return Err(own(what, access_key));
    }
    revoke(connection, operation, access_key).await
}

/// Ends a token that has a successor, which has its roles. Where it is the provider's own, the provider switches to
/// the successor.
async fn make_way(
    connection: &Connection,
    operation: &Operation,
    what: &str,
    access_key: &AccessKey,
    successor: &IssuedToken,
    roles: &[Name],
) -> Result<(), Diagnostic> {
    roles::verify(connection, operation, roles, &successor.access_key).await?;
    if connection.tokens.is_own(access_key) {
        let gone_on = connection.tokens.go_on_with(operation, successor).await;
        gone_on.map_err(|error| failure(&error))?;
    }
    end(connection, operation, what, access_key).await
}

/// The token that a run which was killed has put in the place of this one, by what Vault says of it.
async fn successor(
    connection: &Connection,
    operation: &Operation,
    state: &Model,
    seen: Option<&Seen<'_>>,
) -> Option<AccessKey> {
    let access_key = seen?.held()?.successor_of(state.access_key.known()?)?.parse().ok()?;
    let found = presence::look(connection, operation, &access_key).await;
    matches!(found, Ok(Presence::There(_))).then_some(access_key)
}

/// Another token with the same roles and the same description: perhaps the successor that a killed run has made. Only what
/// the platform tells; that nobody can be asked is no reason to fail.
async fn twin(
    connection: &Connection,
    operation: &Operation,
    prior: &Model,
    access_key: &AccessKey,
    holdings: &[Holding],
) -> Option<AccessKey> {
    let roles = |key: &AccessKey| -> BTreeSet<&Name> {
        let its = holdings.iter().filter(|holding| holding.access_key == *key);
        its.map(|holding| &holding.role).collect()
    };
    let others: BTreeSet<_> = holdings.iter().map(|holding| &holding.access_key).collect();
    let (ours, previous) = (roles(access_key), prior.previous());
    for other in others {
        if other == access_key || Some(other) == previous.as_ref() || roles(other) != ours {
            continue;
        }
        if let Ok(Told::Text(text)) = connection.tokens.read(operation, other).await
            && succession::parse(&text).0 == prior.description()
        {
            return Some(other.clone());
        }
    }
    None
}
