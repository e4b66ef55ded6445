//! The plugin protocol from outside: the real program, started and called in the same way as by
//! Terraform.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod debugging;
mod handshake;
mod kinds;
mod kit;
mod lifetime;
mod log;
mod messages;
mod mutual_tls;
#[path = "../support/plugin.rs"]
mod plugin;
