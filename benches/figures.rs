//! Speed and size of the release program, measured in whole-process runs: `cargo bench --bench
//! figures`.

#![allow(missing_docs, clippy::print_stdout)]

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;
use token_providers::sandbox::Listening;
use token_providers::sandbox::striim::{Options, Sandbox};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

#[path = "../tests/support/terraform.rs"]
#[allow(dead_code, reason = "the tests use all of it")]
mod terraform;

use terraform::{Terraform, Workspace};

const PROVIDER: &str = env!("CARGO_BIN_EXE_terraform-provider-striim");

/// The number of measured starts.
const STARTS: usize = 50;

/// The number of measured plans.
const PLANS: usize = 15;

/// The time limit for the handshake line.
const START_LIMIT: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> Result<()> {
    let terraform = Terraform::find().await?;
    figure(&terraform.to_string(), "measured", "target");

    figure(
        "start to handshake line, median",
        &milliseconds(start().await?),
        "within 3 ms",
    );
    let bare = Bench::new(&terraform, 0).await?.plans().await?;
    figure("plan without plugins, median", &milliseconds(bare.median), "");
    for (tokens, target) in [(1, "at most 100 ms"), (100, "")] {
        let plans = Bench::new(&terraform, tokens).await?.plans().await?;
        let name = format!("plan of {tokens} token{}, median", if tokens == 1 { "" } else { "s" });
        figure(&name, &milliseconds(plans.median), "");
        figure(
            "  more than without plugins",
            &milliseconds(plans.median.saturating_sub(bare.median)),
            target,
        );
        figure(
            "  peak memory of the provider",
            &megabytes(plans.peak_memory),
            "within 10 MB",
        );
        figure("  list calls per plan", &plans.calls.to_string(), "1");
    }
    figure(
        "size of the program",
        &megabytes(std::fs::metadata(PROVIDER)?.len()),
        "within 9 MB",
    );
    Ok(())
}

fn figure(name: &str, measured: &str, target: &str) {
    println!("{name:<44}{measured:>12}   {target}");
}

fn milliseconds(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1e3)
}

#[allow(clippy::cast_precision_loss)]
fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

fn median(mut times: Vec<Duration>) -> Result<Duration> {
    times.sort_unstable();
    times.get(times.len() / 2).copied().context("nothing was measured")
}

/// The time from the start of the provider's process to its handshake line, including the setup of
/// mutual TLS.
async fn start() -> Result<Duration> {
    let key = rcgen::KeyPair::generate()?;
    let certificate = rcgen::CertificateParams::new(["localhost".to_owned()])?.self_signed(&key)?;
    let certificate = BASE64_STANDARD.encode(certificate.der());
    let certificate = format!("-----BEGIN CERTIFICATE-----\n{certificate}\n-----END CERTIFICATE-----\n");
    let sockets = tempfile::tempdir()?;
    let mut times = Vec::new();
    for _ in 0..STARTS {
        let mut command = Command::new(PROVIDER);
        command
            .env(
                "TF_PLUGIN_MAGIC_COOKIE",
                "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2",
            )
            .env("PLUGIN_PROTOCOL_VERSIONS", "6")
            .env("PLUGIN_CLIENT_CERT", &certificate)
            .env("PLUGIN_UNIX_SOCKET_DIR", sockets.path())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let began = Instant::now();
        let mut provider = command.spawn()?;
        let mut line = String::new();
        let mut stdout = BufReader::new(provider.stdout.take().context("the pipe just asked for")?);
        tokio::time::timeout(START_LIMIT, stdout.read_line(&mut line)).await??;
        times.push(began.elapsed());
        ensure!(line.starts_with("1|6|"), "not a handshake line: {line:?}");
        provider.kill().await?;
    }
    median(times)
}

/// An account with this number of tokens, and a workspace that manages them.
struct Bench {
    sandbox: Sandbox,
    workspace: Workspace,
    _listening: Listening,
    _dir: tempfile::TempDir,
}

/// The cost of plans.
struct Plans {
    median: Duration,
    /// The provider's peak resident memory in bytes.
    peak_memory: u64,
    /// The API calls of one plan.
    calls: usize,
}

impl Bench {
    /// Prepares the workspace. Without tokens, Terraform starts no plugin.
    async fn new(terraform: &Terraform, tokens: usize) -> Result<Self> {
        let sandbox = Sandbox::new(Options {
            quota: tokens,
            ..Options::default()
        });
        let listening = sandbox.listen(([127, 0, 0, 1], 0).into()).await?;
        let dir = tempfile::tempdir()?;
        let workspace = Workspace::new(terraform.clone(), dir.path(), Path::new(PROVIDER))?
            .env("STRIIM_BASE_URL", &listening.base_url)
            .env("STRIIM_TOKEN", sandbox.admin_token().expose_secret());
        let names: Vec<String> = (1..=tokens).map(|number| format!("worker-{number:03}")).collect();
        for name in &names {
            sandbox.add_service_account(name, Some(Timestamp::now() + SignedDuration::from_hours(24 * 30)));
        }
        let configuration = format!(
            r#"terraform {{
  required_providers {{
    striim = {{ source = "registry.terraform.io/token-providers/striim" }}
  }}
}}
locals {{
  names = toset({names:?})
}}
resource "striim_service_account_token" "worker" {{
  for_each = local.names
  name     = each.key
}}
import {{
  for_each = local.names
  to       = striim_service_account_token.worker[each.key]
  id       = each.key
}}
"#
        );
        workspace.write(
            "main.tf",
            if names.is_empty() {
                "locals {}\n"
            } else {
                &configuration
            },
        )?;
        workspace.apply().await?.success()?;
        Ok(Self {
            sandbox,
            workspace,
            _listening: listening,
            _dir: dir,
        })
    }

    async fn plans(&self) -> Result<Plans> {
        let before = self.sandbox.calls("GET", "/service-accounts");
        let mut times = Vec::new();
        for _ in 0..PLANS {
            let run = self.workspace.plan().await?;
            ensure!(run.code == Some(0), "{run}");
            times.push(run.took);
        }
        let calls = (self.sandbox.calls("GET", "/service-accounts") - before) / PLANS;
        Ok(Plans {
            median: median(times)?,
            peak_memory: self.peak_memory().await?,
            calls,
        })
    }

    /// Runs one more plan and watches its providers: the kernel reports the peak only during the
    /// life of a process.
    async fn peak_memory(&self) -> Result<u64> {
        let plan = self.workspace.plan();
        tokio::pin!(plan);
        let mut peak = 0;
        loop {
            tokio::select! {
                run = &mut plan => return run?.success().map(|_| peak),
                () = tokio::time::sleep(Duration::from_millis(1)) => peak = peak.max(peaks().max().unwrap_or_default()),
            }
        }
    }
}

/// The peak resident memory, in bytes, of each running provider. Linux only.
fn peaks() -> impl Iterator<Item = u64> {
    let processes = std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    let providers =
        processes.filter(|path| std::fs::read_link(path.join("exe")).is_ok_and(|exe| exe == Path::new(PROVIDER)));
    providers.filter_map(|path| {
        let status = std::fs::read_to_string(path.join("status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.split_whitespace()
            .next()?
            .parse::<u64>()
            .ok()
            .map(|kibibytes| kibibytes * 1024)
    })
}
