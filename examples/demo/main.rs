//! The main job, shown with the real Terraform against the embedded sandbox: `cargo demo`, or `cargo demo neuroio`.
//!
//! Every sentence it prints about what happened has been checked just before; it ends with an error where one is not true.

#![allow(clippy::print_stdout, clippy::indexing_slicing)]

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;
use token_providers::sandbox::Listening;
use token_providers::sandbox::striim::{Options, Role, Sandbox};
use tokio::process::Command;

mod neuroio;
mod vault;

#[path = "../../tests/support/terraform.rs"]
mod terraform;

use terraform::{Run, Terraform, Workspace};
use vault::Vault;

const CONFIGURATION: &str = include_str!("main.tf");

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    // For the one HTTP client here; the sandboxes are plain HTTP on this machine.
    rustls::crypto::ring::default_provider().install_default().ok();
    match std::env::args().nth(1).as_deref() {
        None | Some("striim") => striim().await,
        Some("neuroio") => neuroio::run().await,
        Some(other) => bail!("there is a demo of striim and of neuroio, not of {other}"),
    }
}

async fn striim() -> Result<()> {
    let demo = Demo::prepare().await?;
    demo.create().await?;
    demo.plan_again().await?;
    demo.rotate().await?;
    demo.disable_and_enable_pats().await?;
    demo.hand_over().await?;
    demo.revoke().await?;
    demo.how_to_play_on();
    Ok(())
}

/// The sandboxed account, and the configuration that manages it.
struct Demo {
    sandbox: Sandbox,
    listening: Listening,
    workspace: Workspace,
    http: reqwest::Client,
}

impl Demo {
    async fn prepare() -> Result<Self> {
        let terraform = Terraform::find().await?;
        let provider = build_provider("striim").await?;
        let dir = terraform::target()?.join("demo");
        if dir.exists() {
            std::fs::remove_dir_all(&dir)?;
        }
        let sandbox = Sandbox::new(Options::default());
        let listening = sandbox.listen(([127, 0, 0, 1], 0).into()).await?;
        let workspace = Workspace::new(terraform, &dir, &provider)?
            .env("STRIIM_BASE_URL", &listening.base_url)
            .env("STRIIM_TOKEN", sandbox.admin_token().expose_secret());
        workspace.write("main.tf", CONFIGURATION)?;
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(10))
            .no_proxy()
            .build()?;

        println!(
            "Programs call Striim Cloud with API tokens. Here {} manages them.",
            workspace.terraform()
        );
        println!("The account is a sandbox on this machine: {}", listening.base_url);
        println!("The configuration: {}", dir.join("main.tf").display());
        Ok(Self {
            sandbox,
            listening,
            workspace,
            http,
        })
    }

    async fn create(&self) -> Result<()> {
        step(1, "terraform apply creates a token for CI");
        self.set(90, true)?;
        let run = self.workspace.apply().await?.success()?;
        show(&run, "Apply complete!");
        let status = self.status_with(&self.token().await?).await?;
        ensure!(status == StatusCode::OK, "the new token is not let in: {status}");
        say(&format!("An API call with the new token: {status}."));
        ensure!(!run.stdout.contains(&self.token().await?), "the value was printed");
        say("The value was not printed: to Terraform it is sensitive.");
        Ok(())
    }

    async fn plan_again(&self) -> Result<()> {
        step(2, "terraform plan, with the same configuration, finds nothing to do");
        let run = self.workspace.plan().await?.success()?;
        ensure!(run.code == Some(0), "{run}");
        show(&run, "No changes.");
        Ok(())
    }

    async fn rotate(&self) -> Result<()> {
        step(3, "a new expires_at rotates the token in place");
        let old = self.token().await?;
        self.set(180, true)?;
        let run = self.workspace.apply().await?.success()?;
        show(&run, "~ expires_at");
        show(&run, "~ generation");
        show(&run, "Apply complete!");
        let (old, new) = (
            self.status_with(&old).await?,
            self.status_with(&self.token().await?).await?,
        );
        ensure!(old == StatusCode::UNAUTHORIZED, "the old token is still let in: {old}");
        ensure!(new == StatusCode::OK, "the new token is not let in: {new}");
        say(&format!(
            "An API call with the old token: {old}. With the new one: {new}."
        ));
        Ok(())
    }

    async fn disable_and_enable_pats(&self) -> Result<()> {
        step(4, "users' personal access tokens (PATs) are switched off, and on again");
        let user = "dana@acme.example";
        self.sandbox.add_user(user, Role::Regular);
        let pat = self.sandbox.add_user_token(user, Some(in_days(30)))?;
        let before = self.get("user-token", pat.expose_secret()).await?.status();
        ensure!(before == StatusCode::OK, "the PAT is not let in: {before}");
        say(&format!("An API call with a user's PAT: {before}."));
        for (enabled, said) in [(false, "off"), (true, "on")] {
            self.set(180, enabled)?;
            let run = self.workspace.apply().await?.success()?;
            show(&run, "~ enabled");
            let answer = self
                .get("user-token/status", self.sandbox.admin_token().expose_secret())
                .await?;
            let answer: serde_json::Value = serde_json::from_str(&answer.text().await?)?;
            ensure!(answer["enabled"] == enabled, "PATs are not {said}: {answer}");
            let after = self.get("user-token", pat.expose_secret()).await?.status();
            ensure!(after == StatusCode::UNAUTHORIZED, "the PAT is still let in: {after}");
            say(&format!("PATs are {said}: {answer}. The call with that PAT: {after}."));
        }
        say("On again restores no PAT: each user makes a new one.");
        Ok(())
    }

    async fn hand_over(&self) -> Result<()> {
        step(5, "terraform output hands the token over to Vault");
        let vault = Vault::open(self.http.clone()).await?;
        let before = vault.version().await?;
        vault.put(&self.workspace.output("ci_token").await?).await?;
        let version = vault.version().await?;
        ensure!(
            version == before + 1,
            "the secret's version went from {before} to {version}"
        );
        say("terraform output -raw ci_token | vault kv put -mount=secret striim/ci-pipeline token=-");
        say(&format!(
            "Here {} took the token, as version {version} of the secret.",
            vault.name
        ));
        Ok(())
    }

    async fn revoke(&self) -> Result<()> {
        step(6, "terraform destroy revokes the token");
        let token = self.token().await?;
        let run = self.workspace.destroy().await?.success()?;
        show(&run, "Destroy complete!");
        let status = self.status_with(&token).await?;
        ensure!(
            status == StatusCode::UNAUTHORIZED,
            "the token is still let in: {status}"
        );
        say(&format!("An API call with the token: {status}."));
        Ok(())
    }

    fn how_to_play_on(&self) {
        println!("\nTo play on, start a sandbox that stays, in a terminal of its own:");
        say("cargo run --features sandbox --bin striim-sandbox");
        println!("In another one, paste the `export` line that it prints, then:");
        say(&format!("cd {}", self.workspace.dir().display()));
        say("export TF_CLI_CONFIG_FILE=$PWD/terraform.tfrc");
        say(&format!("{} apply", self.workspace.terraform().command_line()));
        println!("The steps above changed terraform.tfvars, and nothing else.");
    }

    /// Sets the configuration's two variables.
    fn set(&self, days: i64, pats_enabled: bool) -> Result<()> {
        let expires_at = in_days(days).strftime("%Y-%m-%dT00:00:00Z");
        let variables = format!("expires_at   = \"{expires_at}\"\npats_enabled = {pats_enabled}\n");
        self.workspace.write("terraform.tfvars", &variables)
    }

    /// The token's present value. Not to be shown.
    async fn token(&self) -> Result<String> {
        self.workspace.output("ci_token").await
    }

    /// What the API answers to a call with that token.
    async fn status_with(&self, token: &str) -> Result<StatusCode> {
        Ok(self.get("service-accounts", token).await?.status())
    }

    async fn get(&self, path: &str, token: &str) -> Result<reqwest::Response> {
        Ok(self
            .http
            .get(format!("{}/{path}", self.listening.base_url))
            .bearer_auth(token)
            .send()
            .await?)
    }
}

/// Builds the provider of a platform in the profile that this program was built in.
async fn build_provider(platform: &str) -> Result<PathBuf> {
    let program = format!("terraform-provider-{platform}");
    let demo = std::env::current_exe()?;
    let directory = demo.ancestors().nth(2).context("the directory of the programs")?;
    let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into()));
    build
        .args(["build", "--quiet", "--bin", &program])
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    build.arg("--target-dir").arg(terraform::target()?);
    // What Cargo tells this program of its own package would make build scripts of others run again.
    for (name, _) in std::env::vars_os() {
        let told = |name: &str| {
            name == "OUT_DIR"
                || ["CARGO_MANIFEST_", "CARGO_PKG_"]
                    .iter()
                    .any(|start| name.starts_with(start))
        };
        if name.to_str().is_some_and(told) {
            build.env_remove(name);
        }
    }
    if directory.ends_with("release") {
        build.arg("--release");
    }
    ensure!(build.status().await?.success(), "the provider does not build");
    Ok(directory.join(program).with_extension(std::env::consts::EXE_EXTENSION))
}

fn in_days(days: i64) -> Timestamp {
    Timestamp::now() + SignedDuration::from_hours(24 * days)
}

fn step(number: usize, title: &str) {
    println!("\n{number}. {title}");
}

fn say(sentence: &str) {
    println!("   {sentence}");
}

/// Shows the lines of Terraform's own words that start like that.
fn show(run: &Run, start: &str) {
    for line in run.stdout.lines().filter(|line| line.trim_start().starts_with(start)) {
        println!("   | {}", line.trim());
    }
}
