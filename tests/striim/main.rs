//! Striim Cloud's provider against the sandbox, as Terraform runs it: in this process, without Terraform.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout
)]

mod data_sources;
mod delivery;
