//! Histories of each platform, drawn from seeds, at both speeds (see [`simulation`]), and those that once broke a promise.
//!
//! `SIMULATION_SEED=17 cargo test --test simulation striim::` runs one history alone; `0..100000`, many; `SIMULATION_SECONDS=600`,
//! as many as the time allows.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout
)]

mod neuroio;
mod outputs;
mod platform;
mod quix;
mod regressions;
#[path = "../support/simulation/mod.rs"]
mod simulation;
mod startree;
mod striim;
