//! Scenarios of Striim accounts, drawn from seeds: configurations, faults, and concurrent changes.
//!
//! After each scenario the account and the states are checked: every declared token exists once and its value is valid, there
//! is no orphan, and no value was shown. Scenarios run at two speeds: *simulated*, with provider, Terraform and platform in
//! one process under tokio's paused clock; and *real*, with the provider's process behind the plugin protocol and the platform
//! behind TCP.

mod batch;
mod declared;
mod draw;
mod figures;
mod network;
mod operator;
mod outputs;
mod outputs_tests;
mod promises;
mod regressions;
mod scenario;
mod terraform;
mod world;

use token_providers::framework::testing::simulation::Batch;

use batch::Scenarios;

use super::speed::Speed;

fn assert_promises(speed: Speed, batch: Batch) {
    let scenarios = Scenarios(speed);
    let (figures, summary) = scenarios.run_batch(batch);
    println!("{figures}");
    summary.assert_no_failures(&scenarios);
}

#[test]
fn simulated_scenarios_keep_all_promises() {
    assert_promises(Speed::Simulated, Batch::from_environment(0..500));
}

#[test]
fn real_scenarios_keep_all_promises() {
    assert_promises(Speed::Real, Batch::from_environment(0..100));
}
