//! Striim Cloud: its REST API and its provider, laid out as every platform's module is.
//!
//! [`Striim`] is the provider. It reads its `settings` and makes a `connection` to the account, by whose [`api`] its
//! resources call the platform. What the resources with one token have in common is a `rotating_token`.

pub mod api;
mod connection;
mod errors;
mod functions;
mod identity;
mod issue;
mod labels;
mod pat;
mod pat_ledger;
mod provider;
mod quota;
mod replacement;
mod revoke;
mod rotating_token;
mod rotation;
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
