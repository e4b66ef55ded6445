//! Handing a token's value over to Vault instead of keeping it in the state, the same for every token resource.
//!
//! # Flow
//! - *Plan* ([`Writer::plan`]): note which token goes where, so that no two go to one place, and prove what can be proved.
//! - *Before a value is made* ([`Writer::prepare`]): prove that writing is allowed and makes a version, and see whose
//!   secret is there ([`Owner`]).
//! - *Afterwards* ([`Delivery::deliver`]): write it after exactly what was seen (check-and-set), and beside it what tells
//!   whose it is. Only then comes the state, which keeps the number of the version in the value's place.
//! - *Refresh* ([`Delivery::refresh`]): what the state says was handed over is looked for.
//! - *Destroy* ([`Writer::remove`]): the version that was written is deleted, if it is still the latest.
//!
//! # Guarantees
//! - A value that is handed over is in no state, plan or log.
//! - A number in `vault_version` means: this version holds the value that works. A delivery that failed for good leaves 0,
//!   and a secret that was deleted or written by others leaves null; either way the next plan rotates and says why.
//! - A run that was killed before the delivery leaves a value that nobody knows. The next refresh finds that Vault does not
//!   have what the present value is known by, and the plan rotates. Killed after it, the refresh finds it and takes the
//!   delivery for what it is.
//! - Another token's secret is never overwritten: neither another account's of the same name, nor one of the same
//!   configuration. What it holds is not shown.
//! - Another name of the account (a gateway, a letter case, `account` next to `base_url`) changes nothing about the secrets
//!   that were written before.
//!
//! # Assumptions
//! - A secret that says of itself, next to the value, that it is this token's was written by this provider.
//! - Two provider processes do not know of each other's plans. The second one finds the first one's secret.
//! - The platform tells what a token's present value is known by ([`SecretFieldNames::id`]). Where it does not, a change that its
//!   resource does not see goes unnoticed, as it does for a value in the state.

mod claims;
mod diagnostics;
mod field_names;
mod owner;
mod writer;

use secrecy::SecretString;

use self::diagnostics::{missing, unchecked};
use self::field_names::FIELD;
use super::generation;
use crate::framework::{Diagnostic, Diagnostics, Field, Model, Schema};
use crate::rest::Operation;
use crate::token::{Storage, ValueStatus};
use crate::vault::{Entry, Place};

pub(crate) use self::field_names::SecretFieldNames;
pub(crate) use self::owner::{Account, Owner};
pub(crate) use self::writer::{Secret, StoredSecret, StoredValue, WritePermit, Writer};

/// `vault` of a token.
#[derive(Model, Clone, Debug, Default, PartialEq)]
pub(crate) struct VaultDestination {
    /// Where the KV version 2 is mounted, such as `secret`.
    #[attribute(required)]
    pub(crate) mount: Field<String>,
    /// The secret's path below it.
    #[attribute(required)]
    pub(crate) path: Field<String>,
    /// The field that holds the value.
    #[attribute(optional)]
    pub(crate) field: Field<String>,
}

/// The attributes of a token's value, which is in the state or delivered to Vault.
#[derive(Model, Clone, Debug, Default)]
pub(crate) struct Delivery {
    /// Where the value is delivered to; null: the state keeps it.
    #[attribute(optional)]
    pub(crate) vault: Field<VaultDestination>,
    /// With `vault`: the version of the secret that holds the present value. 0 if the value could not be handed over, null
    /// if Vault does not have it any more; the next plan rotates the token then.
    #[attribute(computed, planned)]
    pub(crate) vault_version: Field<i64>,
    /// The value.
    #[attribute(computed, planned)]
    pub(crate) token: Field<SecretString>,
    #[attribute(computed, planned, description = generation::DESCRIPTION)]
    pub(crate) generation: Field<i64>,
}

/// The schema with what is special about the secrets of a platform in the descriptions of `vault`.
pub(crate) fn described(schema: Schema, labels: &SecretFieldNames) -> Schema {
    schema
        .describe(
            "vault",
            format!(
                "A secret in HashiCorp Vault to hand the value over to, **instead of keeping it in the state**: {} null. \
                 Setting, changing or removing it rotates the token. The provider proves that it may write there before \
                 it makes a value, and does not touch a secret of another owner.",
                labels.kept_out
            ),
        )
        .describe(
            "vault.path",
            format!("The secret's path below it, such as `{}`.", labels.path),
        )
        .describe(
            "vault.field",
            format!(
                "The field that holds the value. Default: `{FIELD}`. The secret also has {}.",
                labels.listed()
            ),
        )
}

/// Judges a configuration by itself.
pub(crate) fn validate(labels: &SecretFieldNames, vault: &Field<VaultDestination>, diagnostics: &mut Diagnostics) {
    let Some(destination) = vault.known() else { return };
    let any = "x".to_owned();
    let (mount, path) = (destination.mount.known(), destination.path.known());
    for (member, mount, path) in [("mount", mount, None), ("path", None, path)] {
        if let Err(problem) = Place::new(mount.unwrap_or(&any), path.unwrap_or(&any)) {
            diagnostics.push(Diagnostic::invalid(format!("vault.{member}"), problem));
        }
    }
    if let Some(field) = destination.field.known()
        && (field.is_empty() || labels.all().contains(&field.as_str()))
    {
        let labels = labels.all().join(", ");
        diagnostics.push(Diagnostic::invalid(
            "vault.field",
            format!("must have a name of its own; the secret also has {labels}"),
        ));
    }
}

/// Who keeps a token's value; `None` if that is known only at apply.
pub(crate) fn storage(vault: &Field<VaultDestination>) -> Option<Storage> {
    match vault {
        Field::Null => Some(Storage::State),
        Field::Unknown => None,
        Field::Known(_) => Target::of(vault).map(|target| {
            let Target { place, field } = target;
            Storage::External(format!("Vault (\"{place}\", field {field:?})"))
        }),
    }
}

/// Whose value is there, by the state: `otherwise` is what the rest of the state says of a token that is not handed over.
pub(crate) fn value_status(
    vault: &Field<VaultDestination>,
    version: &Field<i64>,
    otherwise: ValueStatus,
) -> ValueStatus {
    match (vault, version, otherwise) {
        (Field::Null, ..) | (_, _, ValueStatus::Imported) => otherwise,
        (_, Field::Known(0), _) => ValueStatus::Undelivered,
        (_, Field::Known(_), _) => ValueStatus::Current,
        _ => ValueStatus::Missing,
    }
}

/// Whether two declarations mean the same secret.
pub(crate) fn is_same_place(one: &Field<VaultDestination>, other: &Field<VaultDestination>) -> bool {
    let place = |vault| Target::of(vault).map(|target| target.place);
    place(one) == place(other)
}

/// Where a value goes.
#[derive(Clone, Debug, PartialEq)]
struct Target {
    place: Place,
    field: String,
}

impl Target {
    /// `None` if there is none, or it is not known yet.
    fn of(vault: &Field<VaultDestination>) -> Option<Self> {
        let VaultDestination { mount, path, field } = vault.known()?;
        if field.is_unknown() {
            return None;
        }
        Some(Self {
            place: Place::new(mount.known()?, path.known()?).ok()?,
            field: field.known().cloned().unwrap_or_else(|| FIELD.to_owned()),
        })
    }
}

/// The token whose value is delivered.
pub(crate) struct DeliveredToken {
    /// How a message names it.
    pub(crate) what: String,
    /// What names it in its account.
    pub(crate) name: String,
    /// What its present value is known by.
    pub(crate) id: Option<Entry>,
    /// Something more for the reader of the secret.
    pub(crate) note: Option<String>,
}

/// What the platform tells of a token's value at a refresh.
pub(crate) struct RemoteStatus {
    /// What it is known by now.
    pub(crate) id: Option<Entry>,
    /// Whether it is another one than the state said.
    pub(crate) rotated: bool,
}

impl Delivery {
    /// In a plan: a new value will come.
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

    /// Whose value is there, by the state: `otherwise` is what the rest of the state says of a token that is not delivered.
    pub(crate) fn value_status(&self, otherwise: ValueStatus) -> ValueStatus {
        value_status(&self.vault, &self.vault_version, otherwise)
    }

    /// Hands over the value that was just made, and takes it out of the state. Where it cannot be delivered, that is an
    /// error, and recorded.
    pub(crate) async fn deliver(
        &mut self,
        token: DeliveredToken,
        ready: Option<WritePermit>,
        operation: &Operation,
        diagnostics: &mut Diagnostics,
    ) {
        self.vault_version = Field::Null;
        let Some(ready) = ready else { return };
        let value = std::mem::take(&mut self.token);
        let Some(value) = value.known() else { return };
        let secret = Secret {
            value,
            name: &token.name,
            id: token.id,
            note: token.note.as_deref(),
            generation: self.generation.known().copied(),
        };
        match ready.write(operation, &token.what, secret).await {
            Ok(version) => self.vault_version = version.into(),
            Err(mut diagnostic) => {
                self.vault_version = 0.into();
                diagnostic.detail.push_str(
                    "\n\nThe token has a new value, and nobody knows it. The state says so: the next apply makes another and \
                     hands that over.",
                );
                diagnostics.push(diagnostic);
            }
        }
    }

    /// Judges by a look at the secret whether Vault has the token's present value.
    pub(crate) fn refresh(
        &mut self,
        token: &DeliveredToken,
        seen: Option<StoredSecret<'_>>,
        told: RemoteStatus,
        diagnostics: &mut Diagnostics,
    ) {
        let Some(seen) = seen else { return };
        let latest = match &seen.latest {
            Ok(latest) => latest,
            Err(problem) => {
                diagnostics.push(unchecked(&token.what, problem));
                if told.rotated && self.vault_version != Field::Known(0) {
                    self.vault_version = Field::Null;
                }
                return;
            }
        };
        let is_present = |held: &StoredValue<'_>| match (held.id, &told.id) {
            (Some(held), Some(present)) => held == present,
            // What it is known by is not told now, only that it is the one that the state knows.
            (held, _) => !told.rotated && held == token.id.as_ref(),
        };
        match seen.held().filter(is_present) {
            Some(held) => {
                self.vault_version = held.version.into();
                // A run that was killed has counted it, and could not say so.
                let counted = self.generation.known().copied().unwrap_or_default();
                self.generation = held.generation.max(counted).into();
            }
            None if matches!(self.vault_version, Field::Known(version) if version > 0) => {
                self.vault_version = Field::Null;
                diagnostics.push(missing(&token.what, latest, &seen.target, told.rotated));
            }
            None => {}
        }
    }
}
