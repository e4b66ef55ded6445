//! One account and the two workspaces that manage it.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use token_providers::framework::testing::RunOutcome;
use token_providers::framework::testing::simulation::Failure;
use token_providers::sandbox::striim::{AuditAction, Role, Sandbox, Seed};
use token_providers::sandbox::{Effect, Fault, When};
use token_providers::token::Clock;
use tokio::runtime::Runtime;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::declared::{Declared, OWN, RELAYS, USERS, accounts_of, address, values_of};
use super::network::{Line, Network};
use super::outputs::Outputs;
use super::promises::Promise;
use super::scenario::{Apply, Cut, Scenario, Step};
use super::terraform::{Run, Spelling, Start, Terraform};
use crate::simulation::speed::Speed;
use crate::simulation::storage::is_in_plain_text;
use crate::simulation::vault::SimulatedVault;

/// The outcome of a scenario.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Report {
    /// The events, one per line.
    pub(crate) trace: Vec<String>,
    /// The number of requests to the platform.
    pub(crate) requests: usize,
    /// The faults that took effect, by request and effect.
    pub(crate) faults: BTreeMap<String, usize>,
    /// The number of bytes of output that were searched for values.
    pub(crate) searched: usize,
    /// The number of values that the platform issued to the providers.
    pub(crate) issued: usize,
    /// The number of versions in Vault that can be read at the end.
    pub(crate) delivered: usize,
    /// The largest number of runs that reached the declared state.
    pub(crate) applies: usize,
    pub(crate) crashes: usize,
    pub(crate) interrupts: usize,
    /// Orphans of killed runs.
    pub(crate) orphans: usize,
    /// The number of runs that rotated the providers' own token and lost the new value.
    pub(crate) locked_out: usize,
}

/// Runs a scenario and checks the promises.
pub(crate) fn run(scenario: &Scenario, speed: Speed) -> Result<Report, Failure> {
    // The random numbers of pauses.
    fastrand::seed(scenario.seed);
    runtime(speed).block_on(simulate(scenario, speed))
}

fn runtime(speed: Speed) -> Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    match speed {
        Speed::Simulated => builder.enable_time().start_paused(true).build(),
        Speed::Real => builder.enable_all().build(),
    }
    .unwrap()
}

async fn simulate(scenario: &Scenario, speed: Speed) -> Result<Report, Failure> {
    let mut world = World::new(scenario, speed);
    let outcome = world.simulate(scenario).await;
    let trace = world.network.trace();
    match outcome {
        Ok(()) => Ok(Report {
            trace,
            ..world.report.into_inner()
        }),
        Err(broken) => Err(Failure {
            kind: broken.downcast_ref().copied().unwrap_or(Promise::Other).to_string(),
            problem: format!("{broken:#}"),
            trace,
        }),
    }
}

pub(super) struct World {
    pub(super) sandbox: Sandbox,
    /// Another account, with service accounts of the same names, and a network of its own.
    elsewhere: (Sandbox, Network),
    /// The platform with its control API.
    pub(super) network: Network,
    pub(super) vault: Rc<SimulatedVault>,
    pub(super) workspaces: [Workspace; 2],
    speed: Speed,
    pub(super) outputs: Rc<Outputs>,
    /// The number of diagnostics that are in the trace.
    traced: Cell<usize>,
    pub(super) report: RefCell<Report>,
    /// The requests of each run, and whether it was killed.
    pub(super) sent: RefCell<Vec<(Line, bool)>>,
    /// Other users' service accounts with the ids of their tokens; no id after `adopt_existing`.
    pub(super) strangers: BTreeMap<String, Option<i64>>,
    /// The providers' credential.
    pub(super) bearer: Rc<RefCell<SecretString>>,
    /// The number of runs when it was set.
    pub(super) signed_in: Cell<usize>,
    /// Every value that was ever in a state, and at which address.
    pub(super) kept: RefCell<BTreeMap<String, String>>,
    /// The values that other clients have removed from Vault, with the names of their tokens. They may remain valid.
    pub(super) removed: RefCell<BTreeMap<String, String>>,
    /// Whether a value of the pair in the state was valid when it was last checked, and only Terraform could have revoked
    /// it since.
    pub(super) pair_works: Cell<bool>,
}

pub(super) struct Workspace {
    pub(super) terraform: Terraform,
    pub(super) declared: Declared,
}

impl World {
    fn new(scenario: &Scenario, speed: Speed) -> Self {
        let (clock, now) = match speed {
            Speed::Simulated => {
                let (start, epoch) = (Instant::now(), "2027-01-01T00:00:00Z".parse::<Timestamp>().unwrap());
                (Clock::new(move || epoch + start.elapsed()), Some(epoch))
            }
            Speed::Real => (Clock::system(), None),
        };
        let seed = Seed {
            clock,
            now,
            random: Some(scenario.seed),
            ..Seed::default()
        };
        let sandbox = Sandbox::seeded(seed.clone(), scenario.platform.clone());
        let elsewhere = Sandbox::seeded(seed, scenario.platform.clone());
        for name in ["build", "deploy"] {
            elsewhere.add_service_account(name, None);
        }
        let random = fastrand::Rng::with_seed(scenario.seed);
        let vault = Rc::new(SimulatedVault::new(sandbox.clock()));
        let network_elsewhere = Network::new(&elsewhere, &vault.server, random, speed == Speed::Simulated);
        let (platform_clock, skew) = (sandbox.clock(), SignedDuration::from_mins(scenario.skew_minutes));
        let machine_clock = Clock::new(move || platform_clock.now() + skew);
        for user in USERS {
            sandbox.add_user(user, Role::Regular);
        }
        sandbox.add_user_token(USERS[0], None).unwrap();
        let random = fastrand::Rng::with_seed(scenario.seed);
        let network = Network::new(&sandbox, &vault.server, random, speed == Speed::Simulated);
        let outputs = Rc::new(Outputs::new());
        let bearer = Rc::new(RefCell::new(sandbox.admin_token()));
        let workspace = || Workspace {
            terraform: Terraform::new(Start {
                speed,
                clock: machine_clock.clone(),
                elsewhere: RefCell::default(),
                spelling: Cell::default(),
                address: RefCell::default(),
                bearer: bearer.clone(),
                vault: vault.clone(),
                outputs: outputs.clone(),
                schema: RefCell::default(),
            }),
            declared: Declared::default(),
        };
        Self {
            workspaces: [workspace(), workspace()],
            bearer,
            vault,
            signed_in: Cell::default(),
            elsewhere: (elsewhere, network_elsewhere),
            sandbox,
            network,
            speed,
            outputs,
            traced: Cell::default(),
            report: RefCell::default(),
            sent: RefCell::default(),
            strangers: BTreeMap::new(),
            kept: RefCell::default(),
            removed: RefCell::default(),
            pair_works: Cell::default(),
        }
    }

    async fn simulate(&mut self, scenario: &Scenario) -> anyhow::Result<()> {
        for step in &scenario.steps {
            self.network.note(|| format!("{step:?}"));
            self.step(step).await?;
        }
        self.note("no more faults");
        self.count_faults(scenario);
        self.sandbox.clear_faults();
        self.vault.repair();
        self.settle().await;
        self.put_in_order(&scenario.platform).await?;
        for workspace in 0..2 {
            self.converge(workspace).await?;
        }
        self.check_account().await?;
        self.check_secrecy().await?;
        self.count_work();
        Ok(())
    }

    async fn step(&mut self, step: &Step) -> anyhow::Result<()> {
        let declared = self.workspaces.iter().flat_map(|workspace| &workspace.declared.places);
        for token in declared.flatten().filter(|token| token.adopt) {
            if let Some(id) = self.strangers.get_mut(token.name) {
                *id = None;
            }
        }
        match step {
            Step::Declare {
                workspace,
                place,
                token,
            } => {
                let mut token = token.clone();
                if let Some(token) = &mut token {
                    token.ends = token.ends.from(self.now());
                }
                self.workspaces[*workspace].declared.declare(*place, token);
            }
            Step::DeclarePair(pair) => self.workspaces[0].declared.pair = pair.clone(),
            Step::DeclarePat { user, pat } => {
                let mut pat = pat.clone();
                if let Some(pat) = &mut pat {
                    pat.ends = pat.ends.from(self.now());
                }
                self.workspaces[0].declared.pats[*user] = pat;
            }
            Step::DeclareToggle { workspace, enabled } => {
                self.workspaces[*workspace].declared.toggle = *enabled;
                let other = &mut self.workspaces[1 - workspace].declared.toggle;
                *other = other.and(enabled.or(*other));
            }
            Step::Fault(fault) => self.sandbox.fault(fault.clone()),
            Step::Vault(event) => {
                // It may remove a value of the pair.
                self.pair_works.set(false);
                let values = || {
                    self.vault
                        .values("name")
                        .into_iter()
                        .map(|(_, name, value)| (value, name))
                };
                let mut removed: BTreeMap<_, _> = values().collect();
                event.happen(&self.vault);
                for (value, _) in values() {
                    removed.remove(&value);
                }
                self.removed.borrow_mut().extend(removed);
            }
            Step::Apply(apply) => {
                self.apply(apply, true).await?;
            }
            Step::ApplyBoth([one, other]) => {
                tokio::try_join!(self.apply(one, false), self.apply(other, false))?;
            }
            Step::ApplyElsewhere(workspace) => self.apply_elsewhere(*workspace).await?,
            Step::CreateOutside(name) => {
                // A request in flight addresses by name the account that existed when it was sent.
                let is_free = self.token_id(name).is_none() && !self.known().contains(*name);
                if is_free && self.network.is_idle() {
                    self.sandbox.add_service_account(name, None);
                    self.strangers.insert((*name).to_owned(), self.token_id(name));
                }
            }
            Step::RotateOutside(name) => {
                self.spare_pair(name);
                let before = self.token_id(name);
                if self.is_of_use(name) {
                    let _ = self.sandbox.rotate_outside(name);
                }
                if before.is_some() && self.strangers.get(*name) == Some(&before) {
                    self.strangers.insert((*name).to_owned(), self.token_id(name));
                }
            }
            Step::DeleteOutside(name) => {
                self.spare_pair(name);
                let _ = self.sandbox.delete_outside(name);
                self.strangers.remove(*name);
            }
            Step::RotatePatOutside(user) => {
                let _ = self.sandbox.rotate_user_token_outside(USERS[*user]);
            }
            Step::RevokePatOutside(user) => {
                let _ = self.sandbox.revoke_user_token_outside(USERS[*user]);
            }
            Step::ToggleOutside => self.toggle_outside(),
            Step::Pass { minutes } => match self.speed {
                Speed::Simulated => {
                    self.pair_works.set(false);
                    self.sandbox.advance(SignedDuration::from_mins(*minutes));
                }
                // The provider's process has the machine's clock.
                Speed::Real => {}
            },
            Step::Settle => self.settle().await,
        }
        Ok(())
    }

    /// Runs `terraform apply`; `None` if it was killed. A successful run that is `alone` leaves valid values.
    pub(super) async fn apply(&self, apply: &Apply, alone: bool) -> anyhow::Result<Option<RunOutcome>> {
        let Apply {
            workspace,
            parallelism,
            spelling,
            replace,
            waits_minutes,
            end,
        } = apply;
        self.sign_in()?;
        self.check_pair()?;
        let line = self.network.line(*workspace, end.map(|(_, moment)| moment));
        let reached = |wanted| match end {
            Some((cut, _)) if *cut == wanted => line.reached(),
            _ => CancellationToken::new(),
        };
        let (crash, interrupt) = (reached(Cut::Crash), reached(Cut::Interrupt));
        let is_undisturbed = alone && self.network.is_idle() && !self.is_torn(*workspace);
        let Workspace { terraform, declared } = &self.workspaces[*workspace];
        let configuration = declared.configuration();
        let replace = replace.map(address);
        let run = Run {
            line: &line,
            parallelism: *parallelism,
            interrupt: &interrupt,
            replace: replace.as_deref(),
            between: &|| {
                if *waits_minutes > 0 {
                    self.pair_works.set(false);
                    self.sandbox.advance(SignedDuration::from_mins(*waits_minutes));
                }
            },
        };
        self.look_at_pair();
        let shown = self.outputs.diagnostics().len();
        terraform.start.spelling.set(*spelling);
        let ended = tokio::select! {
            biased;
            () = crash.cancelled() => None,
            ended = terraform.apply(run, &configuration) => Some(ended),
        };
        self.trace_diagnostics();
        let ended = ended.transpose()?;
        self.sent.borrow_mut().push((line.clone(), ended.is_none()));
        self.note(&format!("workspace {workspace}: {ended:?}"));
        self.report.borrow_mut().interrupts += usize::from(interrupt.is_cancelled());
        self.vault.server.unseal();
        let issued = self.sandbox.issued_values();
        for (address, object) in terraform.state() {
            let values = values_of(&self.vault.server, &address, &object).map(|value| (value, address.clone()));
            self.kept.borrow_mut().extend(values);
            Promise::NoLeak.require(!is_in_plain_text(&object, &issued), || {
                format!("a value is in plain text in the state of {address}")
            })?;
        }
        self.check_pair()?;
        match ended {
            None => self.report.borrow_mut().crashes += 1,
            Some(RunOutcome::Failed) => {}
            Some(RunOutcome::Applied | RunOutcome::Unchanged) => {
                let is_unchecked = |shown: &String| shown.contains("could not be refreshed from Vault");
                let is_complete = !self.outputs.diagnostics()[shown..].iter().any(is_unchecked);
                if is_complete && is_undisturbed && self.network.is_idle() && !line.is_overtaken() {
                    self.check_values(*workspace).await?;
                }
            }
        }
        Ok(ended)
    }

    /// Runs `terraform apply` with a provider that works with another account: it fails, and changes nothing there or in the
    /// state.
    async fn apply_elsewhere(&self, workspace: usize) -> anyhow::Result<()> {
        let Workspace { terraform, declared } = &self.workspaces[workspace];
        let before = terraform.state();
        if before.is_empty() {
            // An object created there would be an orphan.
            return Ok(());
        }
        let (elsewhere, network) = &self.elsewhere;
        let account = ("other", elsewhere.admin_token());
        terraform.start.elsewhere.replace(Some(account));
        let audit = elsewhere.audit().len();
        let line = network.line(workspace, None);
        let run = Run {
            line: &line,
            parallelism: 10,
            interrupt: &CancellationToken::new(),
            replace: None,
            between: &|| {},
        };
        let ended = terraform.apply(run, &declared.configuration()).await;
        terraform.start.elsewhere.replace(None);
        self.trace_diagnostics();
        let ended = ended?;
        self.note(&format!("workspace {workspace} elsewhere: {ended:?}"));
        Promise::NoTokenLost.require(ended == RunOutcome::Failed && terraform.state() == before, || {
            "a run with another account changed the state".to_owned()
        })?;
        Promise::NoTokenLost.require(elsewhere.audit().len() == audit, || {
            "a run with another account changed something there".to_owned()
        })
    }

    /// Waits until no request can still take effect.
    async fn settle(&self) {
        // Longer than any delay; requests that hang never take effect.
        let time = match self.speed {
            Speed::Simulated => Duration::from_secs(60),
            // What a killed process wrote last may still be read.
            Speed::Real => Duration::from_millis(200),
        };
        tokio::time::sleep(time).await;
        for _ in 0..100 {
            if self.network.is_idle() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Asserts that at most two runs reach the declared state and a further one changes nothing.
    async fn converge(&self, workspace: usize) -> anyhow::Result<()> {
        for applies in 1..=2 {
            let torn = self.is_torn(workspace);
            let ended = self.apply(&plain(workspace), true).await?;
            if ended != Some(RunOutcome::Failed) && !torn {
                let again = self.apply(&plain(workspace), true).await?;
                Promise::Other.require(again == Some(RunOutcome::Unchanged), || {
                    "a run just after a successful one changes something".to_owned()
                })?;
                let mut report = self.report.borrow_mut();
                report.applies = report.applies.max(applies);
                return Ok(());
            }
        }
        Promise::NoTokenLost.require(false, || {
            let shown = self.outputs.diagnostics();
            let last = shown.last().map_or("", String::as_str);
            format!("two runs without any fault did not do: {last}")
        })
    }

    /// Whether a name is at two addresses: it moved, and the run was killed after the platform had deleted one account and
    /// created the other, but before the state was written. The next run deletes by name, and the one after that recreates.
    pub(super) fn is_torn(&self, workspace: usize) -> bool {
        let state = self.workspaces[workspace].terraform.state();
        let names: Vec<_> = state
            .iter()
            .flat_map(|(address, object)| accounts_of(address, object))
            .collect();
        names.iter().collect::<BTreeSet<_>>().len() < names.len()
    }

    /// The names of service accounts in the states.
    pub(super) fn known(&self) -> BTreeSet<String> {
        let states = self.workspaces.iter().flat_map(|workspace| workspace.terraform.state());
        states
            .flat_map(|(address, object)| accounts_of(&address, &object))
            .collect()
    }

    /// Whether a service account is in use: it has not expired, or a state has it.
    fn is_of_use(&self, name: &str) -> bool {
        let accounts = self.sandbox.service_accounts();
        let mut of_name = accounts.iter().filter(|account| account.name == name);
        of_name.any(|account| account.token.is_live(self.now())) || self.known().contains(name)
    }

    pub(super) fn token_id(&self, name: &str) -> Option<i64> {
        let accounts = self.sandbox.service_accounts();
        let account = accounts.into_iter().find(|account| account.name == name);
        account.map(|account| account.token.id)
    }

    pub(super) fn toggle_outside(&self) {
        let _ = self.sandbox.toggle_pats_outside();
    }

    pub(super) fn now(&self) -> Timestamp {
        self.sandbox.clock().now()
    }

    pub(super) fn note(&self, line: &str) {
        self.network.note(|| line.to_owned());
    }

    /// Another user revokes a value of this service account.
    fn spare_pair(&self, name: &str) {
        if RELAYS.contains(&name) {
            self.pair_works.set(false);
        }
    }

    fn trace_diagnostics(&self) {
        for workspace in &self.workspaces {
            workspace.terraform.show_diagnostics();
        }
        let shown = self.outputs.diagnostics();
        for shown in &shown[self.traced.get()..] {
            self.network.note(|| shown.replace('\n', " "));
        }
        self.traced.set(shown.len());
    }

    /// Counts the faults that took effect: those added minus those pending.
    fn count_faults(&self, scenario: &Scenario) {
        let to_come = self.sandbox.pending_faults();
        let added = scenario.steps.iter().filter_map(|step| match step {
            Step::Fault(fault) => Some(fault),
            _ => None,
        });
        let mut report = self.report.borrow_mut();
        for fault in added {
            *report.faults.entry(kind(fault)).or_default() += fault.times as usize;
        }
        for fault in &to_come {
            *report.faults.entry(kind(fault)).or_default() -= fault.times as usize;
        }
        report.faults.retain(|_, times| *times > 0);
    }

    fn count_work(&self) {
        use AuditAction::{CreatePat, CreateServiceAccount, RotatePat, RotateServiceAccount};
        let issues = [CreatePat, CreateServiceAccount, RotatePat, RotateServiceAccount];
        let audit = self.sandbox.audit();
        let issued = audit
            .iter()
            .filter(|entry| entry.actor == OWN && issues.contains(&entry.action));
        let mut report = self.report.borrow_mut();
        report.issued = issued.count();
        report.requests = self.network.requests();
        report.delivered = self.vault.values("name").len();
    }
}

/// The request and the effect of a fault.
fn kind(fault: &Fault) -> String {
    let effect = match &fault.effect {
        Effect::Answer(answer) if answer.body.is_empty() => answer.status.to_string(),
        Effect::Answer(answer) => format!("{} with a body", answer.status),
        Effect::Cut => "cut".to_owned(),
        Effect::Truncate => "truncated".to_owned(),
        Effect::Hang => "hangs".to_owned(),
        Effect::Delay(_) => "late".to_owned(),
    };
    let when = match fault.when {
        When::Before => "before",
        When::After => "after",
    };
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    format!("{} {}: {effect}, {when}", text(&fault.method), text(&fault.path))
}

/// A run without interrupt and kill.
pub(super) fn plain(workspace: usize) -> Apply {
    Apply {
        workspace,
        parallelism: 10,
        spelling: Spelling::default(),
        replace: None,
        waits_minutes: 0,
        end: None,
    }
}
