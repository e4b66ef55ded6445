//! A Striim Cloud account (a sandbox) and a workspace, with the commands of Terraform.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Method;
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;
use serde_json::{Map, Value as Json};
use token_providers::framework::testing::{
    Action, Configuration, Diagnostic, PlannedChange, RunOptions, RunOutcome, SavedPlan, Workspace,
};
use token_providers::framework::{Number, Severity, Value};
use token_providers::rest::Transport;
use token_providers::sandbox::striim::{Options, Sandbox, Seed};
use token_providers::striim::{Runtime, Striim};
use token_providers::token::Clock;
use tokio::time::Instant;

use crate::in_process::hcl;
use crate::support::striim;

pub(crate) use crate::support::striim::{CI, USER, ci, token};

/// A day of 24 hours.
pub(crate) const DAY: SignedDuration = SignedDuration::from_hours(24);

/// The number of a token's value.
#[track_caller]
pub(crate) fn generation(attributes: &Json) -> i64 {
    attributes["generation"].as_i64().unwrap_or_default()
}

/// An account, and a workspace that manages it.
pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
    workspace: Workspace,
    configuration: Configuration,
    variables: BTreeMap<&'static str, String>,
    /// Everything that plans, states and diagnostics show.
    shown: Arc<Mutex<String>>,
}

impl World {
    /// Runs `test` in a new world, and asserts that no value was shown and no rule of Terraform was broken.
    pub(crate) fn run(test: impl AsyncFn(&mut Self)) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut world = Self::new();
            test(&mut world).await;
            assert_eq!(world.workspace.violations(), [""; 0]);
            let shown = world.shown.lock().unwrap();
            for value in world.sandbox.issued_values() {
                assert!(!shown.contains(value.expose_secret()), "a value is shown");
            }
        });
    }

    fn new() -> Self {
        let (start, epoch) = (Instant::now(), "2027-01-01T00:00:00Z".parse::<Timestamp>().unwrap());
        let seed = Seed {
            clock: Clock::new(move || epoch + start.elapsed()),
            ..Seed::default()
        };
        let sandbox = Sandbox::seeded(seed, Options::default());
        let token = sandbox.admin_token().expose_secret().to_owned();
        let shown = Arc::<Mutex<String>>::default();
        let seen = shown.clone();
        Self {
            sandbox,
            workspace: Workspace::new().with_observer(Arc::new(move |text: &str| seen.lock().unwrap().push_str(text))),
            configuration: Configuration::new(),
            variables: BTreeMap::from([("STRIIM_ACCOUNT", "acme".to_owned()), ("STRIIM_TOKEN", token)]),
            shown,
        }
    }

    fn provider(&self) -> Striim {
        let (platform, variables) = (self.sandbox.clone(), self.variables.clone());
        Striim::new(Runtime {
            clock: self.sandbox.clock(),
            environment: Box::new(move |name| variables.get(name).cloned()),
            transport: Box::new(move |_| Transport::new(platform.service())),
        })
    }

    /// The current time of the sandbox's clock.
    pub(crate) fn now(&self) -> Timestamp {
        self.sandbox.clock().now()
    }

    /// An instant that many days from now, as users write it.
    pub(crate) fn in_days(&self, days: i64) -> String {
        let instant = self.now() + DAY * i32::try_from(days).unwrap();
        instant.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// Advances the clock.
    pub(crate) async fn advance(&self, by: SignedDuration) {
        tokio::time::advance(Duration::try_from(by).unwrap()).await;
    }

    /// Sets an environment variable of the provider.
    pub(crate) fn set_env(&mut self, name: &'static str, value: &str) {
        self.variables.insert(name, value.to_owned());
    }

    /// Removes an environment variable of the provider.
    pub(crate) fn unset_env(&mut self, name: &str) {
        self.variables.remove(name);
    }

    /// Replaces the configuration by `hcl`.
    pub(crate) fn configure(&mut self, hcl: &str) {
        let read = hcl::read(hcl);
        self.workspace = std::mem::take(&mut self.workspace).with_provider(read.provider);
        self.configuration = read.configuration;
    }

    fn diagnostics(&self) -> Vec<Diagnostic> {
        self.workspace.take_diagnostics()
    }

    async fn plan_with(&self, options: &RunOptions) -> (Option<SavedPlan>, Run) {
        let plan = self.workspace.plan(|| self.provider(), &self.configuration, options);
        let plan = plan.await;
        (plan, Run(self.diagnostics()))
    }

    /// Plans; planning must succeed.
    pub(crate) async fn plan(&self) -> Plan {
        self.plan_by(&RunOptions::default()).await
    }

    /// Plans with these options; planning must succeed.
    pub(crate) async fn plan_by(&self, options: &RunOptions) -> Plan {
        let (plan, run) = self.plan_with(options).await;
        Plan {
            changes: plan.unwrap_or_else(|| panic!("{run:?}")).changes(),
            run,
        }
    }

    /// Plans; nothing may be left to do.
    pub(crate) async fn plans_nothing(&self) -> Run {
        let (plan, run) = self.plan_with(&RunOptions::default()).await;
        let plan = plan.unwrap_or_else(|| panic!("{run:?}"));
        assert!(plan.is_empty(), "changes are planned: {:?} {run:?}", plan.changes());
        run
    }

    /// Plans; planning must fail.
    pub(crate) async fn plan_fails(&self) -> Run {
        let (plan, run) = self.plan_with(&RunOptions::default()).await;
        assert!(plan.is_none(), "the plan succeeded");
        run
    }

    async fn apply_with(&self, options: &RunOptions) -> (RunOutcome, Run) {
        let outcome = self
            .workspace
            .apply_with(|| self.provider(), &self.configuration, options)
            .await;
        (outcome, Run(self.diagnostics()))
    }

    async fn succeeds(&self, options: &RunOptions) -> Run {
        let (outcome, run) = self.apply_with(options).await;
        assert_ne!(outcome, RunOutcome::Failed, "{run:?}");
        run
    }

    async fn fails(&self, options: &RunOptions) -> Run {
        let (outcome, run) = self.apply_with(options).await;
        assert_eq!(outcome, RunOutcome::Failed, "{run:?}");
        run
    }

    /// Applies; must succeed.
    pub(crate) async fn apply(&self) -> Run {
        self.succeeds(&RunOptions::default()).await
    }

    /// Applies; must fail.
    pub(crate) async fn apply_fails(&self) -> Run {
        self.fails(&RunOptions::default()).await
    }

    /// Destroys; must succeed.
    pub(crate) async fn destroy(&self) -> Run {
        self.succeeds(&destroying()).await
    }

    /// Destroys; must fail.
    pub(crate) async fn destroy_fails(&self) -> Run {
        self.fails(&destroying()).await
    }

    /// Applies with `-refresh=false`; must succeed.
    pub(crate) async fn apply_without_refresh(&self) -> Run {
        self.succeeds(&without_refresh()).await
    }

    /// Destroys with `-refresh=false`; must succeed.
    pub(crate) async fn destroy_without_refresh(&self) -> Run {
        let options = RunOptions {
            destroy: true,
            ..without_refresh()
        };
        self.succeeds(&options).await
    }

    /// Refreshes the state; must succeed.
    pub(crate) async fn refresh(&self) -> Run {
        self.succeeds(&refreshing()).await
    }

    /// Refreshes the state; must fail.
    pub(crate) async fn refresh_fails(&self) -> Run {
        self.fails(&refreshing()).await
    }

    /// Imports; must succeed.
    pub(crate) async fn import(&self, address: &str, id: &str) -> Run {
        let succeeded = self.workspace.import(|| self.provider(), address, id).await;
        let run = Run(self.diagnostics());
        assert!(succeeded, "{run:?}");
        run
    }

    /// Imports; must fail.
    pub(crate) async fn import_fails(&self, address: &str, id: &str) -> Run {
        assert!(!self.workspace.import(|| self.provider(), address, id).await);
        Run(self.diagnostics())
    }

    /// Marks a resource as tainted.
    pub(crate) fn taint(&self, address: &str) {
        self.workspace.taint(address);
    }

    /// Reads a data source; must succeed.
    pub(crate) async fn data(&self, type_name: &str, config: Json) -> Json {
        let read = self.workspace.read_data_source(|| self.provider(), type_name, config);
        json(&read.await.succeeds().value)
    }

    /// Reads a data source; must fail.
    pub(crate) async fn data_fails(&self, type_name: &str, config: Json) -> Run {
        let read = self
            .workspace
            .read_data_source(|| self.provider(), type_name, config)
            .await;
        assert!(read.has_errors(), "{read:?}");
        Run(read.diagnostics)
    }

    /// The attributes that the state holds for `address`; null if it holds no such resource.
    pub(crate) fn attributes(&self, address: &str) -> Json {
        let object = self.workspace.state().remove(address);
        object.map_or(Json::Null, |object| serde_json::from_str(&object.to_json()).unwrap())
    }

    /// The attributes of all resources in the state, by their labels.
    pub(crate) fn resources(&self) -> BTreeMap<String, Json> {
        let objects = self.workspace.state().into_iter();
        let labelled = objects.map(|(address, object)| {
            let label = address.rsplit('.').next().unwrap_or_default().to_owned();
            (label, serde_json::from_str(&object.to_json()).unwrap())
        });
        labelled.collect()
    }

    /// Whether the platform accepts a token's value.
    pub(crate) fn accepts(&self, value: &Json) -> bool {
        self.sandbox.is_live(value.as_str().unwrap())
    }

    /// Sends a request to the API as an administrator outside Terraform; see [`striim::request`].
    pub(crate) async fn outside(&self, method: Method, path: &str, body: Json) -> Json {
        striim::request(&self.sandbox, method, &format!("/api/v1{path}"), body).await
    }

    /// See [`striim::changes`].
    pub(crate) fn changes(&self) -> usize {
        striim::changes(&self.sandbox)
    }

    /// See [`striim::names`].
    pub(crate) fn names(&self) -> Vec<String> {
        striim::names(&self.sandbox)
    }

    /// Creates [`USER`] with a PAT that expires in 30 days.
    pub(crate) fn add_user(&self) -> String {
        striim::add_user(&self.sandbox, self.in_days(30).parse().unwrap())
    }

    /// See [`striim::reject`].
    pub(crate) fn reject(&self, method: Method, path: &str, status: u16, message: &str) {
        striim::reject(&self.sandbox, &method, path, status, message);
    }

    /// Asserts that a plan and an apply change nothing on the platform.
    pub(crate) async fn assert_stable(&self) {
        let before = self.changes();
        self.plans_nothing().await;
        self.apply().await;
        assert_eq!(self.changes(), before);
    }
}

fn refreshing() -> RunOptions {
    RunOptions {
        refresh_only: true,
        ..RunOptions::default()
    }
}

fn without_refresh() -> RunOptions {
    RunOptions {
        skip_refresh: true,
        ..RunOptions::default()
    }
}

fn destroying() -> RunOptions {
    RunOptions {
        destroy: true,
        ..RunOptions::default()
    }
}

/// A value as JSON; unknown values are left out.
fn json(value: &Value) -> Json {
    match value {
        Value::Null | Value::Unknown => Json::Null,
        Value::Bool(value) => (*value).into(),
        Value::Number(Number::Integer(value)) => (*value).into(),
        Value::Number(Number::Float(value)) => (*value).into(),
        Value::Number(Number::Decimal(value)) => value.as_str().into(),
        Value::String(value) => value.as_str().into(),
        Value::List(elements) => elements.iter().map(json).collect(),
        Value::Map(members) => {
            let known = members.iter().filter(|(_, member)| !matches!(member, Value::Unknown));
            let known = known.map(|(name, member)| (name.clone(), json(member)));
            Json::Object(known.collect::<Map<_, _>>())
        }
        Value::Dynamic(_, value) => json(value),
    }
}

/// The diagnostics of a run.
#[derive(Debug)]
pub(crate) struct Run(Vec<Diagnostic>);

impl Run {
    /// All diagnostics, on one line.
    pub(crate) fn text(&self) -> String {
        let texts = self.0.iter().map(ToString::to_string);
        let words: Vec<_> = texts
            .flat_map(|text| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
            .collect();
        words.join(" ")
    }

    /// Whether a diagnostic has this phrase.
    pub(crate) fn says(&self, phrase: &str) -> bool {
        self.text().contains(phrase)
    }

    /// Whether a diagnostic is on this attribute.
    pub(crate) fn is_on(&self, attribute: &str) -> bool {
        self.0.iter().any(|shown| shown.attribute.as_deref() == Some(attribute))
    }

    fn count(&self, severity: Severity) -> usize {
        self.0.iter().filter(|shown| shown.severity == severity).count()
    }

    /// The number of warnings.
    pub(crate) fn warnings(&self) -> usize {
        self.count(Severity::Warning)
    }

    /// The number of errors.
    pub(crate) fn errors(&self) -> usize {
        self.count(Severity::Error)
    }
}

/// A plan.
pub(crate) struct Plan {
    pub(crate) run: Run,
    changes: BTreeMap<String, PlannedChange>,
}

impl Plan {
    fn change(&self, address: &str) -> &PlannedChange {
        let change = self.changes.get(address);
        change.unwrap_or_else(|| panic!("no change of {address}: {:?}", self.run))
    }

    /// The planned action on the resource.
    pub(crate) fn action(&self, address: &str) -> Action {
        self.change(address).action
    }

    /// The planned attributes that are known.
    pub(crate) fn after(&self, address: &str) -> Json {
        json(&self.change(address).planned)
    }

    /// Whether an attribute is known only after apply.
    pub(crate) fn is_unknown(&self, address: &str, attribute: &str) -> bool {
        matches!(self.change(address).planned.get(attribute), Value::Unknown)
    }

    /// Asserts that it rotates the token `ci-pipeline` for this reason, which it reports once.
    #[track_caller]
    pub(crate) fn assert_rotates(&self, reason: &str) {
        self.assert_rotates_each(&[("ci-pipeline", reason)]);
    }

    /// Asserts that it rotates these tokens and no other, and reports each reason once.
    #[track_caller]
    pub(crate) fn assert_rotates_each(&self, reasons: &[(&str, &str)]) {
        let text = self.run.text();
        for (name, reason) in reasons {
            let address = format!("striim_service_account_token.{name}");
            assert_eq!(self.action(&address), Action::Update, "{:?}", self.run);
            assert_eq!(text.matches(reason).count(), 1, "{reason:?}: {:?}", self.run);
        }
        assert_eq!(text.matches("will be rotated").count(), reasons.len(), "{:?}", self.run);
    }
}
