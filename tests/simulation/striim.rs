//! Histories of Striim accounts (see [`simulation`](crate::simulation)).

use token_providers::framework::testing::simulation::Batch;

use crate::simulation::batch::Histories;
use crate::simulation::terraform::Speed;

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
