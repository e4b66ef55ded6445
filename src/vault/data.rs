//! The content of a secret.

use std::collections::BTreeMap;
use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};
use serde_json::Value;

/// The content of one version of a secret: values by name. `Debug` prints the names only.
#[derive(Clone, Default, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(transparent)]
pub struct Data(BTreeMap<String, Entry>);

/// One value.
#[derive(Clone)]
pub enum Entry {
    /// A text that is a secret: errors redact it.
    Secret(SecretString),
    /// Any other text. A text that was read may be a secret, too.
    Text(SecretString),
    /// A whole number.
    Number(i64),
    /// A value of another type, which was written by another client.
    Other,
}

impl Data {
    /// The value with this name.
    pub fn get(&self, name: &str) -> Option<&Entry> {
        self.0.get(name)
    }

    /// The text with this name.
    pub fn text(&self, name: &str) -> Option<&SecretString> {
        match self.0.get(name) {
            Some(Entry::Secret(text) | Entry::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The values that are secrets.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &SecretString> {
        self.0.values().filter_map(|entry| match entry {
            Entry::Secret(secret) => Some(secret),
            _ => None,
        })
    }

    /// The number with this name.
    pub fn number(&self, name: &str) -> Option<i64> {
        match self.0.get(name) {
            Some(Entry::Number(number)) => Some(*number),
            _ => None,
        }
    }
}

impl<N: Into<String>> FromIterator<(N, Entry)> for Data {
    fn from_iter<T: IntoIterator<Item = (N, Entry)>>(entries: T) -> Self {
        Self(entries.into_iter().map(|(name, entry)| (name.into(), entry)).collect())
    }
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl From<&str> for Entry {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<i64> for Entry {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

/// Compares by content. `Other` equals nothing, because its content is unknown.
impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Secret(a) | Self::Text(a), Self::Secret(b) | Self::Text(b)) => {
                a.expose_secret() == b.expose_secret()
            }
            (Self::Number(a), Self::Number(b)) => a == b,
            _ => false,
        }
    }
}

impl Serialize for Entry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Secret(text) | Self::Text(text) => serializer.serialize_str(text.expose_secret()),
            Self::Number(number) => serializer.serialize_i64(*number),
            Self::Other => serializer.serialize_unit(),
        }
    }
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Value::deserialize(deserializer)? {
            Value::String(text) => Self::Text(text.into()),
            Value::Number(number) => number.as_i64().map_or(Self::Other, Self::Number),
            _ => Self::Other,
        })
    }
}
