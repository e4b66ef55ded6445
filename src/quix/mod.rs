//! Quix: its Portal API and its provider, laid out as every platform's module is.
//!
//! What is known of the platform is what its documentation and its public Python client show, and its command line, which
//! can read and rotate streaming tokens. The paths for these two are not public: the user sets them ([`api::Endpoint`]).

pub mod api;
mod connection;
mod errors;
mod provider;
mod settings;

mod resources {
    pub(super) mod streaming_tokens;
}

mod data_sources {
    pub(super) mod permission;
    pub(super) mod workspace;
    pub(super) mod workspaces;
}

mod ephemeral_resources {
    pub(super) mod broker_config;
}

#[cfg(test)]
mod tests;

pub use provider::Quix;
