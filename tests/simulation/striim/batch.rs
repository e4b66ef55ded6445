//! Runs many histories, at either speed.

use token_providers::framework::testing::simulation::{Batch, Failure, Simulation, Summary};

use super::figures::Figures;
use super::history::History;
use super::world::{self, Report};
use crate::simulation::speed::{AT_A_TIME, Speed};

/// The histories of a speed.
pub(crate) struct Histories(pub(crate) Speed);

impl Simulation for Histories {
    type Scenario = History;
    type Report = Report;

    fn draw(&self, seed: u64) -> History {
        History::draw(seed, self.0)
    }

    fn run(&self, history: &History) -> Result<Report, Failure> {
        world::run(history, self.0)
    }

    fn simpler(&self, history: &History) -> Vec<History> {
        history.simpler()
    }
}

impl Histories {
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
