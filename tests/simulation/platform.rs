//! The simulation of a platform at both speeds: the configuration changes, answers are lost, runs are killed, time passes, and
//! other clients act concurrently. After each scenario, without faults, two applies must reach the declared state, and a third
//! one must change nothing.
//!
//! Then, on every platform, the state has exactly the declared resources, none is tainted, no value was shown or sent to anyone
//! except as a credential or to Vault, no state has a value in plain text that is stored elsewhere, and Terraform's rules for
//! providers were kept. A [`SimulatedPlatform`] adds its own promises.
//!
//! If values are delivered to Vault, its answers are lost, too, it is sealed, and other clients change its secrets.
//!
//! At real speed no time passes between runs, as the provider's process has the machine's clock, and no answer is late.

mod network;

use std::cell::{OnceCell, RefCell};
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use jiff::Timestamp;
use network::{Addresses, Kill, Network};
use secrecy::ExposeSecret;
use token_providers::framework::testing::simulation::{Batch, Failure, Simulation};
use token_providers::framework::testing::{
    Configuration, Connection, Diagnostic, Object, PluginProgram, ProviderSchema, RunOutcome, Start, StartError,
    Workspace,
};
use token_providers::framework::{self, Provider, Value};
use token_providers::platform::Runtime;
use token_providers::sandbox::{Fault, Platform, Sandbox, When, lost_answers};
use token_providers::token::Clock;
use tokio::io::AsyncReadExt as _;
use tokio::process::ChildStderr;
use tokio::task::JoinHandle;
use tokio::time::Instant;

pub(crate) use network::ConcurrentAction;

use super::speed::{AT_A_TIME, Speed};
use super::storage::{is_in_plain_text, undelivered};
use super::vault::{self, Server, SimulatedVault, VaultEvent};

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

    /// The Vault to which values are delivered, if a resource can do so.
    fn vault(&self) -> Option<&SimulatedVault> {
        None
    }

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
    /// What happens to Vault before the run.
    vault: Vec<VaultEvent>,
    kills: Vec<Kill>,
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
        // What happens to Vault leaves the rest of a seed's scenario as it is.
        let vault = &mut Rng::with_seed(!seed);
        let steps = (0..random.u32(2..8)).map(|_| Step {
            seed: random.u64(..),
            outside: Some(random.u64(..)),
            faults: (0..random.u32(..3)).map(|_| self.draw_fault(random)).collect(),
            vault: VaultEvent::draw(vault, self.speed),
            kills: [
                (random.u8(..3) == 0).then(|| draw_kill(random, Server::Platform)),
                (vault.u8(..6) == 0).then(|| draw_kill(vault, Server::Vault)),
            ]
            .into_iter()
            .flatten()
            .collect(),
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
            let events = 0..step.vault.len();
            simpler.extend(events.map(|event| with(index, &|step| drop(step.vault.remove(event)))));
            let kills = 0..step.kills.len();
            simpler.extend(kills.map(|kill| {
                with(index, &|step| {
                    step.kills.remove(kill);
                })
            }));
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

fn draw_kill(random: &mut Rng, server: Server) -> Kill {
    Kill {
        server,
        request: random.u32(1..12),
        when: if random.bool() { When::Before } else { When::After },
    }
}

/// A platform, and the workspace that manages it.
struct World<S: SimulatedPlatform> {
    platform: S,
    workspace: Workspace,
    /// The addresses of the platform and of Vault, at real speed.
    addresses: Option<Addresses<S::Platform>>,
    /// Set by the first start of a provider.
    schema: OnceCell<Arc<ProviderSchema>>,
    /// The standard error of processes.
    logs: RefCell<Vec<JoinHandle<Vec<u8>>>>,
    /// The diagnostics of the last run.
    diagnostics: Vec<Diagnostic>,
    /// The promises that did not hold after a run.
    broken: Vec<String>,
    /// Whether the faults are over.
    is_over: bool,
    trace: Vec<String>,
    /// The visible contents of plans, states, diagnostics and logs, and the requests without their credentials.
    shown: Arc<Mutex<String>>,
}

/// Starts the providers of one run, in this process or as their own.
struct Providers<'a, S: SimulatedPlatform> {
    world: &'a World<S>,
    network: &'a Network<S::Platform>,
}

impl<S: SimulatedPlatform> Start for Providers<'_, S> {
    async fn start(&self) -> Result<Connection, StartError> {
        let connection = match &self.world.addresses {
            None => self.in_process(),
            Some(addresses) => self.process(addresses).await?,
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
        let (variables, network) = (self.world.variables(&base_url, vault::ADDRESS), self.network.clone());
        let provider = S::provider(Runtime {
            clock: platform.sandbox().clock(),
            environment: Box::new(move |name| {
                let variable = variables.iter().find(|(variable, _)| *variable == name);
                variable.map(|(_, value)| value.clone())
            }),
            transport: Box::new(move |to| network.transport(to)),
        });
        Connection::new(framework::Server::new(provider).into_service())
    }

    async fn process(&self, addresses: &Addresses<S::Platform>) -> Result<Connection, StartError> {
        // Without TLS, which other tests cover and which would take most of the time.
        let program = PluginProgram::new(S::PROGRAM).without_tls().with("TF_LOG", "TRACE");
        let variables = self.world.variables(&addresses.base_url, &addresses.vault);
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
        let (clock, addresses) = match speed {
            Speed::Simulated => (clock(), None),
            Speed::Real => (Clock::system(), Some(Addresses::new().await)),
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
            addresses,
            schema: OnceCell::new(),
            logs: RefCell::default(),
            shown,
            platform,
            diagnostics: Vec::new(),
            broken: Vec::new(),
            is_over: false,
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
            for event in &step.vault {
                if let Some(vault) = self.platform.vault() {
                    event.happen(vault);
                    self.trace.push(format!("{event:?}"));
                }
            }
            let concurrent = step.concurrent;
            let concurrent = concurrent
                .and_then(|(at, seed)| Some((at, self.platform.concurrent_action(&mut Rng::with_seed(seed))?)));
            self.run(random.fork(), step.kills.clone(), concurrent).await;
            if let Some(vault) = self.platform.vault() {
                vault.server.unseal();
            }
            if self.speed() == Speed::Simulated {
                tokio::time::sleep(Duration::from_secs(step.hours * 3_600)).await;
            }
        }
        self.platform.sandbox().clear_faults();
        if let Some(vault) = self.platform.vault() {
            vault.repair();
        }
        self.is_over = true;
        let random = &mut Rng::with_seed(scenario.seed);
        for _ in 0..S::APPLIES {
            self.run(random.fork(), Vec::new(), None).await;
        }
        let mut violations = self.violations();
        if self.run(random.fork(), Vec::new(), None).await != Some(RunOutcome::Unchanged) {
            violations.push("one more apply still finds something to do".to_owned());
        }
        violations
    }

    fn speed(&self) -> Speed {
        match self.addresses {
            None => Speed::Simulated,
            Some(_) => Speed::Real,
        }
    }

    /// The environment variables of the provider, with the addresses of the platform and of Vault.
    fn variables(&self, base_url: &str, vault: &str) -> Vec<(&'static str, String)> {
        let mut variables = self.platform.variables(base_url);
        let to_vault = self.platform.vault().map(|simulated| simulated.variables(vault));
        variables.extend(to_vault.into_iter().flatten());
        variables
    }

    /// One run of Terraform; `None` if it was killed.
    async fn run(
        &mut self,
        random: Rng,
        kills: Vec<Kill>,
        concurrent: Option<(u32, ConcurrentAction)>,
    ) -> Option<RunOutcome> {
        let declared = self.platform.configuration();
        self.trace.push(format!("run, killed {kills:?}"));
        self.platform.before_run(&self.workspace);
        let vault = self.platform.vault().map(|vault| &vault.server);
        let network = Network::new(self.platform.sandbox(), vault, self.speed(), random, kills, concurrent);
        let network = if self.is_over {
            network.without_late_requests()
        } else {
            network
        };
        if let Some(addresses) = &self.addresses {
            addresses.connect(&network);
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
        match &self.addresses {
            None => tokio::time::sleep(Duration::from_secs(300)).await,
            Some(addresses) => addresses.settle().await,
        }
        for log in self.logs.take() {
            let log = log.await.unwrap();
            lock(&self.shown).push_str(&String::from_utf8_lossy(&log));
        }

        self.diagnostics = self.workspace.take_diagnostics();
        self.trace.extend(network.trace());
        lock(&self.shown).push_str(&network.contents());
        self.trace.extend(self.diagnostics.iter().map(Diagnostic::to_string));
        self.platform.after_run(&RunReport {
            workspace: &self.workspace,
            was_killed: ended.is_none(),
            diagnostics: &self.diagnostics,
        });
        self.check_storage(ended);
        ended
    }

    /// No state has a value in plain text that is stored elsewhere. After a successful run, Vault has each value that the
    /// state says is there.
    fn check_storage(&mut self, ended: Option<RunOutcome>) {
        let values = self.platform.sandbox().issued_values();
        let unchecked = |shown: &Diagnostic| shown.summary.contains("could not be refreshed from Vault");
        let is_complete = ended.is_some_and(|outcome| outcome != RunOutcome::Failed);
        let vault = self.platform.vault().filter(|_| is_complete);
        let vault = vault.filter(|_| !self.diagnostics.iter().any(unchecked));
        for (address, object) in self.workspace.state() {
            if is_in_plain_text(&object, &values) {
                self.broken
                    .push(format!("a value is in plain text in the state of {address}"));
            }
            let problem = vault.and_then(|vault| undelivered(&vault.server, object.get("vault"), object.value()));
            self.broken
                .extend(problem.map(|problem| format!("{problem}: {address}")));
        }
    }

    /// The violations at the end.
    fn violations(&self) -> Vec<String> {
        let errors = self.diagnostics.iter().filter(|diagnostic| diagnostic.is_error());
        let errors = errors.map(|error| format!("the last run fails: {error}"));
        let mut violations: Vec<_> = self.broken.iter().cloned().chain(errors).collect();
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
        let of_vault = self.platform.vault().map(|vault| vault.server.issued_values());
        let values = self.platform.sandbox().issued_values().into_iter();
        for value in values.chain(of_vault.into_iter().flatten()) {
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
