//! A platform (a sandbox), and a real Terraform with the platform's provider.
//!
//! The `world.rs` of each platform implements [`PlatformUnderTest`] for its sandbox, names its `World`, and adds what only that platform has.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::Method;
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;
use serde_json::Value;
use token_providers::framework::Provider;
use token_providers::platform::Runtime;
use token_providers::plugin::{Attachable, ProviderInfo};
use token_providers::sandbox::{Fault, Listening, Platform, Sandbox};

use super::upgrade::Newer;
use crate::support::feature::Feature;
use crate::support::terraform::{Run, Running, Terraform, Workspace};
use crate::support::versions;

pub(crate) use crate::support::versions::Suite;

/// A platform's sandbox, and the provider that is tested with it.
pub(crate) trait PlatformUnderTest: Platform {
    /// The provider's name in a configuration.
    const NAME: &'static str;

    /// The path of its program: `env!("CARGO_BIN_EXE_terraform-provider-…")`.
    const PROGRAM: &'static str;

    /// The versions of Terraform for its tests. Only the framework depends on the version, which the first platform's tests
    /// cover; lifecycles run on every version.
    const SUITE: Suite = Suite::Newest;

    /// Starts the platform.
    fn start() -> Sandbox<Self>;

    /// The environment variables of the provider for the platform at this URL, including the credential.
    fn variables(sandbox: &Sandbox<Self>, base_url: &str) -> Vec<(&'static str, String)>;

    /// The provider, for this process.
    fn provider(runtime: Runtime) -> impl Provider;

    /// Asserts after each test that no forbidden request was sent.
    fn assert_no_forbidden_requests(_: &Sandbox<Self>) {}
}

/// A day of 24 hours.
pub(crate) const DAY: SignedDuration = SignedDuration::from_hours(24);

/// An instant that many days from now, as users write it.
pub(crate) fn in_days(days: i64) -> String {
    after(Timestamp::now(), days)
}

fn after(now: Timestamp, days: i64) -> String {
    let instant = now + DAY * i32::try_from(days).unwrap();
    instant.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A platform, served on a loopback port, and a workspace whose provider talks to it.
pub(crate) struct World<P> {
    pub(crate) sandbox: Sandbox<P>,
    pub(crate) workspace: Workspace,
    variables: BTreeMap<&'static str, String>,
    listening: Listening,
    dir: tempfile::TempDir,
}

impl<P: PlatformUnderTest> World<P> {
    /// Runs `test` with a new world on each version of the suite, and reports on which it failed.
    ///
    /// After each test, no token's value may be in the output or the log of `TF_LOG=TRACE`, and no forbidden request sent.
    pub(crate) fn on_each_version(test: impl AsyncFn(&mut Self) + Sync) {
        Self::on_each_version_with(Feature::COMMON, test);
    }

    /// Runs `test` as [`Self::on_each_version`] does, on the versions that have `feature`.
    pub(crate) fn on_each_version_with(feature: Feature, test: impl AsyncFn(&mut Self) + Sync) {
        versions::on_each_version_with(feature, P::SUITE, async |terraform| Self::live(terraform, &test).await);
    }

    /// Runs `test` as [`Self::on_each_version`] does, on the newest version only.
    pub(crate) fn on_newest_version(test: impl AsyncFn(&mut Self) + Sync) {
        let test = async |terraform: &Terraform| Self::live(terraform, &test).await;
        versions::on_each_version_with(Feature::COMMON, Suite::Newest, test);
    }

    /// Runs `test` on every version of Terraform and OpenTofu, several versions concurrently.
    pub(crate) fn on_every_version(test: impl AsyncFn(&mut Self) + Sync) {
        versions::on_every_version(async |terraform| Self::live(terraform, &test).await);
    }

    /// Runs `test` as [`Self::on_each_version`] does, with the provider in this process and the sandbox's clock.
    pub(crate) fn by_the_clock(test: impl AsyncFn(&mut Self) + Sync) {
        Self::on_each_version(async |world| world.attached(&test).await);
    }

    async fn live(terraform: &Terraform, test: impl AsyncFn(&mut Self)) {
        let mut world = Self::new(terraform).await;
        test(&mut world).await;
        world.assert_no_leaks();
        P::assert_no_forbidden_requests(&world.sandbox);
    }

    async fn new(terraform: &Terraform) -> Self {
        let sandbox = P::start();
        let listening = sandbox.listen(([127, 0, 0, 1], 0).into()).await.unwrap();
        let variables = BTreeMap::from_iter(P::variables(&sandbox, &listening.base_url));
        let dir = tempfile::tempdir().unwrap();
        let workspace = workspace::<P>(terraform, dir.path(), &variables).env("TF_LOG_PATH", log_in(dir.path()));
        Self {
            sandbox,
            workspace,
            variables,
            listening,
            dir,
        }
    }

    /// Attaches Terraform to a provider in this process, with the sandbox's clock, while `test` runs.
    pub(crate) async fn attached(&mut self, test: impl AsyncFn(&mut Self)) {
        let provider = P::provider(self.runtime());
        self.attached_to(provider, test).await;
    }

    /// Attaches Terraform to a later version of the provider, like [`Self::attached`].
    pub(crate) async fn attached_to_newer(&mut self, test: impl AsyncFn(&mut Self)) {
        let provider = Newer(P::provider(self.runtime()));
        self.attached_to(provider, test).await;
    }

    pub(crate) async fn attached_to(&mut self, provider: impl Provider, test: impl AsyncFn(&mut Self)) {
        let address = format!("registry.terraform.io/token-providers/{}", P::NAME);
        let info = ProviderInfo::new(address.leak(), "0.0.0");
        let attachable = Attachable::open(&info).unwrap();
        self.set_env("TF_REATTACH_PROVIDERS", &attachable.variable());
        tokio::select! {
            () = attachable.serve(provider, std::future::pending()) => {}
            () = test(self) => {}
        }
    }

    /// The provider's runtime.
    fn runtime(&self) -> Runtime {
        let variables = self.variables.clone();
        Runtime {
            clock: self.sandbox.clock(),
            environment: Box::new(move |name| variables.get(name).cloned()),
            ..Runtime::default()
        }
    }

    /// Creates a second workspace with this configuration on the same platform.
    pub(crate) fn other_workspace(&self, hcl: &str) -> Workspace {
        let dir = self.dir.path().join("other");
        let other = workspace::<P>(self.workspace.terraform(), &dir, &self.variables)
            .env("TF_LOG_PATH", log_in(self.dir.path()));
        configure::<P>(&other, hcl);
        other
    }

    /// The current time of the sandbox's clock.
    pub(crate) fn now(&self) -> Timestamp {
        self.sandbox.clock().now()
    }

    /// Sets the sandbox's clock.
    pub(crate) fn set_now(&self, now: &str) {
        let now: Timestamp = now.parse().unwrap();
        self.sandbox.advance(now.duration_since(self.now()));
    }

    /// An instant that many days from now by the sandbox's clock, as users write it.
    pub(crate) fn in_days(&self, days: i64) -> String {
        after(self.now(), days)
    }

    /// The platform's URL in the provider's environment.
    pub(crate) fn base_url(&self) -> &str {
        &self.listening.base_url
    }

    /// The initial value of an environment variable of the provider.
    pub(crate) fn given(&self, variable: &str) -> String {
        self.variables[variable].clone()
    }

    /// Replaces the configuration by `hcl`.
    pub(crate) fn configure(&self, hcl: &str) {
        configure::<P>(&self.workspace, hcl);
    }

    /// Sets an environment variable of the provider.
    pub(crate) fn set_env(&mut self, name: &str, value: &str) {
        self.workspace.environment().insert(name.to_owned(), value.into());
    }

    /// Removes an environment variable of the provider.
    pub(crate) fn unset_env(&mut self, name: &str) {
        self.workspace.environment().remove(name);
    }

    /// Plans; planning must succeed.
    pub(crate) async fn plan(&self) -> Plan {
        let run = self.workspace.plan().await.unwrap().success().unwrap();
        Plan {
            json: self.workspace.planned().await.unwrap(),
            run,
        }
    }

    /// Plans; nothing may be left to do.
    pub(crate) async fn plans_nothing(&self) -> Run {
        let run = self.workspace.plan().await.unwrap();
        assert_eq!(run.code, Some(0), "changes are planned: {run}");
        run
    }

    /// Plans; planning must fail.
    pub(crate) async fn plan_fails(&self) -> Run {
        failure(self.workspace.plan().await.unwrap())
    }

    /// Applies; must succeed.
    pub(crate) async fn apply(&self) -> Run {
        self.workspace.apply().await.unwrap().success().unwrap()
    }

    /// Applies; must fail.
    pub(crate) async fn apply_fails(&self) -> Run {
        failure(self.workspace.apply().await.unwrap())
    }

    /// Destroys; must succeed.
    pub(crate) async fn destroy(&self) -> Run {
        self.workspace.destroy().await.unwrap().success().unwrap()
    }

    /// Destroys; must fail.
    pub(crate) async fn destroy_fails(&self) -> Run {
        failure(self.workspace.destroy().await.unwrap())
    }

    /// Imports with the command; must succeed.
    pub(crate) async fn import(&self, address: &str, id: &str) -> Run {
        self.workspace.import(address, id).await.unwrap().success().unwrap()
    }

    /// Starts an apply, and waits for a condition.
    pub(crate) async fn apply_until(&self, what: &str, is_so: impl Fn() -> bool) -> Running {
        let running = self.workspace.start(&APPLY).unwrap();
        until(what, is_so).await;
        running
    }

    /// Starts an apply whose request with this method and path is rejected with this `Retry-After`.
    pub(crate) async fn apply_until_rejected(&self, method: Method, path: &str, seconds: u32) -> Running {
        let calls = || self.sandbox.calls(method.as_str(), path);
        let before = calls();
        let refusal = Fault::answer(429).header("retry-after", &seconds.to_string());
        self.sandbox.fault(refusal.on(method.as_str(), path));
        self.apply_until(&format!("{method} {path}"), || calls() > before).await
    }

    /// The attributes in the state for `address`; null if the resource is not in the state.
    pub(crate) async fn attributes(&self, address: &str) -> Value {
        let mut resources = resources(&self.workspace).await.into_iter();
        let resource = resources.find(|resource| resource["address"] == address);
        resource.map_or(Value::Null, |mut resource| resource["values"].take())
    }

    /// The identity in the state for `address`.
    pub(crate) async fn identity(&self, address: &str) -> Value {
        let mut resources = resources(&self.workspace).await.into_iter();
        let resource = resources.find(|resource| resource["address"] == address);
        resource.map_or(Value::Null, |mut resource| resource["identity"].take())
    }

    /// Whether the platform accepts a token's value.
    pub(crate) fn accepts(&self, value: &Value) -> bool {
        self.sandbox.is_live(value.as_str().unwrap())
    }

    /// The log of Terraform and the provider, at the level of `TF_LOG`.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(log_in(self.dir.path())).unwrap()
    }

    /// The state file.
    pub(crate) fn state_file(&self) -> Value {
        let text = std::fs::read_to_string(self.dir.path().join("terraform.tfstate")).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// The contents of all files of the workspace.
    pub(crate) fn files(&self) -> String {
        let files = std::fs::read_dir(self.dir.path()).unwrap();
        let texts = files.map(|file| std::fs::read(file.unwrap().path()).unwrap_or_default());
        texts.map(|text| String::from_utf8_lossy(&text).into_owned()).collect()
    }

    /// Asserts that neither the output nor the log has a token's value.
    fn assert_no_leaks(&self) {
        for (place, text) in [("the output", self.workspace.said()), ("the log", self.log())] {
            for value in self.sandbox.issued_values() {
                let line = text.lines().find(|line| line.contains(value.expose_secret()));
                assert!(line.is_none(), "{place} holds a token's value: {line:?}");
            }
        }
    }
}

fn workspace<P: PlatformUnderTest>(
    terraform: &Terraform,
    dir: &Path,
    variables: &BTreeMap<&'static str, String>,
) -> Workspace {
    let workspace = Workspace::new(terraform.clone(), dir, Path::new(P::PROGRAM)).unwrap();
    let variables = variables.iter();
    variables
        .fold(workspace, |workspace, (name, value)| workspace.env(name, value))
        .env("TF_LOG", "TRACE")
}

fn log_in(dir: &Path) -> PathBuf {
    dir.join("trace.log")
}

fn configure<P: PlatformUnderTest>(workspace: &Workspace, hcl: &str) {
    let name = P::NAME;
    let source = format!("{name} = {{ source = \"registry.terraform.io/token-providers/{name}\" }}");
    let source = format!("terraform {{\n  required_providers {{\n    {source}\n  }}\n}}\n");
    workspace.write("main.tf", &format!("{source}{hcl}")).unwrap();
}

/// The resources in the state.
pub(crate) async fn resources(workspace: &Workspace) -> Vec<Value> {
    match workspace.state().await.unwrap()["values"]["root_module"]["resources"].take() {
        Value::Array(resources) => resources,
        _ => Vec::new(),
    }
}

/// The arguments of an apply.
pub(crate) const APPLY: [&str; 3] = ["apply", "-no-color", "-auto-approve"];

/// Waits for a condition.
pub(crate) async fn until(what: &str, is_so: impl Fn() -> bool) {
    let come = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let come = tokio::time::timeout(Duration::from_secs(60), come).await;
    assert!(come.is_ok(), "{what} did not come about");
}

/// The generation of a token, by its attributes.
#[track_caller]
pub(crate) fn generation(attributes: &Value) -> i64 {
    attributes["generation"].as_i64().unwrap_or_default()
}

/// The number of warnings of a run, without that about development overrides.
pub(crate) fn warnings(run: &Run) -> usize {
    let text = run.text();
    text.matches("Warning:").count() - text.matches("Warning: Provider development overrides").count()
}

fn failure(run: Run) -> Run {
    assert_eq!(run.code, Some(1), "{run}");
    run
}

/// A plan: the output of Terraform, and the changes.
pub(crate) struct Plan {
    pub(crate) run: Run,
    json: Value,
}

impl Plan {
    fn change(&self, address: &str) -> &Value {
        let changes = self.json["resource_changes"].as_array().unwrap();
        let change = changes.iter().find(|change| change["address"] == address);
        &change.unwrap_or_else(|| panic!("no change of {address} in {}", self.run))["change"]
    }

    /// The planned actions: `create`, `update`, `delete create`, `no-op` …
    pub(crate) fn actions(&self, address: &str) -> String {
        let actions = self.change(address)["actions"].as_array().unwrap();
        actions
            .iter()
            .map(|action| action.as_str().unwrap())
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// The planned attributes that are known.
    pub(crate) fn after(&self, address: &str) -> &Value {
        &self.change(address)["after"]
    }

    /// The attributes that are known after apply.
    pub(crate) fn unknown(&self, address: &str) -> &Value {
        &self.change(address)["after_unknown"]
    }
}
