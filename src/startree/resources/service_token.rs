//! `startree_service_token`: a credential for a machine; the platform's user interface calls it an API token.
//!
//! # Flow
//! Create makes the token and takes its value from the answer, the only place where the platform shows it. A reason to
//! rotate ([`rotation`]) makes another one, gives it the roles that the present one has, hands it over, and then ends the
//! present one ([`succeed`], [`revoke`]): in the same apply, or in the first one after `overlap`. Until then the new one's
//! description names the one before it. Destroy ends both.
//!
//! # Guarantees
//! - Whatever token an answer reported is in the state afterwards, or is ended again, whatever else went wrong.
//! - The present token is ended only after its successor has all its roles and has reached its storage. What could not be
//!   ended stays in the state as `previous_access_key`, and the next apply ends it. There are never more than two.
//! - Nothing leaves the state unless the platform is shown to find service tokens, and twice does not find this one
//!   ([`existence`]).
//! - The token that the provider works with is not ended.
//! - A token that is not due, of a configuration that did not change, is not touched; nor is one by its import.
//!
//! # Assumptions
//! - The SRN of a service token is `srn2:service-token#<access key>`. If it is not, nothing leaves the state.
//! - A creation whose answer was lost may have made a token that nothing finds. Without a role it is let in nowhere; the
//!   error says so.
//! - A run that is killed between a successor's creation and its state leaves a token with roles whose value is nowhere, or
//!   in Vault alone. From Vault the next refresh takes it over; of any other, the next rotation's plan warns.

mod diagnostics;
mod existence;
mod model;
mod previous;
mod revoke;
mod roles;
mod rotation;
mod succeed;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::mem::discriminant;

use jiff::Timestamp;

use self::diagnostics::{
    falls_back, gone, left_over, own, revokes_previous, roles_unknown, rotates, rotates_own, stays, taken_over,
    unusable, value_unknown,
};
use self::existence::{Presence, doubtful};
pub(in crate::startree) use self::model::ServiceToken;
use self::previous::{PreviousToken, Revocation};
pub(in crate::startree) use self::revoke::revoke;
pub(in crate::startree) use self::roles::give;
use self::rotation::Decision;
#[cfg(test)]
pub(in crate::startree) use self::rotation::RotationPolicy;
pub(in crate::startree) use self::succeed::make;
use self::succeed::{Unmade, succeed};
use crate::framework::{Change, Diagnostic, Diagnostics, Failed, Field, Leaving, Model, Outcome, Resource, Schema};
use crate::platform::attributes::{keep_spelling, may_rotate};
use crate::platform::decision_time::{self, DecisionTime};
use crate::platform::delivery::{self, StoredSecret};
use crate::platform::{Session, account, generation, private_record};
use crate::rest::Operation;
use crate::startree::api::{AccessKey, IssuedToken, Name, Told};
use crate::startree::connection::{Connection, Context};
use crate::startree::errors::failure;
use crate::startree::labels::LABELS;
use crate::startree::succession;
use crate::startree::token_cache::Holding;
use crate::token::Expiry;

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

    /// Warns about what would refuse to be revoked.
    fn plan_removal(&self, context: &Context, prior: &ServiceToken) {
        let Some(connection) = context.known_client() else {
            return;
        };
        for access_key in [prior.access_key().ok(), prior.previous.access_key()]
            .into_iter()
            .flatten()
        {
            if connection.tokens.is_own(&access_key) {
                context.report(own(&prior.what(), &access_key).as_warning());
            }
        }
        connection.vault.leave(&prior.delivery.vault, &prior.present_owner());
    }

    /// Plans a replacement by a token with another description, which is planned by itself.
    async fn plan_replacement(&self, context: &Context, prior: &ServiceToken, planned: &ServiceToken) {
        self.plan_removal(context, prior);
        let Some(connection) = context.known_client() else {
            return;
        };
        let successor = ServiceToken {
            description: planned.description.clone(),
            ..ServiceToken::default()
        };
        let before = (&prior.delivery.vault, &prior.present_owner());
        let now = (&planned.delivery.vault, successor.owner(&Field::Null));
        let operation = connection.operation(context);
        connection
            .vault
            .plan_replacement(&operation, before, now, &mut context.diagnostics())
            .await;
    }

    /// Notes where the value of a token is and stays.
    fn claim(&self, context: &Context, prior: &ServiceToken, planned: &ServiceToken) {
        if let Some(connection) = context.known_client() {
            let vault = &planned.delivery.vault;
            connection
                .vault
                .claim(vault, &prior.owner(vault), &mut context.diagnostics());
        }
    }

    /// Reports what a planned rotation revokes, and what may be in its way.
    async fn plan_rotation(&self, context: &Context, prior: &ServiceToken, planned: &ServiceToken) {
        let (Some(connection), Ok(access_key)) = (context.known_client(), prior.access_key()) else {
            return;
        };
        let operation = connection.operation(context);
        if let Some(previous) = prior.previous.access_key() {
            context.report(revokes_previous(&prior.what(), previous.as_str(), None));
        }
        if connection.tokens.is_own(&access_key) {
            context.report(rotates_own(&prior.what()));
        }
        match connection.holdings(&operation).await {
            Ok(holdings) => {
                if let Some(twin) = twin(&connection, &operation, prior, &access_key, &holdings).await {
                    context.report(left_over(&prior.what(), &twin));
                }
            }
            Err(error) => context.report(roles_unknown(&prior.what(), &failure(&error))),
        }
        let vault = &planned.delivery.vault;
        connection
            .vault
            .move_away(&prior.delivery.vault, vault, &prior.present_owner());
        self.plan_delivery(context, &connection, prior, planned).await;
    }

    /// Checks that the next value of a token can be delivered.
    async fn plan_delivery(
        &self,
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

    /// Puts another token in the place of the one in the state.
    async fn rotate(
        &self,
        connection: &Connection,
        context: &Context,
        mut prior: ServiceToken,
        mut planned: ServiceToken,
    ) -> Outcome<ServiceToken> {
        let operation = connection.operation(context);
        let access_key = prior.access_key()?;
        // There are never more than two.
        if let Some(previous) = prior.previous.access_key() {
            end(connection, &operation, &prior.what(), &previous).await?;
            prior.previous = PreviousToken::default();
        }
        let vault = &planned.delivery.vault;
        let ready = connection
            .vault
            .prepare(&operation, vault, prior.owner(vault), &mut context.diagnostics())
            .await
            .leaving(prior.clone())?;
        planned.delivery.generation = generation::next(&prior.delivery.generation);
        let successor = match succeed(connection, &operation, &planned, Some(&access_key), ready).await {
            Ok(successor) => successor,
            Err(Unmade { why, left_behind }) => {
                if let Some(left_behind) = left_behind {
                    prior.previous = PreviousToken::new(&left_behind, Revocation::Due);
                }
                return Err(Failed::from(why).leaving(prior));
            }
        };
        let (issued, roles) = (successor.issued.clone(), successor.roles.clone());
        planned.set_issued(successor, self.now());
        private_record::set_issued(&context.private);
        let revocation = planned.rotation.revocation_after(planned.created());
        planned.previous = PreviousToken::new(&access_key, revocation);
        if planned.rotation.overlap_duration().is_zero() {
            match make_way(connection, &operation, &prior.what(), &access_key, &issued, &roles).await {
                Ok(()) => planned.previous = PreviousToken::default(),
                Err(why) => context.report(stays(&prior.what(), &access_key, &why)),
            }
        }
        connection
            .tokens
            .follows(issued.access_key, planned.previous.predecessor());
        let before = (&prior.delivery.vault, &prior.delivery.vault_version);
        let (now, owner) = (&planned.delivery.vault, prior.present_owner());
        connection
            .vault
            .delete_previous_location(&operation, before, now, &owner, &mut context.diagnostics())
            .await;
        Ok(planned)
    }
}

impl Resource for ServiceTokenResource {
    type Model = ServiceToken;
    type Client = Connection;

    const TYPE: &'static str = "startree_service_token";

    fn schema(&self) -> Schema {
        delivery::described(ServiceToken::schema(), &LABELS).describe(
            "token",
            "The token's value, `st-<access key>-<secret key>`, to be sent as a bearer. Null after an import, and where it is \
             handed over to Vault.",
        )
    }

    fn validate(&self, config: &ServiceToken, diagnostics: &mut Diagnostics) {
        delivery::validate(&LABELS, &config.delivery.vault, diagnostics);
    }

    async fn plan(&self, context: &Context, change: &mut Change<ServiceToken>) -> Result<(), Diagnostics> {
        let planned = &mut change.planned;
        let Some(prior) = &change.prior else {
            planned.delivery.generation = Field::Unknown;
            planned.mark_unknown();
            planned.previous = PreviousToken::default();
            // Errors are ignored here: apply reports them.
            if let Some(connection) = context.known_client() {
                let (operation, owner) = (connection.operation(context), planned.present_owner());
                connection
                    .vault
                    .plan_creation(&operation, &planned.delivery.vault, owner, &mut context.diagnostics())
                    .await;
            }
            return Ok(());
        };
        self.session.generations().observe(&prior.delivery.generation);
        if planned.description != prior.description && !prior.description.is_null() {
            self.plan_replacement(context, prior, planned).await;
            return Ok(());
        }
        if let (Some(connection), Ok(access_key)) = (context.known_client(), prior.access_key()) {
            connection.tokens.follows(access_key, prior.previous.predecessor());
        }
        // The spelling in the state stays, so that another one is no difference.
        keep_spelling(&mut planned.rotation.rotate_every, &prior.rotation.rotate_every);
        keep_spelling(&mut planned.rotation.overlap, &prior.rotation.overlap);
        self.session.synchronise(context, &mut context.diagnostics()).await;
        let (config, standing) = (&change.config, prior.standing(&context.private));
        let records = decision_time::records(prior, planned);
        let interval = config.rotation.shortest_interval();
        let time = DecisionTime::new(&context.private, self.now(), records, interval);
        let decide = |at| config.decide(prior, &standing, at);
        let decision = time.decide(&prior.what(), decide, &mut context.diagnostics());
        match decision {
            Decision::Keep => {
                let revocation = config.rotation.revocation(&prior.rotation, &standing);
                planned.previous.previous_ends_at = revocation.ends_at();
                self.claim(context, prior, planned);
            }
            Decision::RevokePrevious => {
                let PreviousToken {
                    previous_access_key: previous,
                    previous_ends_at: until,
                } = &prior.previous;
                let (previous, until) = (previous.known().map_or("", String::as_str), until.known());
                context.report(revokes_previous(&prior.what(), previous, until.map(String::as_str)));
                if let (Some(connection), Some(previous)) = (context.known_client(), prior.previous.access_key())
                    && connection.tokens.is_own(&previous)
                {
                    context.report(own(&prior.what(), &previous).as_warning());
                }
                planned.previous = PreviousToken::default();
                self.claim(context, prior, planned);
            }
            Decision::Rotate(reasons) => {
                let overlap = &config.rotation.overlap;
                context.report(rotates(&prior.what(), prior.known_access_key(), overlap, &reasons));
                self.plan_rotation(context, prior, planned).await;
                planned.mark_unknown();
                planned.delivery.generation = generation::next(&prior.delivery.generation);
                planned.previous = PreviousToken::unknown();
                // Without an overlap it is known there only if it could not be revoked.
                if !config.rotation.overlap_duration().is_zero() {
                    planned.previous.previous_access_key = prior.access_key.clone();
                }
            }
            Decision::Unknown => {
                let vault = delivery::storage(&config.delivery.vault).is_none().then_some("vault");
                let unknown: Vec<_> = config.rotation.unknown().into_iter().chain(vault).collect();
                context.report(may_rotate(&prior.what(), &unknown));
                if let Some(connection) = context.known_client() {
                    self.plan_delivery(context, &connection, prior, planned).await;
                }
                planned.mark_unknown();
                planned.delivery.generation = Field::Unknown;
                planned.previous = PreviousToken::unknown();
            }
        }
        Ok(())
    }

    async fn plan_destroy(&self, context: &Context, prior: &ServiceToken) -> Result<(), Diagnostics> {
        self.plan_removal(context, prior);
        Ok(())
    }

    async fn create(&self, context: &Context, mut planned: ServiceToken) -> Outcome<ServiceToken> {
        let connection = context.client()?;
        let (operation, vault) = (connection.operation(context), &planned.delivery.vault);
        let ready = connection
            .vault
            .prepare(&operation, vault, planned.present_owner(), &mut context.diagnostics())
            .await?;
        planned.delivery.generation = self.session.first_generation().into();
        decision_time::record(&context.private, self.now());
        match succeed(&connection, &operation, &planned, None, ready).await {
            Ok(successor) => {
                decision_time::record(&context.private, self.now());
                connection.tokens.follows(successor.issued.access_key.clone(), None);
                planned.set_issued(successor, self.now());
                Ok(planned)
            }
            // Recorded without a value, Terraform replaces it by the next apply instead of forgetting it.
            Err(Unmade { why, left_behind }) => Err(Failed {
                diagnostics: why.into(),
                leaves: left_behind.map(|access_key| {
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
        let (vault, owner) = (&state.delivery.vault, state.present_owner());
        let seen = connection.vault.read(&operation, vault, owner).await;
        if let Some(successor) = successor(&connection, &operation, &access_key, seen.as_ref()).await {
            context.report(taken_over(&state.what()));
            state.previous = PreviousToken::new(&access_key, Revocation::Due);
            state.set_access_key(&successor);
            state.created_at = Expiry::at(self.now()).to_string().into();
            private_record::set_issued(&context.private);
            access_key = successor;
        }
        if let Some(previous) = state.previous.access_key()
            && let Ok(Presence::Gone) = existence::look(&connection, &operation, &previous).await
        {
            state.previous = PreviousToken::default();
        }
        connection
            .tokens
            .follows(access_key.clone(), state.previous.predecessor());
        let present = existence::look(&connection, &operation, &access_key).await;
        self.session.report_skew(&mut context.diagnostics());
        match present.map_err(|error| failure(&error)).leaving(state.clone())? {
            Presence::There(told) => {
                if state.description.is_null() {
                    state.description = description(told);
                }
                let holdings = connection.holdings(&operation).await;
                if holdings.is_ok_and(|holdings| !holdings.iter().any(|holding| holding.access_key == access_key)) {
                    context.report(unusable(&state.what()));
                }
            }
            Presence::Doubtful => context.report(doubtful(&state.what())),
            Presence::Gone => {
                // Another one that is still to be revoked must not be forgotten with it.
                let Some(previous) = state.previous.access_key() else {
                    context.report(gone(&state.what(), &access_key));
                    return Ok(None);
                };
                context.report(falls_back(&state.what(), &previous));
                state.set_without_value(&previous);
                state.previous = PreviousToken::default();
            }
        }
        let token = state.delivered();
        let told = delivery::RemoteStatus {
            id: token.id.clone(),
            rotated: false,
        };
        state.delivery.refresh(&token, seen, told, &mut context.diagnostics());
        private_record::observe_delivery(&context.private, &state.delivery.vault_version);
        let standing = state.standing(&context.private);
        decision_time::refresh(&context.private, self.now(), |at| {
            discriminant(&state.decide(&state, &standing, at))
        });
        Ok(Some(state))
    }

    async fn update(&self, context: &Context, prior: ServiceToken, planned: ServiceToken) -> Outcome<ServiceToken> {
        let connection = context.client()?;
        decision_time::record(&context.private, self.now());
        if planned.access_key.is_unknown() {
            return self.rotate(&connection, context, prior, planned).await;
        }
        let mut state = planned;
        if let Some(previous) = prior.previous.access_key()
            && state.previous.previous_access_key.is_null()
            && let Err(why) = end(&connection, &connection.operation(context), &prior.what(), &previous).await
        {
            context.report(why);
            state.previous = PreviousToken::new(&previous, Revocation::Due);
        }
        if let Ok(access_key) = state.access_key() {
            connection.tokens.follows(access_key, state.previous.predecessor());
        }
        Ok(state)
    }

    async fn delete(&self, context: &Context, mut state: ServiceToken) -> Outcome<ServiceToken, ()> {
        let (connection, access_key) = (context.client()?, state.access_key()?);
        self.session.generations().observe(&state.delivery.generation);
        let operation = connection.operation(context);
        if let Some(previous) = state.previous.access_key() {
            end(&connection, &operation, &state.what(), &previous).await?;
            state.previous = PreviousToken::default();
        }
        end(&connection, &operation, &state.what(), &access_key)
            .await
            .leaving(state.clone())?;
        let (vault, version) = (&state.delivery.vault, &state.delivery.vault_version);
        let owner = state.present_owner();
        connection
            .vault
            .remove(&operation, vault, version, &owner, &mut context.diagnostics())
            .await;
        Ok(())
    }

    async fn permits(&self, context: &Context, state: &ServiceToken) -> Result<(), Diagnostics> {
        let is_there = async {
            let Some(connection) = context.known_client() else {
                return Ok(true);
            };
            let operation = connection.operation(context);
            let previous = state.previous.access_key();
            for access_key in [Some(state.access_key()?), previous].into_iter().flatten() {
                let presence = existence::look(&connection, &operation, &access_key).await;
                if let Presence::There(_) = presence.map_err(|error| failure(&error))? {
                    return Ok(true);
                }
            }
            Ok(false)
        };
        Ok(account::verify(&context.private, self.session.account(), &state.what(), is_there).await?)
    }

    fn record_place(&self, context: &Context) {
        account::record(&context.private, self.session.account());
    }

    fn title(&self, state: &ServiceToken) -> Option<String> {
        Some(state.what())
    }

    async fn import(&self, context: &Context, id: &str) -> Outcome<ServiceToken, Option<ServiceToken>> {
        let access_key = imported(id)?;
        let connection = context.client()?;
        let operation = connection.operation(context);
        let told = connection.tokens.read(&operation, &access_key).await;
        let told = told.map_err(|error| failure(&error))?;
        context.report(value_unknown(&access_key));
        let mut state = ServiceToken {
            description: description(told),
            ..ServiceToken::default()
        };
        state.delivery.generation = self.session.first_generation().into();
        state.set_access_key(&access_key);
        private_record::set_imported(&context.private);
        decision_time::record(&context.private, self.now());
        Ok(Some(state))
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

/// ExpiryPolicy a token, unless the provider works with it.
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

/// ExpiryPolicy a token that has a successor, which has its roles. Where it is the provider's own, the provider switches to
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
        let gone_on = connection.tokens.switch_credential(operation, successor).await;
        gone_on.map_err(|error| failure(&error))?;
    }
    end(connection, operation, what, access_key).await
}

/// The token that a run which was killed has put in the place of this one, by what Vault says of it.
async fn successor(
    connection: &Connection,
    operation: &Operation,
    access_key: &AccessKey,
    seen: Option<&StoredSecret<'_>>,
) -> Option<AccessKey> {
    let successor = seen?.held()?.successor_of(access_key.as_str())?.parse().ok()?;
    let found = existence::look(connection, operation, &successor).await;
    matches!(found, Ok(Presence::There(_))).then_some(successor)
}

/// Another token with the same roles and the same description: perhaps the successor that a killed run has made. Only what
/// the platform tells; that nobody can be asked is no reason to fail.
async fn twin(
    connection: &Connection,
    operation: &Operation,
    prior: &ServiceToken,
    access_key: &AccessKey,
    holdings: &[Holding],
) -> Option<AccessKey> {
    let roles = |key: &AccessKey| -> BTreeSet<&Name> {
        let its = holdings.iter().filter(|holding| holding.access_key == *key);
        its.map(|holding| &holding.role).collect()
    };
    let others: BTreeSet<_> = holdings.iter().map(|holding| &holding.access_key).collect();
    let (ours, previous) = (roles(access_key), prior.previous.access_key());
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
