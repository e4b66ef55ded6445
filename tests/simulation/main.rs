//! Histories of accounts: what people declare, what goes wrong, and what Terraform makes of it, drawn from seeds.
//!
//! After each history the promises are held against the account and the states: every declared token is there once and
//! its value works, nothing of ours is left over, no value was told. One description runs at two speeds: *simulated*,
//! with provider, Terraform and platform in one process and tokio's clock paused; and *real*, with the provider's
//! process behind the plugin protocol and the platform behind TCP.
//!
//! `SIMULATION_SEED=17 cargo test --test simulation` runs one history alone and tells what happens in it.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout
)]

mod history;
mod network;
#[path = "../support/plugin.rs"]
mod plugin;
mod provider;
mod terraform;
mod world;

use std::ops::Range;

use history::History;
use provider::Speed;

/// Runs the history of a seed; if it breaks a promise, tells the shortest that does.
fn explore(seed: u64, speed: Speed) -> world::Report {
    let history = History::draw(seed, speed);
    let broken = match world::run(&history, speed) {
        Ok(report) => return report,
        Err(broken) => broken,
    };
    println!("seed {seed}: {}", broken.why);
    let shortest = history.shrink(|history| world::run(history, speed).is_err());
    let Err(broken) = world::run(&shortest, speed) else {
        panic!("seed {seed} fails only sometimes: {}", broken.why);
    };
    panic!(
        "seed {seed}: {}\n{shortest:#?}\n{}",
        broken.why,
        broken.trace.join("\n")
    );
}

/// The seeds to run, or the one that was asked for.
fn seeds(seeds: Range<u64>) -> Range<u64> {
    match std::env::var("SIMULATION_SEED") {
        Ok(seed) => {
            let seed = seed.parse().expect("SIMULATION_SEED is a number");
            seed..seed + 1
        }
        Err(_) => seeds,
    }
}

#[test]
fn after_any_history_everything_declared_is_there_and_works() {
    for seed in seeds(0..2_000) {
        explore(seed, Speed::Simulated);
    }
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in 0..50 {
        let history = History::draw(seed, Speed::Simulated);
        let trace = || world::run(&history, Speed::Simulated).unwrap().trace;
        assert_eq!(trace(), trace(), "seed {seed}");
    }
}
