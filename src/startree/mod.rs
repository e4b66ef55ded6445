//! StarTree: the RBAC Manager's API, its provider, and one file per resource and data source.
//!
//! What is known of the platform is what its pages *Using the RBAC API* and *Generate an API token* show.

pub mod api;
mod claims;
#[cfg(test)]
mod clock_tests;
mod connection;
mod description;
mod ephemeral_description;
mod ephemeral_service_token;
mod failure;
mod functions;
mod identity;
mod labels;
mod pinot;
mod planned_names;
mod policy;
mod presence;
mod provider;
mod role;
mod role_assignment;
mod role_policy_attachment;
mod service_token;
mod settings;
mod succession;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod token_check;
mod tokens;

pub use provider::StarTree;
