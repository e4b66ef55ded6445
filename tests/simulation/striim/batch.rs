//! Runs many scenarios, at either speed.

use token_providers::framework::testing::simulation::{Batch, Failure, Simulation, Summary};

use super::figures::Figures;
use super::scenario::Scenario;
use super::world::{self, Report};
use crate::simulation::speed::{AT_A_TIME, Speed};

/// The scenarios of a speed.
pub(crate) struct Scenarios(pub(crate) Speed);

impl Simulation for Scenarios {
    type Scenario = Scenario;
    type Report = Report;

    fn draw(&self, seed: u64) -> Scenario {
        Scenario::draw(seed, self.0)
    }

    fn run(&self, scenario: &Scenario) -> Result<Report, Failure> {
        world::run(scenario, self.0)
    }

    fn simpler(&self, scenario: &Scenario) -> Vec<Scenario> {
        scenario.simpler()
    }
}

impl Scenarios {
    /// Runs a batch of them.
    pub(crate) fn run_batch(&self, mut batch: Batch) -> (Figures, Summary) {
        if self.0 == Speed::Real {
            batch.threads *= AT_A_TIME;
        }
        let mut figures = Figures::default();
        let summary = batch.run(self, |_, outcome| figures.count(outcome));
        figures.took = summary.took;
        (figures, summary)
    }
}
