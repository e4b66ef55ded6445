//! Writes a value to a file or an answer that is meant to contain it. `SecretString` itself does not serialise.

use secrecy::{ExposeSecret as _, SecretString};
use serde::Serializer;

/// For `#[serde(serialize_with)]`.
pub(crate) fn expose<S: Serializer>(value: &Option<SecretString>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.serialize_some(value.expose_secret()),
        None => serializer.serialize_none(),
    }
}
