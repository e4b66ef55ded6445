//! What came of many histories, in figures.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use token_providers::framework::testing::simulation::Failure;

use super::promises::Promise;
use super::world::Report;

/// Sums over histories.
#[derive(Default)]
pub(crate) struct Figures {
    pub(crate) histories: usize,
    /// Faults that struck, by what they struck and how.
    faults: BTreeMap<String, usize>,
    requests: usize,
    crashes: usize,
    interrupts: usize,
    issued: usize,
    left_behind: usize,
    locked_out: usize,
    searched: usize,
    /// By how many runs led back to what was declared.
    applies: BTreeMap<usize, usize>,
    /// Histories that broke a promise, by promise.
    broken: BTreeMap<String, usize>,
    pub(crate) took: Duration,
}

impl Figures {
    pub(crate) fn count(&mut self, outcome: &Result<Report, Failure>) {
        self.histories += 1;
        let report = match outcome {
            Ok(report) => report,
            Err(failure) => {
                *self.broken.entry(failure.kind.clone()).or_default() += 1;
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
        self.left_behind += report.left_behind;
        self.locked_out += report.locked_out;
        self.searched += report.searched;
        *self.applies.entry(report.applies).or_default() += 1;
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |promise: Promise| self.broken.get(&promise.to_string()).copied().unwrap_or_default();
        let seconds = self.took.as_secs_f64();
        #[allow(clippy::cast_precision_loss, reason = "a rate is rounded anyway")]
        let rate = self.histories as f64 / seconds;
        let mut line = |what: &str, figure: &dyn fmt::Display| writeln!(f, "{what:<56} {figure:>10}");
        line("histories", &self.histories)?;
        line("  a second", &format!("{rate:.0}"))?;
        line("  seconds", &format!("{seconds:.1}"))?;
        line("requests to the platform", &self.requests)?;
        line("faults that struck", &self.faults.values().sum::<usize>())?;
        for (fault, times) in &self.faults {
            line(&format!("  {fault}"), times)?;
        }
        line("crashes", &self.crashes)?;
        line("interrupts", &self.interrupts)?;
        for (applies, histories) in &self.applies {
            line(&format!("came back after applies: {applies}"), histories)?;
        }
        line("tokens issued to the provider", &self.issued)?;
        line("left behind by a crash, and explained", &self.left_behind)?;
        line("own token ended by a lost answer, and explained", &self.locked_out)?;
        line("megabytes of output searched for values", &(self.searched / 1_000_000))?;
        line("tokens lost", &of(Promise::Kept))?;
        line("tokens left over", &of(Promise::Clean))?;
        line("values leaked", &of(Promise::Secret))?;
        line("other promises broken", &of(Promise::Other))
    }
}
