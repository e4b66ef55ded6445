//! The fields of a secret in Vault: the value, and the fields that identify its owner.

use secrecy::SecretString;

use crate::vault::{Data, Entry};

/// The field that stores the value, unless the configuration names another.
pub(super) const FIELD: &str = "token";

/// The field that stores the generation of the value, on every platform.
pub(super) const GENERATION: &str = "generation";

/// The names of the fields that a platform's secrets have in addition to the value.
#[derive(Debug)]
pub(crate) struct SecretFieldNames {
    /// The field that names the account.
    pub(crate) account: &'static str,
    /// The field that names the token in its account.
    pub(crate) name: &'static str,
    /// The field that distinguishes the token's values.
    pub(crate) id: &'static str,
    /// The field with further information for readers of the secret.
    pub(crate) note: &'static str,
    /// An example of a secret's path.
    pub(crate) path_example: &'static str,
    /// The attributes that are null if the value is delivered, as a clause: "`token` is".
    pub(crate) null_attributes: &'static str,
}

/// The content of a secret to write.
pub(crate) struct Secret<'a> {
    pub(crate) value: &'a SecretString,
    /// The name of the token in its account.
    pub(crate) name: &'a str,
    /// The id that distinguishes this value from the token's other ones.
    pub(crate) id: Option<Entry>,
    /// Further information for readers of the secret.
    pub(crate) note: Option<&'a str>,
    pub(crate) generation: Option<i64>,
}

impl SecretFieldNames {
    pub(super) fn all(&self) -> [&'static str; 5] {
        [self.account, self.name, self.id, self.note, GENERATION]
    }

    /// All names, in Markdown.
    pub(super) fn listed(&self) -> String {
        let [account, name, id, note, generation] = self.all();
        format!("`{account}`, `{name}`, `{id}`, `{note}` and `{generation}`")
    }

    /// The content of a secret: the value in `field`, and the fields that identify its owner.
    pub(super) fn data(&self, account: &str, field: &str, secret: Secret<'_>) -> Data {
        let entries = [
            Some(account.into()),
            Some(secret.name.into()),
            secret.id,
            secret.note.map(Entry::from),
            secret.generation.map(Entry::Number),
        ];
        let named = self.all().into_iter().zip(entries);
        let value = Entry::Secret(secret.value.clone());
        named
            .chain([(field, Some(value))])
            .filter_map(|(name, entry)| Some((name, entry?)))
            .collect()
    }
}
