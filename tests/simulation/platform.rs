//! The simulation of a platform at both speeds: the configuration changes, answers are lost, runs are killed, time passes, and
//! other clients act concurrently. After each scenario, without faults, two applies must reach the declared state, and a third
//! one must change nothing.
//!
//! Then, on every platform, the state has exactly the declared resources, none is tainted, no value was shown, and
//! Terraform's rules for providers were kept. A [`SimulatedPlatform`] adds its own promises.
//!
//! At real speed no time passes between runs, as the provider's process has the machine's clock, and no answer is late.

mod network;

use std::cell::{OnceCell, RefCell};
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use jiff::Timestamp;
use network::{Address, Kill, Network};
use secrecy::ExposeSecret;
use token_providers::framework::testing::simulation::{Batch, Failure, Simulation};
use token_providers::framework::testing::{
    Configuration, Connection, Diagnostic, Object, PluginProgram, ProviderSchema, RunOutcome, Start, StartError,
    Workspace,
};
use token_providers::framework::{Provider, Server, Value};
use token_providers::platform::Runtime;
use token_providers::sandbox::{Fault, Platform, Sandbox, When, lost_answers};
use token_providers::token::Clock;
use tokio::io::AsyncReadExt as _;
use tokio::process::ChildStderr;
use tokio::task::JoinHandle;
use tokio::time::Instant;

pub(crate) use network::ConcurrentAction;

use super::speed::AT_A_TIME;
use super::speed::Speed;

/// A simulated platform and its configuration.
pub(crate) trait SimulatedPlatform {
    /// The platform.
    type Platform: Platform;

    /// The provider's program: `env!("CARGO_BIN_EXE_terraform-provider-…")`.
    const PROGRAM: &'static str;

    /// The HTTP methods that faults apply to.
    const METHODS: &'static [&'static str];

    /// The HTTP methods that faults apply to at real speed. Omits methods whose lost answer makes a provider wait for
    /// minutes.
    const REAL_METHODS: &'static [&'static str] = Self::METHODS;

    /// An answer to another request, which a fault may return.
    const OTHER_ANSWER: &'static str;

    /// The number of applies, without faults, that must reach the declared state. More than two only if the platform does not
    /// allow a lost request to be repeated in the same run.
    const APPLIES: usize = 2;

    /// Starts the platform with random options and this clock.
    fn start(random: &mut Rng, clock: Clock) -> Self;

    /// Adapts the platform to the speed.
    fn adapt_to(&mut self, _: Speed) {}

    /// The platform's sandbox.
    fn sandbox(&self) -> &Sandbox<Self::Platform>;

    /// The arguments of the `provider` block that the environment cannot set.
    fn provider_block(&self) -> Vec<(&'static str, &'static str)> {
        Vec::new()
    }

    /// The environment variables by which the provider finds the platform at this URL, and authenticates itself.
    fn variables(&self, base_url: &str) -> Vec<(&'static str, String)>;

    /// The provider, for this process.
    fn provider(runtime: Runtime) -> impl Provider;

    /// Changes the configuration at random. Returns a description.
    fn declare(&mut self, random: &mut Rng) -> String;

    /// The configuration.
    fn configuration(&self) -> Configuration;

    /// Changes something outside Terraform, between runs.
    fn act_outside(&mut self, random: &mut Rng);

    /// Draws a change by another client during a run.
    fn concurrent_action(&self, _: &mut Rng) -> Option<ConcurrentAction> {
        None
    }

    /// Called before a run.
    fn before_run(&mut self, _: &Workspace) {}

    /// Called after a run, when all of its requests have arrived.
    fn after_run(&mut self, _: &RunReport<'_>) {}

    /// The platform's own promises that do not hold at the end.
    fn violations(&self, workspace: &Workspace) -> Vec<String>;
}

/// A run and its outcome.
pub(crate) struct RunReport<'a> {
    pub(crate) workspace: &'a Workspace,
    pub(crate) was_killed: bool,
    pub(crate) diagnostics: &'a [Diagnostic],
}

/// A scenario. Each step has its own seed, so that steps can be removed.
#[derive(Clone, Debug)]
struct Scenario {
    seed: u64,
    steps: Vec<Step>,
}

/// A change of the configuration, faults, and a run.
#[derive(Clone, Debug)]
struct Step {
    /// The seed of the configuration and of delays.
    seed: u64,
    /// The seed of changes outside Terraform before the run.
    outside: Option<u64>,
    faults: Vec<Fault>,
    kill: Option<Kill>,
    /// The number of the request that triggers a concurrent action, and the seed of the action.
    concurrent: Option<(u32, u64)>,
    hours: u64,
}

/// The scenarios of a platform at one speed.
struct Scenarios<S> {
    speed: Speed,
    platform: PhantomData<fn() -> S>,
}

impl<S: SimulatedPlatform> Simulation for Scenarios<S> {
    type Scenario = Scenario;
    type Report = ();

    fn draw(&self, seed: u64) -> Scenario {
        let random = &mut Rng::with_seed(seed);
        let steps = (0..random.u32(2..8)).map(|_| Step {
            seed: random.u64(..),
            outside: Some(random.u64(..)),
            faults: (0..random.u32(..3)).map(|_| self.draw_fault(random)).collect(),
            kill: (random.u8(..3) == 0).then(|| Kill {
                request: random.u32(1..12),
                when: if random.bool() { When::Before } else { When::After },
            }),
            concurrent: (random.u8(..4) == 0).then(|| (random.u32(1..8), random.u64(..))),
            hours: [0, 1, 30][random.usize(..3)],
        });
        Scenario {
            steps: steps.collect(),
            seed,
        }
    }

    fn run(&self, scenario: &Scenario) -> Result<(), Failure> {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().start_paused(self.speed == Speed::Simulated);
        runtime.build().unwrap().block_on(async {
            let mut world = World::<S>::new(self.speed, scenario.seed).await;
            let violations = world.simulate(scenario).await;
            let Some(first) = violations.first() else { return Ok(()) };
            Err(Failure {
                // The same failure differs only in names and numbers.
                kind: first
                    .split(' ')
                    .filter(|word| word.chars().all(|c| c.is_ascii_lowercase()))
                    .collect(),
                problem: violations.join("\n"),
                trace: world.trace,
            })
        })
    }

    fn simpler(&self, scenario: &Scenario) -> Vec<Scenario> {
        let with = |index: usize, change: &dyn Fn(&mut Step)| {
            let mut scenario = scenario.clone();
            change(&mut scenario.steps[index]);
            scenario
        };
        let mut simpler = Vec::new();
        for (index, step) in scenario.steps.iter().enumerate().rev() {
            let mut without = scenario.clone();
            without.steps.remove(index);
            simpler.push(without);
            let faults = 0..step.faults.len();
            simpler.extend(faults.map(|fault| with(index, &|step| drop(step.faults.remove(fault)))));
            if step.kill.is_some() {
                simpler.push(with(index, &|step| step.kill = None));
            }
            if step.concurrent.is_some() {
                simpler.push(with(index, &|step| step.concurrent = None));
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

impl<S: SimulatedPlatform> Scenarios<S> {
    /// Draws a fault for the next requests.
    fn draw_fault(&self, random: &mut Rng) -> Fault {
        let refusals = [401, 403, 404, 429].map(Fault::answer);
        let faults: Vec<_> = lost_answers(S::OTHER_ANSWER).into_iter().chain(refusals).collect();
        let methods = match self.speed {
            Speed::Simulated => S::METHODS,
            Speed::Real => S::REAL_METHODS,
        };
        Fault {
            method: Some(methods[random.usize(..methods.len())].to_owned()),
            times: random.u32(1..4),
            skip: random.u32(..3),
            ..faults[random.usize(..faults.len())].clone()
        }
    }
}

/// A platform, and the workspace that manages it.
struct World<S: SimulatedPlatform> {
    platform: S,
    workspace: Workspace,
    /// The platform's address, at real speed.
    address: Option<Address<S::Platform>>,
    /// Set by the first start of a provider.
    schema: OnceCell<Arc<ProviderSchema>>,
    /// The standard error of processes.
    logs: RefCell<Vec<JoinHandle<Vec<u8>>>>,
    /// The diagnostics of the last run.
    diagnostics: Vec<Diagnostic>,
    trace: Vec<String>,
    /// The visible contents of plans, states, diagnostics and logs.
    shown: Arc<Mutex<String>>,
}

/// Starts the providers of one run, in this process or as their own.
struct Providers<'a, S: SimulatedPlatform> {
    world: &'a World<S>,
    network: &'a Network<S::Platform>,
}

impl<S: SimulatedPlatform> Start for Providers<'_, S> {
    async fn start(&self) -> Result<Connection, StartError> {
        let connection = match &self.world.address {
            None => self.in_process(),
            Some(address) => self.process(&address.base_url).await?,
        };
        if let Some(schema) = self.world.schema.get() {
            return Ok(connection.with_schema(schema.clone()));
        }
        let schema = connection.schema().await.map_err(|error| error.to_string())?;
        let _ = self.world.schema.set(schema);
        Ok(connection)
    }
}

impl<S: SimulatedPlatform> Providers<'_, S> {
    fn in_process(&self) -> Connection {
        let platform = &self.world.platform;
        let base_url = S::Platform::base_url(([127, 0, 0, 1], 80).into());
        let (variables, network) = (platform.variables(&base_url), self.network.clone());
        let provider = S::provider(Runtime {
            clock: platform.sandbox().clock(),
            environment: Box::new(move |name| {
                let variable = variables.iter().find(|(variable, _)| *variable == name);
                variable.map(|(_, value)| value.clone())
            }),
            transport: Box::new(move |_| network.transport()),
        });
        Connection::new(Server::new(provider).into_service())
    }

    async fn process(&self, base_url: &str) -> Result<Connection, StartError> {
        // Without TLS, which other tests cover and which would take most of the time.
        let program = PluginProgram::new(S::PROGRAM).without_tls().with("TF_LOG", "TRACE");
        let variables = self.world.platform.variables(base_url);
        let program = variables
            .into_iter()
            .fold(program, |program, (name, value)| program.with(name, value));
        let mut process = program.launch().await?;
        lock(&self.world.shown).push_str(&process.line);
        let log = process.take_stderr().map(|log| tokio::spawn(read_all(log)));
        self.world.logs.borrow_mut().extend(log);
        process.into_connection().await
    }
}

async fn read_all(mut log: ChildStderr) -> Vec<u8> {
    let mut written = Vec::new();
    let _ = log.read_to_end(&mut written).await;
    written
}

/// A `provider` block of texts.
fn json_block(arguments: Vec<(&str, &str)>) -> serde_json::Value {
    let arguments = arguments.into_iter();
    arguments
        .map(|(name, text)| (name.to_owned(), text.into()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

impl<S: SimulatedPlatform> World<S> {
    async fn new(speed: Speed, seed: u64) -> Self {
        let (clock, address) = match speed {
            Speed::Simulated => (clock(), None),
            Speed::Real => (Clock::system(), Some(Address::new().await)),
        };
        let mut platform = S::start(&mut Rng::with_seed(seed), clock);
        platform.adapt_to(speed);
        let mut block = platform.provider_block();
        if speed == Speed::Real {
            // Waits take real time.
            block.extend([("request_timeout", "2s"), ("retry_timeout", "6s")]);
        }
        let shown = Arc::<Mutex<String>>::default();
        let seen = shown.clone();
        let observer = Arc::new(move |text: &str| lock(&seen).push_str(text));
        let workspace = Workspace::new().with_provider(json_block(block));
        Self {
            workspace: workspace.with_observer(observer),
            address,
            schema: OnceCell::new(),
            logs: RefCell::default(),
            shown,
            platform,
            diagnostics: Vec::new(),
            trace: Vec::new(),
        }
    }

    /// Runs a scenario. Returns the violations.
    async fn simulate(&mut self, scenario: &Scenario) -> Vec<String> {
        for step in &scenario.steps {
            let random = &mut Rng::with_seed(step.seed);
            let declared = self.platform.declare(random);
            self.trace.push(format!("declared {declared}"));
            if let Some(seed) = step.outside {
                self.platform.act_outside(&mut Rng::with_seed(seed));
            }
            for fault in &step.faults {
                self.platform.sandbox().fault(fault.clone());
            }
            let concurrent = step.concurrent;
            let concurrent = concurrent
                .and_then(|(at, seed)| Some((at, self.platform.concurrent_action(&mut Rng::with_seed(seed))?)));
            self.run(random.fork(), step.kill, concurrent).await;
            if self.speed() == Speed::Simulated {
                tokio::time::sleep(Duration::from_secs(step.hours * 3_600)).await;
            }
        }
        self.platform.sandbox().clear_faults();
        let random = &mut Rng::with_seed(scenario.seed);
        for _ in 0..S::APPLIES {
            self.run(random.fork(), None, None).await;
        }
        let mut violations = self.violations();
        if self.run(random.fork(), None, None).await != Some(RunOutcome::Unchanged) {
            violations.push("one more apply still finds something to do".to_owned());
        }
        violations
    }

    fn speed(&self) -> Speed {
        match self.address {
            None => Speed::Simulated,
            Some(_) => Speed::Real,
        }
    }

    /// One run of Terraform; `None` if it was killed.
    async fn run(
        &mut self,
        random: Rng,
        kill: Option<Kill>,
        concurrent: Option<(u32, ConcurrentAction)>,
    ) -> Option<RunOutcome> {
        let declared = self.platform.configuration();
        self.trace.push(format!("run, killed {kill:?}"));
        self.platform.before_run(&self.workspace);
        let network = Network::new(self.platform.sandbox(), self.speed(), random, kill, concurrent);
        if let Some(address) = &self.address {
            address.connect(&network);
        }
        let providers = Providers {
            world: self,
            network: &network,
        };
        let ended = tokio::select! {
            () = network.killed.cancelled() => None,
            ended = self.workspace.apply(providers, &declared) => Some(ended),
        };
        // Requests that are still on their way arrive.
        match &self.address {
            None => tokio::time::sleep(Duration::from_secs(300)).await,
            Some(address) => address.settle().await,
        }
        for log in self.logs.take() {
            let log = log.await.unwrap();
            lock(&self.shown).push_str(&String::from_utf8_lossy(&log));
        }

        self.diagnostics = self.workspace.take_diagnostics();
        self.trace.extend(network.trace());
        self.trace.extend(self.diagnostics.iter().map(Diagnostic::to_string));
        self.platform.after_run(&RunReport {
            workspace: &self.workspace,
            was_killed: ended.is_none(),
            diagnostics: &self.diagnostics,
        });
        ended
    }

    /// The violations at the end.
    fn violations(&self) -> Vec<String> {
        let errors = self.diagnostics.iter().filter(|diagnostic| diagnostic.is_error());
        let mut violations: Vec<_> = errors.map(|error| format!("the last run fails: {error}")).collect();
        let (state, declared) = (self.workspace.state(), self.platform.configuration());
        let is_created = |address: &str| state.get(address).is_some_and(|object| !object.is_tainted);
        for address in declared
            .resources
            .keys()
            .filter(|address| !is_created(address.as_str()))
        {
            violations.push(format!("{address} is not in the state, or tainted"));
        }
        for address in state
            .keys()
            .filter(|address| !declared.resources.contains_key(*address))
        {
            violations.push(format!("{address} is in the state, and not declared"));
        }
        let mut shown = lock(&self.shown).clone();
        shown.extend(self.trace.iter().map(String::as_str));
        for value in self.platform.sandbox().issued_values() {
            if shown.contains(value.expose_secret()) {
                violations.push("a value was shown".to_owned());
            }
        }
        violations.extend(self.workspace.violations());
        violations.extend(self.platform.violations(&self.workspace));
        violations
    }
}

/// Runs this number of scenarios, or those that the environment selects.
pub(crate) fn simulate<S: SimulatedPlatform>(speed: Speed, scenarios: u64) {
    let simulation = Scenarios::<S> {
        speed,
        platform: PhantomData,
    };
    let mut batch = Batch::from_environment(0..scenarios);
    if speed == Speed::Real {
        batch.threads *= AT_A_TIME;
    }
    let summary = batch.run(&simulation, |_, _| {});
    println!("{} scenarios in {:.1?}", summary.ran, summary.took);
    summary.assert_no_failures(&simulation);
}

/// The time of day by tokio's timer, from the beginning of 2027 on.
fn clock() -> Clock {
    let (start, epoch) = (Instant::now(), "2027-01-01T00:00:00Z".parse::<Timestamp>().unwrap());
    Clock::new(move || epoch + start.elapsed())
}

/// A text that the state holds; `None` if it is null.
pub(crate) fn text<'a>(object: &'a Object, attribute: &str) -> Option<&'a str> {
    match object.get(attribute) {
        Value::String(text) => Some(text),
        _ => None,
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
