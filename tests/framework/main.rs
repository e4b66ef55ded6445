//! The framework as an author of another provider meets it: nothing here knows a platform.

#![allow(
    missing_docs,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used
)]

mod attached;
mod faithfulness;
mod guide;
mod minimal;
#[path = "../support/terraform.rs"]
mod terraform;
#[path = "../support/versions.rs"]
mod versions;
mod wrong_models;
