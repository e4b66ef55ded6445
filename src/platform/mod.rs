//! The code that the providers of all platforms share.
//!
//! A provider holds a [`Runtime`] and a [`Session`]. It reads its settings with [`settings`] and
//! [`vault_settings`], and the attributes of its resources with [`attributes`]. [`ensure`] creates
//! and deletes objects until a list confirms the result, a [`SharedList`] caches such a list, and
//! [`request_failed`] describes a failed request. [`delivery`] stores the value of a token in Vault
//! or encrypted instead of the state; [`encryption`] and the function [`AgeDecrypt`] do the latter.

pub(crate) mod account;
mod age_decrypt;
pub(crate) mod age_recipients;
pub(crate) mod attributes;
pub(crate) mod decision_time;
pub(crate) mod declarations;
#[cfg(feature = "vault")]
pub(crate) mod delivery;
pub(crate) mod encryption;
pub(crate) mod ensure;
pub(crate) mod ephemeral_name;
mod errors;
pub(crate) mod expiry_filter;
pub(crate) mod generation;
pub(crate) mod issue_record;
pub(crate) mod overlap;
pub(crate) mod previous_token;
pub(crate) mod private_record;
pub(crate) mod rotation_policy;
mod runtime;
mod session;
pub(crate) mod settings;
pub(crate) mod sha256;
mod shared_list;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(feature = "vault")]
mod vault_login;
#[cfg(feature = "vault")]
pub(crate) mod vault_settings;

pub(crate) use age_decrypt::AgeDecrypt;
pub(crate) use errors::request_failed;
pub use runtime::{Environment, Runtime};
pub(crate) use session::{Session, TimeSource};
pub(crate) use shared_list::{Recent, SharedList};
