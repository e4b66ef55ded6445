//! The attributes that all resources with one token have, and their transitions: the decision in a plan whether the value
//! is rotated, what follows from it, and what an issue or a refresh makes of the state.

use jiff::Timestamp;
use secrecy::SecretString;

use super::api::IssuedToken;
use super::connection::{Connection, Context};
use super::labels::LABELS;
use super::rotation::{self, Decision, RotationPolicy};
use super::token_value::{
    self, Record, RemoteToken, TokenMetadata, issued_expiry, refresh_expiry, unreadable_expiry, value_replaced_warning,
    value_status,
};
use crate::framework::{Diagnostics, Field, Model, PrivateState, Schema};
use crate::platform::attributes::{known_duration, may_rotate};
use crate::platform::decision_time::{self, DecisionTime};
use crate::platform::delivery::{self, DeliveredToken, Delivery, Owner, RemoteStatus, VaultDestination, WritePermit};
use crate::platform::{generation, private_record};
use crate::rest::Operation;
use crate::token::{Clock, Expiry, ExpiryPolicy, Lifetime, ValueStatus, fixed_expiry_has_passed, reasons};
use crate::vault::Entry;

/// The attributes of a resource with one token.
#[derive(Model, Clone, Debug, Default)]
pub(super) struct RotatingToken {
    #[attribute(flatten)]
    pub(super) policy: RotationPolicy,
    #[attribute(flatten)]
    pub(super) delivery: Delivery,
    #[attribute(flatten)]
    pub(super) metadata: TokenMetadata,
}

/// What the plan of an update needs to know in addition to the attributes.
pub(super) struct UpdatePlan {
    /// What names the token.
    pub(super) owner: Owner,
    pub(super) lifetime: Lifetime,
    pub(super) now: Timestamp,
    /// Whether the plan changes what the state records.
    pub(super) records: bool,
}

/// The schema of a resource with these attributes, with what is special about the platform in their descriptions.
pub(super) fn described(schema: Schema) -> Schema {
    delivery::described(schema, &LABELS).describe("token", token_value::TOKEN)
}

impl RotatingToken {
    /// Checks a configuration by itself, after the validators and rules.
    pub(super) fn validate(&self, lifetime: Lifetime, now: Timestamp, diagnostics: &mut Diagnostics) {
        self.policy.validate(lifetime, now, diagnostics);
        delivery::validate(&LABELS, &self.delivery.vault, diagnostics);
    }

    /// The token, which `owner` names, as the owner of a secret at `place`.
    pub(super) fn owner(&self, mut owner: Owner, place: &Field<VaultDestination>) -> Owner {
        owner.id = self.id();
        owner.with_state((&self.delivery.vault, &self.delivery.vault_version), place)
    }

    /// The same where its value is now.
    pub(super) fn present_owner(&self, owner: Owner) -> Owner {
        self.owner(owner, &self.delivery.vault)
    }

    /// What identifies the value in a secret.
    pub(super) fn id(&self) -> Option<Entry> {
        self.metadata.token_id.known().copied().map(Entry::Number)
    }

    fn delivered(&self, owner: Owner) -> DeliveredToken {
        DeliveredToken {
            what: owner.what,
            name: owner.name.unwrap_or_default(),
            id: self.id(),
            note: self.policy.expires_at.known().cloned(),
        }
    }

    /// Whether the value in the state is the one that works.
    pub(super) fn value(&self, private: &PrivateState) -> ValueStatus {
        let imported = private_record::is_imported(private, &self.delivery.generation);
        let in_state = value_status(imported, &self.delivery.token, &self.metadata.updated_at);
        self.delivery.value_status(in_state)
    }

    /// The value that works, from the state or from Vault; null if neither has it.
    pub(super) async fn present_token(&self, connection: &Connection, operation: &Operation) -> Field<SecretString> {
        let Delivery {
            vault,
            vault_version,
            token,
            ..
        } = &self.delivery;
        connection.vault.value(operation, vault, vault_version, token).await
    }

    /// Whether this is the very value that the platform has.
    pub(super) fn is_same_value(&self, remote: RemoteToken<'_>) -> bool {
        self.metadata.is_same_value(self.policy.expiry(), remote)
    }

    /// Whether the value has expired by the platform, as far as that is known.
    pub(super) fn has_expired(&self, private: &PrivateState, now: Timestamp) -> bool {
        let expiry = self.policy.real_expiry(Record::read(private));
        expiry.is_some_and(|expiry| expiry.has_passed(now))
    }

    /// Decides about a token whose state is `prior` by this configuration.
    pub(super) fn decide(&self, prior: &Self, record: Option<Record>, value: ValueStatus, now: Timestamp) -> Decision {
        let storage = delivery::storage(&self.delivery.vault);
        let Some(declared) = self.policy.declared(storage.clone()) else {
            let mut unknown = self.policy.unknown();
            unknown.extend(storage.is_none().then_some("vault"));
            return Decision::Unknown(unknown);
        };
        let storage = delivery::storage(&prior.delivery.vault);
        let mut present = prior.policy.present(storage, value, record);
        if let (ExpiryPolicy::Fixed(expiry), Some(_), None) =
            (declared.expiry_policy, prior.policy.expires_at.known(), present.expiry)
        {
            // Imported with an expiry that cannot be read: what is declared describes it, and changes nothing.
            present.expiry = Some(expiry);
        }
        match reasons(&declared, &present, now) {
            reasons if reasons.is_empty() => Decision::Keep,
            reasons if fixed_expiry_has_passed(&declared, &present, now) => Decision::Ended(reasons),
            reasons => Decision::Rotate(reasons),
        }
    }

    /// The effect of time on a token by what its state declares: whether that asks for a rotation, and whether it has
    /// expired, as declared and by the platform.
    pub(super) fn boundary(&self, record: Option<Record>, value: ValueStatus, at: Timestamp) -> (bool, bool, bool) {
        let rotates = matches!(self.decide(self, record, value, at), Decision::Rotate(_));
        let has_passed = |expiry: Option<Expiry>| expiry.is_some_and(|expiry| expiry.has_passed(at));
        let (declared, real) = (self.policy.expiry(), self.policy.real_expiry(record));
        (rotates, has_passed(declared), has_passed(real))
    }

    /// Records at a refresh by which instant the next plan decides.
    pub(super) fn record_decision(&self, private: &PrivateState, now: Timestamp) {
        let (record, value) = (Record::read(private), self.value(private));
        decision_time::refresh(private, now, |at| self.boundary(record, value, at));
    }

    /// In a plan: a new value will come, with the planned expiry if the configuration fixes one.
    fn mark_unknown(&mut self, config: &Self) {
        if config.policy.expires_at.is_null() {
            self.policy.expires_at = Field::Unknown;
        }
        self.metadata.mark_unknown();
        self.delivery.mark_unknown();
    }

    /// In a plan: nothing can be issued, so the declaration stays as it was where Terraform permits that.
    fn keep_declaration(&mut self, prior: &Self) {
        rotation::keep_declaration(&mut self.policy.rotation_triggers, &prior.policy.rotation_triggers);
        rotation::keep_declaration(&mut self.delivery.vault, &prior.delivery.vault);
        if self.delivery.vault.is_null() != prior.delivery.vault.is_null() {
            // The expired value is kept nowhere: no other place can get it.
            self.delivery.token = Field::Null;
            self.delivery.vault_version = Field::Null;
        }
    }

    /// Plans a creation, whose value is yet to come.
    pub(super) fn plan_creation(
        &mut self,
        context: &Context,
        config: &Self,
        lifetime: Lifetime,
        now: Timestamp,
        diagnostics: &mut Diagnostics,
    ) {
        self.delivery.generation = Field::Unknown;
        self.delivery.mark_unknown();
        Record::plan(&context.private, now);
        diagnostics.ok(config.policy.expiry_to_send(now, lifetime));
    }

    /// Plans the value of a token that is not replaced: it stays, or is rotated. `before_rotation` reports what else a
    /// rotation does.
    pub(super) async fn plan_update(
        &mut self,
        context: &Context,
        (config, prior): (&Self, &Self),
        plan: UpdatePlan,
        before_rotation: impl AsyncFnOnce(&Connection, &mut Diagnostics),
        diagnostics: &mut Diagnostics,
    ) {
        let UpdatePlan {
            owner,
            lifetime,
            now,
            records,
        } = plan;
        let connection = context.known_client();
        let (record, value) = (Record::read(&context.private), prior.value(&context.private));
        let lifetime_of_value = known_duration(&config.policy.expires_in);
        let time = DecisionTime::new(&context.private, now, records, lifetime_of_value);
        let decide = |at| config.decide(prior, record, value, at);
        let what = owner.what.clone();
        let decision = time.decide(&what, decide, diagnostics);
        let owner = prior.owner(owner, &self.delivery.vault);
        match decision {
            Decision::Keep => {
                if config.policy.is_fixed() {
                    prior.policy.warn_about_expiry(record, &what, now, diagnostics);
                }
                if let Some(connection) = connection {
                    connection.vault.claim(&self.delivery.vault, &owner, diagnostics);
                }
            }
            Decision::Ended(reasons) => {
                let expiry = prior.policy.real_expiry(record);
                diagnostics.push(rotation::ended(&what, expiry, &reasons));
                self.keep_declaration(prior);
            }
            Decision::Rotate(reasons) => {
                diagnostics.push(rotation::rotates(&what, &reasons));
                let follows = config.policy.is_computed_from_now(&prior.policy, record, &what, now);
                diagnostics.extend(follows);
                Record::plan(&context.private, now);
                if let Some(connection) = connection {
                    before_rotation(&connection, diagnostics).await;
                    let (before, after) = (&prior.delivery.vault, &self.delivery.vault);
                    let leaving = prior.present_owner(owner.clone());
                    connection.vault.plan_move(before, after, &leaving);
                    let operation = connection.operation(context);
                    connection.vault.plan(&operation, after, owner, diagnostics).await;
                }
                diagnostics.ok(config.policy.expiry_to_send(now, lifetime));
                self.delivery.generation = generation::next(&prior.delivery.generation);
                self.mark_unknown(config);
            }
            Decision::Unknown(unknown) => {
                diagnostics.push(may_rotate(&what, &unknown));
                Record::plan(&context.private, now);
                if let Some(connection) = connection {
                    let (operation, vault) = (connection.operation(context), &self.delivery.vault);
                    connection.vault.plan(&operation, vault, owner, diagnostics).await;
                }
                self.delivery.generation = Field::Unknown;
                self.mark_unknown(config);
            }
        }
    }

    /// Whether an update only records the declaration, without a new value to come.
    pub(super) fn only_records(&self) -> bool {
        !self.metadata.token_id.is_unknown()
    }

    /// Records a value that the platform issued; `asked` is the expiry that was sent.
    pub(super) fn set_issued(
        &mut self,
        asked: Option<Expiry>,
        issued: IssuedToken,
        (private, clock): (&PrivateState, &Clock),
        diagnostics: &mut Diagnostics,
    ) {
        Record::write(private, asked, &issued, clock);
        self.metadata.set_issued(&issued);
        let expiry = issued_expiry(asked, &issued, diagnostics);
        if self.policy.expires_at.known().is_none() {
            self.policy.expires_at = expiry;
        }
        self.delivery.token = issued.token.into();
    }

    /// Delivers an issued value where it is declared to go, and deletes the secret where the `prior` one was.
    pub(super) async fn deliver(
        &mut self,
        connection: &Connection,
        operation: &Operation,
        ready: Option<WritePermit>,
        owner: Owner,
        prior: Option<&Self>,
        diagnostics: &mut Diagnostics,
    ) {
        let token = self.delivered(owner.clone());
        self.delivery.deliver(token, ready, operation, diagnostics).await;
        if let Some(prior) = prior {
            let before = (&prior.delivery.vault, &prior.delivery.vault_version);
            let (now, owner) = (&self.delivery.vault, prior.present_owner(owner));
            let vault = &connection.vault;
            vault
                .delete_previous_location(operation, before, now, &owner, diagnostics)
                .await;
        }
    }

    /// Deletes the secret of a revoked token.
    pub(super) async fn delete_secret(
        &self,
        connection: &Connection,
        operation: &Operation,
        owner: Owner,
        diagnostics: &mut Diagnostics,
    ) {
        let Delivery {
            vault, vault_version, ..
        } = &self.delivery;
        let owner = self.present_owner(owner);
        let writer = &connection.vault;
        writer
            .delete(operation, vault, vault_version, &owner, diagnostics)
            .await;
    }

    /// The state of a token that is imported, whose value is not known.
    pub(super) fn imported(remote: RemoteToken<'_>) -> Self {
        let mut token = Self::default();
        token.policy.expires_at = token_value::imported_expiry(remote);
        token.metadata.refresh_from(remote, true);
        token
    }

    /// Takes over what the platform and Vault say of the token, which `owner` names.
    pub(super) async fn refresh(
        &mut self,
        context: &Context,
        connection: &Connection,
        owner: Owner,
        remote: RemoteToken<'_>,
        now: Timestamp,
        diagnostics: &mut Diagnostics,
    ) {
        if let Some(spelled) = remote.unreadable_expiry {
            diagnostics.push(unreadable_expiry(&owner.what, spelled));
        }
        let record = Record::read(&context.private);
        let rotated = self.is_rotated_outside(remote, record);
        if rotated {
            Record::remove(&context.private);
        }
        if self.refresh_value(remote, record, rotated) {
            diagnostics.push(value_replaced_warning(&owner.what));
        }
        let operation = connection.operation(context);
        let present = self.present_owner(owner.clone());
        let seen = connection.vault.read(&operation, &self.delivery.vault, present).await;
        let told = RemoteStatus {
            id: remote.token_id.map(Entry::Number),
            rotated,
        };
        let token = self.delivered(owner);
        self.delivery.refresh(&token, seen, told, diagnostics);
        private_record::observe_delivery(&context.private, &self.delivery.vault_version);
        self.record_decision(&context.private, now);
    }

    /// Whether the platform has another value than the state, by the `record` of its issue.
    pub(super) fn is_rotated_outside(&self, remote: RemoteToken<'_>, record: Option<Record>) -> bool {
        let (expiry, issued_at) = record.map_or((self.policy.expiry(), None), Record::remote);
        self.metadata.is_replaced(expiry, issued_at, remote)
    }

    /// Takes over what the platform reports; answers whether the value in the state no longer works.
    pub(super) fn refresh_value(&mut self, remote: RemoteToken<'_>, record: Option<Record>, rotated: bool) -> bool {
        let had_value = !self.delivery.token.is_null();
        let is_explained = record.is_some_and(|record| !rotated && record.explains(self.policy.expiry(), remote));
        if !is_explained {
            refresh_expiry(&mut self.policy.expires_at, remote);
        }
        let adds = rotated || (!had_value && record.is_none());
        self.metadata.refresh_from(remote, adds);
        if rotated {
            // Without it the plan rotates, and a value that no longer works is used by no one.
            self.delivery.token = Field::Null;
        }
        rotated && had_value
    }
}

#[cfg(test)]
impl From<RotationPolicy> for RotatingToken {
    fn from(policy: RotationPolicy) -> Self {
        Self {
            policy,
            ..Self::default()
        }
    }
}
