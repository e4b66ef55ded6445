//! The real Terraform with NeuroIO's provider, against the sandbox: what a user sees.

#![allow(
    missing_docs,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used
)]

mod ephemeral;
mod examples;
mod provider_configuration;
mod query;
mod stream_token;
#[path = "../support/terraform.rs"]
mod terraform;
mod upgrade;
mod world;
