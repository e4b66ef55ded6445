//! Quix: the Portal API and the provider. Every platform's module has this layout.
//!
//! The sources for the API are Quix's documentation, its public Python client and its command line.
//! The command line can read and rotate streaming tokens, but the paths of these two requests are
//! not public: the user configures them ([`api::Endpoint`]).

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
