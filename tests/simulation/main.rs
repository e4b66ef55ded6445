//! Histories drawn from seeds, at both speeds (see [`simulation`]), and those that once broke a promise.
//!
//! `SIMULATION_SEED=17 cargo test --test simulation` runs one history alone; `0..100000`, many; `SIMULATION_SECONDS=600`, as many
//! as the time allows.

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

use simulation::batch::Histories;
use simulation::terraform::Speed;
use token_providers::framework::testing::simulation::Batch;

fn hold(speed: Speed, batch: Batch) {
    let histories = Histories(speed);
    let (figures, summary) = histories.run_batch(batch);
    println!("{figures}");
    summary.assert_no_failures(&histories);
}

#[test]
fn after_any_history_everything_declared_is_there_and_works() {
    hold(Speed::Simulated, Batch::from_environment(0..1_000));
}

#[test]
fn after_any_history_of_real_processes_too() {
    hold(Speed::Real, Batch::from_environment(0..200));
}
