//! NeuroIO: its API for stream tokens and its provider, laid out as every platform's module is.
//!
//! What is known of the platform is what its documentation and its public clients for Python and JavaScript show.

pub mod api;
mod connection;
mod errors;
mod filter;
mod provider;
mod quota;
mod settings;

mod resources {
    pub(super) mod stream_token;
}

mod data_sources {
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
