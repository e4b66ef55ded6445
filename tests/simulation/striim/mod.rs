//! Histories of Striim accounts: what people declare, what goes wrong, and what Terraform makes of it, drawn from seeds.
//!
//! After each history the promises are held against the account and the states: every declared token is there once and
//! its value works, there is no orphan, no value was shown. One description runs at two speeds: *simulated*,
//! with provider, Terraform and platform in one process and tokio's clock paused; and *real*, with the provider's
//! process behind the plugin protocol and the platform behind TCP.

mod batch;
mod declared;
mod draw;
mod figures;
mod history;
mod network;
mod operator;
mod outputs;
mod outputs_tests;
mod promises;
mod regressions;
mod terraform;
mod world;

use token_providers::framework::testing::simulation::Batch;

use batch::Histories;

use super::speed::Speed;

fn hold(speed: Speed, batch: Batch) {
    let histories = Histories(speed);
    let (figures, summary) = histories.run_batch(batch);
    println!("{figures}");
    summary.assert_no_failures(&histories);
}

#[test]
fn simulated_scenarios_keep_all_promises() {
    hold(Speed::Simulated, Batch::from_environment(0..1_000));
}

#[test]
fn real_scenarios_keep_all_promises() {
    hold(Speed::Real, Batch::from_environment(0..200));
}
