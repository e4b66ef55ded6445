//! The real Terraform with StarTree's provider, against the sandbox: what a user sees.

#![allow(
    missing_docs,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used
)]

mod access;
mod examples;
mod provider_configuration;
mod service_token;
#[path = "../support/terraform.rs"]
mod terraform;
mod upgrade;
mod world;
