//! Striim Cloud: its REST API, its provider, and one file per resource and data source.
//!
//! [`Striim`] is the provider. It reads its `settings` and makes a `connection` to the account, by whose [`api`] its
//! resources call the platform. What the resources with one token have in common is a `rotating_token`.

#[cfg(test)]
mod account_tests;
pub mod api;
#[cfg(test)]
mod clock_tests;
mod connection;
mod ephemeral_name;
mod ephemeral_service_account_token;
mod failure;
mod functions;
mod identity;
mod issue;
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
mod settings;
#[cfg(test)]
mod testing;
mod token;
mod token_filter;
mod token_value;
#[cfg(test)]
mod workspace_tests;

pub use crate::platform::Parts;
pub use provider::Striim;
