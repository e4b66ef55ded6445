//! `striim_service_account_token_pair`: two service accounts that take turns, so that a rotation
//! revokes no value in use.
//!
//! # Flow
//! Create creates `<name>-a`, whose value is `current`. A reason to rotate ([`Pair::reasons`]) issues a
//! value for the other service account: the first rotation creates `<name>-b`, later ones rotate the
//! older of the two. The new value becomes `current`, and the former one remains valid as `previous`.
//! Delete deletes both.
//!
//! # Guarantees
//! - A rotation changes one service account only, and never the one with the only valid value in the
//!   state ([`Pair::replaced`]). So at every instant, whatever fails and wherever the run is killed, a
//!   value in the state is valid, unless both were revoked outside Terraform.
//! - A failed rotation leaves the state as it was, except for a value that may be revoked. The next plan
//!   rotates the same service account again. So it does if the value could not be stored ([`storage`]).
//! - There are never more than two service accounts. Their names belong to the pair, which is created
//!   only if both are free. An orphan of a killed run under one of them is recorded by the next refresh,
//!   rotated by the next rotation (also if it has expired and the list hides it), and deleted with the
//!   pair.
//! - A pair that is not due, with an unchanged configuration, is not rotated; nor is one by its import.
//! - A refresh removes no value from the state ([`drift`]): the plan after it does.
//!
//! # Assumptions
//! Those of [`super::service_account_token`].

mod account;
mod diagnostics;
mod drift;
mod plan;
mod storage;

use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;

use self::account::{Account, RefreshFacts, existing};
use crate::framework::{
    Change, Diagnostic, Diagnostics, Failed, Field, Identity, Leaving, Model, Outcome, PrivateState, Resource, Schema,
    SourceState, Value,
};
use crate::platform::age_recipients::{self, AgeRecipients};
use crate::platform::attributes::{Triggers, check_name, duration, known_duration};
use crate::platform::delivery::{self, VaultDestination};
use crate::platform::rotation_policy::{Decision, RotationPolicy};
use crate::platform::{Session, account as provider_account, decision_time, generation, private_record};
use crate::striim::api::{IssuedToken, MAX_DESCRIPTION, NewServiceAccount, OwnToken, ServiceAccount, find};
use crate::striim::connection::{Connection, Context};
use crate::striim::errors::request_failed;
use crate::striim::identity::Named;
use crate::striim::replacement;
use crate::striim::service_account::LIFETIME;
use crate::striim::service_account::create::wait_for_deletion;
use crate::striim::service_account::delete::check_replacement_name;
use crate::striim::service_account::error::ReissueError;
use crate::striim::service_account::locked::LockedAccount;
use crate::striim::service_account::lookup::is_own_token;
use crate::striim::service_account::plan::has_no_mark;
use crate::striim::token_value::{KnownToken, PresentToken};
use crate::token::{Actual, Clock, Expiry, Pair, Slot, ValueStatus};

/// Manages two service accounts of the Striim Cloud account that take turns, so that a rotation revokes no token that is in use.
/// Give `current.token` to its users, and have them fetch it again within `rotate_every`.
///
/// ~> **The Terraform state contains the values** of both tokens, unless `vault` or `age_recipients` is set. Everyone who can
/// read the state can use them. With `vault`, a secret in HashiCorp Vault has the values, and with `age_recipients`, the state
/// has them encrypted. [The guide](../guides/where-does-the-value-go.md) compares the ways.
///
/// **A rotation** issues a new value, which becomes `current`. What was current until then remains valid as `previous`, until
/// it expires or the next rotation revokes it. A plan rotates, and gives the reason, when the current value is as old as
/// `rotate_every`; when `expires_in` or `rotation_triggers` changed; and when the current value was rotated or deleted
/// outside Terraform, or has expired. A rotation changes one service account only, and never the one with the only valid value.
/// So a stored value is always valid, even if a rotation or a delivery fails, unless both were revoked outside Terraform or
/// expired before an apply.
///
/// **With `vault`**, each rotation writes the new value as the next version of the secret, and the version before has the
/// previous value, if the mount keeps more than one version. If the delivery fails, the next plan rotates the service account
/// whose value is lost, and the version before remains valid. Changing `vault` or `age_recipients` rotates the older value
/// into the new storage. The former one stays where it was stored until the next rotation revokes it; one from the state is
/// stored as declared, too.
///
/// The service accounts are named after the pair, `<name>-a` and `<name>-b`, and both names are its own. The second is
/// created by the first rotation, and the attributes of `previous` are null until then. A pair needs two of the account's three
/// places. Destroying the resource deletes both service accounts and revokes their tokens.
///
/// The platform shows a value once, when it is issued. After an import the values are null, and remain valid where they are in
/// use.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::striim) struct ServiceAccountTokenPair {
    /// The name of the pair, case-sensitive. The names of the service accounts have two more characters.
    #[attribute(required, requires_replace, length = 1..=28)]
    pub(in crate::striim) name: Field<String>,
    /// The description of the service accounts.
    #[attribute(optional, empty_is_null, requires_replace, length = ..=MAX_DESCRIPTION, check = has_no_mark)]
    pub(in crate::striim) description: Field<String>,
    /// The lifetime of each value, a duration such as `90d`, `12h` or `1h30m`, at most 12 months. A change rotates.
    #[attribute(required)]
    pub(in crate::striim) expires_in: Field<String>,
    /// The maximum age of the current value: a later plan rotates. A duration shorter than `expires_in`. Default: half of it.
    /// The former value remains valid for the rest of `expires_in`, but not longer than until the next rotation.
    #[attribute(optional)]
    pub(in crate::striim) rotate_every: Field<String>,
    /// Values that trigger a rotation: any change rotates.
    #[attribute(optional)]
    pub(in crate::striim) rotation_triggers: Field<Triggers>,
    /// A secret in HashiCorp Vault.
    #[attribute(optional)]
    pub(in crate::striim) vault: Field<VaultDestination>,
    /// The [age](https://age-encryption.org) recipients (public keys) to encrypt the values to. The state then has only
    /// `encrypted_token` of both accounts, and their `token` is null. A change rotates; the former value stays encrypted to
    /// the former recipients until the next rotation revokes it. A recipient begins with `age1`, or with `age1tag1` or
    /// `age1tagpq1` for a hardware key.
    #[attribute(optional, check = age_recipients::check)]
    pub(in crate::striim) age_recipients: Field<AgeRecipients>,
    /// The same as `name`.
    #[attribute(computed, use_state_for_unknown)]
    pub(in crate::striim) id: Field<String>,
    /// The service account with the value that was issued last. Use this one.
    #[attribute(computed, planned)]
    pub(in crate::striim) current: Field<Account>,
    /// The service account that was current before, whose value may still be in use. Its attributes are null until the first
    /// rotation, and after a deletion outside Terraform.
    #[attribute(computed, planned)]
    pub(in crate::striim) previous: Field<Account>,
    #[attribute(computed, planned, description = generation::DESCRIPTION)]
    pub(in crate::striim) generation: Field<i64>,
    /// When the current value was issued, in UTC; null if that is not known after an import.
    #[attribute(computed, planned)]
    pub(in crate::striim) rotated_at: Field<String>,
}

/// The description of `vault`.
const VAULT: &str = "A secret in HashiCorp Vault (KV version 2) that stores the values **instead of Terraform's state**: \
    `current.token` and `previous.token` are null. Each rotation writes the new value as the next version, and the version \
    before has the previous value, which remains valid. Setting, changing or removing it rotates: the former value stays where \
    it is until the next rotation revokes it, and one from the state is delivered as the version before. Before it issues a \
    value, the provider checks that it may write the secret. It never overwrites the secret of another owner.";

/// Returns the names of the two service accounts, the one that is created first first.
fn names(pair: &str) -> [String; 2] {
    ["a", "b"].map(|letter| format!("{pair}-{letter}"))
}

impl ServiceAccountTokenPair {
    fn name(&self) -> &str {
        self.name.known().map_or("", String::as_str)
    }

    /// The pair's name in messages.
    fn what(&self) -> String {
        diagnostics::pair_of(self.name())
    }

    /// The policy of both tokens.
    fn policy(&self) -> RotationPolicy {
        RotationPolicy {
            expires_in: self.expires_in.clone(),
            rotation_triggers: self.rotation_triggers.clone(),
            ..RotationPolicy::default()
        }
    }

    /// Returns the expiry of a value that is issued now.
    fn expiry_to_send(&self, now: Timestamp) -> Result<Option<Expiry>, Diagnostic> {
        self.policy().expiry_to_send(now, LIFETIME)
    }

    /// Returns the maximum age of the current value.
    fn rotate_every(&self) -> Option<Duration> {
        match &self.rotate_every {
            Field::Null => known_duration(&self.expires_in).map(|lifetime| lifetime / 2),
            given => known_duration(given),
        }
    }

    /// Returns the service accounts that exist or may exist, the current one last.
    fn accounts(&self) -> impl Iterator<Item = &Account> {
        [&self.previous, &self.current].into_iter().filter_map(existing)
    }

    /// Returns the account of that name.
    fn account(&self, name: &str) -> Option<&Account> {
        self.accounts().find(|account| account.name() == name)
    }

    /// Returns the actual state of the pair.
    fn actual(&self, private: &PrivateState) -> Pair {
        let policy = self.policy();
        let actual = |account: &Account, value| Actual {
            expiry: account.expiry(),
            ..policy.actual(self.declared_storage().storage(), value, None)
        };
        let known = |account: &Account| actual(account, self.value_status(account, private));
        Pair {
            current: existing(&self.current).map_or_else(|| actual(&Account::default(), ValueStatus::Deleted), known),
            previous: existing(&self.previous).map(known),
            issued_at: self.rotated_at.known().and_then(|text| text.parse().ok()),
        }
    }

    /// Decides by this configuration about a pair whose state is `prior`.
    fn decide(&self, prior: &Self, private: &PrivateState, now: Timestamp) -> Decision {
        let policy = self.policy();
        let delivery = self.declared_storage();
        let Some((desired, rotate_every)) = policy.desired(delivery.storage()).zip(self.rotate_every()) else {
            let mut unknown = policy.unknown();
            unknown.extend(delivery.unknown());
            unknown.extend(self.rotate_every.is_unknown().then_some("rotate_every"));
            return Decision::Unknown(unknown);
        };
        match prior.actual(private).reasons(&desired, rotate_every, now) {
            reasons if reasons.is_empty() => Decision::Keep,
            reasons => Decision::Rotate(reasons),
        }
    }

    /// Records at a refresh the instant by which the next plan decides.
    fn record_decision(&self, private: &PrivateState, now: Timestamp) {
        decision_time::refresh(private, now, |at| {
            let rotates = matches!(self.decide(self, private, at), Decision::Rotate(_));
            (rotates, self.replaced(private, at))
        });
    }

    /// Returns the service account that a rotation issues a value for.
    fn replaced(&self, private: &PrivateState, now: Timestamp) -> String {
        let (slot, other_slot) = match self.actual(private).replaced(now) {
            Slot::Current => (&self.current, &self.previous),
            Slot::Other => (&self.previous, &self.current),
        };
        let [first, second] = names(self.name());
        match (existing(slot), existing(other_slot)) {
            (Some(account), _) => account.name().to_owned(),
            (None, Some(other)) if other.name() == first => second,
            (None, _) => first,
        }
    }

    /// Returns the account that a rotation of `replaced` leaves as it is, and that is `previous` after it.
    fn remaining(&self, replaced: &str) -> Account {
        let remaining = self.accounts().find(|account| account.name() != replaced);
        remaining.cloned().unwrap_or_default()
    }

    /// Replaces the account of that name.
    fn with(self, name: &str, account: Account) -> Self {
        let is_previous = match (existing(&self.current), existing(&self.previous)) {
            (_, Some(previous)) if previous.name() == name => true,
            (Some(current), _) => current.name() != name,
            (None, _) => false,
        };
        if is_previous {
            Self {
                previous: account.into(),
                ..self
            }
        } else {
            Self {
                current: account.into(),
                ..self
            }
        }
    }

    /// The service account to create under this name.
    fn new_account<'a>(&'a self, name: &'a str, expires_at: Option<Expiry>) -> NewServiceAccount<'a> {
        NewServiceAccount {
            name,
            description: self.description.known().map(String::as_str),
            expires_at: expires_at.map(Expiry::instant),
        }
    }

    /// Records a value that was issued at `now` as the current one. `requested` is the expiry that was sent.
    fn with_issued(
        self,
        name: &str,
        requested: Option<Expiry>,
        issued: IssuedToken,
        now: Timestamp,
        diagnostics: &mut Diagnostics,
    ) -> Self {
        Self {
            current: Account::issued(name, requested, issued, diagnostics).into(),
            rotated_at: Expiry::at(now).to_string().into(),
            ..self
        }
    }

    /// Updates the pair from the platform's list; `None` if both accounts were deleted. An account that
    /// a killed run created is found by its name. `delivered_id` is the number of the value in the pair's
    /// secret.
    fn refresh_from(
        mut self,
        accounts: &[ServiceAccount],
        clock: &Clock,
        delivered_id: Option<i64>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        let now = clock.now();
        // The previous value is older. Only the platform's time can be compared with a reported update.
        let rotated_at = self.rotated_at.known().filter(|_| clock.is_synchronised());
        let facts = RefreshFacts {
            issued_at: rotated_at.and_then(|text| text.parse().ok()),
            now,
            has_secret: !self.vault.is_null(),
            delivered_id,
        };
        let mut refreshed = |account| {
            existing(account)
                .cloned()
                .and_then(|account| account.refresh_from(accounts, &facts, diagnostics))
        };
        let (current, previous) = (refreshed(&self.current), refreshed(&self.previous));
        let previous = previous.or_else(|| {
            let current = current.as_ref().map(Account::name);
            let mut names = names(self.name()).into_iter();
            let orphan = names.find_map(|name| find(accounts, &name).filter(|_| current != Some(&name)))?;
            if delivered_id.is_none() || orphan.token_id != delivered_id {
                diagnostics.push(diagnostics::found(self.name(), &orphan.name));
            }
            Some(Account {
                vault_version: facts.has_secret.then_some(0).into(),
                ..Account::listed(orphan)
            })
        });
        if current.is_none() && previous.is_none() {
            return None;
        }
        self.current = current.unwrap_or_default().into();
        self.previous = previous.unwrap_or_default().into();
        Some(self)
    }
}

pub(in crate::striim) struct ServiceAccountTokenPairResource {
    session: Session,
}

impl ServiceAccountTokenPairResource {
    pub(in crate::striim) fn new(session: Session) -> Self {
        Self { session }
    }

    fn now(&self) -> Timestamp {
        self.session.clock().now()
    }

    /// Issues a value for a service account of the pair; creates it if it does not exist.
    ///
    /// # Errors
    /// Returns the error to report, and the account to record.
    async fn reissue(
        &self,
        locked: &LockedAccount<'_>,
        new: &NewServiceAccount<'_>,
        old: Option<(&Account, &Field<SecretString>)>,
        prior: &ServiceAccountTokenPair,
        diagnostics: &mut Diagnostics,
    ) -> Result<IssuedToken, (Diagnostic, Account)> {
        let issued = match old {
            Some((old, value)) => {
                let known = KnownToken {
                    value,
                    ..old.known_token()
                };
                locked.reissue(new, known, diagnostics).await
            }
            // The name belongs to the pair: a hidden account that holds it is an orphan of a killed rotation.
            None => locked.create_over_hidden(new).await.map_err(ReissueError::Create),
        };
        issued.map_err(|error| {
            let recorded = match &error {
                ReissueError::Create(error) if error.may_exist => Account::lost(new.name, &prior.vault),
                // The next refresh shows whether the account exists, and which value it has.
                _ => old.map(|(old, _)| old.clone()).unwrap_or_default(),
            };
            let by = diagnostics::DeclaredBy::Pair(prior.name());
            (diagnostics::reissue_failed(new.name, by, &error, self.now()), recorded)
        })
    }
}

impl Resource for ServiceAccountTokenPairResource {
    type Model = ServiceAccountTokenPair;
    type Client = Connection;

    const TYPE: &'static str = "striim_service_account_token_pair";

    fn schema(&self) -> Schema {
        delivery::described(ServiceAccountTokenPair::schema(), &storage::SECRET_FIELD_NAMES).describe("vault", VAULT)
    }

    fn validate(&self, config: &ServiceAccountTokenPair, diagnostics: &mut Diagnostics) {
        if let Some(name) = config.name.known() {
            check_name("name", name, diagnostics);
        }
        config.policy().validate(LIFETIME, self.now(), diagnostics);
        config
            .declared_storage()
            .validate(&storage::SECRET_FIELD_NAMES, diagnostics);
        let rotate_every = duration("rotate_every", &config.rotate_every, diagnostics);
        if rotate_every.is_some_and(|rotate_every| rotate_every.is_zero()) {
            diagnostics.push(Diagnostic::invalid("rotate_every", "must be at least 1s"));
        }
        if let (Some(expires_in), Some(rotate_every)) = (known_duration(&config.expires_in), rotate_every)
            && rotate_every >= expires_in
        {
            diagnostics.push(Diagnostic::invalid(
                "rotate_every",
                "must be shorter than `expires_in`, or the old value would have expired before there is a new one",
            ));
        }
    }

    async fn plan(&self, context: &Context, change: &mut Change<ServiceAccountTokenPair>) -> Result<(), Diagnostics> {
        self.plan_change(context, change, &mut context.diagnostics()).await;
        Ok(())
    }

    async fn plan_destroy(&self, context: &Context, prior: &ServiceAccountTokenPair) -> Result<(), Diagnostics> {
        replacement::clear(&context.private);
        self.plan_deletion(context, prior, &mut context.diagnostics()).await;
        Ok(())
    }

    async fn create(
        &self,
        context: &Context,
        mut planned: ServiceAccountTokenPair,
    ) -> Outcome<ServiceAccountTokenPair> {
        let diagnostics = &mut *context.diagnostics();
        self.session.synchronise(context, diagnostics).await;
        let connection = context.client()?;
        connection.planned_accounts.release(&names(planned.name()));
        let now = self.now();
        let expires_at = planned.expiry_to_send(now)?;
        planned.generation = self.session.first_generation().into();
        decision_time::record(&context.private, now);

        let [first, second] = names(planned.name());
        for name in [&first, &second] {
            wait_for_deletion(&connection, context, name).await;
        }
        let mut locked = LockedAccount::lock(&connection, context, &first).await;
        let locked_second = LockedAccount::lock(&connection, context, &second).await;
        let (writer, storage) = (&connection.vault, planned.declared_storage());
        let owner = planned.new_owner();
        let permit = storage.prepare(writer, locked.operation(), owner, diagnostics).await?;
        locked.delete_orphan().await?;
        locked_second.delete_orphan().await?;
        let cached = connection.cached_accounts(locked.operation()).await;
        let accounts = cached.map_err(|error| request_failed(&error))?.items;
        if find(&accounts, &second).is_some() {
            return Err(diagnostics::second_name_taken(planned.name(), &second).into());
        }
        match locked.create(&planned.new_account(&first, expires_at)).await {
            Ok(issued) => {
                let issued = locked.complete(issued).await;
                PresentToken::record(&context.private, &first, &issued.token);
                let mut pair = planned.with_issued(&first, expires_at, issued, self.now(), diagnostics);
                pair.deliver(locked.operation(), permit, diagnostics).await;
                Ok(pair)
            }
            Err(error) => {
                let by = diagnostics::DeclaredBy::Pair(planned.name());
                let failed = Failed::from(diagnostics::create_failed(&first, by, &error, now));
                if !error.may_exist {
                    return Err(failed);
                }
                // Recorded without a value, it is replaced by the next apply instead of forgotten.
                Err(failed.leaving(ServiceAccountTokenPair {
                    current: Account::lost(&first, &planned.vault).into(),
                    rotated_at: Field::Null,
                    ..planned
                }))
            }
        }
    }

    async fn read(
        &self,
        context: &Context,
        state: ServiceAccountTokenPair,
    ) -> Outcome<ServiceAccountTokenPair, Option<ServiceAccountTokenPair>> {
        if context.is_config_unknown() {
            return Ok(Some(state));
        }
        let diagnostics = &mut *context.diagnostics();
        let connection = context.client()?;
        for name in names(state.name()) {
            connection.planned_accounts.record_in_state(&name);
        }
        let operation = connection.operation(context);
        let accounts = connection.service_accounts(&operation).await?;
        self.session.report_skew(diagnostics);
        let (vault, clock) = (&state.vault, self.session.clock());
        let stored = connection.vault.read(&operation, vault, state.owner(vault)).await;
        let delivered_id = storage::delivered_id(stored.as_ref());
        let refreshed = state.clone().refresh_from(&accounts, clock, delivered_id, diagnostics);
        let Some(mut refreshed) = refreshed else {
            return Ok(None);
        };
        let at = (&*connection, &operation);
        refreshed.refresh_secret(at, stored, diagnostics).await;
        if let Some(current) = existing(&refreshed.current) {
            private_record::observe_delivery(&context.private, &current.vault_version);
        }
        refreshed.record_decision(&context.private, self.now());
        Ok(Some(refreshed.keep_values(&state, &context.private)))
    }

    async fn update(
        &self,
        context: &Context,
        prior: ServiceAccountTokenPair,
        planned: ServiceAccountTokenPair,
    ) -> Outcome<ServiceAccountTokenPair> {
        let diagnostics = &mut *context.diagnostics();
        replacement::clear(&context.private);
        self.session.synchronise(context, diagnostics).await;
        decision_time::record(&context.private, self.now());
        let issues_value = match &planned.current {
            Field::Known(account) => account.metadata.token_id.is_unknown(),
            current => current.is_unknown(),
        };
        // Otherwise only the declaration changed, or the state follows the last refresh.
        if !issues_value {
            drift::clear(&context.private);
            return Ok(planned);
        }
        let connection = context.client()?;
        let now = self.now();
        // Since the plan, the value that was to remain valid may have expired or been revoked.
        let accounts = connection.fetch_accounts(&connection.operation(context)).await?;
        let present = prior
            .clone()
            .refresh_from(&accounts, self.session.clock(), None, diagnostics)
            .ok_or_else(|| diagnostics::outdated_plan(prior.name()))?;
        let name = present.replaced(&context.private, now);
        let planned_name = planned.current.known().map(Account::name);
        if planned_name.is_none() && planned.decide(&present, &context.private, now) == Decision::Keep {
            drift::clear(&context.private);
            return Ok(ServiceAccountTokenPair {
                current: present.current,
                previous: present.previous,
                generation: prior.generation,
                rotated_at: prior.rotated_at,
                ..planned
            });
        }
        if planned_name.is_some_and(|planned| planned != name) {
            return Err(diagnostics::outdated_plan(prior.name()).into());
        }

        let expires_at = planned.expiry_to_send(now)?;
        let new = planned.new_account(&name, expires_at);
        // The orphan of a killed run is listed, and not in the state.
        let orphan = find(&accounts, &name).map(|_| Account::named(&name));
        let old = present.account(&name).cloned().or(orphan);
        let mut locked = LockedAccount::lock(&connection, context, &name).await;
        let operation = locked.operation().clone();
        let (private, at) = (&context.private, (&*connection, &operation));
        let remaining = present.store_remaining(at, &planned, &name, diagnostics).await?;
        let owner = prior.owner(&planned.vault);
        let storage = planned.declared_storage();
        let permit = storage
            .prepare(&connection.vault, &operation, owner, diagnostics)
            .await?;
        let value = match &old {
            Some(old) => present.present_token(old, at, private).await.value,
            None => Field::Null,
        };
        let old = old.as_ref().map(|old| (old, &value));
        let issued = self.reissue(&locked, &new, old, &prior, diagnostics).await;
        let issued = match issued {
            Ok(issued) => locked.complete(issued).await,
            Err((diagnostic, recorded)) => return Err(Failed::from(diagnostic).leaving(prior.with(&name, recorded))),
        };

        PresentToken::record(private, &name, &issued.token);
        drift::clear(&context.private);
        private_record::set_issued(&context.private);
        let previous = match planned.previous.clone() {
            Field::Known(previous) => previous.completed_by(remaining),
            Field::Unknown | Field::Null => remaining,
        };
        let mut pair = ServiceAccountTokenPair {
            previous: previous.into(),
            generation: generation::next(&prior.generation),
            ..planned
                .clone()
                .with_issued(&name, expires_at, issued, self.now(), diagnostics)
        };
        pair.deliver(&operation, permit, diagnostics).await;
        present
            .leave_secrets(at, &planned.vault, &name, private, diagnostics)
            .await;
        Ok(pair)
    }

    async fn delete(
        &self,
        context: &Context,
        mut state: ServiceAccountTokenPair,
    ) -> Outcome<ServiceAccountTokenPair, ()> {
        let connection = context.client()?;
        self.session.generations().observe(&state.generation);
        let before = state.clone();
        let accounts: Vec<_> = state.accounts().cloned().collect();
        let operation = connection.operation(context);
        let at = (&*connection, &operation);
        for account in &accounts {
            let name = account.name();
            let present = state.present_token(account, at, &context.private).await;
            if is_own_token(&connection, &operation, name, &present, self.now()).await == OwnToken::Yes {
                return Err(diagnostics::cannot_revoke_own_token(&diagnostics::token_of(name)).into());
            }
        }
        if let Some(name) = replacement::replacement_name(&context.private) {
            check_replacement_name(&connection, context, &state.what(), &name).await?;
        }
        for account in &accounts {
            let locked = LockedAccount::lock(&connection, context, account.name()).await;
            let deleted = locked.delete(account.known_token()).await;
            deleted.leaving(state.clone())?;
            state = state.with(account.name(), Account::default());
        }
        let diagnostics = &mut context.diagnostics();
        before.delete_secrets(at, &context.private, diagnostics).await;
        Ok(())
    }

    async fn import(
        &self,
        context: &Context,
        id: &str,
    ) -> Outcome<ServiceAccountTokenPair, Option<ServiceAccountTokenPair>> {
        let connection = context.client()?;
        let accounts = connection.service_accounts(&connection.operation(context)).await?;
        let names = names(id);
        let names = names.each_ref().map(String::as_str);
        let mut found: Vec<_> = names.into_iter().filter_map(|name| find(&accounts, name)).collect();
        // The account whose value was issued last comes last.
        found.sort_by_key(|account| (account.expires_at, account.token_id));
        let Some(current) = found.pop() else {
            return Err(diagnostics::no_such_pair(id, names).into());
        };
        context.report(diagnostics::values_unknown_after_import(id));
        private_record::set_imported(&context.private);
        decision_time::record(&context.private, self.now());
        Ok(Some(ServiceAccountTokenPair {
            id: id.into(),
            name: id.into(),
            description: current.description.clone().unwrap_or_default().into(),
            current: Account::listed(current).into(),
            previous: found.pop().map(Account::listed).unwrap_or_default().into(),
            generation: self.session.first_generation().into(),
            rotated_at: current.updated_at.clone().into(),
            ..ServiceAccountTokenPair::default()
        }))
    }

    async fn permits(&self, context: &Context, state: &ServiceAccountTokenPair) -> Result<(), Diagnostics> {
        let is_there = async {
            let Some(connection) = context.known_client() else {
                return Ok(true);
            };
            let accounts = connection.service_accounts(&connection.operation(context)).await?;
            Ok(state.accounts().any(|account| {
                let found = find(&accounts, account.name());
                found.is_some_and(|found| account.metadata.is_same_value(account.expiry(), found.into()))
            }))
        };
        let (private, present) = (&context.private, self.session.account());
        Ok(provider_account::verify(private, present, &state.what(), is_there).await?)
    }

    fn record_place(&self, context: &Context) {
        provider_account::record(&context.private, self.session.account());
    }

    fn title(&self, state: &ServiceAccountTokenPair) -> Option<String> {
        Some(state.what())
    }

    fn identity_schema(&self) -> Option<Schema> {
        Some(Named::described("The name of the pair, which is case-sensitive."))
    }

    fn identity(&self, context: &Context, state: &Value) -> Option<Identity> {
        let state = ServiceAccountTokenPair::from_value(state).ok()?;
        Some(Named::identity(context, state.name))
    }

    fn import_id(&self, context: &Context, identity: &Identity) -> Result<String, Diagnostic> {
        Named::import_id(context, identity)
    }

    fn move_state(&self, from: &SourceState<'_>) -> Result<ServiceAccountTokenPair, Diagnostic> {
        let advice = (from.type_name == "striim_service_account_token").then(|| {
            let names = names(from.text("/name").unwrap_or("<name>"));
            diagnostics::moved_from_token(names.each_ref().map(String::as_str))
        });
        Err(from.refused(Self::TYPE, advice))
    }
}

#[cfg(test)]
mod tests;
