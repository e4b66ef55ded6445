//! NeuroIO: the API for stream tokens and the provider. Every platform's module has this layout.
//!
//! The sources for the API are NeuroIO's documentation and its public clients for Python and
//! JavaScript.

pub mod api;
mod connection;
mod errors;
mod filter;
mod found;
mod provider;
mod quota;
mod read_token;
mod settings;

mod resources {
    pub(super) mod stream_token;
}

mod data_sources {
    pub(super) mod stream_token;
    pub(super) mod stream_tokens;
}

mod ephemeral_resources {
    pub(super) mod stream_token;
}

mod list_resources {
    mod stream_token;
}

#[cfg(test)]
mod tests;

pub use provider::NeuroIo;
