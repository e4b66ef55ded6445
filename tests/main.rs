//! All integration tests, in one program: `cargo test --test integration terraform::` runs a part of them.

#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used
)]

mod docs;
mod framework;
mod in_process;
mod protocol;
mod rest;
mod sandbox;
mod simulation;
mod support;
mod terraform;
