//! Figures of many scenarios.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use token_providers::framework::testing::simulation::Failure;

use super::promises::Promise;
use super::world::Report;

/// Sums over scenarios.
#[derive(Default)]
pub(crate) struct Figures {
    pub(crate) scenarios: usize,
    /// Faults that took effect, by request and effect.
    faults: BTreeMap<String, usize>,
    requests: usize,
    crashes: usize,
    interrupts: usize,
    issued: usize,
    delivered: usize,
    orphans: usize,
    locked_out: usize,
    searched: usize,
    /// By the number of runs that reached the declared state.
    applies: BTreeMap<usize, usize>,
    /// Scenarios that violated a promise, by promise.
    violated: BTreeMap<String, usize>,
    pub(crate) took: Duration,
}

impl Figures {
    pub(crate) fn count(&mut self, outcome: &Result<Report, Failure>) {
        self.scenarios += 1;
        let report = match outcome {
            Ok(report) => report,
            Err(failure) => {
                *self.violated.entry(failure.kind.clone()).or_default() += 1;
                return;
            }
        };
        for (fault, times) in &report.faults {
            *self.faults.entry(fault.clone()).or_default() += times;
        }
        self.requests += report.requests;
        self.crashes += report.crashes;
        self.interrupts += report.interrupts;
        self.issued += report.issued;
        self.delivered += report.delivered;
        self.orphans += report.orphans;
        self.locked_out += report.locked_out;
        self.searched += report.searched;
        *self.applies.entry(report.applies).or_default() += 1;
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |promise: Promise| self.violated.get(&promise.to_string()).copied().unwrap_or_default();
        let seconds = self.took.as_secs_f64();
        #[allow(clippy::cast_precision_loss, reason = "a rate is rounded anyway")]
        let rate = self.scenarios as f64 / seconds;
        let mut line = |what: &str, figure: &dyn fmt::Display| writeln!(f, "{what:<56} {figure:>10}");
        line("scenarios", &self.scenarios)?;
        line("  a second", &format!("{rate:.0}"))?;
        line("  seconds", &format!("{seconds:.1}"))?;
        line("requests to the platform", &self.requests)?;
        line("faults that took effect", &self.faults.values().sum::<usize>())?;
        for (fault, times) in &self.faults {
            line(&format!("  {fault}"), times)?;
        }
        line("crashes", &self.crashes)?;
        line("interrupts", &self.interrupts)?;
        for (applies, scenarios) in &self.applies {
            line(
                &format!("reached the declared state after applies: {applies}"),
                scenarios,
            )?;
        }
        line("tokens issued to the provider", &self.issued)?;
        line("values in Vault at the end", &self.delivered)?;
        line("orphans of crashes, explained", &self.orphans)?;
        line("own token lost with an answer, explained", &self.locked_out)?;
        line("megabytes of output searched for values", &(self.searched / 1_000_000))?;
        line("tokens lost", &of(Promise::NoTokenLost))?;
        line("orphans", &of(Promise::NoOrphan))?;
        line("values leaked", &of(Promise::NoLeak))?;
        line("other promises violated", &of(Promise::Other))
    }
}
