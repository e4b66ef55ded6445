//! StarTree: the API of its RBAC Manager, the provider, and one file per resource, data source and
//! ephemeral resource.
//!
//! The sources about the platform are its pages *Using the RBAC API* and *Generate an API token*.

mod absence;
pub mod api;
mod claims;
mod connection;
mod data_sources;
mod description;
mod environment_guard;
mod ephemeral_resources;
mod errors;
mod functions;
mod identity;
mod names;
mod planned_names;
mod predecessor;
mod provider;
mod resources;
mod role_grants;
mod secret_owner;
mod settings;
#[cfg(test)]
mod tests;
mod token_cache;
mod token_check;
mod token_existence;

pub use provider::StarTree;
