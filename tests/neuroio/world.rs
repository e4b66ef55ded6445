//! One NeuroIO (a sandbox) with a real Terraform beside it.

use std::path::Path;

use secrecy::ExposeSecret as _;
use serde_json::Value;
use token_providers::neuroio::NeuroIo;
use token_providers::platform::Parts;
use token_providers::plugin::{About, Attachable};
use token_providers::sandbox::Listening;
use token_providers::sandbox::neuroio::{Options, Realm, Sandbox};

use crate::terraform::{Minor, Run, Terraform, Workspace};
use crate::versions;

/// The address of the token that most tests declare.
pub(crate) const CAMERA: &str = "neuroio_stream_token.camera";

/// That token.
pub(crate) fn camera(arguments: &str) -> String {
    format!("resource \"neuroio_stream_token\" \"camera\" {{\n  {arguments}\n}}\n")
}

/// Runs `test` on each Terraform of the suite, with a new world each time.
///
/// Whatever a test is about, no token's value may have been printed, not even under `TF_LOG=TRACE`, and the request that
/// deletes all tokens may not have been sent.
pub(crate) fn on_each_version(test: impl AsyncFn(&mut World)) {
    on_each_version_since((1, 0), test);
}

/// The same on those that have what came with `first`.
pub(crate) fn on_each_version_since(first: Minor, test: impl AsyncFn(&mut World)) {
    versions::on_each_version_since(first, async |terraform| World::live(terraform, &test).await);
}

/// The same on every Terraform there is.
pub(crate) fn on_every_version(test: impl AsyncFn(&mut World) + Sync) {
    versions::on_every_version(async |terraform| World::live(terraform, &test).await);
}

/// The same, with the provider in this process: it goes by the sandbox's clock, which the test moves.
pub(crate) fn by_the_clock(test: impl AsyncFn(&mut World)) {
    on_each_version(async |world| world.attached(&test).await);
}

/// A NeuroIO, served on a loopback port, and a workspace whose provider talks to it as the account.
pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
    pub(crate) workspace: Workspace,
    api_token: String,
    listening: Listening,
    dir: tempfile::TempDir,
}

impl World {
    async fn live(terraform: &Terraform, test: impl AsyncFn(&mut Self)) {
        let mut world = Self::new(terraform).await;
        test(&mut world).await;
        world.revealed_nothing();
        for path in ["/streams/tokens/", "/streams/tokens//", "/streams/tokens"] {
            assert_eq!(world.sandbox.calls("DELETE", path), 0);
        }
    }

    async fn new(terraform: &Terraform) -> Self {
        let sandbox = Sandbox::new(Options::default());
        let listening = sandbox.listen(([127, 0, 0, 1], 0).into()).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let api_token = sandbox.api_token(&Realm::Account).expose_secret().to_owned();
        let provider = Path::new(env!("CARGO_BIN_EXE_terraform-provider-neuroio"));
        let workspace = Workspace::new(terraform.clone(), dir.path(), provider)
            .unwrap()
            .env("NEUROIO_BASE_URL", &listening.base_url)
            .env("NEUROIO_API_TOKEN", &api_token)
            .env("TF_LOG", "TRACE")
            .env("TF_LOG_PATH", dir.path().join("trace.log"));
        Self {
            sandbox,
            workspace,
            api_token,
            listening,
            dir,
        }
    }

    async fn attached(&mut self, test: impl AsyncFn(&mut Self)) {
        const ABOUT: About = About {
            name: "neuroio",
            version: "0.0.0",
            address: "registry.terraform.io/token-providers/neuroio",
        };
        let attachable = Attachable::open(&ABOUT).unwrap();
        self.set_env("TF_REATTACH_PROVIDERS", &attachable.variable());
        let (url, token) = (self.listening.base_url.clone(), self.api_token.clone());
        let parts = Parts {
            clock: self.sandbox.clock(),
            environment: Box::new(move |name| match name {
                "NEUROIO_BASE_URL" => Some(url.clone()),
                "NEUROIO_API_TOKEN" => Some(token.clone()),
                _ => None,
            }),
            ..Parts::default()
        };
        tokio::select! {
            () = attachable.serve(NeuroIo::new(parts), std::future::pending()) => {}
            () = test(self) => {}
        }
    }

    /// Makes `hcl` the configuration.
    pub(crate) fn configure(&self, hcl: &str) {
        const SOURCE: &str = r#"terraform {
  required_providers {
    neuroio = { source = "registry.terraform.io/token-providers/neuroio" }
  }
}
"#;
        self.workspace.write("main.tf", &format!("{SOURCE}{hcl}")).unwrap();
    }

    /// The token that the provider is told by `NEUROIO_API_TOKEN`.
    pub(crate) fn api_token(&self) -> String {
        self.api_token.clone()
    }

    /// Sets an environment variable of the provider.
    pub(crate) fn set_env(&mut self, name: &str, value: &str) {
        self.workspace.environment().insert(name.to_owned(), value.into());
    }

    /// Plans; planning must succeed.
    pub(crate) async fn plan(&self) -> Run {
        self.workspace.plan().await.unwrap().success().unwrap()
    }

    /// Plans; nothing may be left to do.
    pub(crate) async fn plans_nothing(&self) {
        let run = self.workspace.plan().await.unwrap();
        assert_eq!(run.code, Some(0), "changes are planned: {run}");
    }

    /// Applies; must succeed.
    pub(crate) async fn apply(&self) -> Run {
        self.workspace.apply().await.unwrap().success().unwrap()
    }

    /// Applies; must fail.
    pub(crate) async fn apply_fails(&self) -> Run {
        failed(self.workspace.apply().await.unwrap())
    }

    /// Plans; must fail.
    pub(crate) async fn plan_fails(&self) -> Run {
        failed(self.workspace.plan().await.unwrap())
    }

    /// Destroys; must succeed.
    pub(crate) async fn destroy(&self) {
        self.workspace.destroy().await.unwrap().success().unwrap();
    }

    /// The attributes in the state; null for what is not there.
    pub(crate) async fn attributes(&self, address: &str) -> Value {
        let mut state = self.workspace.state().await.unwrap();
        let resources = state["values"]["root_module"]["resources"].as_array_mut();
        let found = resources.and_then(|resources| resources.iter_mut().find(|found| found["address"] == address));
        found.map_or(Value::Null, |found| found["values"].take())
    }

    /// The identity of the only resource in the state.
    pub(crate) async fn identity(&self) -> Value {
        let mut state = self.workspace.state().await.unwrap();
        state["values"]["root_module"]["resources"][0]["identity"].take()
    }

    /// Whether the platform lets a value in.
    pub(crate) fn lets_in(&self, key: &Value) -> bool {
        self.sandbox.is_live(key.as_str().unwrap())
    }

    /// The ids of the account's tokens.
    pub(crate) fn ids(&self) -> Vec<u64> {
        let tokens = self.sandbox.tokens(&Realm::Account);
        tokens.iter().map(|token| token.id).collect()
    }

    /// What lies in the files of the workspace.
    pub(crate) fn files(&self) -> String {
        let files = std::fs::read_dir(self.dir.path()).unwrap();
        let texts = files.map(|file| std::fs::read(file.unwrap().path()).unwrap_or_default());
        texts.map(|text| String::from_utf8_lossy(&text).into_owned()).collect()
    }

    /// Nothing that Terraform or the provider printed or logged holds a token's value.
    fn revealed_nothing(&self) {
        let trace = std::fs::read_to_string(self.dir.path().join("trace.log")).unwrap();
        for (place, text) in [("the output", self.workspace.said()), ("the log", trace)] {
            for value in self.sandbox.issued_values() {
                let line = text.lines().find(|line| line.contains(value.expose_secret()));
                assert!(line.is_none(), "{place} holds a token's value: {line:?}");
            }
        }
    }
}

fn failed(run: Run) -> Run {
    assert_eq!(run.code, Some(1), "{run}");
    run
}
