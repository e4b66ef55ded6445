//! Striim Cloud: its REST API, its provider, and one file per resource and data source.
//!
//! [`Striim`] is the provider. It reads its `settings`, opens a `session` with the account, and its resources speak to
//! the platform through that session's [`api`].

#[cfg(test)]
mod account_tests;
pub mod api;
#[cfg(test)]
mod clock_tests;
mod ephemeral_name;
mod ephemeral_service_account_token;
mod failure;
mod functions;
mod identity;
mod issue;
mod kept;
mod labels;
mod pat;
mod pat_ledger;
mod pat_status;
mod pat_status_data_source;
mod personal_access_token;
mod provider;
mod quota;
mod replacement;
mod revoke;
mod revoke_personal_access_token;
mod revoke_service_account_token;
mod rotate_service_account_token;
mod rotating_token;
mod rotation;
#[cfg(test)]
mod saved_plan_tests;
#[cfg(test)]
mod secret_tests;
mod service_account;
mod service_account_token;
mod service_account_token_list;
mod service_account_token_pair;
mod service_account_tokens;
mod session;
mod settings;
#[cfg(test)]
mod testing;
mod token;
mod token_filter;
#[cfg(test)]
mod workspace_tests;

pub use crate::platform::Parts;
pub use provider::Striim;
