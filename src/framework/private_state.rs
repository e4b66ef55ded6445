//! Data that a provider stores for a managed resource in addition to its attributes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

/// The private state of a managed resource: JSON values by key, stored in the state next to the
/// attributes. Terraform does not show it.
///
/// Terraform passes it from call to call: from read to plan, from plan to apply, and from apply or
/// import to the state. A create call and the plan of a tainted resource start with an empty one. A
/// replacement is planned twice: the second call, which plans the creation, receives what the first
/// one returned. If a read finds nothing, the plan of the creation receives what the read returned.
///
/// The state file contains it in plain text: do not store secrets. A read that changes only the
/// private state causes no change in a plan, but `terraform plan -refresh-only` shows one, so do
/// not change it at every read.
///
/// Clones share the same values.
///
/// ```
/// use token_providers::framework::PrivateState;
///
/// let private = PrivateState::default();
/// private.set("account", "acme.example");
/// assert_eq!(private.get::<String>("account").as_deref(), Some("acme.example"));
/// private.remove("account");
/// assert_eq!(private.get::<String>("account"), None);
/// ```
#[derive(Clone, Default)]
pub struct PrivateState(Arc<Mutex<BTreeMap<String, Json>>>);

impl PrivateState {
    /// Returns the value under `key`; `None` if the key is absent or the value has another type.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        serde_json::from_value(self.lock().get(key)?.clone()).ok()
    }

    /// Stores a value under `key`, replacing an earlier one. A value that JSON cannot represent
    /// removes the key.
    pub fn set(&self, key: &str, value: impl Serialize) {
        match serde_json::to_value(value) {
            Ok(value) => self.lock().insert(key.to_owned(), value),
            Err(_) => self.lock().remove(key),
        };
    }

    /// Removes the value under `key`.
    pub fn remove(&self, key: &str) {
        self.lock().remove(key);
    }

    /// Decodes the bytes that Terraform stores. Anything but a JSON object, such as the private
    /// state of another framework, is read as empty.
    pub(crate) fn decode(bytes: &[u8]) -> Self {
        Self(Arc::new(Mutex::new(serde_json::from_slice(bytes).unwrap_or_default())))
    }

    /// Encodes for Terraform; empty if there are no values.
    pub(crate) fn encode(&self) -> Vec<u8> {
        match &*self.lock() {
            values if values.is_empty() => Vec::new(),
            values => serde_json::to_vec(values).unwrap_or_default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Json>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Shows the keys only.
impl fmt::Debug for PrivateState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.lock().keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoding_keeps_values_and_unknown_keys() {
        let written_by_a_newer_version = br#"{"account":"acme","newer":{"a":[1]}}"#;
        let private = PrivateState::decode(written_by_a_newer_version);
        private.set("at", 17);
        let again = PrivateState::decode(&private.encode());
        assert_eq!(again.get::<String>("account").as_deref(), Some("acme"));
        assert_eq!(again.get::<i64>("at"), Some(17));
        assert_eq!(again.get::<i64>("account"), None);
        assert_eq!(again.get::<Json>("newer"), Some(serde_json::json!({ "a": [1] })));
    }

    #[test]
    fn removed_value_is_not_encoded() {
        let private = PrivateState::decode(br#"{"a":1,"b":2}"#);
        private.remove("a");
        private.remove("absent");
        assert_eq!(private.encode(), br#"{"b":2}"#);
    }

    #[test]
    fn decode_reads_foreign_bytes_as_empty() {
        for bytes in [&b""[..], b"null", b"[1]", b"\"x\"", b"{", b"\xff"] {
            assert_eq!(PrivateState::decode(bytes).encode(), b"", "{bytes:?}");
        }
    }

    #[test]
    fn debug_shows_only_keys() {
        let private = PrivateState::default();
        private.set("account", "acme");
        assert_eq!(format!("{private:?}"), r#"{"account"}"#);
    }
}
