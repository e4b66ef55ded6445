//! The attributes of a token's value and their transitions.

use secrecy::SecretString;

use super::destination::VaultDestination;
use super::diagnostics;
use super::field_names::Secret;
use super::writer::{StoredSecret, StoredValue, WritePermit};
use crate::framework::{Diagnostics, Field, Model};
use crate::platform::generation;
use crate::rest::Operation;
use crate::token::ValueStatus;
use crate::vault::Entry;

/// The attributes of a token's value, which is stored in the state or delivered to Vault.
#[derive(Model, Clone, Debug, Default)]
pub(crate) struct Delivery {
    /// The secret that stores the value; null: Terraform's state stores it.
    #[attribute(optional)]
    pub(crate) vault: Field<VaultDestination>,
    /// With `vault`: the version of the secret that contains the current value. 0 if the delivery failed, null if Vault
    /// no longer has the value; the next plan then rotates the token.
    #[attribute(computed, planned)]
    pub(crate) vault_version: Field<i64>,
    /// The value.
    #[attribute(computed, planned)]
    pub(crate) token: Field<SecretString>,
    #[attribute(computed, planned, description = generation::DESCRIPTION)]
    pub(crate) generation: Field<i64>,
}

/// A token whose value is delivered.
pub(crate) struct DeliveredToken {
    /// The token in messages, such as `The service account "ci"`.
    pub(crate) what: String,
    /// The name of the token in its account.
    pub(crate) name: String,
    /// The id of its current value, if the platform reports one.
    pub(crate) id: Option<Entry>,
    /// Further information for readers of the secret.
    pub(crate) note: Option<String>,
}

/// The platform's answer about a token's value at a refresh.
pub(crate) struct RemoteStatus {
    /// The id of the value now, if the platform reports one.
    pub(crate) id: Option<Entry>,
    /// Whether the token was rotated since the state was written.
    pub(crate) rotated: bool,
}

impl Delivery {
    /// Marks the value as unknown in a plan that issues a new one.
    pub(crate) fn mark_unknown(&mut self) {
        self.token = Field::Unknown;
        match self.vault {
            Field::Null => self.vault_version = Field::Null,
            Field::Unknown => self.vault_version = Field::Unknown,
            Field::Known(_) => {
                self.token = Field::Null;
                self.vault_version = Field::Unknown;
            }
        }
    }

    /// The status of the value by the state. `in_state` is the status of a value that is not
    /// delivered.
    pub(crate) fn value_status(&self, in_state: ValueStatus) -> ValueStatus {
        match (&self.vault, &self.vault_version, in_state) {
            (Field::Null, ..) | (_, _, ValueStatus::Imported) => in_state,
            (_, Field::Known(0), _) => ValueStatus::Undelivered,
            (_, Field::Known(_), _) => ValueStatus::Current,
            _ => ValueStatus::Missing,
        }
    }

    /// Writes the value that was just issued to Vault and removes it from the state. A failure is
    /// reported, and recorded as version 0.
    pub(crate) async fn deliver(
        &mut self,
        token: DeliveredToken,
        permit: Option<WritePermit>,
        operation: &Operation,
        diagnostics: &mut Diagnostics,
    ) {
        self.vault_version = Field::Null;
        let Some(permit) = permit else { return };
        let value = std::mem::take(&mut self.token);
        let Some(value) = value.known() else { return };
        let secret = Secret {
            value,
            name: &token.name,
            id: token.id,
            note: token.note.as_deref(),
            generation: self.generation.known().copied(),
        };
        match permit.write(operation, &token.what, secret).await {
            Ok(version) => self.vault_version = version.into(),
            Err(lost) => {
                self.vault_version = 0.into();
                diagnostics.push(diagnostics::rotated_by_next_apply(lost));
            }
        }
    }

    /// Updates `vault_version` and `generation` from the secret that a refresh read: Vault has the
    /// current value if the ids match.
    pub(crate) fn refresh(
        &mut self,
        token: &DeliveredToken,
        stored: Option<StoredSecret<'_>>,
        remote: RemoteStatus,
        diagnostics: &mut Diagnostics,
    ) {
        let Some(stored) = stored else { return };
        let latest = match &stored.latest {
            Ok(latest) => latest,
            Err(problem) => {
                diagnostics.push(diagnostics::unchecked(&token.what, problem));
                if remote.rotated && self.vault_version != Field::Known(0) {
                    self.vault_version = Field::Null;
                }
                return;
            }
        };
        let is_current = |value: &StoredValue<'_>| match (value.id, &remote.id) {
            (Some(stored), Some(current)) => stored == current,
            // The platform reports no id now, so the one in the state decides.
            (stored, _) => !remote.rotated && stored == token.id.as_ref(),
        };
        match stored.value().filter(is_current) {
            Some(value) => {
                self.vault_version = value.version.into();
                // A run that was killed after the delivery did not record its generation.
                let recorded = self.generation.known().copied().unwrap_or_default();
                self.generation = value.generation.max(recorded).into();
            }
            None if matches!(self.vault_version, Field::Known(version) if version > 0) => {
                self.vault_version = Field::Null;
                diagnostics.push(diagnostics::missing(
                    &token.what,
                    latest,
                    &stored.target,
                    remote.rotated,
                ));
            }
            None => {}
        }
    }
}
