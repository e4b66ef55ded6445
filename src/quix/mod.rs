//! Quix: its Portal API, its provider, and one file per resource and data source.
//!
//! What is known of the platform is what its documentation and its public Python client show, and its command line, which
//! can read and rotate streaming tokens. The paths for these two are not public: the user sets them ([`api::Endpoint`]).

pub mod api;
mod broker_config;
mod connection;
mod diff;
mod failure;
mod permission;
mod provider;
mod rotate;
mod rotation_policy;
mod settings;
mod streaming_tokens;
#[cfg(test)]
mod testing;
mod token_pair;
mod workspace;
mod workspaces;

pub use provider::Quix;
