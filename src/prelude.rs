//! All that the author of a provider needs, in one line: `use token_providers::prelude::*;`.
//!
//! It has [`crate::framework`] as a whole, and what the signatures of its traits need from other crates: secrets, instants,
//! JSON and cancellation.

pub use std::collections::BTreeMap;

pub use jiff::Timestamp;
pub use secrecy::{ExposeSecret, SecretString};
pub use serde_json::{Value as Json, json};
pub use tokio_util::sync::CancellationToken;

pub use crate::framework::*;
pub use crate::plugin::{self, ProviderInfo};
