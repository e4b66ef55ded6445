//! The attributes of a stream token's value, which the state stores as it is or encrypted.

use secrecy::SecretString;

use crate::framework::{Diagnostic, Field, Model};
use crate::platform::age_recipients::{self, AgeRecipients};

/// The value, and the recipients that it is encrypted to.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::neuroio) struct StoredKey {
    /// The [age](https://age-encryption.org) recipients (public keys) to encrypt the value to. The state then has only
    /// `encrypted_key`, and `key` is null. A change rotates nothing: the value is read again and encrypted to the new
    /// recipients. A former recipient can still decrypt the value in older states, so rotate the token to exclude one. A
    /// recipient begins with `age1`, or with `age1tag1` or `age1tagpq1` for a hardware key.
    #[attribute(optional, check = age_recipients::check)]
    pub(in crate::neuroio) age_recipients: Field<AgeRecipients>,
    #[attribute(computed, planned, description = age_recipients::ENCRYPTED)]
    pub(in crate::neuroio) encrypted_key: Field<String>,
    /// The token's value. Null with `age_recipients`.
    #[attribute(computed, planned)]
    pub(in crate::neuroio) key: Field<SecretString>,
}

impl StoredKey {
    /// Returns the value; null if it is encrypted.
    pub(super) fn known(&self) -> Option<&SecretString> {
        self.key.known()
    }

    /// Checks before a token is created that its value can be encrypted.
    ///
    /// # Errors
    /// A recipient that was unknown in the plan is invalid.
    pub(super) fn check(&self) -> Result<(), Diagnostic> {
        age_recipients::prepare(&self.age_recipients).map(drop)
    }

    /// Whether the recipients differ from those in the state `prior`, or are unknown until apply.
    pub(super) fn is_stored_differently(&self, prior: &Self) -> bool {
        age_recipients::is_unknown(&self.age_recipients) || self.age_recipients != prior.age_recipients
    }

    /// Marks the value as unknown in a plan that issues or stores it anew.
    pub(super) fn mark_unknown(&mut self) {
        (self.key, self.encrypted_key) = match self.age_recipients {
            Field::Null => (Field::Unknown, Field::Null),
            Field::Unknown => (Field::Unknown, Field::Unknown),
            Field::Known(_) => (Field::Null, Field::Unknown),
        };
    }

    /// Whether the plan stores the value anew.
    pub(super) fn is_unknown(&self) -> bool {
        self.key.is_unknown() || self.encrypted_key.is_unknown()
    }

    /// Stores a value: as it is, or encrypted to the recipients.
    ///
    /// # Errors
    /// A recipient is invalid, which the plan has ruled out. The state then has no value.
    pub(super) fn store(&mut self, key: SecretString) -> Result<(), Diagnostic> {
        (self.key, self.encrypted_key) = (Field::Null, Field::Null);
        match age_recipients::prepare(&self.age_recipients)? {
            None => self.key = key.into(),
            Some(recipients) => {
                let encrypted = recipients.encrypt(&key);
                let encrypted = encrypted.map_err(|problem| Diagnostic::invalid("age_recipients", problem))?;
                self.encrypted_key = encrypted.into();
            }
        }
        Ok(())
    }

    /// Stores the value that a refresh read. An encrypted value of the same token is kept, because each
    /// encryption of a value differs.
    pub(super) fn refresh(&mut self, key: SecretString, is_same_token: bool) -> Result<(), Diagnostic> {
        match is_same_token && self.encrypted_key.known().is_some() {
            true => Ok(()),
            false => self.store(key),
        }
    }
}
