//! The way to Vault of one account's values.

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::claims::{Claims, Stage};
use super::diagnostics::{claimed_twice, failure, foreign, passed_on, stays, undelivered, unproven};
use super::field_names::{GENERATION, SecretFieldNames};
use super::owner::{Account, Owner};
use super::{Target, VaultDestination, is_same_place};
use crate::framework::{Diagnostic, Diagnostics, Field};
use crate::platform::vault_settings::VaultConnection;
use crate::rest::Operation;
use crate::vault::{Entry, Error, Latest, Vault};

/// How long a plan or a refresh waits for a Vault that does not answer. Neither has anything to lose.
const LOOK: Duration = Duration::from_secs(15);

/// Carries the values of one account's tokens to Vault.
pub(crate) struct Writer {
    link: VaultConnection,
    account: Account,
    labels: &'static SecretFieldNames,
    claims: Arc<Claims>,
}

/// A value to hand over, and what stands beside it.
pub(crate) struct Secret<'a> {
    pub(crate) value: &'a SecretString,
    /// What names the token in its account.
    pub(crate) name: &'a str,
    /// What tells this value from the token's other ones.
    pub(crate) id: Option<Entry>,
    /// Something more for the reader.
    pub(crate) note: Option<&'a str>,
    pub(crate) generation: Option<i64>,
}

/// That a value may be written, and after which version.
pub(crate) struct WritePermit {
    vault: Vault,
    target: Target,
    account: Account,
    labels: &'static SecretFieldNames,
    claims: Arc<Claims>,
    owner: Owner,
    after: u64,
    /// Which generation of the token is there; 0 if none is.
    pub(crate) generation: i64,
}

/// What a look at a token's secret showed.
pub(crate) struct StoredSecret<'a> {
    writer: &'a Writer,
    owner: Owner,
    pub(super) target: Target,
    pub(super) latest: Result<Latest, Diagnostic>,
}

impl Writer {
    /// One that carries the values of `account` over `link`.
    pub(crate) fn new(link: VaultConnection, account: Account, labels: &'static SecretFieldNames) -> Self {
        Self {
            link,
            account,
            labels,
            claims: Arc::default(),
        }
    }

    /// Proves, before a value is made or revoked, that it can be handed over; `None` if it is to be kept in the state.
    ///
    /// # Errors
    /// Why it cannot: Vault refuses, keeps no versions there, or the place is another token's.
    pub(crate) async fn prepare(
        &self,
        operation: &Operation,
        vault: &Field<VaultDestination>,
        owner: Owner,
        diagnostics: &mut Diagnostics,
    ) -> Result<Option<WritePermit>, Diagnostic> {
        let Some(target) = Target::of(vault) else {
            return Ok(None);
        };
        let vault = self.link.get()?.clone();
        self.claim_as(&target, &owner, Stage::Applied)?;
        let proof = vault.check_writable(operation, &target.place).await;
        let proof = proof.map_err(|error| failure(&error))?;
        let latest = proof.latest;
        if latest.data.is_some() && !owner.owns(&latest, &self.account, self.labels) {
            return Err(foreign(latest.version, &target, self.labels, &self.account, &owner));
        }
        if !proof.is_version_2 {
            diagnostics.push(unproven(&target));
        }
        Ok(Some(WritePermit {
            vault,
            target,
            account: self.account.clone(),
            labels: self.labels,
            claims: self.claims.clone(),
            owner,
            after: latest.version,
            generation: latest.data.and_then(|data| data.number(GENERATION)).unwrap_or_default(),
        }))
    }

    /// Checks in a plan that a new value of a token that is there, or that replaces one, can be handed over. What may be
    /// otherwise by the time of the apply is a warning: a policy or a mount may come of the same run, and Vault come back.
    pub(crate) async fn plan(
        &self,
        operation: &Operation,
        vault: &Field<VaultDestination>,
        owner: Owner,
        diagnostics: &mut Diagnostics,
    ) {
        self.plan_as(operation, vault, owner, Stage::Present, diagnostics).await;
    }

    /// The same for a token that is to be created.
    pub(crate) async fn plan_creation(
        &self,
        operation: &Operation,
        vault: &Field<VaultDestination>,
        owner: Owner,
        diagnostics: &mut Diagnostics,
    ) {
        self.plan_as(operation, vault, owner, Stage::PlannedCreation, diagnostics)
            .await;
    }

    /// The same in the first plan call of a replacement: the secret of the `old` token goes away, and its successor's value
    /// goes to `now`. Terraform drops the warnings of the second call, which plans that as a creation.
    pub(crate) async fn plan_replacement(
        &self,
        operation: &Operation,
        (before, old): (&Field<VaultDestination>, &Owner),
        (now, new): (&Field<VaultDestination>, Owner),
        diagnostics: &mut Diagnostics,
    ) {
        self.leave(before, old);
        if let Some(target) = Target::of(now).filter(|_| is_same_place(before, now))
            && !old.may_be(&new)
        {
            diagnostics.push(passed_on(&target, old, &new));
        }
        self.plan(operation, now, new, diagnostics).await;
    }

    async fn plan_as(
        &self,
        operation: &Operation,
        vault: &Field<VaultDestination>,
        owner: Owner,
        stage: Stage,
        diagnostics: &mut Diagnostics,
    ) {
        let Some(target) = Target::of(vault) else { return };
        if let Err(taken) = self.claim_as(&target, &owner, stage) {
            return diagnostics.push(taken);
        }
        let client = match &self.link {
            VaultConnection::Ready(client) => client,
            VaultConnection::Unknown => return,
            VaultConnection::Invalid(problem) => return diagnostics.push(problem.clone()),
        };
        let place = &target.place;
        let proof = match client.check_writable(&brief(operation), place).await {
            Ok(proof) => proof,
            Err(error @ Error::NotVersion2(..)) => return diagnostics.push(failure(&error)),
            Err(error) => return diagnostics.push(failure(&error).as_warning()),
        };
        let latest = &proof.latest;
        // The secret of a token that is deleted or moved in this run goes before the new one's is written.
        let owners = [owner.clone()]
            .into_iter()
            .chain(self.claims.predecessors(place, &owner));
        let is_foreign = latest.data.is_some()
            && !owners
                .into_iter()
                .any(|owner| owner.owns(latest, &self.account, self.labels));
        if is_foreign {
            diagnostics.push(foreign(latest.version, &target, self.labels, &self.account, &owner));
        } else if !proof.is_version_2 {
            diagnostics.push(unproven(&target));
        }
    }

    /// Notes in a plan where the value of a token is and stays, without asking Vault.
    pub(crate) fn claim(&self, vault: &Field<VaultDestination>, owner: &Owner, diagnostics: &mut Diagnostics) {
        if let Some(target) = Target::of(vault) {
            diagnostics.ok(self.claim_as(&target, owner, Stage::Present));
        }
    }

    /// Notes in a plan that the secret of a token goes away: the token is deleted, or its value goes elsewhere.
    pub(crate) fn leave(&self, vault: &Field<VaultDestination>, owner: &Owner) {
        if let Some(target) = Target::of(vault) {
            self.claims.leave(&target.place, owner);
        }
    }

    /// The same for a token whose value goes from one place to another.
    pub(crate) fn move_away(&self, before: &Field<VaultDestination>, now: &Field<VaultDestination>, owner: &Owner) {
        if !is_same_place(before, now) {
            self.leave(before, owner);
        }
    }

    fn claim_as(&self, target: &Target, owner: &Owner, stage: Stage) -> Result<(), Diagnostic> {
        let claimed = self.claims.claim(&target.place, owner, stage);
        claimed.map_err(|(other, twin)| twin.report(claimed_twice(target, owner, &other)))
    }

    /// Looks at the secret where a token's value is to be; `None` if it is kept in the state, or nobody can be asked yet.
    pub(crate) async fn read(
        &self,
        operation: &Operation,
        vault: &Field<VaultDestination>,
        owner: Owner,
    ) -> Option<StoredSecret<'_>> {
        let target = Target::of(vault)?;
        self.claims.refresh(&target.place, &owner);
        let latest = match &self.link {
            VaultConnection::Ready(vault) => vault
                .latest(&brief(operation), &target.place)
                .await
                .map_err(|error| failure(&error)),
            VaultConnection::Invalid(problem) => Err(problem.clone()),
            VaultConnection::Unknown => return None,
        };
        Some(StoredSecret {
            writer: self,
            owner,
            target,
            latest,
        })
    }

    /// The value that works, from the state or from Vault; null if neither has it.
    pub(crate) async fn value(
        &self,
        operation: &Operation,
        vault: &Field<VaultDestination>,
        version: &Field<i64>,
        kept: &Field<SecretString>,
    ) -> Field<SecretString> {
        let (Some(target), VaultConnection::Ready(vault)) = (Target::of(vault), &self.link) else {
            return kept.clone();
        };
        let latest = vault.latest(&brief(operation), &target.place).await.unwrap_or_default();
        let is_it = version.known().copied() == i64::try_from(latest.version).ok();
        let data = latest.data.filter(|_| is_it);
        data.and_then(|data| data.text(&target.field).cloned()).into()
    }

    /// Deletes the version that the state says was written, if it is still the latest. What it holds is dead by now, so a
    /// failure is a warning.
    pub(crate) async fn remove(
        &self,
        operation: &Operation,
        vault: &Field<VaultDestination>,
        version: &Field<i64>,
        owner: &Owner,
        diagnostics: &mut Diagnostics,
    ) {
        let Some(target) = Target::of(vault) else { return };
        self.claims.release(&target.place, owner);
        let Some(version) = version.known().and_then(|version| u64::try_from(*version).ok()) else {
            return;
        };
        if version == 0 {
            // What was mounted there when the value could not be handed over may have kept it all the same.
            if let VaultConnection::Ready(vault) = &self.link {
                let is_ours = |data: &_| owner.owns_unversioned(data, &self.account, self.labels);
                let removed = vault
                    .remove_unversioned(&brief(operation), &target.place, is_ours)
                    .await;
                if let Err(error) = removed {
                    tracing::warn!("{error}");
                }
            }
            return;
        }
        let removed = match self.link.get() {
            Ok(vault) => vault
                .remove(operation, &target.place, version)
                .await
                .map_err(|error| failure(&error)),
            Err(problem) => Err(problem),
        };
        if let Err(problem) = removed {
            diagnostics.push(stays(version, &target, &problem));
        }
    }

    /// The same after a rotation, for a version that was written elsewhere than the new one.
    pub(crate) async fn delete_previous_location(
        &self,
        operation: &Operation,
        (before, version): (&Field<VaultDestination>, &Field<i64>),
        now: &Field<VaultDestination>,
        owner: &Owner,
        diagnostics: &mut Diagnostics,
    ) {
        if !is_same_place(before, now) {
            self.remove(operation, before, version, owner, diagnostics).await;
        }
    }
}

impl StoredSecret<'_> {
    /// What the secret holds, if it is the token's, with a value in it.
    pub(crate) fn held(&self) -> Option<StoredValue<'_>> {
        let latest = self.latest.as_ref().ok()?;
        let data = latest.data.as_ref()?;
        let is_own = self.owner.owns(latest, &self.writer.account, self.writer.labels);
        let whole = data.text(&self.target.field).is_some() && is_own;
        whole.then(|| StoredValue {
            version: i64::try_from(latest.version).unwrap_or(i64::MAX),
            id: data.get(self.writer.labels.id),
            note: data.text(self.writer.labels.note),
            generation: data.number(GENERATION).unwrap_or_default(),
        })
    }
}

/// A token's value in Vault, by what stands beside it.
pub(crate) struct StoredValue<'a> {
    pub(crate) version: i64,
    pub(crate) id: Option<&'a Entry>,
    pub(crate) note: Option<&'a SecretString>,
    pub(crate) generation: i64,
}

impl StoredValue<'_> {
    /// What its value is known by, if it says beside it that it came after `before`.
    pub(crate) fn successor_of(&self, before: &str) -> Option<&str> {
        match self.id {
            Some(Entry::Text(id)) if self.note?.expose_secret() == before => Some(id.expose_secret()),
            _ => None,
        }
    }
}

impl WritePermit {
    /// Writes it, and tells the number of the version; `what` is how a message names the token.
    ///
    /// # Errors
    /// Why the value is lost.
    pub(crate) async fn write(self, operation: &Operation, what: &str, secret: Secret<'_>) -> Result<i64, Diagnostic> {
        let id = secret.id.clone();
        let data = self.labels.data(self.account.label(), &self.target.field, secret);
        let written = self.vault.write(operation, &self.target.place, self.after, &data).await;
        if written.is_ok() {
            self.claims.identify(&self.target.place, &self.owner, id.as_ref());
        }
        written
            .map(|version| i64::try_from(version).unwrap_or(i64::MAX))
            .map_err(|error| undelivered(what, &error))
    }
}

/// The operation, for something that has nothing at stake.
fn brief(operation: &Operation) -> Operation {
    Operation::new(LOOK.min(operation.remaining()), operation.cancellation.clone())
}
