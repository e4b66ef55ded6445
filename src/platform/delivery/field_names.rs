//! What stands beside a value in Vault, and tells whose it is.

use super::Secret;
use crate::vault::{Data, Entry};

/// The field that holds the value, unless another is declared.
pub(super) const FIELD: &str = "token";

/// The label that counts the token's values, on every platform.
pub(super) const GENERATION: &str = "generation";

/// How a platform's secrets are labelled.
#[derive(Debug)]
pub(crate) struct SecretFieldNames {
    /// The label of the account, or of whatever else all tokens are of.
    pub(crate) account: &'static str,
    /// The label of what names a token there.
    pub(crate) name: &'static str,
    /// The label of what tells one value of a token from its earlier and later ones.
    pub(crate) id: &'static str,
    /// The label of something more that a reader may want to know.
    pub(crate) note: &'static str,
    /// The path of a secret, as an example.
    pub(crate) path: &'static str,
    /// Which attributes are null where the value is handed over: "`token` stays".
    pub(crate) kept_out: &'static str,
}

impl SecretFieldNames {
    pub(super) fn all(&self) -> [&'static str; 5] {
        [self.account, self.name, self.id, self.note, GENERATION]
    }

    /// All of them, as a sentence has them.
    pub(super) fn listed(&self) -> String {
        let [account, name, id, note, generation] = self.all();
        format!("`{account}`, `{name}`, `{id}`, `{note}` and `{generation}`")
    }

    /// What a secret holds: the value in `field`, and what tells whose it is.
    pub(super) fn data(&self, account: &str, field: &str, secret: Secret<'_>) -> Data {
        let entries = [
            Some(account.into()),
            Some(secret.name.into()),
            secret.id,
            secret.note.map(Entry::from),
            secret.generation.map(Entry::Number),
        ];
        let labelled = self.all().into_iter().zip(entries);
        let value = Entry::Secret(secret.value.clone());
        labelled
            .chain([(field, Some(value))])
            .filter_map(|(name, entry)| Some((name, entry?)))
            .collect()
    }
}
