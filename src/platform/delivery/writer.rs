//! Reads, writes and deletes the secrets of one account's tokens.

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::claims::{Claims, Stage};
use super::destination::{Target, VaultDestination, is_same_secret};
use super::diagnostics;
use super::field_names::{GENERATION, Secret, SecretFieldNames};
use super::owner::{Account, Owner};
use crate::framework::{Diagnostic, Diagnostics, Field};
use crate::platform::vault_settings::VaultConnection;
use crate::rest::Operation;
use crate::vault::{Data, Entry, Error, Latest, Vault};

/// The time limit of a plan's or a refresh's request to Vault. Neither has a value to lose.
const READ_TIMEOUT: Duration = Duration::from_secs(15);

/// Delivers the values of one account's tokens to Vault.
pub(crate) struct Writer {
    connection: VaultConnection,
    account: Account,
    names: &'static SecretFieldNames,
    claims: Arc<Claims>,
}

/// The permission to write a value, after a certain version of its secret.
pub(crate) struct WritePermit {
    vault: Vault,
    target: Target,
    account: Account,
    names: &'static SecretFieldNames,
    claims: Arc<Claims>,
    owner: Owner,
    after: u64,
    /// The generation of the value in the secret; 0 if the secret has no value.
    pub(crate) generation: i64,
}

/// The secret of a token, as a refresh read it.
pub(crate) struct StoredSecret<'a> {
    writer: &'a Writer,
    owner: Owner,
    pub(super) target: Target,
    pub(super) latest: Result<Latest, Diagnostic>,
}

/// The value of a token in Vault, by the fields next to it.
pub(crate) struct StoredValue<'a> {
    pub(crate) version: i64,
    pub(crate) id: Option<&'a Entry>,
    note: Option<&'a SecretString>,
    pub(super) generation: i64,
}

impl Writer {
    /// Creates a writer for the tokens of `account`.
    pub(crate) fn new(connection: VaultConnection, account: Account, names: &'static SecretFieldNames) -> Self {
        Self {
            connection,
            account,
            names,
            claims: Arc::default(),
        }
    }

    /// Checks before a value is issued or revoked that it can be delivered. Returns `None` if the
    /// state stores it.
    ///
    /// # Errors
    /// Returns the reason it cannot: Vault rejects the write, the mount is not a KV version 2, or the
    /// secret belongs to another token.
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
        let vault = self.connection.get()?.clone();
        self.claim_as(&target, &owner, Stage::Applied)?;
        let check = vault.check_writable(operation, &target.path).await;
        let check = check.map_err(|error| diagnostics::failure(&error))?;
        let latest = check.latest;
        if latest.data.is_some() && !owner.owns(&latest, &self.account, self.names) {
            return Err(self.foreign(&latest, &target, &owner));
        }
        if !check.is_version_2 {
            diagnostics.push(diagnostics::unknown_mount(&target));
        }
        Ok(Some(WritePermit {
            vault,
            target,
            account: self.account.clone(),
            names: self.names,
            claims: self.claims.clone(),
            owner,
            after: latest.version,
            generation: latest.data.and_then(|data| data.number(GENERATION)).unwrap_or_default(),
        }))
    }

    /// Checks in a plan that the new value of an existing or replaced token can be delivered.
    /// A failure that may be gone by the time of the apply is a warning: the run may create the
    /// policy or the mount, and an unreachable Vault may return.
    pub(crate) async fn plan(
        &self,
        operation: &Operation,
        vault: &Field<VaultDestination>,
        owner: Owner,
        diagnostics: &mut Diagnostics,
    ) {
        self.plan_as(operation, vault, owner, Stage::Present, diagnostics).await;
    }

    /// Plans a write like [`Writer::plan`], for a token that is created.
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

    /// Plans a write like [`Writer::plan`], in the first plan call of a replacement: the secret
    /// `before` of the `old` token is deleted, and the value of the `new` one is written to
    /// `after`. Terraform drops the warnings of the second call, which plans a creation.
    pub(crate) async fn plan_replacement(
        &self,
        operation: &Operation,
        (before, old): (&Field<VaultDestination>, &Owner),
        (after, new): (&Field<VaultDestination>, Owner),
        diagnostics: &mut Diagnostics,
    ) {
        self.plan_deletion(before, old);
        if let Some(target) = Target::of(after).filter(|_| is_same_secret(before, after))
            && !old.may_equal(&new)
        {
            diagnostics.push(diagnostics::changes_owner(&target, old, &new));
        }
        self.plan(operation, after, new, diagnostics).await;
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
        let client = match &self.connection {
            VaultConnection::Ready(client) => client,
            VaultConnection::Unknown => return,
            VaultConnection::Invalid(problem) => return diagnostics.push(problem.clone()),
        };
        let path = &target.path;
        let check = match client.check_writable(&brief(operation), path).await {
            Ok(check) => check,
            Err(error @ Error::NotVersion2(..)) => return diagnostics.push(diagnostics::failure(&error)),
            Err(error) => return diagnostics.push(diagnostics::failure(&error).as_warning()),
        };
        let latest = &check.latest;
        // The apply deletes the secret of a token that is deleted or moved before it writes this one.
        let owners = [owner.clone()]
            .into_iter()
            .chain(self.claims.predecessors(path, &owner));
        let is_foreign = latest.data.is_some()
            && !owners
                .into_iter()
                .any(|owner| owner.owns(latest, &self.account, self.names));
        if is_foreign {
            diagnostics.push(self.foreign(latest, &target, &owner));
        } else if !check.is_version_2 {
            diagnostics.push(diagnostics::unknown_mount(&target));
        }
    }

    /// Claims in a plan the secret of a token whose value does not change, without a request.
    pub(crate) fn claim(&self, vault: &Field<VaultDestination>, owner: &Owner, diagnostics: &mut Diagnostics) {
        if let Some(target) = Target::of(vault) {
            diagnostics.ok(self.claim_as(&target, owner, Stage::Present));
        }
    }

    /// Records in a plan that the secret of a token is deleted.
    pub(crate) fn plan_deletion(&self, vault: &Field<VaultDestination>, owner: &Owner) {
        if let Some(target) = Target::of(vault) {
            self.claims.plan_deletion(&target.path, owner);
        }
    }

    /// Records in a plan that the value of a token moves from one secret to another, unless both are
    /// the same.
    pub(crate) fn plan_move(&self, before: &Field<VaultDestination>, after: &Field<VaultDestination>, owner: &Owner) {
        if !is_same_secret(before, after) {
            self.plan_deletion(before, owner);
        }
    }

    fn claim_as(&self, target: &Target, owner: &Owner, stage: Stage) -> Result<(), Diagnostic> {
        let claimed = self.claims.claim(&target.path, owner, stage);
        claimed.map_err(|(other, duplicate)| duplicate.report(diagnostics::claimed_twice(target, owner, &other)))
    }

    fn foreign(&self, latest: &Latest, target: &Target, owner: &Owner) -> Diagnostic {
        diagnostics::foreign(latest.version, target, self.names, &self.account, owner)
    }

    /// Reads the secret of a token at a refresh. Returns `None` if the state stores the value, or the
    /// provider's `vault` is unknown until apply.
    pub(crate) async fn read(
        &self,
        operation: &Operation,
        vault: &Field<VaultDestination>,
        owner: Owner,
    ) -> Option<StoredSecret<'_>> {
        let target = Target::of(vault)?;
        self.claims.refreshed(&target.path, &owner);
        let latest = match &self.connection {
            VaultConnection::Ready(vault) => vault
                .latest(&brief(operation), &target.path)
                .await
                .map_err(|error| diagnostics::failure(&error)),
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

    /// Reads the value of a token from the version that the state records, or returns `in_state`. Null if neither has
    /// it.
    pub(crate) async fn value(
        &self,
        operation: &Operation,
        vault: &Field<VaultDestination>,
        version: &Field<i64>,
        in_state: &Field<SecretString>,
    ) -> Field<SecretString> {
        let Some(target) = Target::of(vault) else {
            return in_state.clone();
        };
        let data = match self.version(operation, &target, version).await {
            Some(Ok(data)) => data,
            Some(Err(_)) | None => None,
        };
        data.and_then(|data| data.text(&target.field).cloned()).into()
    }

    /// Whether the version that the state records for a token contains the value with this id. `None` if that is
    /// unknown.
    pub(crate) async fn has_version(
        &self,
        operation: &Operation,
        vault: &Field<VaultDestination>,
        version: &Field<i64>,
        id: &Entry,
    ) -> Option<bool> {
        let data = self.version(operation, &Target::of(vault)?, version).await?.ok()?;
        Some(data.is_some_and(|data| data.get(self.names.id) == Some(id)))
    }

    /// Reads a version of a secret. `None` if the version or Vault is unknown.
    async fn version(
        &self,
        operation: &Operation,
        target: &Target,
        version: &Field<i64>,
    ) -> Option<Result<Option<Data>, Error>> {
        let version = version.known().and_then(|version| u64::try_from(*version).ok());
        match (version.filter(|version| *version > 0), &self.connection) {
            (Some(version), VaultConnection::Ready(vault)) => {
                Some(vault.version(&brief(operation), &target.path, version).await)
            }
            _ => None,
        }
    }

    /// Deletes the version that the state records, if it is still the latest and does not have the id of
    /// another value. Its value has been revoked,
    /// or remains valid only during an overlap, so that a failure is a warning.
    pub(crate) async fn delete(
        &self,
        operation: &Operation,
        vault: &Field<VaultDestination>,
        version: &Field<i64>,
        owner: &Owner,
        diagnostics: &mut Diagnostics,
    ) {
        let Some(target) = Target::of(vault) else { return };
        self.claims.release(&target.path, owner);
        let Some(version) = version.known().and_then(|version| u64::try_from(*version).ok()) else {
            return;
        };
        if version == 0 {
            // The delivery failed, but a store without versions may have kept the value.
            if let VaultConnection::Ready(vault) = &self.connection {
                let is_ours = |data: &_| owner.owns_unversioned(data, &self.account, self.names);
                let deleted = vault.delete_unversioned(&brief(operation), &target.path, is_ours).await;
                if let Err(error) = deleted {
                    tracing::warn!("{error}");
                }
            }
            return;
        }
        let deleted = match self.connection.get() {
            Ok(vault) => vault
                .delete(operation, &target.path, version, |data| {
                    owner.may_have_written(data, self.names)
                })
                .await
                .map_err(|error| diagnostics::failure(&error)),
            Err(problem) => Err(problem),
        };
        if let Err(problem) = deleted {
            diagnostics.push(diagnostics::not_deleted(version, &target, &problem));
        }
    }

    /// Deletes, after a rotation, the version in the previous secret, unless the new value is in the
    /// same one.
    pub(crate) async fn delete_previous_location(
        &self,
        operation: &Operation,
        (before, version): (&Field<VaultDestination>, &Field<i64>),
        after: &Field<VaultDestination>,
        owner: &Owner,
        diagnostics: &mut Diagnostics,
    ) {
        if !is_same_secret(before, after) {
            self.delete(operation, before, version, owner, diagnostics).await;
        }
    }
}

impl StoredSecret<'_> {
    /// Whether Vault answered.
    pub(crate) fn is_read(&self) -> bool {
        self.latest.is_ok()
    }

    /// The value, if the secret belongs to the token and contains one.
    pub(crate) fn value(&self) -> Option<StoredValue<'_>> {
        let latest = self.latest.as_ref().ok()?;
        let data = latest.data.as_ref()?;
        let is_own = self.owner.owns(latest, &self.writer.account, self.writer.names);
        let has_value = data.text(&self.target.field).is_some();
        (has_value && is_own).then(|| StoredValue {
            version: i64::try_from(latest.version).unwrap_or(i64::MAX),
            id: data.get(self.writer.names.id),
            note: data.text(self.writer.names.note),
            generation: data.number(GENERATION).unwrap_or_default(),
        })
    }
}

impl StoredValue<'_> {
    /// The id of the value, if its note says that it replaced the value with the id `before`.
    pub(crate) fn successor_of(&self, before: &str) -> Option<&str> {
        match self.id {
            Some(Entry::Text(id)) if self.note?.expose_secret() == before => Some(id.expose_secret()),
            _ => None,
        }
    }
}

impl WritePermit {
    /// Writes a value and returns the number of its version. `what` names the token in messages.
    ///
    /// # Errors
    /// Returns the reason the value is lost.
    pub(crate) async fn write(self, operation: &Operation, what: &str, secret: Secret<'_>) -> Result<i64, Diagnostic> {
        let id = secret.id.clone();
        let data = self.names.data(self.account.address(), &self.target.field, secret);
        let written = self.vault.write(operation, &self.target.path, self.after, &data).await;
        if written.is_ok() {
            self.claims.set_id(&self.target.path, &self.owner, id.as_ref());
        }
        written
            .map(|version| i64::try_from(version).unwrap_or(i64::MAX))
            .map_err(|error| diagnostics::undelivered(what, &error))
    }
}

/// The operation, limited to [`READ_TIMEOUT`].
fn brief(operation: &Operation) -> Operation {
    Operation::new(READ_TIMEOUT.min(operation.remaining()), operation.cancellation.clone())
}
