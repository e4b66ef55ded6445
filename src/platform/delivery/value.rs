//! The attributes of a token's value and their transitions.

use secrecy::SecretString;

use super::destination::{self, VaultDestination};
use super::diagnostics;
use super::field_names::{Secret, SecretFieldNames};
use super::owner::Owner;
use super::writer::{StoredSecret, StoredValue, WritePermit, Writer};
use crate::framework::{Diagnostic, Diagnostics, Field, Model, PrivateState};
use crate::platform::age_recipients::{self, AgeRecipients};
use crate::platform::attributes::keep_prior;
use crate::platform::encryption::Recipients;
use crate::platform::{generation, private_record};
use crate::rest::Operation;
use crate::token::{Storage, ValueStatus};
use crate::vault::Entry;

/// The attributes of a token's value, which is stored in the state, delivered to Vault or encrypted.
#[derive(Model, Clone, Debug, Default)]
pub(crate) struct Delivery {
    /// The secret that stores the value; null: Terraform's state stores it.
    #[attribute(optional)]
    pub(crate) vault: Field<VaultDestination>,
    /// With `vault`: the version of the secret that contains the current value. 0 if the delivery failed, null if Vault
    /// no longer has the value; the next plan then rotates the token.
    #[attribute(computed, planned)]
    pub(crate) vault_version: Field<i64>,
    /// The [age](https://age-encryption.org) recipients (public keys) to encrypt the value to. The state then has only
    /// `encrypted_token`, and `token` is null. A change rotates the token. A recipient begins with `age1`, or with
    /// `age1tag1` or `age1tagpq1` for a hardware key.
    #[attribute(optional, check = age_recipients::check)]
    pub(crate) age_recipients: Field<AgeRecipients>,
    #[attribute(computed, planned, description = age_recipients::ENCRYPTED)]
    pub(crate) encrypted_token: Field<String>,
    /// The value.
    #[attribute(computed, planned)]
    pub(crate) token: Field<SecretString>,
    #[attribute(computed, planned, description = generation::DESCRIPTION)]
    pub(crate) generation: Field<i64>,
}

/// The permission to store a value as a resource declares it.
pub(crate) struct StorePermit {
    /// `None` if the value is not delivered to Vault.
    vault: Option<WritePermit>,
    /// `None` if the value is not encrypted.
    recipients: Option<Recipients>,
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
    /// Validates the declared storage.
    pub(crate) fn validate(&self, names: &SecretFieldNames, diagnostics: &mut Diagnostics) {
        destination::validate(names, &self.vault, diagnostics);
    }

    /// The storage that a configuration or a state declares; `None` if it is unknown until apply.
    pub(crate) fn storage(&self) -> Option<Storage> {
        if !self.unknown().is_empty() {
            return None;
        }
        let vault = destination::named(&self.vault);
        let recipients = self.age_recipients.known();
        let names: Vec<_> = vault.into_iter().chain(recipients.map(age_recipients::named)).collect();
        Some(match names.is_empty() {
            true => Storage::State,
            false => Storage::External(names.join(" and ")),
        })
    }

    /// The arguments of the storage that are unknown until apply.
    pub(crate) fn unknown(&self) -> Vec<&'static str> {
        let arguments = [
            ("vault", destination::is_unknown(&self.vault)),
            ("age_recipients", age_recipients::is_unknown(&self.age_recipients)),
        ];
        let unknown = arguments.iter().filter(|(_, is_unknown)| *is_unknown);
        unknown.map(|(name, _)| *name).collect()
    }

    /// Checks before a value is issued or revoked that it can be stored as declared.
    ///
    /// # Errors
    /// Those of [`Writer::prepare`], and an invalid recipient that was unknown in the plan.
    pub(crate) async fn prepare(
        &self,
        writer: &Writer,
        operation: &Operation,
        owner: Owner,
        diagnostics: &mut Diagnostics,
    ) -> Result<StorePermit, Diagnostic> {
        let recipients = age_recipients::prepare(&self.age_recipients)?;
        let vault = writer.prepare(operation, &self.vault, owner, diagnostics).await?;
        Ok(StorePermit { vault, recipients })
    }

    /// Marks the value as unknown in a plan that issues a new one.
    pub(crate) fn mark_unknown(&mut self) {
        let (vault, recipients) = (&self.vault, &self.age_recipients);
        self.token = match vault.known().is_some() || recipients.known().is_some() {
            true => Field::Null,
            false => Field::Unknown,
        };
        self.vault_version = unknown_unless_null(vault);
        self.encrypted_token = unknown_unless_null(recipients);
    }

    /// Whether the state has the value, as it is or encrypted.
    pub(crate) fn has_value(&self) -> bool {
        !self.token.is_null() || !self.encrypted_token.is_null()
    }

    /// Removes a value that is no longer valid from the state.
    pub(crate) fn remove_value(&mut self) {
        self.token = Field::Null;
        self.encrypted_token = Field::Null;
    }

    /// Records a value that is lost: the next apply issues another one.
    pub(crate) fn set_lost(&mut self) {
        self.remove_value();
        self.vault_version = self.vault.known().map(|_| 0).into();
    }

    /// Keeps the declared storage of `prior` in the plan of a token whose value is not issued again,
    /// where Terraform permits that: it does not accept reverting a change from null.
    pub(crate) fn keep_prior_storage(&mut self, prior: &Self) {
        keep_prior(&mut self.vault, &prior.vault);
        keep_prior(&mut self.age_recipients, &prior.age_recipients);
        if self.vault.is_null() != prior.vault.is_null() {
            self.token = Field::Null;
            self.vault_version = Field::Null;
        }
        if self.age_recipients.is_null() != prior.age_recipients.is_null() {
            self.remove_value();
        }
    }

    /// The status of the value by the state, for a platform that does not show whether the token was
    /// rotated outside: a value that is missing in the state was not stored.
    pub(crate) fn status(&self, private: &PrivateState) -> ValueStatus {
        let is_imported = private_record::is_imported(private, &self.generation);
        self.value_status(match (is_imported, self.has_value()) {
            (true, _) => ValueStatus::Imported,
            (false, true) => ValueStatus::Current,
            (false, false) => ValueStatus::Undelivered,
        })
    }

    /// The status of the value by the state. `in_state` is the status of a value that is not delivered
    /// to Vault.
    pub(crate) fn value_status(&self, in_state: ValueStatus) -> ValueStatus {
        let is_encrypted = self.age_recipients.is_null() || !self.encrypted_token.is_null();
        match (&self.vault, &self.vault_version, in_state) {
            (Field::Null, ..) | (_, _, ValueStatus::Imported) => in_state,
            (_, Field::Known(version), _) if *version > 0 && is_encrypted => ValueStatus::Current,
            (_, Field::Known(_), _) => ValueStatus::Undelivered,
            _ => ValueStatus::Missing,
        }
    }

    /// Stores the value that was just issued as declared, like [`Delivery::store`]. A failure is reported,
    /// and recorded so that the next apply issues another value.
    pub(crate) async fn deliver(
        &mut self,
        token: DeliveredToken,
        permit: StorePermit,
        operation: &Operation,
        diagnostics: &mut Diagnostics,
    ) {
        if let Err(failure) = self.store(token, permit, operation).await {
            diagnostics.push(diagnostics::rotated_by_next_apply(failure, self.has_value()));
        }
    }

    /// Stores the value in `token` as declared: encrypts it, writes it to Vault, and removes it from the
    /// state.
    ///
    /// # Errors
    /// The value could not be encrypted or delivered. The attributes then say so.
    pub(crate) async fn store(
        &mut self,
        token: DeliveredToken,
        permit: StorePermit,
        operation: &Operation,
    ) -> Result<(), Diagnostic> {
        self.vault_version = Field::Null;
        self.encrypted_token = Field::Null;
        let StorePermit { vault, recipients } = permit;
        if vault.is_none() && recipients.is_none() {
            return Ok(());
        }
        let value = std::mem::take(&mut self.token).into_known().unwrap_or_default();
        if vault.is_some() {
            self.vault_version = 0.into();
        }
        if let Some(recipients) = recipients {
            let encrypted = recipients.encrypt(&value);
            let encrypted = encrypted.map_err(|problem| diagnostics::not_encrypted(&token.what, problem))?;
            self.encrypted_token = encrypted.into();
        }
        if let Some(vault) = vault {
            let secret = Secret {
                value: &value,
                name: &token.name,
                id: token.id,
                note: token.note.as_deref(),
                generation: self.generation.known().copied(),
            };
            self.vault_version = vault.write(operation, &token.what, secret).await?.into();
        }
        Ok(())
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

/// The planned value of an attribute that is set if `declared` is.
fn unknown_unless_null<T, U>(declared: &Field<T>) -> Field<U> {
    match declared.is_null() {
        true => Field::Null,
        false => Field::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;
    use crate::platform::encryption::decrypt;
    use crate::platform::testing::{age_key, operation};

    fn secret(path: &str) -> Field<VaultDestination> {
        VaultDestination {
            mount: "secret".into(),
            path: path.into(),
            field: Field::Null,
        }
        .into()
    }

    fn recipients(entries: &[&Field<String>]) -> Field<AgeRecipients> {
        entries.iter().copied().cloned().collect::<AgeRecipients>().into()
    }

    fn delivery(vault: Field<VaultDestination>, age_recipients: Field<AgeRecipients>) -> Delivery {
        Delivery {
            vault,
            age_recipients,
            ..Delivery::default()
        }
    }

    #[test]
    fn plan_of_a_new_value_has_unknown_attributes_only_where_it_will_be_stored() {
        use Field::{Null, Unknown};
        let recipient = Field::from(age_key().1);
        // The storage, and `token`, `vault_version` and `encrypted_token` in the plan.
        let cases = [
            ("state", Null, Null, [Unknown, Null, Null]),
            ("Vault", secret("ci"), Null, [Null, Unknown, Null]),
            ("age", Null, recipients(&[&recipient]), [Null, Null, Unknown]),
            (
                "both",
                secret("ci"),
                recipients(&[&recipient]),
                [Null, Unknown, Unknown],
            ),
            (
                "an unknown recipient",
                Null,
                recipients(&[&Unknown]),
                [Null, Null, Unknown],
            ),
            ("unknown recipients", Null, Unknown, [Unknown, Null, Unknown]),
            ("unknown Vault", Unknown, Null, [Unknown, Unknown, Null]),
            (
                "Vault, unknown recipients",
                secret("ci"),
                Unknown,
                [Null, Unknown, Unknown],
            ),
        ];
        for (case, vault, recipients, expected) in cases {
            let mut delivery = delivery(vault, recipients);
            delivery.mark_unknown();
            let planned = [
                unknown_unless_null(&delivery.token),
                unknown_unless_null(&delivery.vault_version),
                unknown_unless_null(&delivery.encrypted_token),
            ];
            assert_eq!(planned, expected.map(|field: Field<()>| field), "{case}");
        }
    }

    #[test]
    fn storage_changes_with_its_recipients_and_not_with_their_order() {
        let [alice, bob] = [Field::from(age_key().1), age_key().1.into()];
        let storage = |vault, recipients| delivery(vault, recipients).storage();
        let both = storage(Field::Null, recipients(&[&alice, &bob]));
        assert_eq!(storage(Field::Null, Field::Null), Some(Storage::State));
        assert_eq!(both, storage(Field::Null, recipients(&[&bob, &alice])));
        assert_ne!(both, storage(Field::Null, recipients(&[&alice])));
        assert_ne!(both, storage(secret("ci"), recipients(&[&alice, &bob])));
        assert_eq!(storage(secret("ci"), Field::Unknown), None);
        let unknown = delivery(Field::Unknown, recipients(&[&alice, &Field::Unknown])).unknown();
        assert_eq!(unknown, ["vault", "age_recipients"]);
    }

    #[test]
    fn value_is_current_only_if_each_declared_storage_has_it() {
        use ValueStatus::{Current, Missing, Undelivered};
        let recipients = || recipients(&[&age_key().1.into()]);
        let cases = [
            (secret("ci"), Field::Null, 3.into(), Field::Null, Current),
            (secret("ci"), Field::Null, 0.into(), Field::Null, Undelivered),
            (secret("ci"), Field::Null, Field::Null, Field::Null, Missing),
            (secret("ci"), recipients(), 3.into(), "encrypted".into(), Current),
            (secret("ci"), recipients(), 0.into(), "encrypted".into(), Undelivered),
            (secret("ci"), recipients(), 3.into(), Field::Null, Undelivered),
        ];
        for (vault, age_recipients, vault_version, encrypted_token, expected) in cases {
            let delivery = Delivery {
                vault_version,
                encrypted_token,
                ..delivery(vault, age_recipients)
            };
            assert_eq!(delivery.value_status(Current), expected, "{delivery:?}");
        }
    }

    #[tokio::test]
    async fn encrypted_value_replaces_the_value_in_the_state() {
        let (identity, recipient) = age_key();
        let mut delivery = Delivery {
            token: SecretString::from("st-value").into(),
            ..delivery(Field::Null, recipients(&[&recipient.into()]))
        };
        let permit = StorePermit {
            vault: None,
            recipients: age_recipients::prepare(&delivery.age_recipients).unwrap(),
        };
        let token = DeliveredToken {
            what: "The token".to_owned(),
            name: "ci".to_owned(),
            id: None,
            note: None,
        };
        delivery.store(token, permit, &operation()).await.unwrap();
        assert!(delivery.token.is_null() && delivery.has_value());
        let encrypted = delivery.encrypted_token.known().unwrap();
        assert_eq!(decrypt(encrypted, &identity).unwrap().expose_secret(), "st-value");
        assert_eq!(delivery.value_status(ValueStatus::Current), ValueStatus::Current);
        delivery.remove_value();
        assert!(!delivery.has_value());
    }
}
