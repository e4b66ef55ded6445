//! One account, two workspaces that manage it, and what must hold whatever happens to them.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, ensure};
use http::{Method, Request};
use http_body_util::BodyExt as _;
use jiff::{SignedDuration, Timestamp};
use rmpv::Value;
use token_providers::sandbox::{AuditAction, Effect, Fault, Sandbox, Seed, When};
use token_providers::token::Clock;
use tokio::runtime::Runtime;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::history::{Apply, Cut, Ends, History, STRANGE, Step, Token};
use super::network::{Line, Network};
use super::outputs::Outputs;
use super::provider::{Attributes, Speed, Start};
use super::terraform::{Configuration, Ended, Object, Run, Terraform};

const TOKEN: &str = "striim_service_account_token";
const TOGGLE: &str = "striim_pat_status.this";

/// The service account that the providers work with.
const OWN: &str = "terraform";

/// What a history came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Report {
    /// What happened, a line each.
    pub(crate) trace: Vec<String>,
    /// How many requests the platform was sent.
    pub(crate) requests: usize,
    /// The faults that struck, by what they struck and how.
    pub(crate) faults: BTreeMap<String, usize>,
    /// How many bytes of output were searched for values.
    pub(crate) searched: usize,
    /// How many values the platform made for the providers.
    pub(crate) issued: usize,
    /// How many runs the longest way back to what is declared took.
    pub(crate) applies: usize,
    pub(crate) crashes: usize,
    pub(crate) interrupts: usize,
    /// Service accounts that a killed run left behind and no state can know of.
    pub(crate) left_behind: usize,
}

/// What is promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub(crate) enum Promise {
    /// Every declared token is there, and its value in the state works.
    #[error("a token was lost")]
    Kept,
    /// Nothing undeclared that was made is left.
    #[error("a token was left over")]
    Clean,
    /// No value is in any output.
    #[error("a value leaked")]
    Secret,
    /// Whatever else Terraform and its users rely on.
    #[error("a promise was broken")]
    Other,
}

impl Promise {
    fn held(self, held: bool, why: impl FnOnce() -> String) -> anyhow::Result<()> {
        if held {
            Ok(())
        } else {
            Err(anyhow!(why()).context(self))
        }
    }
}

/// A history that broke a promise.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) promise: Promise,
    pub(crate) why: String,
    pub(crate) trace: Vec<String>,
}

impl Broken {
    /// All that is needed to see why.
    pub(crate) fn told(&self, history: &History) -> String {
        format!("{}\n{history:#?}\n{}", self.why, self.trace.join("\n"))
    }
}

/// Runs a history, and holds the promises against what came of it.
pub(crate) fn run(history: &History, speed: Speed) -> Result<Report, Broken> {
    // What pauses are drawn from.
    fastrand::seed(history.seed);
    runtime(speed).block_on(live(history, speed))
}

pub(crate) fn runtime(speed: Speed) -> Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    match speed {
        Speed::Simulated => builder.enable_time().start_paused(true).build(),
        Speed::Real => builder.enable_all().build(),
    }
    .unwrap()
}

pub(crate) async fn live(history: &History, speed: Speed) -> Result<Report, Broken> {
    let mut world = World::new(history, speed);
    let outcome = world.live(history).await;
    let trace = world.network.trace();
    match outcome {
        Ok(()) => Ok(Report {
            trace,
            ..world.report.into_inner()
        }),
        Err(broken) => Err(Broken {
            promise: broken.downcast_ref().copied().unwrap_or(Promise::Other),
            why: format!("{broken:#}"),
            trace,
        }),
    }
}

struct World {
    sandbox: Sandbox,
    network: Network,
    workspaces: [Workspace; 2],
    toggle: Option<bool>,
    speed: Speed,
    outputs: Rc<Outputs>,
    /// How much of it is in the trace.
    traced: Cell<usize>,
    report: RefCell<Report>,
    /// What was sent, run by run, and whether the run was killed.
    sent: RefCell<Vec<(Line, bool)>>,
    /// Service accounts of other people, with the ids of their tokens; none where `adopt_existing` was said of it.
    strangers: BTreeMap<String, Option<i64>>,
}

struct Workspace {
    terraform: Terraform,
    places: [Option<Declared>; 3],
}

#[derive(Clone)]
struct Declared {
    token: Token,
    expires_at: Option<Timestamp>,
}

impl World {
    fn new(history: &History, speed: Speed) -> Self {
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
            random: Some(history.seed),
            ..Seed::default()
        };
        let sandbox = Sandbox::seeded(seed, history.platform.clone());
        let random = fastrand::Rng::with_seed(history.seed);
        let network = Network::new(&sandbox, random, speed == Speed::Simulated);
        let outputs = Rc::new(Outputs::new());
        let workspace = || Workspace {
            terraform: Terraform::new(Start {
                speed,
                clock: sandbox.clock(),
                bearer: sandbox.admin_token(),
                outputs: outputs.clone(),
                schemas: RefCell::default(),
            }),
            places: [const { None }; 3],
        };
        Self {
            workspaces: [workspace(), workspace()],
            sandbox,
            network,
            toggle: None,
            speed,
            outputs,
            traced: Cell::default(),
            report: RefCell::default(),
            sent: RefCell::default(),
            strangers: BTreeMap::new(),
        }
    }

    async fn live(&mut self, history: &History) -> anyhow::Result<()> {
        for step in &history.steps {
            self.network.note(|| format!("{step:?}"));
            self.step(step).await?;
        }
        self.note("no more faults");
        self.count_faults(history).await?;
        self.console(Method::DELETE, "/sandbox/faults").await;
        self.settle().await;
        self.mend();
        self.clear_up().await?;
        for workspace in 0..2 {
            self.converge(workspace).await?;
        }
        self.check_account().await?;
        self.check_secrecy().await?;
        self.count_work();
        Ok(())
    }

    /// Counts the faults that struck: those that were added, less those that are still to come.
    async fn count_faults(&self, history: &History) -> anyhow::Result<()> {
        let to_come: Vec<Fault> = serde_json::from_value(self.console(Method::GET, "/sandbox/faults").await)?;
        let added = history.steps.iter().filter_map(|step| match step {
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
        Ok(())
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
    }

    async fn step(&mut self, step: &Step) -> anyhow::Result<()> {
        for declared in self.workspaces.iter().flat_map(|workspace| &workspace.places).flatten() {
            if let (true, Some(id)) = (declared.token.adopt, self.strangers.get_mut(declared.token.name)) {
                *id = None;
            }
        }
        match step {
            Step::Declare {
                workspace,
                place,
                token,
            } => {
                let now = self.now();
                let name = token.as_ref().map(|token| token.name);
                for other in &mut self.workspaces[*workspace].places {
                    other.take_if(|other| Some(other.token.name) == name);
                }
                self.workspaces[*workspace].places[*place] = token.clone().map(|token| Declared {
                    expires_at: match token.ends {
                        Ends::InDays(days) => Some(now + SignedDuration::from_hours(24 * days)),
                        _ => None,
                    },
                    token,
                });
            }
            Step::DeclareToggle(enabled) => self.toggle = *enabled,
            Step::Fault(fault) => self.sandbox.fault(fault.clone()),
            Step::Apply(apply) => {
                self.apply(apply, true).await?;
            }
            Step::ApplyBoth([one, other]) => {
                tokio::try_join!(self.apply(one, false), self.apply(other, false))?;
            }
            Step::CreateOutside(name) => {
                if self.token_id(name).is_none() && !self.known().contains(*name) {
                    self.sandbox.add_service_account(name, None);
                    self.strangers.insert((*name).to_owned(), self.token_id(name));
                }
            }
            Step::RotateOutside(name) => {
                let before = self.token_id(name);
                let _ = self.sandbox.rotate_outside(name);
                if before.is_some() && self.strangers.get(*name) == Some(&before) {
                    self.strangers.insert((*name).to_owned(), self.token_id(name));
                }
            }
            Step::DeleteOutside(name) => {
                let _ = self.sandbox.delete_outside(name);
                self.strangers.remove(*name);
            }
            Step::ToggleOutside => {
                self.console(Method::PATCH, "/sandbox/console/user-token/status").await;
            }
            Step::Pass { minutes } => match self.speed {
                Speed::Simulated => self.sandbox.advance(SignedDuration::from_mins(*minutes)),
                // The provider's process has the machine's clock.
                Speed::Real => {}
            },
            Step::Settle => self.settle().await,
        }
        Ok(())
    }

    /// Runs `terraform apply`; `None` if it was killed. A run that is `alone` and succeeds leaves values that work.
    async fn apply(&self, apply: &Apply, alone: bool) -> anyhow::Result<Option<Ended>> {
        let Apply {
            workspace,
            parallelism,
            end,
        } = apply;
        let line = self.network.line(*workspace, end.map(|(_, moment)| moment));
        let reached = |wanted| match end {
            Some((cut, _)) if *cut == wanted => line.reached(),
            _ => CancellationToken::new(),
        };
        let (crash, interrupt) = (reached(Cut::Crash), reached(Cut::Interrupt));
        let nobody_interferes = alone && self.network.is_idle() && !self.is_torn(*workspace);
        let terraform = &self.workspaces[*workspace].terraform;
        let configuration = self.configuration(*workspace);
        let run = Run {
            line: &line,
            parallelism: *parallelism,
            interrupt: &interrupt,
        };
        let ended = tokio::select! {
            biased;
            () = crash.cancelled() => None,
            ended = terraform.apply(run, &configuration) => Some(ended),
        };
        self.trace_told();
        let ended = ended.transpose()?;
        self.sent.borrow_mut().push((line.clone(), ended.is_none()));
        self.note(&format!("workspace {workspace}: {ended:?}"));
        self.report.borrow_mut().interrupts += usize::from(interrupt.is_cancelled());
        match ended {
            None => {
                self.report.borrow_mut().crashes += 1;
            }
            Some(Ended::Applied | Ended::Unchanged) if nobody_interferes && self.network.is_idle() => {
                self.check_values(*workspace)?
            }
            Some(_) => {}
        }
        Ok(ended)
    }

    fn configuration(&self, workspace: usize) -> Configuration {
        let places = self.workspaces[workspace].places.iter().enumerate();
        let tokens = places.filter_map(|(place, declared)| Some((address(place), declared.as_ref()?.attributes())));
        let mut configuration: Configuration = tokens.collect();
        if let (0, Some(enabled)) = (workspace, self.toggle) {
            let attributes = Attributes::from([("enabled".to_owned(), enabled.into())]);
            configuration.insert(TOGGLE.to_owned(), attributes);
        }
        configuration
    }

    /// Waits until nothing that was sent can still be acted on.
    async fn settle(&self) {
        // Longer than any delay; what hangs will not be acted on.
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

    /// The user moves the fixed ends that have passed.
    fn mend(&mut self) {
        let now = self.now();
        for declared in self
            .workspaces
            .iter_mut()
            .flat_map(|workspace| &mut workspace.places)
            .flatten()
        {
            if let Some(expires_at) = &mut declared.expires_at
                && *expires_at < now + SignedDuration::from_hours(1)
            {
                *expires_at = now + SignedDuration::from_hours(24 * 100);
            }
        }
    }

    /// The names in the states.
    fn known(&self) -> BTreeSet<String> {
        let states = self.workspaces.iter().map(|workspace| workspace.terraform.state());
        states
            .flat_map(|state| state.values().filter_map(name_of).collect::<Vec<_>>())
            .collect()
    }

    /// Deals with what no state knows of: other people's service accounts, and those of a run that was killed between
    /// a creation and the saving of the state, or whose creation took place when nobody waited for it any more. The
    /// next run says that they are there and touches nothing; then a person settles it.
    async fn clear_up(&mut self) -> anyhow::Result<()> {
        let known = self.known();
        let audit = self.sandbox.audit();
        for (name, id) in self.strangers.iter().filter(|(name, _)| !known.contains(*name)) {
            // One that has expired may be gone by itself.
            let touched = audit.iter().any(|entry| entry.actor == OWN && entry.token_id == *id);
            let replaced = self.token_id(name).is_some_and(|now| Some(now) != *id);
            ensure!(
                id.is_none() || !(touched || replaced),
                "somebody else's {name:?} was touched"
            );
        }
        for account in self.sandbox.service_accounts() {
            let name = account.name;
            if known.contains(&name) || name == OWN {
                continue;
            }
            if !self.strangers.contains_key(&name) {
                Promise::Clean.held(self.may_be_left_behind(&name), || {
                    format!("{name:?} was made and forgotten")
                })?;
                self.report.borrow_mut().left_behind += 1;
            }
            match self.place_of(&name) {
                Some((workspace, place)) if account.token.is_live(self.now()) => {
                    self.take_over(workspace, place, &name, account.description.as_deref())
                        .await?;
                }
                _ => self
                    .sandbox
                    .delete_outside(&name)
                    .map_err(|refusal| anyhow::anyhow!("{refusal}"))?,
            }
        }
        Ok(())
    }

    /// Whether the run that made a service account was killed, or had given up before the platform acted.
    fn may_be_left_behind(&self, name: &str) -> bool {
        let audit = self.sandbox.audit();
        let made = audit
            .iter()
            .rfind(|entry| entry.action == AuditAction::CreateServiceAccount && entry.target == name);
        let Some(made) = made.map(|entry| entry.at) else {
            return false;
        };
        self.sent.borrow().iter().any(|(line, killed)| {
            let creations = line.creations();
            let mut of_it = creations.iter().filter(|creation| creation.name == name);
            of_it.any(|creation| *killed || creation.given_up.get().is_some_and(|given_up| *given_up < made))
        })
    }

    /// Where a name is declared.
    fn place_of(&self, name: &str) -> Option<(usize, usize)> {
        let mut all = (0..2).flat_map(|workspace| (0..3).map(move |place| (workspace, place)));
        all.find(|&(workspace, place)| {
            let declared = &self.workspaces[workspace].places[place];
            declared.as_ref().is_some_and(|declared| declared.token.name == name)
        })
    }

    async fn take_over(
        &mut self,
        workspace: usize,
        place: usize,
        name: &str,
        description: Option<&str>,
    ) -> anyhow::Result<()> {
        let told = self.outputs.told().len();
        let before = self.token_id(name);
        let places = &mut self.workspaces[workspace].places;
        let declared = places[place].as_mut().context("it is declared")?;
        // Adoption takes it as it is, description included.
        let adoptable = declared.token.description == description;
        if adoptable && declared.token.adopt {
            return Ok(());
        }
        declared.token.adopt = false;
        let address = address(place);
        let ended = self.apply(&plain(workspace), false).await?;
        ensure!(ended == Some(Ended::Failed), "{name:?} was taken without a word");
        ensure!(
            self.token_id(name) == before,
            "{name:?} was touched without being asked"
        );
        let explained = self.outputs.told()[told..].iter().any(|told| {
            told.starts_with("error") && told.contains(&format!("{name:?} exists")) && told.contains("adopt_existing")
        });
        ensure!(explained, "nothing explains that {name:?} is there already");

        let declared = self.workspaces[workspace].places[place]
            .as_mut()
            .context("it is declared")?;
        if before.is_some_and(|id| id % 2 == 0) && adoptable {
            declared.token.adopt = true;
            return Ok(());
        }
        // What is said first of an imported token describes it; what is changed then rotates it.
        declared.token.trigger = Some(100);
        let line = self.network.line(workspace, None);
        let terraform = &self.workspaces[workspace].terraform;
        let imported = terraform.import(&line, &address, name).await?;
        ensure!(imported, "{name:?} cannot be imported");
        self.apply(&plain(workspace), false).await?;
        let places = &mut self.workspaces[workspace].places;
        places[place].as_mut().context("it is declared")?.token.trigger = Some(101);
        Ok(())
    }

    fn token_id(&self, name: &str) -> Option<i64> {
        let accounts = self.sandbox.service_accounts();
        let account = accounts.into_iter().find(|account| account.name == name);
        account.map(|account| account.token.id)
    }

    /// At most two runs lead to what is declared; after them nothing is to be done.
    async fn converge(&self, workspace: usize) -> anyhow::Result<()> {
        for applies in 1..=2 {
            let torn = self.is_torn(workspace);
            let ended = self.apply(&plain(workspace), true).await?;
            if ended != Some(Ended::Failed) && !torn {
                let again = self.apply(&plain(workspace), true).await?;
                ensure!(
                    again == Some(Ended::Unchanged),
                    "a run just after a successful one changes something"
                );
                let mut report = self.report.borrow_mut();
                report.applies = report.applies.max(applies);
                return Ok(());
            }
        }
        Promise::Kept.held(false, || {
            let told = self.outputs.told();
            let last = told.last().map_or("", String::as_str);
            format!("two runs without any fault did not do: {last}")
        })
    }

    /// Whether a name stands at two addresses: it moved, and the run ended after the platform had revoked the one and
    /// made the other, but before the state said so. The next run revokes by name, whosever it is now; the one after
    /// that makes it anew.
    fn is_torn(&self, workspace: usize) -> bool {
        let state = self.workspaces[workspace].terraform.state();
        let names: BTreeSet<_> = state.values().filter_map(name_of).collect();
        names.len() < state.values().filter_map(name_of).count()
    }

    /// After a successful run, each value in the state opens the account, unless its end is fixed and has passed.
    fn check_values(&self, workspace: usize) -> anyhow::Result<()> {
        for (address, object) in self.workspaces[workspace].terraform.state() {
            if !address.starts_with(TOKEN) {
                continue;
            }
            let text = |name: &str| object.attributes.get(name).and_then(Value::as_str).map(str::to_owned);
            ensure!(!object.tainted, "{address} is tainted after a successful run");
            let ended =
                text("expires_at").is_some_and(|end| end.parse::<Timestamp>().is_ok_and(|end| end <= self.now()));
            let works = text("token").is_some_and(|value| ended || self.sandbox.is_live(&value));
            Promise::Kept.held(works, || format!("{address} has no value that works"))?;
        }
        Ok(())
    }

    /// Exactly what is declared is in the states and in the account.
    async fn check_account(&self) -> anyhow::Result<()> {
        let mut declared = BTreeSet::from([OWN.to_owned()]);
        for (index, workspace) in self.workspaces.iter().enumerate() {
            let configuration = self.configuration(index);
            let state = workspace.terraform.state();
            ensure!(
                state.keys().eq(configuration.keys()),
                "the state holds something else than is declared"
            );
            declared.extend(
                workspace
                    .places
                    .iter()
                    .flatten()
                    .map(|declared| declared.token.name.to_owned()),
            );
            self.check_values(index)?;
        }
        let there: BTreeSet<_> = self
            .sandbox
            .service_accounts()
            .into_iter()
            .map(|account| account.name)
            .collect();
        let why = || format!("declared: {declared:?}; there: {there:?}");
        Promise::Kept.held(declared.is_subset(&there), why)?;
        Promise::Clean.held(there.is_subset(&declared), why)?;
        if let Some(enabled) = self.toggle {
            let account = self.console(Method::GET, "/sandbox").await;
            ensure!(
                account["pats-enabled"] == enabled,
                "personal access tokens are not as declared"
            );
        }
        Ok(())
    }

    /// No value is in any output.
    async fn check_secrecy(&self) -> anyhow::Result<()> {
        let mut values = self.sandbox.issued_values();
        values.extend([self.sandbox.foreign_token(), STRANGE.into()]);
        self.outputs.show(&self.network.sent());
        let (length, leak) = self.outputs.search(&values).await;
        self.report.borrow_mut().searched = length;
        Promise::Secret.held(leak.is_none(), || {
            format!("a value was shown: {}", leak.unwrap_or_default())
        })
    }

    async fn console(&self, method: Method, path: &str) -> serde_json::Value {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .body(axum::body::Body::empty())
            .unwrap();
        let answer = self.sandbox.router().oneshot(request).await.unwrap();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        serde_json::from_slice(&body).unwrap_or_default()
    }

    fn now(&self) -> Timestamp {
        self.sandbox.clock().now()
    }

    fn note(&self, line: &str) {
        self.network.note(|| line.to_owned());
    }

    fn trace_told(&self) {
        let told = self.outputs.told();
        for told in &told[self.traced.get()..] {
            self.network.note(|| told.replace('\n', " "));
        }
        self.traced.set(told.len());
    }
}

impl Declared {
    fn attributes(&self) -> Attributes {
        let Token {
            name,
            description,
            ends,
            trigger,
            adopt,
        } = &self.token;
        let hours = |hours: &i64| Some(format!("{hours}h"));
        let (expires_in, rotate_before) = match ends {
            Ends::After {
                hours: lifetime,
                rotate_before,
            } => (hours(lifetime), rotate_before.as_ref().and_then(hours)),
            _ => (None, None),
        };
        let mut attributes = BTreeMap::from([("name", Value::from(*name))]);
        let texts = [
            ("description", description.map(str::to_owned)),
            (
                "expires_at",
                self.expires_at
                    .map(|end| end.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
            ),
            ("expires_in", expires_in),
            ("rotate_before", rotate_before),
        ];
        attributes.extend(
            texts
                .into_iter()
                .filter_map(|(name, text)| Some((name, Value::from(text?)))),
        );
        if let Some(trigger) = trigger {
            attributes.insert(
                "rotation_triggers",
                Value::Map(vec![("release".into(), trigger.to_string().into())]),
            );
        }
        if *adopt {
            attributes.insert("adopt_existing", true.into());
        }
        attributes
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }
}

/// What a fault strikes, and how.
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
    let any = || "any".to_owned();
    let (method, path) = (
        fault.method.clone().unwrap_or_else(any),
        fault.path.clone().unwrap_or_else(any),
    );
    format!("{method} {path}: {effect}, {when}")
}

fn address(place: usize) -> String {
    format!("{TOKEN}.place{place}")
}

fn name_of(object: &Object) -> Option<String> {
    Some(object.attributes.get("name")?.as_str()?.to_owned())
}

fn plain(workspace: usize) -> Apply {
    Apply {
        workspace,
        parallelism: 10,
        end: None,
    }
}
