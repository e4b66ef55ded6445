//! Quix: the Portal API and the provider. Every platform's module has this layout.
//!
//! The sources for the API are Quix's documentation, its public Python client, and Quix's own
//! Postman collection of the Portal API. The collection, of 2023, shows how streaming tokens are
//! read and rotated; it was removed in February 2024, so the paths are settings with a default
//! ([`api::Endpoint`]).

pub mod api;
mod connection;
mod errors;
mod provider;
mod secret_owner;
mod settings;
mod token_filter;

mod resources {
    pub(super) mod personal_access_token;
    pub(super) mod streaming_tokens;
}

mod data_sources {
    pub(super) mod permission;
    pub(super) mod personal_access_tokens;
    pub(super) mod workspace;
    pub(super) mod workspaces;
}

mod ephemeral_resources {
    pub(super) mod broker_config;
    pub(super) mod personal_access_token;
    pub(super) mod streaming_tokens;
}

mod list_resources {
    mod personal_access_token;
}

mod actions {
    pub(super) mod revoke_personal_access_token;
}

#[cfg(test)]
mod tests;

pub use provider::Quix;
