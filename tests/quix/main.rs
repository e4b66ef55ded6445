//! The real Terraform with Quix's provider, against the sandbox: what a user sees.

#![allow(
    missing_docs,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used
)]

mod broker_config;
mod data_sources;
mod examples;
mod guides;
mod provider_configuration;
mod streaming_tokens;
#[path = "../support/terraform.rs"]
mod terraform;
mod upgrade;
mod world;
