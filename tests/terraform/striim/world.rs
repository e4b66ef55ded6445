//! A Striim Cloud account (a sandbox), and a real Terraform.

use http::Method;
use secrecy::ExposeSecret as _;
use serde_json::Value;
use token_providers::framework::Provider;
use token_providers::sandbox::striim::{Account, Options, Sandbox};
use token_providers::sandbox::{Effect, Fault, When};
use token_providers::striim::{Runtime, Striim};

use crate::support::striim;
use crate::support::terraform::{Running, Workspace};

pub(crate) use crate::support::striim::{CI, USER, ci, token};

pub(crate) use crate::terraform::world::{
    APPLY, DAY, Plan, PlatformUnderTest, Suite, generation, in_days, resources, until, warnings,
};

/// A Striim Cloud account, and a real Terraform.
pub(crate) type World = crate::terraform::world::World<Account>;

impl PlatformUnderTest for Account {
    const NAME: &'static str = "striim";
    const PROGRAM: &'static str = env!("CARGO_BIN_EXE_terraform-provider-striim");
    const SUITE: Suite = Suite::Each;

    fn start() -> Sandbox {
        Sandbox::new(Options::default())
    }

    fn variables(sandbox: &Sandbox, base_url: &str) -> Vec<(&'static str, String)> {
        let token = sandbox.admin_token().expose_secret().to_owned();
        vec![("STRIIM_BASE_URL", base_url.to_owned()), ("STRIIM_TOKEN", token)]
    }

    fn provider(runtime: Runtime) -> impl Provider {
        Striim::new(runtime)
    }
}

/// This number of tokens: `token-01`, `token-02`, …
pub(crate) fn many(count: usize, arguments: &str) -> String {
    (1..=count)
        .map(|number| token(&format!("token-{number:02}"), arguments))
        .collect()
}

impl World {
    /// The provider's token, `STRIIM_TOKEN`.
    pub(crate) fn bearer(&self) -> String {
        self.sandbox.admin_token().expose_secret().to_owned()
    }

    /// Sends a request to the API as an administrator outside Terraform; see [`striim::request`].
    pub(crate) async fn outside(&self, method: Method, path: &str, body: Value) -> Value {
        striim::request(&self.sandbox, method, &format!("/api/v1{path}"), body).await
    }

    /// Sends a request to the sandbox's control API; see [`striim::request`].
    pub(crate) async fn control(&self, method: Method, path: &str, body: Value) -> Value {
        striim::request(&self.sandbox, method, &format!("/sandbox{path}"), body).await
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
        striim::add_user(&self.sandbox, in_days(30).parse().unwrap())
    }

    /// See [`striim::reject`].
    pub(crate) fn reject(&self, method: Method, path: &str, status: u16, message: &str) {
        striim::reject(&self.sandbox, &method, path, status, message);
    }

    /// Starts an apply whose request with this method and path hangs, before or after it takes
    /// effect.
    pub(crate) async fn apply_until_held(&self, method: Method, path: &str, when: When) -> Running {
        let fault = Fault::new(Effect::Hang).on(method.as_str(), path);
        let (calls, acts) = (self.sandbox.calls(method.as_str(), path), self.sandbox.audit().len());
        self.sandbox.fault(match when {
            When::Before => fault,
            When::After => fault.after(),
        });
        let is_held = || match when {
            When::Before => self.sandbox.calls(method.as_str(), path) > calls,
            When::After => self.sandbox.audit().len() > acts,
        };
        self.apply_until(&format!("{method} {path}"), is_held).await
    }

    /// The names of the service account tokens in the state, ascending, with their values.
    pub(crate) async fn tokens(&self) -> Vec<(String, Value)> {
        tokens_of(&self.workspace).await
    }
}

/// The names of the service account tokens in the state, ascending, with their values.
pub(crate) async fn tokens_of(workspace: &Workspace) -> Vec<(String, Value)> {
    let resources = resources(workspace).await.into_iter();
    let tokens = resources.filter(|resource| resource["type"] == "striim_service_account_token");
    let mut tokens: Vec<_> = tokens
        .map(|mut resource| {
            let values = &mut resource["values"];
            (values["name"].as_str().unwrap().to_owned(), values["token"].take())
        })
        .collect();
    tokens.sort_by(|one, other| one.0.cmp(&other.0));
    tokens
}

impl Plan {
    /// Asserts that the plan rotates only the token `ci-pipeline`, and reports the reason once.
    #[track_caller]
    pub(crate) fn rotates_because(&self, reason: &str) {
        self.rotates_each_because(&[("ci-pipeline", reason)]);
    }

    /// Asserts that it rotates only these tokens, and reports each reason once.
    #[track_caller]
    pub(crate) fn rotates_each_because(&self, reasons: &[(&str, &str)]) {
        let text = self.run.text();
        for (name, reason) in reasons {
            let address = format!("striim_service_account_token.{name}");
            assert_eq!(self.actions(&address), "update", "{}", self.run);
            assert_eq!(text.matches(reason).count(), 1, "{reason:?}: {}", self.run);
            assert!(text.contains(&format!("with {address}")), "{}", self.run);
        }
        assert_eq!(text.matches("will be rotated").count(), reasons.len(), "{}", self.run);
    }
}
