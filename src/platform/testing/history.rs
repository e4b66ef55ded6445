//! Histories of a platform, drawn from seeds: what is declared changes, answers are lost, runs are killed, time passes, and
//! others act on the platform meanwhile. After each history, with faults off, two applies must do, and a third one has
//! nothing to do.
//!
//! What must hold then on every platform: each declared resource is in the state and whole, and nothing else is; nothing was
//! told that holds a value; the rules that Terraform has for providers were kept. What a [`Story`] adds is its own.

use std::time::Duration;

use fastrand::Rng;
use secrecy::ExposeSecret;

use super::network::{Kill, Meanwhile, Network};
use super::{losses, variables};
use crate::framework::testing::Diagnostic;
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

struct History<S> {
    story: S,
    random: Rng,
    workspace: Workspace,
    /// What the last run told.
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

impl<S: Story> History<S> {
    fn new(seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        let story = S::begin(&mut random);
        Self {
            workspace: Workspace::new().with_provider(block(&story.block())),
            story,
            random,
            told: Vec::new(),
            trace: Vec::new(),
        }
    }

    /// Lives through it; what broke in the end.
    async fn live(&mut self) -> Vec<String> {
        for _ in 0..self.random.u32(2..8) {
            let declared = self.story.declare(&mut self.random);
            self.trace.push(format!("declared {declared}"));
            self.story.outside(&mut self.random);
            self.go_wrong();
            let kill = (self.random.u8(..3) == 0).then(|| Kill {
                request: self.random.u32(1..12),
                when: if self.random.bool() { When::Before } else { When::After },
            });
            let meanwhile = (self.random.u8(..4) == 0).then(|| self.random.u32(1..8));
            let meanwhile = meanwhile.and_then(|at| Some((at, self.story.meanwhile(&mut self.random)?)));
            self.run(kill, meanwhile).await;
            let hours = [0, 1, 30][self.random.usize(..3)];
            tokio::time::sleep(Duration::from_secs(hours * 3_600)).await;
        }
        self.story.sandbox().heal();
        for _ in 0..S::APPLIES {
            self.run(None, None).await;
        }
        let mut broken = self.broken();
        if self.run(None, None).await != Some(RunOutcome::Unchanged) {
            broken.push("a third apply still finds something to do".to_owned());
        }
        broken
    }

    /// Draws what goes wrong with the next requests.
    fn go_wrong(&mut self) {
        let refusals = [401, 403, 404, 429].map(Fault::answer);
        let faults: Vec<_> = losses(S::ANOTHER).into_iter().chain(refusals).collect();
        for _ in 0..self.random.u32(..3) {
            let fault = faults[self.random.usize(..faults.len())].clone();
            let method = S::METHODS[self.random.usize(..S::METHODS.len())];
            self.story.sandbox().fault(Fault {
                method: Some(method.to_owned()),
                times: self.random.u32(1..4),
                skip: self.random.u32(..3),
                ..fault
            });
        }
    }

    /// One run of Terraform; none is told of how a killed one ended.
    async fn run(&mut self, kill: Option<Kill>, meanwhile: Option<(u32, Meanwhile)>) -> Option<RunOutcome> {
        let declared = self.story.declared();
        self.trace.push(format!("run, killed {kill:?}"));
        self.story.begins(&self.workspace);
        let sandbox = self.story.sandbox();
        let network = Network::new(sandbox, self.random.fork(), kill, meanwhile);
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

/// Lives through so many histories, or through those that `SIMULATION_SEED` asks for: one (`17`) or many (`0..100000`).
pub(crate) fn live_through<S: Story>(histories: u64) {
    let number = |text: &str| {
        text.parse::<u64>()
            .expect("SIMULATION_SEED is a number, or two with .. between")
    };
    let seeds = match std::env::var("SIMULATION_SEED") {
        Ok(asked) => match asked.split_once("..") {
            Some((first, end)) => number(first)..number(end),
            None => number(&asked)..number(&asked) + 1,
        },
        Err(_) => 0..histories,
    };
    for seed in seeds {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().start_paused(true).build().unwrap();
        let (broken, trace) = runtime.block_on(async {
            let mut history = History::<S>::new(seed);
            (history.live().await, history.trace)
        });
        let (trace, what) = (trace.join("\n"), broken.join("\n"));
        assert!(broken.is_empty(), "seed {seed}\n{trace}\n{what}");
    }
}
