//! The simulation of a platform: what is declared changes, answers are lost, runs are killed, time passes, and other clients
//! act on the platform meanwhile. After each history, with faults off, two applies must suffice, and a third one has nothing
//! to do.
//!
//! What must hold then on every platform: each declared resource is in the state and not tainted, and nothing else is; no
//! value was shown; the rules that Terraform has for providers were kept. What a [`Story`] adds is its own.

use std::marker::PhantomData;
use std::time::Duration;

use fastrand::Rng;
use secrecy::ExposeSecret;

use super::network::{Kill, Meanwhile, Network};
use super::{losses, variables};
use crate::framework::testing::Diagnostic;
use crate::framework::testing::simulation::{Batch, Failure, Simulation};
use crate::framework::testing::{Configuration, RunOutcome, Workspace};
use crate::framework::{Provider, Severity};
use crate::platform::Parts;
use crate::sandbox::{Fault, Platform, Sandbox, When};

/// What a platform's histories tell of.
pub(crate) trait Story {
    /// The platform.
    type Platform: Platform;

    /// The methods of the requests that go wrong.
    const METHODS: &'static [&'static str];

    /// An answer for something else, which may come in the place of the right one.
    const ANOTHER: &'static str;

    /// How many applies must do in the end, with faults off. More than two only where the platform forbids to repeat what was
    /// lost in the same run: answers are late then, too.
    const APPLIES: usize = 2;

    /// Begins with a platform of any shape, whose time is tokio's.
    fn begin(random: &mut Rng) -> Self;

    fn sandbox(&self) -> &Sandbox<Self::Platform>;

    /// What the `provider` block says, where the environment does not do.
    fn block(&self) -> Vec<(&'static str, &'static str)> {
        Vec::new()
    }

    /// The environment variables by which the provider is let in.
    fn variables(&self) -> Vec<(&'static str, String)>;

    /// The provider.
    fn provider(parts: Parts) -> impl Provider;

    /// Changes what is declared, and tells what that is.
    fn declare(&mut self, random: &mut Rng) -> String;

    /// What is declared.
    fn declared(&self) -> Configuration;

    /// Does something outside Terraform, between runs.
    fn outside(&mut self, random: &mut Rng);

    /// What is done outside Terraform while a run goes on.
    fn meanwhile(&self, _: &mut Rng) -> Option<Meanwhile> {
        None
    }

    /// A run begins.
    fn begins(&mut self, _: &Workspace) {}

    /// A run has ended, and what was on its way has arrived.
    fn ended(&mut self, _: &Ran<'_>) {}

    /// What of the platform's own promises does not hold after all.
    fn broken(&self, workspace: &Workspace) -> Vec<String>;
}

/// What a run has left.
pub(crate) struct Ran<'a> {
    pub(crate) workspace: &'a Workspace,
    pub(crate) was_killed: bool,
    pub(crate) told: &'a [Diagnostic],
}

/// What happens in a history. Each step draws from its own seed, so that a history without it is a history too.
#[derive(Clone, Debug)]
struct History {
    seed: u64,
    steps: Vec<Step>,
}

/// Something that is declared, what goes wrong, and a run.
#[derive(Clone, Debug)]
struct Step {
    /// Decides what is declared, and how long requests take.
    seed: u64,
    /// Decides what is done outside Terraform before the run.
    outside: Option<u64>,
    faults: Vec<Fault>,
    kill: Option<Kill>,
    /// At which request something is done outside Terraform, and what decides what.
    meanwhile: Option<(u32, u64)>,
    hours: u64,
}

/// The histories of a platform.
struct Histories<S>(PhantomData<fn() -> S>);

impl<S: Story> Simulation for Histories<S> {
    type Scenario = History;
    type Report = ();

    fn draw(&self, seed: u64) -> History {
        let random = &mut Rng::with_seed(seed);
        let steps = (0..random.u32(2..8)).map(|_| Step {
            seed: random.u64(..),
            outside: Some(random.u64(..)),
            faults: (0..random.u32(..3)).map(|_| draw_fault::<S>(random)).collect(),
            kill: (random.u8(..3) == 0).then(|| Kill {
                request: random.u32(1..12),
                when: if random.bool() { When::Before } else { When::After },
            }),
            meanwhile: (random.u8(..4) == 0).then(|| (random.u32(1..8), random.u64(..))),
            hours: [0, 1, 30][random.usize(..3)],
        });
        History {
            steps: steps.collect(),
            seed,
        }
    }

    fn run(&self, history: &History) -> Result<(), Failure> {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut world = World::<S>::new(history.seed);
            let broken = world.live(history).await;
            let Some(first) = broken.first() else { return Ok(()) };
            Err(Failure {
                // What fails in the same way differs only in names and numbers.
                kind: first
                    .split(' ')
                    .filter(|word| word.chars().all(|c| c.is_ascii_lowercase()))
                    .collect(),
                problem: broken.join("\n"),
                trace: world.trace,
            })
        })
    }

    fn simpler(&self, history: &History) -> Vec<History> {
        let with = |index: usize, change: &dyn Fn(&mut Step)| {
            let mut history = history.clone();
            change(&mut history.steps[index]);
            history
        };
        let mut simpler = Vec::new();
        for (index, step) in history.steps.iter().enumerate().rev() {
            let mut without = history.clone();
            without.steps.remove(index);
            simpler.push(without);
            let faults = 0..step.faults.len();
            simpler.extend(faults.map(|fault| with(index, &|step| drop(step.faults.remove(fault)))));
            if step.kill.is_some() {
                simpler.push(with(index, &|step| step.kill = None));
            }
            if step.meanwhile.is_some() {
                simpler.push(with(index, &|step| step.meanwhile = None));
            }
            if step.outside.is_some() {
                simpler.push(with(index, &|step| step.outside = None));
            }
            if step.hours > 0 {
                simpler.push(with(index, &|step| step.hours = 0));
            }
        }
        simpler
    }
}

/// Draws what goes wrong with the next requests.
fn draw_fault<S: Story>(random: &mut Rng) -> Fault {
    let refusals = [401, 403, 404, 429].map(Fault::answer);
    let faults: Vec<_> = losses(S::ANOTHER).into_iter().chain(refusals).collect();
    Fault {
        method: Some(S::METHODS[random.usize(..S::METHODS.len())].to_owned()),
        times: random.u32(1..4),
        skip: random.u32(..3),
        ..faults[random.usize(..faults.len())].clone()
    }
}

/// A platform, and the workspace that manages it.
struct World<S> {
    story: S,
    workspace: Workspace,
    /// What the last run reported.
    told: Vec<Diagnostic>,
    trace: Vec<String>,
}

/// A `provider` block of texts.
fn block(arguments: &[(&str, &str)]) -> serde_json::Value {
    let arguments = arguments.iter();
    arguments
        .map(|(name, text)| ((*name).to_owned(), (*text).into()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

impl<S: Story> World<S> {
    fn new(seed: u64) -> Self {
        let story = S::begin(&mut Rng::with_seed(seed));
        Self {
            workspace: Workspace::new().with_provider(block(&story.block())),
            story,
            told: Vec::new(),
            trace: Vec::new(),
        }
    }

    /// Runs a history. Returns what does not hold at its end.
    async fn live(&mut self, history: &History) -> Vec<String> {
        for step in &history.steps {
            let random = &mut Rng::with_seed(step.seed);
            let declared = self.story.declare(random);
            self.trace.push(format!("declared {declared}"));
            if let Some(seed) = step.outside {
                self.story.outside(&mut Rng::with_seed(seed));
            }
            for fault in &step.faults {
                self.story.sandbox().fault(fault.clone());
            }
            let meanwhile = step.meanwhile;
            let meanwhile =
                meanwhile.and_then(|(at, seed)| Some((at, self.story.meanwhile(&mut Rng::with_seed(seed))?)));
            self.run(random.fork(), step.kill, meanwhile).await;
            tokio::time::sleep(Duration::from_secs(step.hours * 3_600)).await;
        }
        self.story.sandbox().heal();
        let random = &mut Rng::with_seed(history.seed);
        for _ in 0..S::APPLIES {
            self.run(random.fork(), None, None).await;
        }
        let mut broken = self.broken();
        if self.run(random.fork(), None, None).await != Some(RunOutcome::Unchanged) {
            broken.push("a third apply still finds something to do".to_owned());
        }
        broken
    }

    /// One run of Terraform; `None` if it was killed.
    async fn run(
        &mut self,
        random: Rng,
        kill: Option<Kill>,
        meanwhile: Option<(u32, Meanwhile)>,
    ) -> Option<RunOutcome> {
        let declared = self.story.declared();
        self.trace.push(format!("run, killed {kill:?}"));
        self.story.begins(&self.workspace);
        let sandbox = self.story.sandbox();
        let network = Network::new(sandbox, random, kill, meanwhile);
        let given = self.story.variables();
        let start = || {
            let network = network.clone();
            let given: Vec<_> = given.iter().map(|(name, value)| (*name, value.as_str())).collect();
            S::provider(Parts {
                clock: sandbox.clock(),
                environment: variables(&given),
                transport: Box::new(move |_| network.transport()),
            })
        };
        let ended = tokio::select! {
            () = network.killed.cancelled() => None,
            ended = self.workspace.apply(start, &declared) => Some(ended),
        };
        // What is still on its way arrives.
        tokio::time::sleep(Duration::from_secs(300)).await;

        self.told = self.workspace.take_diagnostics();
        self.trace.extend(network.trace());
        self.trace.extend(self.told.iter().map(Diagnostic::to_string));
        self.story.ended(&Ran {
            workspace: &self.workspace,
            was_killed: ended.is_none(),
            told: &self.told,
        });
        ended
    }

    /// What does not hold after all.
    fn broken(&self) -> Vec<String> {
        let errors = self.told.iter().filter(|told| told.severity == Severity::Error);
        let mut broken: Vec<_> = errors.map(|told| format!("at rest, it tells: {told}")).collect();
        let (state, declared) = (self.workspace.state(), self.story.declared());
        let is_whole = |address: &str| state.get(address).is_some_and(|object| !object.is_tainted);
        for address in declared.resources.keys().filter(|address| !is_whole(address.as_str())) {
            broken.push(format!("{address} is not in the state, or not whole"));
        }
        for address in state
            .keys()
            .filter(|address| !declared.resources.contains_key(*address))
        {
            broken.push(format!("{address} is in the state, and not declared"));
        }
        for value in self.story.sandbox().issued_values() {
            if self.trace.iter().any(|line| line.contains(value.expose_secret())) {
                broken.push("a value was told".to_owned());
            }
        }
        broken.extend(self.workspace.violations());
        broken.extend(self.story.broken(&self.workspace));
        broken
    }
}

/// Runs so many histories, or those that the environment asks for.
pub(crate) fn live_through<S: Story>(histories: u64) {
    let simulation = Histories::<S>(PhantomData);
    let summary = Batch::from_environment(0..histories).run(&simulation, |_, _| {});
    summary.assert_no_failures(&simulation);
}
