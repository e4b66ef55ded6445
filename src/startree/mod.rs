//! StarTree: the RBAC Manager's API, its provider, and one file per resource and data source.
//!
//! What is known of the platform is what its pages *Using the RBAC API* and *Generate an API token* show.

mod absence;
pub mod api;
mod claims;
mod connection;
mod data_sources;
mod description;
mod ephemeral_resources;
mod errors;
mod functions;
mod identity;
mod labels;
mod planned_names;
mod provider;
mod resources;
mod settings;
mod succession;
#[cfg(test)]
mod tests;
mod token_cache;

pub use provider::StarTree;
