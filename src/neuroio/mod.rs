//! NeuroIO: its API for stream tokens, its provider, and one file per resource and data source.
//!
//! What is known of the platform is what its documentation and its public clients for Python and JavaScript show.

pub mod api;
#[cfg(test)]
mod clock_tests;
mod connection;
mod create;
mod delete;
mod failure;
mod filter;
mod provider;
mod quota;
mod settings;
mod stream_token;
mod stream_token_ephemeral;
mod stream_token_list;
mod stream_tokens;
#[cfg(test)]
mod testing;

pub use provider::NeuroIo;
