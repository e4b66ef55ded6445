//! Histories drawn from seeds, at both speeds (see [`simulation`]), and those that once broke a promise.
//!
//! `SIMULATION_SEED=17 cargo test --test simulation` runs one history alone; `0..100000`, many.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout
)]

mod outputs;
mod regressions;
#[path = "../support/simulation/mod.rs"]
mod simulation;

use std::ops::Range;

use simulation::batch;
use simulation::history::History;
use simulation::provider::Speed;
use simulation::world;

/// The seeds to run: those given, or what `SIMULATION_SEED` asks for, one (`17`) or many (`0..100000`).
fn seeds(seeds: Range<u64>) -> Range<u64> {
    let Ok(asked) = std::env::var("SIMULATION_SEED") else {
        return seeds;
    };
    let number = |text: &str| {
        text.parse()
            .expect("SIMULATION_SEED is a number, or two with .. between")
    };
    match asked.split_once("..") {
        Some((first, end)) => number(first)..number(end),
        None => number(&asked)..number(&asked) + 1,
    }
}

fn hold(speed: Speed, seeds: Range<u64>) {
    let batch = batch::run(speed, seeds);
    println!("{}", batch.figures);
    for (seed, broken) in &batch.broken {
        println!("seed {seed}: {}", broken.why);
    }
    if let Some((seed, broken)) = batch.broken.into_iter().next() {
        panic!("{}", batch::explain(speed, seed, broken));
    }
}

#[test]
fn after_any_history_everything_declared_is_there_and_works() {
    hold(Speed::Simulated, seeds(0..2_000));
}

#[test]
fn after_any_history_of_real_processes_too() {
    hold(Speed::Real, seeds(0..200));
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in 0..50 {
        let history = History::draw(seed, Speed::Simulated);
        let trace = || {
            world::run(&history, Speed::Simulated)
                .map(|report| report.trace)
                .unwrap()
        };
        assert_eq!(trace(), trace(), "seed {seed}");
    }
}
