//! The common parts of the demos: a platform's sandbox, a workspace with the provider just built,
//! and the output.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use secrecy::{ExposeSecret as _, SecretString};
use token_providers::sandbox::{Listening, Platform, Sandbox};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use crate::terraform::{self, Run, Terraform, Workspace};

/// The setup of a demo.
pub(crate) struct Scene {
    /// The provider's name.
    pub(crate) name: &'static str,
    /// A sentence about the purpose of the platform's tokens.
    pub(crate) opening: &'static str,
    /// The configuration that manages them.
    pub(crate) configuration: &'static str,
    /// The environment variable for the platform's URL.
    pub(crate) base_url: &'static str,
    /// The environment variable for the provider's token, and its value.
    pub(crate) credential: (&'static str, SecretString),
}

/// The running sandbox and the workspace of a demo.
pub(crate) struct Stage {
    pub(crate) workspace: Workspace,
    /// The client for calls with the tokens.
    pub(crate) http: reqwest::Client,
    listening: Listening,
}

impl Stage {
    /// Builds the provider, serves the sandbox, and prints an introduction.
    pub(crate) async fn set<P: Platform>(scene: Scene, sandbox: &Sandbox<P>) -> Result<Self> {
        let terraform = Terraform::find().await?;
        let provider = build_provider(scene.name).await?;
        let dir = terraform::download::target()?.join("demo").join(scene.name);
        if dir.exists() {
            std::fs::remove_dir_all(&dir)?;
        }
        let listening = sandbox.listen(([127, 0, 0, 1], 0).into()).await?;
        let (variable, secret) = &scene.credential;
        let workspace = Workspace::new(terraform, &dir, &provider)?
            .env(scene.base_url, &listening.base_url)
            .env(variable, secret.expose_secret());
        workspace.write("main.tf", scene.configuration)?;
        println!("{} Here {} manages them.", scene.opening, workspace.terraform());
        println!("The account is a sandbox on this machine: {}", listening.base_url);
        println!("Its console: http://{}/", listening.address);
        println!("The configuration: {}", dir.join("main.tf").display());
        let http = reqwest::Client::builder().timeout(Duration::from_secs(10)).no_proxy();
        Ok(Self {
            workspace,
            http: http.build()?,
            listening,
        })
    }

    /// The URL of the API's endpoint at `path`.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.listening.base_url)
    }
}

/// Builds a platform's provider in the profile of this program.
async fn build_provider(platform: &str) -> Result<PathBuf> {
    let program = format!("terraform-provider-{platform}");
    let start = Instant::now();
    println!("Building {program}; its dependencies are built already.");
    let demo = std::env::current_exe()?;
    let directory = demo.ancestors().nth(2).context("the directory of the programs")?;
    let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into()));
    // Together with this example, the program gets the same features of the same dependencies, which are not built again.
    build
        .args(["build", "--example", "demo", "--bin", &program])
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    build.arg("--target-dir").arg(terraform::download::target()?);
    // With these variables of Cargo, build scripts of dependencies would run again.
    for (name, _) in std::env::vars_os() {
        let is_of_cargo = |name: &str| {
            name == "OUT_DIR"
                || ["CARGO_MANIFEST_", "CARGO_PKG_"]
                    .iter()
                    .any(|start| name.starts_with(start))
        };
        if name.to_str().is_some_and(is_of_cargo) {
            build.env_remove(name);
        }
    }
    if directory.ends_with("release") {
        build.arg("--release");
    }
    ensure!(build.status().await?.success(), "the provider does not build");
    println!("Built {program} in {:.0?}.", start.elapsed());
    Ok(directory.join(program).with_extension(std::env::consts::EXE_EXTENSION))
}

/// Whether to wait before each step.
static WATCHED: AtomicBool = AtomicBool::new(false);

/// Lets the demo wait before each step.
pub(crate) fn watch() {
    WATCHED.store(true, Ordering::Relaxed);
}

/// Prints the heading of a step.
pub(crate) async fn step(number: usize, title: &str) -> Result<()> {
    println!("\n{number}. {title}");
    if WATCHED.load(Ordering::Relaxed) {
        println!("   Press Enter to do this.");
        // The sandbox answers meanwhile.
        BufReader::new(tokio::io::stdin()).read_line(&mut String::new()).await?;
    }
    Ok(())
}

/// Prints a statement that has been checked.
pub(crate) fn say(sentence: &str) {
    println!("   {sentence}");
}

/// Prints the lines of Terraform's output that begin with `start`.
pub(crate) fn show(run: &Run, start: &str) {
    for line in run.stdout.lines().filter(|line| line.trim_start().starts_with(start)) {
        println!("   | {}", line.trim());
    }
}
