//! Where the values of a pair are stored: in the state, encrypted, or in a secret in Vault.
//!
//! Each rotation writes the current value as the next version of the secret, so that the version before has the
//! previous value. Terraform knows no value that is stored outside the state. If the declared storage changes, the
//! older value is revoked and the new one is stored as declared. The remaining value stays where it is, until a
//! rotation revokes it: the state keeps the encrypted one, and [`FormerSecret`] records the secret. A remaining value
//! from the state is stored as declared, too, before the new one is issued.

use serde::{Deserialize, Serialize};

use super::ServiceAccountTokenPair;
use super::account::{Account, existing};
use super::diagnostics::token_of;
use super::names;
use crate::framework::{Diagnostic, Diagnostics, Field, PrivateState};
use crate::platform::delivery::{
    DeliveredToken, Delivery, Owner, RemoteStatus, SecretFieldNames, StorePermit, StoredSecret, VaultDestination,
    is_same_secret,
};
use crate::platform::private_record;
use crate::rest::Operation;
use crate::striim::connection::Connection;
use crate::striim::secret_owner::{FIELD_NAMES, service_account};
use crate::striim::token_value::{self, PresentToken};
use crate::token::{Storage, ValueStatus};
use crate::vault::Entry;

/// The fields of the pair's secret, as its documentation describes them.
pub(super) const SECRET_FIELD_NAMES: SecretFieldNames = SecretFieldNames {
    null_attributes: "`current.token` and `previous.token` are",
    ..FIELD_NAMES
};

/// The key of [`FormerSecret`] in the private state.
const FORMER_SECRET: &str = "former_secret";

/// The secret of a value that is still valid, from before `vault` changed.
#[derive(Serialize, Deserialize)]
pub(super) struct FormerSecret {
    /// The service account's name.
    account: String,
    mount: String,
    path: String,
    field: Option<String>,
    version: i64,
}

impl FormerSecret {
    pub(super) fn read(private: &PrivateState) -> Option<Self> {
        private.get(FORMER_SECRET)
    }

    /// Returns the secret of that account's value.
    pub(super) fn of(account: &str, private: &PrivateState) -> Option<Self> {
        Self::read(private).filter(|former| former.account == account)
    }

    fn record(account: &Account, vault: &Field<VaultDestination>, private: &PrivateState) {
        let (Some(vault), Some(version)) = (vault.known(), account.vault_version.known()) else {
            return;
        };
        let former = Self {
            account: account.name().to_owned(),
            mount: vault.mount.known().cloned().unwrap_or_default(),
            path: vault.path.known().cloned().unwrap_or_default(),
            field: vault.field.known().cloned(),
            version: *version,
        };
        if *version > 0 {
            private.set(FORMER_SECRET, former);
        }
    }

    pub(super) fn vault(&self) -> Field<VaultDestination> {
        VaultDestination {
            mount: self.mount.clone().into(),
            path: self.path.clone().into(),
            field: self.field.clone().into(),
        }
        .into()
    }
}

/// The secret and the version that store an account's value.
fn location(
    pair: &ServiceAccountTokenPair,
    account: &Account,
    private: &PrivateState,
) -> (Field<VaultDestination>, Field<i64>) {
    match FormerSecret::of(account.name(), private) {
        Some(former) => (former.vault(), former.version.into()),
        None => (pair.vault.clone(), account.vault_version),
    }
}

impl ServiceAccountTokenPair {
    /// Returns the attributes of an account's value.
    pub(super) fn delivery(&self, account: &Account) -> Delivery {
        Delivery {
            vault: self.vault.clone(),
            vault_version: account.vault_version,
            age_recipients: self.age_recipients.clone(),
            encrypted_token: account.encrypted_token.clone(),
            token: account.token.clone(),
            generation: self.generation,
        }
    }

    /// Returns the declared storage of values that are issued.
    pub(super) fn declared_storage(&self) -> Delivery {
        self.delivery(&Account::default())
    }

    /// Returns a pair without a state as the owner of its secret.
    pub(super) fn new_owner(&self) -> Owner {
        let members = names(self.name()).map(|name| service_account(&name, None));
        self.owner_of(members)
    }

    /// Returns this state's pair as the owner of a secret at `place`.
    pub(super) fn owner(&self, place: &Field<VaultDestination>) -> Owner {
        let members = names(self.name()).map(|name| {
            let account = self.account(&name).cloned().unwrap_or_default();
            let owner = service_account(&name, account.metadata.token_id.known().copied());
            owner.with_state((&self.vault, &account.vault_version), place)
        });
        self.owner_of(members)
    }

    fn owner_of(&self, members: [Owner; 2]) -> Owner {
        let name = Some(self.name().to_owned());
        Owner::new(self.what(), "pair of service accounts", name, true, None).with_members(members)
    }

    /// Returns the status of an account's value.
    pub(super) fn value_status(&self, account: &Account, private: &PrivateState) -> ValueStatus {
        let imported = private_record::is_imported(private, &self.generation);
        let in_state = token_value::value_status(imported, account.has_value(), &account.metadata.updated_at);
        let is_current = existing(&self.current).is_some_and(|current| current.name() == account.name());
        match &account.vault_version {
            _ if is_current => self.delivery(account).value_status(in_state),
            // The previous value may be stored as it was declared before.
            _ if in_state == ValueStatus::Current || in_state == ValueStatus::Imported => in_state,
            Field::Known(version) if *version > 0 => ValueStatus::Current,
            Field::Known(_) => ValueStatus::Undelivered,
            _ if FormerSecret::of(account.name(), private).is_some() => ValueStatus::Current,
            _ if !self.vault.is_null() => ValueStatus::Missing,
            _ => in_state,
        }
    }

    /// Returns the account with the value that a rotation issues, in a plan.
    pub(super) fn planned_account(&self, name: &str) -> Account {
        let mut storage = self.declared_storage();
        storage.mark_unknown();
        Account::planned(name).stored(storage)
    }

    /// Returns `previous` after a rotation of `replaced`, in the plan `planned`.
    pub(super) fn planned_previous(&self, planned: &Self, replaced: &str) -> Account {
        let mut account = self.remaining(replaced);
        if self.is_moved_from_state(&account, planned) {
            let mut storage = planned.declared_storage();
            storage.mark_unknown();
            account = account.stored(storage);
        } else if !is_same_secret(&self.vault, &planned.vault) {
            account.vault_version = Field::Null;
        }
        account
    }

    /// Whether the value of this state's account is stored as `planned` declares, without being issued again.
    fn is_moved_from_state(&self, account: &Account, planned: &Self) -> bool {
        let storage = planned.declared_storage().storage();
        account.token.known().is_some() && matches!(storage, Some(Storage::External(_)))
    }

    /// Whether the remaining value stays where `planned` no longer declares its storage.
    pub(super) fn stays_in_former_storage(&self, remaining: &Account, planned: &Self) -> bool {
        let (before, after) = (self.declared_storage().storage(), planned.declared_storage().storage());
        let is_elsewhere = matches!(before, Some(Storage::External(_)));
        is_elsewhere && before != after && !self.is_moved_from_state(remaining, planned)
    }

    /// Stores the value that remains after a rotation of `replaced` as `planned` declares, if this state has it.
    /// Returns the account.
    ///
    /// # Errors
    /// The value could not be stored. It is still in the state.
    pub(super) async fn store_remaining(
        &self,
        (connection, operation): (&Connection, &Operation),
        planned: &Self,
        replaced: &str,
        diagnostics: &mut Diagnostics,
    ) -> Result<Account, Diagnostic> {
        let remaining = self.remaining(replaced);
        if !self.is_moved_from_state(&remaining, planned) {
            return Ok(self.planned_previous(planned, replaced));
        }
        let mut storage = Delivery {
            token: remaining.token.clone(),
            generation: self.generation,
            ..planned.declared_storage()
        };
        let owner = self.owner(&planned.vault);
        let permit = storage
            .prepare(&connection.vault, operation, owner, diagnostics)
            .await?;
        storage.store(remaining.delivered(), permit, operation).await?;
        Ok(remaining.stored(storage))
    }

    /// Stores the current value, which was just issued, as declared.
    pub(super) async fn deliver(&mut self, operation: &Operation, permit: StorePermit, diagnostics: &mut Diagnostics) {
        let Some(current) = existing(&self.current).cloned() else {
            return;
        };
        let mut storage = self.delivery(&current);
        storage
            .deliver(current.delivered(), permit, operation, diagnostics)
            .await;
        self.current = current.stored(storage).into();
    }

    /// Deletes, after a rotation of `replaced`, its value from secrets other than the declared one, and records where
    /// the remaining value is.
    pub(super) async fn leave_secrets(
        &self,
        (connection, operation): (&Connection, &Operation),
        after: &Field<VaultDestination>,
        replaced: &str,
        private: &PrivateState,
        diagnostics: &mut Diagnostics,
    ) {
        if let Some(account) = self.account(replaced) {
            let (vault, version) = location(self, account, private);
            let (writer, owner) = (&connection.vault, self.owner(&vault));
            let before = (&vault, &version);
            writer
                .delete_previous_location(operation, before, after, &owner, diagnostics)
                .await;
        }
        if FormerSecret::of(replaced, private).is_some() {
            private.remove(FORMER_SECRET);
        }
        if !is_same_secret(&self.vault, after) {
            FormerSecret::record(&self.remaining(replaced), &self.vault, private);
        }
    }

    /// Deletes the values of a deleted pair from Vault.
    pub(super) async fn delete_secrets(
        &self,
        (connection, operation): (&Connection, &Operation),
        private: &PrivateState,
        diagnostics: &mut Diagnostics,
    ) {
        let writer = &connection.vault;
        if let Some(former) = FormerSecret::read(private) {
            let (vault, version) = (former.vault(), former.version.into());
            let owner = self.owner(&vault);
            writer.delete(operation, &vault, &version, &owner, diagnostics).await;
        }
        // After a failed delivery, the latest version has the previous value.
        for account in self.accounts() {
            let owner = self.owner(&self.vault);
            writer
                .delete(operation, &self.vault, &account.vault_version, &owner, diagnostics)
                .await;
        }
    }

    /// Returns the present value of an account.
    pub(super) async fn present_token(
        &self,
        account: &Account,
        (connection, operation): (&Connection, &Operation),
        private: &PrivateState,
    ) -> PresentToken {
        let value = match account.token.known() {
            Some(_) => account.token.clone(),
            None => {
                let (vault, version) = location(self, account, private);
                let vault_value = connection.vault.value(operation, &vault, &version, &account.token);
                vault_value.await
            }
        };
        PresentToken::new(value, !account.encrypted_token.is_null(), account.name(), private)
    }

    /// Updates the refreshed pair from its secret. A value that a killed run delivered becomes the current one.
    pub(super) async fn refresh_secret(
        &mut self,
        (connection, operation): (&Connection, &Operation),
        stored: Option<StoredSecret<'_>>,
        diagnostics: &mut Diagnostics,
    ) {
        if let Some(value) = stored.as_ref().and_then(StoredSecret::value) {
            let is_new = |account: &Account| {
                account.id().as_ref() == value.id && account.vault_version != Field::Known(value.version)
            };
            if existing(&self.previous).is_some_and(is_new) {
                std::mem::swap(&mut self.current, &mut self.previous);
                let updated_at = existing(&self.current).and_then(Account::updated_at);
                if let Some(updated_at) = updated_at {
                    self.rotated_at = updated_at.to_string().into();
                }
            }
        }
        if let Some(previous) = existing(&self.previous).cloned()
            && let Some(id) = previous.id()
            && stored.as_ref().is_some_and(StoredSecret::is_read)
        {
            let (vault, version) = (&self.vault, &previous.vault_version);
            if connection.vault.has_version(operation, vault, version, &id).await == Some(false) {
                self.previous = Account {
                    vault_version: Field::Null,
                    ..previous
                }
                .into();
            }
        }
        let Some(current) = existing(&self.current).cloned() else {
            return;
        };
        let mut storage = self.delivery(&current);
        let status = RemoteStatus {
            id: current.id(),
            rotated: current.vault_version == Field::Known(0),
        };
        storage.refresh(&current.delivered(), stored, status, diagnostics);
        self.generation = storage.generation;
        self.current = current.stored(storage).into();
    }
}

/// Returns the number of the value in a secret that the pair owns.
pub(super) fn delivered_id(stored: Option<&StoredSecret<'_>>) -> Option<i64> {
    match stored?.value()?.id {
        Some(Entry::Number(id)) => Some(*id),
        _ => None,
    }
}

impl Account {
    /// Returns the account with its value stored like this.
    pub(super) fn stored(self, storage: Delivery) -> Self {
        Self {
            token: storage.token,
            encrypted_token: storage.encrypted_token,
            vault_version: storage.vault_version,
            ..self
        }
    }

    /// Returns the field of a secret that identifies the value.
    fn id(&self) -> Option<Entry> {
        self.metadata.token_id.known().copied().map(Entry::Number)
    }

    fn delivered(&self) -> DeliveredToken {
        DeliveredToken {
            what: token_of(self.name()),
            name: self.name().to_owned(),
            id: self.id(),
            note: self.expires_at.known().cloned(),
        }
    }
}
