//! Simulations: scenarios that are drawn from seeds, so that a failure can be reproduced by its
//! seed.
//!
//! A [`Simulation`] draws and runs scenarios. A [`Batch`] runs those of many seeds on all cores,
//! and shrinks a failing scenario to a shorter one that fails in the same way. Environment
//! variables select the seeds:
//!
//! - `SIMULATION_SEED=17` or `SIMULATION_SEED=0..100000`: one seed, or a range
//! - `SIMULATION_SECONDS=600`: a time limit; without `SIMULATION_SEED`, seeds are unlimited.
//!
//! ```
//! use token_providers::framework::testing::simulation::{Batch, Failure, Simulation};
//!
//! /// A counter that must not exceed a hundred.
//! struct Counter;
//!
//! impl Simulation for Counter {
//!     type Scenario = Vec<u64>;
//!     type Report = u64;
//!
//!     fn draw(&self, seed: u64) -> Vec<u64> {
//!         (0..seed % 10).map(|step| seed.wrapping_mul(step) % 30).collect()
//!     }
//!
//!     fn run(&self, scenario: &Vec<u64>) -> Result<u64, Failure> {
//!         let sum = scenario.iter().sum();
//!         if sum > 100 {
//!             return Err(Failure::new("limit", format!("the sum is {sum}")));
//!         }
//!         Ok(sum)
//!     }
//!
//!     fn simpler(&self, scenario: &Vec<u64>) -> Vec<Vec<u64>> {
//!         let without = |index| {
//!             let mut scenario = scenario.clone();
//!             scenario.remove(index);
//!             scenario
//!         };
//!         (0..scenario.len()).map(without).collect()
//!     }
//! }
//!
//! let summary = Batch::new(0..5).run(&Counter, |_, _| {});
//! assert_eq!(summary.ran, 5);
//! summary.assert_no_failures(&Counter);
//!
//! let summary = Batch::new(17..30).run(&Counter, |_, _| {});
//! assert!(summary.explain(&Counter).unwrap().contains("the sum is"));
//! ```

use std::env;
use std::fmt::{self, Debug};
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::lock;

/// Draws scenarios from seeds, and runs them.
pub trait Simulation: Sync {
    /// The events of one run.
    type Scenario: Clone + Debug;
    /// Statistics of a successful run.
    type Report: Send;

    /// Returns the scenario of a seed, always the same.
    fn draw(&self, seed: u64) -> Self::Scenario;

    /// Runs a scenario.
    ///
    /// # Errors
    ///
    /// The property that was violated.
    fn run(&self, scenario: &Self::Scenario) -> Result<Self::Report, Failure>;

    /// Returns slightly simpler scenarios, the simplest first. Default: none.
    fn simpler(&self, _: &Self::Scenario) -> Vec<Self::Scenario> {
        Vec::new()
    }
}

/// A property that was violated in a scenario.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The kind of failure. Shrinking preserves it.
    pub kind: String,
    /// A description of the violation.
    pub problem: String,
    /// The events until then, one per line.
    pub trace: Vec<String>,
}

impl Failure {
    /// Creates a failure without a trace.
    pub fn new(kind: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            problem: problem.into(),
            trace: Vec::new(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.trace.join("\n"))?;
        write!(f, "{}: {}", self.kind, self.problem)
    }
}

/// The scenarios to run, and the limits.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The seeds.
    pub seeds: Range<u64>,
    /// The time after which no further scenario starts.
    pub deadline: Option<Duration>,
    /// The number of concurrent scenarios.
    pub threads: usize,
    /// The number of failures after which no further scenario starts.
    pub max_failures: usize,
    /// The time limit for shrinking a failing scenario.
    pub shrink_for: Duration,
}

/// The result of a batch.
#[derive(Debug)]
pub struct Summary {
    /// The number of scenarios that ran.
    pub ran: u64,
    /// The failures with their seeds, in ascending order.
    pub failures: Vec<(u64, Failure)>,
    /// The duration.
    pub took: Duration,
    shrink_for: Duration,
}

/// The interval at which the progress is printed.
const PROGRESS: Duration = Duration::from_secs(10);

impl Batch {
    /// Creates a batch of these seeds that uses all cores.
    pub fn new(seeds: Range<u64>) -> Self {
        Self {
            seeds,
            deadline: None,
            threads: thread::available_parallelism().map_or(1, usize::from),
            max_failures: 10,
            shrink_for: Duration::from_secs(120),
        }
    }

    /// Creates a batch of the seeds that the environment selects, otherwise of `default`.
    ///
    /// # Panics
    ///
    /// If an environment variable is invalid.
    #[must_use]
    #[allow(clippy::panic, reason = "a usage error of a test")]
    pub fn from_environment(default: Range<u64>) -> Self {
        let number = |name: &str, text: &str| -> u64 {
            let number = text.trim().parse();
            number.unwrap_or_else(|_| panic!("{name}={text}: a number is expected, or two with .. between"))
        };
        let deadline = env::var("SIMULATION_SECONDS").ok();
        let deadline = deadline.map(|text| Duration::from_secs(number("SIMULATION_SECONDS", &text)));
        let seeds = env::var("SIMULATION_SEED").ok().map(|text| {
            let number = |text| number("SIMULATION_SEED", text);
            match text.split_once("..") {
                Some((first, end)) => number(first)..number(end),
                None => number(&text)..number(&text).saturating_add(1),
            }
        });
        let seeds = seeds.unwrap_or(match deadline {
            Some(_) => default.start..u64::MAX,
            None => default,
        });
        Self {
            deadline,
            ..Self::new(seeds)
        }
    }

    /// Runs the scenarios. `count` receives the seed and the report of each, in order of
    /// completion.
    pub fn run<S: Simulation>(
        &self,
        simulation: &S,
        count: impl FnMut(u64, &Result<S::Report, Failure>) + Send,
    ) -> Summary {
        struct Counts<F> {
            count: F,
            ran: u64,
            failures: Vec<(u64, Failure)>,
            printed: Instant,
        }
        let start = Instant::now();
        let counts = Mutex::new(Counts {
            count,
            ran: 0,
            failures: Vec::new(),
            printed: start,
        });
        let next = AtomicU64::new(self.seeds.start);
        let draw = || {
            let is_late = self.deadline.is_some_and(|deadline| start.elapsed() >= deadline);
            let is_enough = lock(&counts).failures.len() >= self.max_failures;
            if is_late || is_enough {
                return None;
            }
            let seed = next.fetch_add(1, Ordering::Relaxed);
            (seed < self.seeds.end).then_some(seed)
        };
        thread::scope(|scope| {
            for _ in 0..self.threads.max(1) {
                scope.spawn(|| {
                    while let Some(seed) = draw() {
                        let result = simulation.run(&simulation.draw(seed));
                        let mut counts = lock(&counts);
                        (counts.count)(seed, &result);
                        counts.ran += 1;
                        counts.failures.extend(result.err().map(|failure| (seed, failure)));
                        if counts.printed.elapsed() >= PROGRESS {
                            counts.printed = Instant::now();
                            let (ran, failed, seconds) = (counts.ran, counts.failures.len(), start.elapsed().as_secs());
                            eprintln!("{ran} scenarios, {failed} failed, {seconds} s, seed {seed}");
                        }
                    }
                });
            }
        });
        let Counts { ran, mut failures, .. } = counts.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
        failures.sort_by_key(|(seed, _)| *seed);
        Summary {
            ran,
            failures,
            took: start.elapsed(),
            shrink_for: self.shrink_for,
        }
    }
}

impl Summary {
    /// Returns an explanation of the first failure: its seed, a shrunk scenario that fails in the
    /// same way, and the trace. `None` if no scenario failed. A scenario that fails only sometimes
    /// is not shrunk.
    pub fn explain<S: Simulation>(&self, simulation: &S) -> Option<String> {
        let (seed, failure) = self.failures.first()?;
        let until = Instant::now() + self.shrink_for;
        let again = |scenario: &S::Scenario| {
            let result = (Instant::now() < until).then(|| simulation.run(scenario));
            let failed = result.and_then(Result::err);
            failed.filter(|also| also.kind == failure.kind)
        };
        let (mut scenario, mut shown) = (simulation.draw(*seed), failure.clone());
        loop {
            let simpler = simulation.simpler(&scenario).into_iter();
            let mut failing = simpler.filter_map(|simpler| Some((again(&simpler)?, simpler)));
            match failing.next() {
                Some((failure, simpler)) => (scenario, shown) = (simpler, failure),
                None => return Some(format!("seed {seed}: {scenario:?}\n{shown}")),
            }
        }
    }

    /// Asserts that no scenario failed.
    ///
    /// # Panics
    ///
    /// If one failed, with its explanation.
    #[track_caller]
    #[allow(clippy::panic, reason = "an assertion of a test")]
    pub fn assert_no_failures<S: Simulation>(&self, simulation: &S) {
        if let Some(explanation) = self.explain(simulation) {
            let seeds: Vec<_> = self.failures.iter().map(|(seed, _)| seed).collect();
            panic!(
                "{} of {} scenarios failed, {seeds:?}\n{explanation}",
                self.failures.len(),
                self.ran
            );
        }
    }
}
