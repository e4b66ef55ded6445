//! The real Terraform with the provider, against the sandbox: what a user sees.

#![allow(
    missing_docs,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used
)]

mod account_data_sources;
mod actions;
mod adoption;
mod another_account;
mod another_vendor;
mod concurrency;
mod consumer;
mod drift;
mod ephemeral;
mod errors;
mod examples;
mod expiry;
mod functions;
mod guides;
mod identity;
mod interrupts;
mod kills;
mod limits;
mod managed_by;
mod matrix;
mod moved;
mod own_credential;
mod pat_status;
mod personal_access_token;
mod pipe;
mod provider_configuration;
mod query;
mod quota;
mod rotation;
mod saved_plan;
mod service_account_token;
mod service_account_token_pair;
mod states;
#[path = "../support/terraform.rs"]
mod terraform;
mod token_data_source;
mod upgrade;
mod validation;
mod vault;
mod vault_provider;
mod world;
mod year;
