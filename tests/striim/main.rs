//! Striim Cloud's provider without Terraform: its data sources, called as the server calls them, against the sandbox.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout
)]

mod data_sources;
mod hand_over;
