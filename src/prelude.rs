//! Everything that a provider needs, in one line: `use token_providers::prelude::*;`.
//!
//! It re-exports [`crate::framework`] and the types of other crates that its traits use: secrets,
//! timestamps, JSON and cancellation.

pub use std::collections::BTreeMap;

pub use jiff::Timestamp;
pub use secrecy::{ExposeSecret, SecretString};
pub use serde_json::{Value as Json, json};
pub use tokio_util::sync::CancellationToken;

pub use crate::framework::*;
pub use crate::plugin::{self, ProviderInfo};
