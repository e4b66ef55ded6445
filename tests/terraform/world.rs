//! One Striim Cloud account (a sandbox) with a real Terraform beside it.

use std::path::Path;
use std::time::Duration;

use http::{Method, Request};
use http_body_util::BodyExt as _;
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;
use serde_json::Value;
use token_providers::plugin::{About, Attachable};
use token_providers::sandbox::striim::{Options, Role, Sandbox};
use token_providers::sandbox::{Effect, Fault, Listening, When};
use token_providers::striim::{Parts, Striim};
use tower::ServiceExt as _;

use crate::terraform::{Minor, Run, Running, Terraform, Workspace};
use crate::versions;

/// A day of 24 hours.
pub(crate) const DAY: SignedDuration = SignedDuration::from_hours(24);

/// A user who is no administrator.
pub(crate) const USER: &str = "user@acme.example";

/// Runs `test` on each Terraform of the suite, with a new world each time, and says on which it failed.
///
/// Whatever a test is about, no token's value may have been printed, not even under `TF_LOG=TRACE`.
pub(crate) fn on_each_version(test: impl AsyncFn(&mut World)) {
    on_each_version_since((1, 0), test);
}

/// The same on those that have what came with `first`.
pub(crate) fn on_each_version_since(first: Minor, test: impl AsyncFn(&mut World)) {
    versions::on_each_version_since(first, async |terraform| World::live(terraform, &test).await);
}

/// The same on every Terraform there is, several at a time.
pub(crate) fn on_every_version(test: impl AsyncFn(&mut World) + Sync) {
    versions::on_every_version(async |terraform| World::live(terraform, &test).await);
}

/// The same, with the provider in this process: it goes by the sandbox's clock, which the test moves.
pub(crate) fn by_the_clock(test: impl AsyncFn(&mut World)) {
    on_each_version(async |world| world.attached(&test).await);
}

/// The address of the token `ci-pipeline`, as [`token`] declares it.
pub(crate) const CI: &str = "striim_service_account_token.ci-pipeline";

/// A token of this name, which is its label as well.
pub(crate) fn token(name: &str, arguments: &str) -> String {
    format!("resource \"striim_service_account_token\" \"{name}\" {{\n  name = \"{name}\"\n  {arguments}\n}}\n")
}

/// The token `ci-pipeline`.
pub(crate) fn ci(arguments: &str) -> String {
    token("ci-pipeline", arguments)
}

/// So many tokens, `token-01` and on.
pub(crate) fn many(count: usize, arguments: &str) -> String {
    (1..=count)
        .map(|number| token(&format!("token-{number:02}"), arguments))
        .collect()
}

/// An instant that many days from now, as users write it.
pub(crate) fn in_days(days: i64) -> String {
    after(Timestamp::now(), days)
}

fn after(now: Timestamp, days: i64) -> String {
    let instant = now + DAY * i32::try_from(days).unwrap();
    instant.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A Striim Cloud account, served on a loopback port, and a workspace whose provider talks to it.
pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
    pub(crate) workspace: Workspace,
    listening: Listening,
    dir: tempfile::TempDir,
}

impl World {
    async fn live(terraform: &Terraform, test: impl AsyncFn(&mut Self)) {
        let mut world = Self::new(terraform).await;
        test(&mut world).await;
        world.revealed_nothing();
    }

    async fn new(terraform: &Terraform) -> Self {
        let sandbox = Sandbox::new(Options::default());
        let listening = sandbox.listen(([127, 0, 0, 1], 0).into()).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let workspace = workspace(terraform, dir.path(), &sandbox, &listening);
        Self {
            sandbox,
            workspace,
            listening,
            dir,
        }
    }

    /// A second workspace, in whose configuration is `hcl`, beside the first one in the same account.
    pub(crate) fn beside(&self, hcl: &str) -> Workspace {
        let dir = self.dir.path().join("beside");
        let beside = workspace(self.workspace.terraform(), &dir, &self.sandbox, &self.listening)
            .env("TF_LOG_PATH", self.dir.path().join("trace.log"));
        configure(&beside, hcl);
        beside
    }

    /// Has Terraform attach to a provider in this process, with the sandbox's clock, while `test` runs.
    async fn attached(&mut self, test: impl AsyncFn(&mut Self)) {
        const ABOUT: About = About {
            name: "striim",
            version: "0.0.0",
            address: "registry.terraform.io/token-providers/striim",
        };
        let attachable = Attachable::open(&ABOUT).unwrap();
        self.set_env("TF_REATTACH_PROVIDERS", &attachable.variable());
        let (url, token) = (self.base_url().to_owned(), self.bearer());
        let parts = Parts {
            clock: self.sandbox.clock(),
            environment: Box::new(move |name| match name {
                "STRIIM_BASE_URL" => Some(url.clone()),
                "STRIIM_TOKEN" => Some(token.clone()),
                _ => None,
            }),
            ..Parts::default()
        };
        tokio::select! {
            () = attachable.serve(Striim::new(parts), std::future::pending()) => {}
            () = test(self) => {}
        }
    }

    /// The present, by the sandbox's clock.
    pub(crate) fn now(&self) -> Timestamp {
        self.sandbox.clock().now()
    }

    /// An instant that many days from now by the sandbox's clock, as users write it.
    pub(crate) fn in_days(&self, days: i64) -> String {
        after(self.now(), days)
    }

    /// The URL that the provider is told by `STRIIM_BASE_URL`.
    pub(crate) fn base_url(&self) -> &str {
        &self.listening.base_url
    }

    /// The token that the provider is told by `STRIIM_TOKEN`.
    pub(crate) fn bearer(&self) -> String {
        self.sandbox.admin_token().expose_secret().to_owned()
    }

    /// Makes `hcl` the configuration.
    pub(crate) fn configure(&self, hcl: &str) {
        configure(&self.workspace, hcl);
    }

    /// Sets an environment variable of the provider.
    pub(crate) fn set_env(&mut self, name: &str, value: &str) {
        self.workspace.environment().insert(name.to_owned(), value.into());
    }

    /// Takes an environment variable away from the provider.
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

    /// The attributes that the state holds for `address`; null where it holds no such thing.
    pub(crate) async fn attributes(&self, address: &str) -> Value {
        let state = self.workspace.state().await.unwrap();
        let resources = state["values"]["root_module"]["resources"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let resource = resources.into_iter().find(|resource| resource["address"] == address);
        resource.map_or(Value::Null, |mut resource| resource["values"].take())
    }

    /// What the API answers to an administrator's other tools; must be a success.
    pub(crate) async fn outside(&self, method: Method, path: &str, body: Value) -> Value {
        self.ask(method, &format!("/api/v1{path}"), body).await
    }

    /// What the sandbox's control API answers; must be a success.
    pub(crate) async fn control(&self, method: Method, path: &str, body: Value) -> Value {
        self.ask(method, &format!("/sandbox{path}"), body).await
    }

    /// Sets the sandbox's clock.
    pub(crate) fn set_now(&self, now: &str) {
        let now: Timestamp = now.parse().unwrap();
        self.sandbox.advance(now.duration_since(self.now()));
    }

    async fn ask(&self, method: Method, path: &str, body: Value) -> Value {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(
                "authorization",
                format!("Bearer {}", self.sandbox.admin_token().expose_secret()),
            )
            .header("content-type", "application/json")
            .body(if body.is_null() {
                String::new()
            } else {
                body.to_string()
            })
            .unwrap();
        let answer = self.sandbox.router().oneshot(request).await.unwrap();
        let (status, body) = (answer.status(), answer.into_body().collect().await.unwrap().to_bytes());
        assert!(status.is_success(), "{status}: {body:?}");
        serde_json::from_slice(&body).unwrap_or_default()
    }

    /// Whether the platform lets a token's value in.
    pub(crate) fn lets_in(&self, value: &Value) -> bool {
        self.sandbox.is_live(value.as_str().unwrap())
    }

    /// How many rotations, creations and revocations the platform was asked for.
    pub(crate) fn changes(&self) -> usize {
        let calls = [
            ("POST", "/service-account"),
            ("POST", "/service-account/rotate"),
            ("DELETE", "/service-account"),
        ];
        calls
            .into_iter()
            .map(|(method, path)| self.sandbox.calls(method, path))
            .sum()
    }

    /// The names of the service accounts that there are, but for the provider's own.
    pub(crate) fn names(&self) -> Vec<String> {
        let names = self.sandbox.service_accounts().into_iter().map(|account| account.name);
        names.filter(|name| name != "terraform").collect()
    }

    /// Makes [`USER`], and a PAT that ends in 30 days.
    pub(crate) fn add_user(&self) -> String {
        self.sandbox.add_user(USER, Role::Regular);
        let token = self
            .sandbox
            .add_user_token(USER, Some(in_days(30).parse().unwrap()))
            .unwrap();
        token.expose_secret().to_owned()
    }

    /// Has the next requests of that kind refused, with these words of the platform.
    pub(crate) fn refuse(&self, method: Method, path: &str, status: u16, words: &str) {
        let body = serde_json::json!({"message": words}).to_string();
        self.sandbox.fault(
            Fault::answer(status)
                .on(method.as_str(), path)
                .times(u32::MAX)
                .body(&body),
        );
    }

    /// Starts an apply and has its request of that kind held, before or after the platform acts on it. The answer comes only
    /// when nobody waits for it any longer.
    pub(crate) async fn apply_until_held(&self, method: Method, path: &str, when: When) -> Running {
        let fault = Fault::new(Effect::Hang).on(method.as_str(), path);
        let (calls, acts) = (self.sandbox.calls(method.as_str(), path), self.sandbox.audit().len());
        self.sandbox.fault(match when {
            When::Before => fault,
            When::After => fault.after(),
        });
        let running = self.workspace.start(&APPLY).unwrap();
        until(&format!("{method} {path}"), || match when {
            When::Before => self.sandbox.calls(method.as_str(), path) > calls,
            When::After => self.sandbox.audit().len() > acts,
        })
        .await;
        running
    }

    /// Starts an apply and has its request of that kind refused, to be repeated after so many seconds.
    pub(crate) async fn apply_until_refused(&self, method: Method, path: &str, seconds: u32) -> Running {
        let refusal = Fault::answer(429).header("retry-after", &seconds.to_string());
        let calls = self.sandbox.calls(method.as_str(), path);
        self.sandbox.fault(refusal.on(method.as_str(), path));
        let running = self.workspace.start(&APPLY).unwrap();
        until(&format!("{method} {path}"), || {
            self.sandbox.calls(method.as_str(), path) > calls
        })
        .await;
        running
    }

    /// The names of the service account tokens in the state, ascending, with their values.
    pub(crate) async fn tokens(&self) -> Vec<(String, Value)> {
        tokens_of(&self.workspace).await
    }

    /// What Terraform and the provider have logged, at the level that `TF_LOG` says.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("trace.log")).unwrap()
    }

    /// Nothing that Terraform or the provider printed or logged holds a token's value.
    fn revealed_nothing(&self) {
        for (place, text) in [("the output", self.workspace.said()), ("the log", self.log())] {
            for value in self.sandbox.issued_values() {
                let line = text.lines().find(|line| line.contains(value.expose_secret()));
                assert!(line.is_none(), "{place} holds a token's value: {line:?}");
            }
        }
    }
}

/// The names of the service account tokens in the state, ascending, with their values.
pub(crate) async fn tokens_of(workspace: &Workspace) -> Vec<(String, Value)> {
    let state = workspace.state().await.unwrap();
    let resources = state["values"]["root_module"]["resources"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let tokens = resources
        .into_iter()
        .filter(|resource| resource["type"] == "striim_service_account_token");
    let mut tokens: Vec<_> = tokens
        .map(|mut resource| {
            let values = &mut resource["values"];
            (values["name"].as_str().unwrap().to_owned(), values["token"].take())
        })
        .collect();
    tokens.sort_by(|one, other| one.0.cmp(&other.0));
    tokens
}

/// Applies without asking.
pub(crate) const APPLY: [&str; 3] = ["apply", "-no-color", "-auto-approve"];

/// Waits for what must come about soon.
pub(crate) async fn until(what: &str, is_so: impl Fn() -> bool) {
    let come = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let come = tokio::time::timeout(Duration::from_secs(60), come).await;
    assert!(come.is_ok(), "{what} did not come about");
}

fn workspace(terraform: &Terraform, dir: &Path, sandbox: &Sandbox, listening: &Listening) -> Workspace {
    let provider = Path::new(env!("CARGO_BIN_EXE_terraform-provider-striim"));
    Workspace::new(terraform.clone(), dir, provider)
        .unwrap()
        .env("STRIIM_BASE_URL", &listening.base_url)
        .env("STRIIM_TOKEN", sandbox.admin_token().expose_secret())
        .env("TF_LOG", "TRACE")
        .env("TF_LOG_PATH", dir.join("trace.log"))
}

fn configure(workspace: &Workspace, hcl: &str) {
    const SOURCE: &str = r#"terraform {
  required_providers {
    striim = { source = "registry.terraform.io/token-providers/striim" }
  }
}
"#;
    workspace.write("main.tf", &format!("{SOURCE}{hcl}")).unwrap();
}

/// How many warnings a run has shown; that the provider is not installed is none.
pub(crate) fn warnings(run: &Run) -> usize {
    let text = run.text();
    text.matches("Warning:").count() - text.matches("Warning: Provider development overrides").count()
}

fn failure(run: Run) -> Run {
    assert_eq!(run.code, Some(1), "{run}");
    run
}

/// A plan: what Terraform said, and its changes.
pub(crate) struct Plan {
    pub(crate) run: Run,
    json: Value,
}

impl Plan {
    /// Says why it rotates the token `ci-pipeline`: this once, and nothing else.
    #[track_caller]
    pub(crate) fn rotates_because(&self, reason: &str) {
        self.rotates_each_because(&[("ci-pipeline", reason)]);
    }

    /// Says of each of these tokens once why it rotates it, and rotates no other.
    #[track_caller]
    pub(crate) fn rotates_each_because(&self, reasons: &[(&str, &str)]) {
        let text = self.run.text();
        for (name, reason) in reasons {
            let address = format!("striim_service_account_token.{name}");
            assert_eq!(self.actions(&address), "update", "{}", self.run);
            assert_eq!(text.matches(reason).count(), 1, "{reason:?}: {}", self.run);
            assert!(text.contains(&format!("with {address}")), "{}", self.run);
        }
        assert_eq!(text.matches("is to be rotated").count(), reasons.len(), "{}", self.run);
    }

    fn change(&self, address: &str) -> &Value {
        let changes = self.json["resource_changes"].as_array().unwrap();
        let change = changes.iter().find(|change| change["address"] == address);
        &change.unwrap_or_else(|| panic!("no change of {address} in {}", self.run))["change"]
    }

    /// What would be done: `create`, `update`, `delete create`, `no-op` …
    pub(crate) fn actions(&self, address: &str) -> String {
        let actions = self.change(address)["actions"].as_array().unwrap();
        actions
            .iter()
            .map(|action| action.as_str().unwrap())
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// The attributes that are known already.
    pub(crate) fn after(&self, address: &str) -> &Value {
        &self.change(address)["after"]
    }

    /// Which attributes are known only after apply.
    pub(crate) fn unknown(&self, address: &str) -> &Value {
        &self.change(address)["after_unknown"]
    }
}
