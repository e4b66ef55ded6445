//! Scenarios of each platform, drawn from seeds, at both speeds, and those that once broke a promise.
//!
//! `SIMULATION_SEED=17 cargo test --test integration simulation::striim` runs one scenario alone; `0..100000`, many;
//! `SIMULATION_SECONDS=600`, as many as the time allows.

mod neuroio;
mod platform;
mod quix;
mod speed;
mod startree;
mod storage;
mod striim;
mod vault;
