//! The real Terraform, attached to a provider in this process.

use std::path::Path;

use tempfile::TempDir;
use token_providers::framework::Provider;
use token_providers::plugin::{Attachable, ProviderInfo};

use crate::support::feature::Feature;
use crate::support::terraform::{Terraform, Workspace};
use crate::support::versions::{Suite, on_each_version_with};

/// A directory with a configuration, and a Terraform to run there.
pub(crate) struct Attached {
    pub(crate) workspace: Workspace,
    pub(crate) dir: TempDir,
}

/// Runs `test` with each Terraform of the suite, attached to the provider that `start` creates.
pub(crate) fn attached<P: Provider>(
    info: &ProviderInfo,
    start: impl Fn() -> P + Sync,
    test: impl AsyncFn(&Attached) + Sync,
) {
    on_each_version_with(Feature::COMMON, Suite::Each, async |terraform| {
        run(terraform, info, start(), &test).await;
    });
}

async fn run(terraform: &Terraform, info: &ProviderInfo, provider: impl Provider, test: impl AsyncFn(&Attached)) {
    let dir = tempfile::tempdir().unwrap();
    let program = format!("terraform-provider-{}", info.name());
    let attachable = Attachable::open(info).unwrap();
    let workspace = Workspace::new(terraform.clone(), dir.path(), Path::new(&program)).unwrap();
    let workspace = workspace.env("TF_REATTACH_PROVIDERS", attachable.variable());
    let attached = Attached { workspace, dir };
    tokio::select! {
        () = attachable.serve(provider, std::future::pending()) => {}
        () = test(&attached) => {}
    }
}

impl Attached {
    /// Writes the configuration.
    pub(crate) fn configure(&self, hcl: &str) {
        self.workspace.write("main.tf", hcl).unwrap();
    }

    /// Runs `terraform apply`, which must succeed.
    pub(crate) async fn apply(&self) {
        self.workspace.apply().await.unwrap().success().unwrap();
    }

    /// Runs `terraform plan`, which must not contain changes.
    pub(crate) async fn plans_nothing(&self) {
        let run = self.workspace.plan().await.unwrap();
        assert_eq!(run.code, Some(0), "changes are planned: {run}");
    }
}
