//! Where the values of a scenario are stored: in the state, encrypted, or in [Vault](super::vault).

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::LazyLock;

use fastrand::Rng;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value as Json, json};
use token_providers::framework::testing::Object;
use token_providers::framework::{Number, Value};
use token_providers::sandbox::Vault;

use super::vault::{FOLDER, MOUNT};

/// The declared storage of a value. By default, the state stores it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Storage {
    /// Which of the secrets of its token stores the value, if it is delivered to Vault.
    pub(crate) secret: Option<u8>,
    /// Whether the value is encrypted to [`IDENTITY`].
    pub(crate) is_encrypted: bool,
}

impl Storage {
    /// Draws one.
    pub(crate) fn draw(random: &mut Rng) -> Self {
        let secret = [Some(0), Some(0), Some(1), None][random.usize(..4)];
        let (secret, is_encrypted) = match random.u8(..8) {
            0 => (None, true),
            1 => (secret, true),
            2..5 => (secret, false),
            _ => (None, false),
        };
        Self { secret, is_encrypted }
    }

    /// The arguments that declare it for the token of this name.
    pub(crate) fn arguments(self, name: &str) -> impl Iterator<Item = (&'static str, Json)> + use<> {
        let secret = self.secret.map(|number| format!("{FOLDER}/{name}/{number}"));
        let vault = secret.map(|path| ("vault", json!({ "mount": MOUNT, "path": path })));
        let recipients = self.is_encrypted.then(|| ("age_recipients", recipients()));
        vault.into_iter().chain(recipients)
    }
}

/// The age identity of all scenarios.
static IDENTITY: LazyLock<age::x25519::Identity> = LazyLock::new(age::x25519::Identity::generate);

/// The argument `age_recipients` for an encrypted value.
pub(crate) fn recipients() -> Json {
    json!([IDENTITY.to_public().to_string()])
}

/// Decrypts a value of a state. Decryption without optimisation is slow, so each value is decrypted once.
fn decrypted(encrypted: &str) -> String {
    thread_local! {
        static DECRYPTED: RefCell<HashMap<String, String>> = RefCell::default();
    }
    DECRYPTED.with_borrow_mut(|known| {
        let decrypt = |encrypted: &String| {
            let value = age::decrypt(&*IDENTITY, encrypted.as_bytes()).unwrap();
            String::from_utf8(value).unwrap()
        };
        known.entry(encrypted.to_owned()).or_insert_with_key(decrypt).clone()
    })
}

/// The value that an object of a state has in this attribute, or encrypted in the one with the prefix `encrypted_`.
pub(crate) fn value_in_state(object: &Value, attribute: &str) -> Option<String> {
    let encrypted = || text(object.get(&format!("encrypted_{attribute}"))).map(decrypted);
    text(object.get(attribute)).map(str::to_owned).or_else(encrypted)
}

/// The value in the version of the secret `destination` that an object of a state records.
fn delivered_value(vault: &Vault, destination: &Value, object: &Value) -> Option<String> {
    let path = text(destination.get("path"))?;
    let Value::Number(Number::Integer(version)) = object.get("vault_version") else {
        return None;
    };
    let data = vault.secret_version(MOUNT, path, u64::try_from(*version).ok()?)?;
    Some(data.get("token")?.as_str()?.to_owned())
}

/// The `token` of an object of a state, wherever it is stored. `destination` is the `vault` of its resource.
pub(crate) fn stored_value(vault: &Vault, destination: &Value, object: &Value) -> Option<String> {
    value_in_state(object, "token").or_else(|| delivered_value(vault, destination, object))
}

/// How Vault differs from what an object of a state says of its `token`.
pub(crate) fn undelivered(vault: &Vault, destination: &Value, object: &Value) -> Option<&'static str> {
    let is_delivered = matches!(object.get("vault_version"), Value::Number(Number::Integer(1..)));
    if destination.is_null() || !is_delivered {
        return None;
    }
    let delivered = delivered_value(vault, destination, object);
    match (delivered, value_in_state(object, "token")) {
        (None, _) => Some("Vault does not have the value that the state says is there"),
        (Some(delivered), Some(in_state)) if delivered != in_state => {
            Some("Vault has another value than the state has encrypted")
        }
        _ => None,
    }
}

/// Whether another program has written the newest version of the secret `destination`.
pub(crate) fn is_overwritten(vault: &Vault, destination: &Value) -> bool {
    let newest = text(destination.get("path")).and_then(|path| vault.secret(MOUNT, path));
    newest.is_some_and(|data| !data.contains_key("token"))
}

/// Whether an object of a state has one of these values in plain text, although its resource stores them elsewhere.
pub(crate) fn is_in_plain_text(object: &Object, values: &[SecretString]) -> bool {
    if ["vault", "age_recipients"]
        .iter()
        .all(|name| object.get(name).is_null())
    {
        return false;
    }
    let (attributes, private) = (object.to_json(), String::from_utf8_lossy(object.private()));
    let mut values = values.iter().map(ExposeSecret::expose_secret);
    values.any(|value| attributes.contains(value) || private.contains(value))
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}
