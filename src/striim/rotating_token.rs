//! The attributes of all resources with one token, and their transitions in plan, apply, refresh and
//! import.

use jiff::Timestamp;

use super::api::IssuedToken;
use super::connection::{Connection, Context};
use super::diagnostics::{value_replaced_warning, will_rotate};
use super::secret_owner::FIELD_NAMES;
use super::token_value::{self, KnownToken, PresentToken, RemoteToken, TokenMetadata, issued_expiry, value_status};
use crate::framework::{Diagnostics, Field, Model, PrivateState, Schema};
use crate::platform::attributes::{keep_prior, known_duration, may_rotate};
use crate::platform::decision_time::{self, DecisionTime};
use crate::platform::delivery::{self, DeliveredToken, Delivery, Owner, RemoteStatus, StorePermit, VaultDestination};
use crate::platform::issue_record::IssueRecord;
use crate::platform::rotation_policy::{
    Decision, RotationPolicy, expired_and_not_rotated, refresh_expiry, unreadable_expiry,
};
use crate::platform::{generation, private_record};
use crate::rest::Operation;
use crate::token::{Clock, Expiry, Lifetime, ValueStatus};
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

/// Arguments of [`RotatingToken::plan_update`] other than attributes.
pub(super) struct UpdatePlan {
    /// The token as the owner of a secret.
    pub(super) owner: Owner,
    pub(super) lifetime: Lifetime,
    pub(super) now: Timestamp,
    /// Whether the plan changes the state even without a rotation.
    pub(super) records: bool,
}

/// Completes the schema of a resource with these attributes by the platform's descriptions.
pub(super) fn described(schema: Schema) -> Schema {
    delivery::described(schema, &FIELD_NAMES).describe("token", token_value::TOKEN)
}

impl RotatingToken {
    /// Validates a configuration, after the validators of its attributes.
    pub(super) fn validate(&self, lifetime: Lifetime, now: Timestamp, diagnostics: &mut Diagnostics) {
        self.policy.validate(lifetime, now, diagnostics);
        self.delivery.validate(&FIELD_NAMES, diagnostics);
    }

    /// Returns the token as the owner of a secret at `place`.
    pub(super) fn owner(&self, mut owner: Owner, place: &Field<VaultDestination>) -> Owner {
        owner.id = self.id();
        owner.with_state((&self.delivery.vault, &self.delivery.vault_version), place)
    }

    /// Returns the token as the owner of the secret that has its present value.
    pub(super) fn present_owner(&self, owner: Owner) -> Owner {
        self.owner(owner, &self.delivery.vault)
    }

    /// Returns the token as recorded in the state, without a value that is stored only in Vault.
    pub(super) fn known_token(&self) -> KnownToken<'_> {
        KnownToken {
            value: &self.delivery.token,
            token_id: self.metadata.token_id.known().copied(),
        }
    }

    /// Returns the field of a secret that identifies the value.
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

    /// Returns the status of the value in the state.
    pub(super) fn value(&self, private: &PrivateState) -> ValueStatus {
        let imported = private_record::is_imported(private, &self.delivery.generation);
        let in_state = value_status(imported, self.delivery.has_value(), &self.metadata.updated_at);
        self.delivery.value_status(in_state)
    }

    /// Returns the present value of the service account `name`.
    pub(super) async fn present_token(
        &self,
        connection: &Connection,
        operation: &Operation,
        name: &str,
        private: &PrivateState,
    ) -> PresentToken {
        let Delivery {
            vault,
            vault_version,
            encrypted_token,
            token,
            ..
        } = &self.delivery;
        let value = connection.vault.value(operation, vault, vault_version, token).await;
        PresentToken::new(value, !encrypted_token.is_null(), name, private)
    }

    /// Whether the state has the platform's present value.
    pub(super) fn is_same_value(&self, remote: RemoteToken<'_>) -> bool {
        self.metadata.is_same_value(self.policy.expiry(), remote)
    }

    /// Whether the value has expired, by the platform's expiry if that is known.
    pub(super) fn has_expired(&self, private: &PrivateState, now: Timestamp) -> bool {
        let expiry = self.policy.real_expiry(IssueRecord::read(private));
        expiry.is_some_and(|expiry| expiry.has_passed(now))
    }

    /// Decides whether this configuration rotates a token whose state is `prior`.
    pub(super) fn decide(
        &self,
        prior: &Self,
        record: Option<IssueRecord>,
        value: ValueStatus,
        now: Timestamp,
    ) -> Decision {
        let before = (&prior.policy, prior.delivery.storage());
        match self.policy.decide(self.delivery.storage(), before, value, record, now) {
            Decision::Unknown(unknown) => Decision::Unknown([unknown, self.delivery.unknown()].concat()),
            decision => decision,
        }
    }

    /// Returns the decisions that depend on the time: whether the token must be rotated, and whether it has
    /// expired by the declared and by the platform's expiry.
    pub(super) fn boundary(
        &self,
        record: Option<IssueRecord>,
        value: ValueStatus,
        at: Timestamp,
    ) -> (bool, bool, bool) {
        let rotates = matches!(self.decide(self, record, value, at), Decision::Rotate(_));
        let has_passed = |expiry: Option<Expiry>| expiry.is_some_and(|expiry| expiry.has_passed(at));
        let (declared, real) = (self.policy.expiry(), self.policy.real_expiry(record));
        (rotates, has_passed(declared), has_passed(real))
    }

    /// Records the time of a refresh, by which the next plan decides.
    pub(super) fn record_decision(&self, private: &PrivateState, now: Timestamp) {
        let (record, value) = (IssueRecord::read(private), self.value(private));
        decision_time::refresh(private, now, |at| self.boundary(record, value, at));
    }

    /// Marks the attributes of a value that the plan issues as unknown, except for a declared expiry.
    fn mark_unknown(&mut self, config: &Self) {
        if config.policy.expires_at.is_null() {
            self.policy.expires_at = Field::Unknown;
        }
        self.metadata.mark_unknown();
        self.delivery.mark_unknown();
    }

    /// Reverts the planned changes of a token that cannot be rotated, where Terraform permits that.
    fn keep_prior(&mut self, prior: &Self) {
        keep_prior(&mut self.policy.rotation_triggers, &prior.policy.rotation_triggers);
        self.delivery.keep_prior_storage(&prior.delivery);
    }

    /// Plans a creation.
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
        IssueRecord::plan(&context.private, now);
        diagnostics.ok(config.policy.expiry_to_send(now, lifetime));
    }

    /// Plans whether a token that is not replaced is rotated. `before_rotation` reports the other
    /// effects of a rotation.
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
        let (record, value) = (IssueRecord::read(&context.private), prior.value(&context.private));
        let lifetime_of_value = known_duration(&config.policy.expires_in);
        let decide = |at| config.decide(prior, record, value, at);
        let records = |at| records || decide(at).is_change();
        let time = DecisionTime::new(&context.private, now, records, lifetime_of_value);
        let what = owner.what.clone();
        let decision = time.decide(&what, decide, diagnostics);
        let owner = prior.owner(owner, &self.delivery.vault);
        match decision {
            Decision::Keep => {
                if config.policy.is_fixed() {
                    diagnostics.extend(prior.policy.expiry_warning(record, &what, now));
                }
                if let Some(connection) = connection {
                    connection.vault.claim(&self.delivery.vault, &owner, diagnostics);
                }
            }
            Decision::Expired(reasons) => {
                let expiry = prior.policy.real_expiry(record);
                diagnostics.push(expired_and_not_rotated(&what, expiry, &reasons));
                self.keep_prior(prior);
            }
            Decision::Rotate(reasons) => {
                diagnostics.push(will_rotate(&what, &reasons));
                let warning = config.policy.follows_plan_warning(&prior.policy, record, &what, now);
                diagnostics.extend(warning);
                IssueRecord::plan(&context.private, now);
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
                IssueRecord::plan(&context.private, now);
                if let Some(connection) = connection {
                    let (operation, vault) = (connection.operation(context), &self.delivery.vault);
                    connection.vault.plan(&operation, vault, owner, diagnostics).await;
                }
                self.delivery.generation = Field::Unknown;
                self.mark_unknown(config);
            }
        }
    }

    /// Whether a planned update issues no value and only changes the state.
    pub(super) fn only_records(&self) -> bool {
        !self.metadata.token_id.is_unknown()
    }

    /// Records an issued value. `requested` is the expiry that was sent.
    pub(super) fn set_issued(
        &mut self,
        requested: Option<Expiry>,
        issued: IssuedToken,
        (private, clock): (&PrivateState, &Clock),
        diagnostics: &mut Diagnostics,
    ) {
        IssueRecord::write(private, requested, issued.expires_at, clock);
        self.metadata.set_issued(&issued);
        let expiry = issued_expiry(requested, &issued, diagnostics);
        if self.policy.expires_at.known().is_none() {
            self.policy.expires_at = expiry;
        }
        self.delivery.token = issued.token.into();
    }

    /// Stores an issued value as declared, and deletes the secret in Vault at the previous path if the path has
    /// changed.
    pub(super) async fn deliver(
        &mut self,
        connection: &Connection,
        operation: &Operation,
        permit: StorePermit,
        owner: Owner,
        prior: Option<&Self>,
        diagnostics: &mut Diagnostics,
    ) {
        let token = self.delivered(owner.clone());
        self.delivery.deliver(token, permit, operation, diagnostics).await;
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

    /// Returns the state of an imported token, whose value is unknown.
    pub(super) fn imported(remote: RemoteToken<'_>) -> Self {
        let mut token = Self::default();
        token.policy.expires_at = token_value::imported_expiry(remote);
        token.metadata.refresh_from(remote, true);
        token
    }

    /// Refreshes the state from the platform and Vault.
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
        let record = IssueRecord::read(&context.private);
        let rotated = self.is_rotated_outside(remote, record);
        if rotated {
            IssueRecord::remove(&context.private);
        }
        if self.refresh_value(remote, record, rotated) {
            diagnostics.push(value_replaced_warning(&owner.what));
        }
        let operation = connection.operation(context);
        let present = self.present_owner(owner.clone());
        let stored = connection.vault.read(&operation, &self.delivery.vault, present).await;
        let status = RemoteStatus {
            id: remote.token_id.map(Entry::Number),
            rotated,
        };
        let token = self.delivered(owner);
        self.delivery.refresh(&token, stored, status, diagnostics);
        private_record::observe_delivery(&context.private, &self.delivery.vault_version);
        self.record_decision(&context.private, now);
    }

    /// Whether the platform's present value differs from the value in the state.
    pub(super) fn is_rotated_outside(&self, remote: RemoteToken<'_>, record: Option<IssueRecord>) -> bool {
        let (expiry, issued_at) = record.map_or((self.policy.expiry(), None), IssueRecord::remote);
        self.metadata.is_replaced(expiry, issued_at, remote)
    }

    /// Updates the value from what the platform reports. Returns whether the value in the state was
    /// rotated outside Terraform.
    pub(super) fn refresh_value(
        &mut self,
        remote: RemoteToken<'_>,
        record: Option<IssueRecord>,
        rotated: bool,
    ) -> bool {
        let had_value = self.delivery.has_value();
        let is_explained =
            record.is_some_and(|record| !rotated && record.explains(self.policy.expiry(), remote.expires_at));
        if !is_explained {
            refresh_expiry(&mut self.policy.expires_at, remote.expires_at);
        }
        let adds = rotated || (!had_value && record.is_none());
        self.metadata.refresh_from(remote, adds);
        if rotated {
            // Null makes the next plan rotate, and no client reads a revoked value.
            self.delivery.remove_value();
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
