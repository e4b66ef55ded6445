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
mod regressions;
mod terraform;
mod world;

use std::ops::Range;
use std::panic::resume_unwind;
use std::thread;

use futures_util::future::join_all;
use history::History;
use provider::Speed;
use world::Report;

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

/// Runs the history of a seed; if it breaks a promise, tells the shortest that does.
fn simulate(seed: u64) -> Report {
    let history = History::draw(seed, Speed::Simulated);
    let broken = match world::run(&history, Speed::Simulated) {
        Ok(report) => return report,
        Err(broken) => broken,
    };
    println!("seed {seed}: {}", broken.why);
    let shortest = history.shrink(|history| world::run(history, Speed::Simulated).is_err());
    match world::run(&shortest, Speed::Simulated) {
        Err(broken) => panic!("{}", broken.told(&shortest)),
        Ok(_) => panic!("seed {seed} fails only sometimes: {}", broken.why),
    }
}

fn on_all_cores<T: Send>(seeds: Range<u64>, run: fn(u64) -> T) -> Vec<T> {
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let worker = |first| {
            let seeds = seeds.clone().skip(first).step_by(workers);
            scope.spawn(move || seeds.map(run).collect::<Vec<T>>())
        };
        let running: Vec<_> = (0..workers).map(worker).collect();
        running
            .into_iter()
            .flat_map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic)))
            .collect()
    })
}

#[test]
fn after_any_history_everything_declared_is_there_and_works() {
    let reports = on_all_cores(seeds(0..1_000), simulate);
    let sum = |of: fn(&Report) -> usize| reports.iter().map(of).sum::<usize>();
    println!(
        "{} histories, {} crashes, {} interrupts, {} left behind by a crash; {} took two runs to come back",
        reports.len(),
        sum(|report| report.crashes),
        sum(|report| report.interrupts),
        sum(|report| report.left_behind),
        reports.iter().filter(|report| report.applies == 2).count(),
    );
}

#[test]
fn after_any_history_of_real_processes_too() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    // They wait more than they work, so all at once.
    let histories: Vec<_> = seeds(0..24).map(|seed| History::draw(seed, Speed::Real)).collect();
    let outcomes = runtime.block_on(join_all(
        histories.iter().map(|history| world::live(history, Speed::Real)),
    ));
    for (history, outcome) in histories.iter().zip(outcomes) {
        if let Err(broken) = outcome {
            panic!("{}", broken.told(history));
        }
    }
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
