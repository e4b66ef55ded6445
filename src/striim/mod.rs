//! Striim Cloud: its REST API and its provider, with the same layout as the other platforms' modules.
//!
//! [`Striim`] is the provider. It reads its `settings` and opens a `connection` to the account, through
//! which resources call the [`api`]. The resources share the attributes of a `rotating_token`, the
//! operations on a `service_account` or a user's `pat`, the `planned_changes` of a run, and the
//! `diagnostics`.

pub mod api;
mod connection;
mod diagnostics;
mod errors;
mod functions;
mod identity;
mod lost_answer;
mod pat;
mod planned_changes;
mod provider;
mod quota;
mod replacement;
mod rotating_token;
mod secret_owner;
mod service_account;
mod settings;
mod token_filter;
mod token_value;

mod resources {
    pub(super) mod pat_status;
    pub(super) mod personal_access_token;
    pub(super) mod service_account_token;
    pub(super) mod service_account_token_pair;
}

mod data_sources {
    pub(super) mod pat_status;
    pub(super) mod service_account_tokens;
    pub(super) mod token;
}

mod ephemeral_resources {
    pub(super) mod service_account_token;
}

mod list_resources {
    mod service_account_token;
}

mod actions {
    pub(super) mod revoke_personal_access_token;
    pub(super) mod revoke_service_account_token;
    pub(super) mod rotate_service_account_token;
}

#[cfg(test)]
mod tests;

pub use crate::platform::Runtime;
pub use provider::Striim;
