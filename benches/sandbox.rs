//! The sandbox under load (`cargo bench --bench sandbox`): 10,000 tokens, 1,000 requests a second, and more entries of
//! the audit log than it keeps. Memory must not grow with the number of requests.
//!
//! The load is rotations, which are the most expensive requests: each replaces a value, and is in the audit log and in
//! the stream of events that a console reads.

#![allow(missing_docs, clippy::indexing_slicing, clippy::print_stdout)]

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures_util::StreamExt as _;
use futures_util::stream;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::task::AbortHandle;

const TOKENS: usize = 10_000;
const RATE: u32 = 1_000;
const SECONDS: u32 = 10;

/// The numbers of requests after which memory is measured. The second is more than anything that is remembered: 100,000
/// values, 10,000 audit entries.
const REQUESTS: [usize; 3] = [10_000, 150_000, 300_000];

/// The growth of memory between the last two measurements that is not a leak.
const TOLERANCE_KIB: u64 = 4 * 1024;

#[tokio::main]
async fn main() -> Result<()> {
    rustls::crypto::ring::default_provider().install_default().ok();
    let sandbox = Sandbox::start().await?;
    println!("{TOKENS} tokens of Striim Cloud");
    println!("{:<52}{:>9} MiB", "memory at the start", mib(sandbox.memory()?));
    sandbox.pages("before the load").await?;
    let console = sandbox.console().await?;

    let mut latencies = sandbox.load_at_rate().await?;
    latencies.sort_unstable();
    let at = |percent: usize| {
        latencies
            .get(latencies.len() * percent / 100)
            .copied()
            .unwrap_or_default()
    };
    println!(
        "{:<52}{:>9.1?} median, {:.1?} 99th percentile",
        format!("{RATE} rotations a second for {SECONDS} s, answered in"),
        at(50),
        at(99)
    );
    let mut sent = latencies.len();
    let mut memory = Vec::new();
    for requests in REQUESTS {
        let start = Instant::now();
        let added = requests.saturating_sub(sent);
        sandbox.load(added).await?;
        sent += added;
        memory.push(sandbox.memory()?);
        let rate = added as f64 / start.elapsed().as_secs_f64();
        println!(
            "{:<52}{:>9} MiB{}",
            format!("memory after {sent} rotations"),
            mib(sandbox.memory()?),
            if added > 0 {
                format!(", {rate:.0} rotations a second")
            } else {
                String::new()
            }
        );
    }
    sandbox.pages("after the load").await?;
    ensure!(!console.is_finished(), "the stream of events has ended");
    let [_, before, after] = memory[..] else {
        return Ok(());
    };
    ensure!(
        after < before + TOLERANCE_KIB,
        "memory grows with the number of requests"
    );
    Ok(())
}

fn mib(kib: u64) -> u64 {
    kib / 1024
}

struct Sandbox {
    child: Child,
    http: reqwest::Client,
    base_url: String,
    control: String,
    token: String,
}

impl Sandbox {
    async fn start() -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let seed = directory.path().join("seed.json");
        let accounts: Vec<_> = (0..TOKENS)
            .map(|number| json!({ "name": name(number), "token": { "expires-in": "90d" } }))
            .collect();
        std::fs::write(&seed, json!({ "striim": { "service-accounts": accounts } }).to_string())?;
        let options = json!({ "rate-limits": null, "quota": 2 * TOKENS }).to_string();
        let mut child = Command::new(env!("CARGO_BIN_EXE_token-sandbox"))
            .args([
                "striim",
                "--json",
                "--listen",
                "127.0.0.1:0",
                "--options",
                &options,
                "--seed",
            ])
            .arg(&seed)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let mut line = String::new();
        let output = child.stdout.take().context("the output of the sandbox")?;
        BufReader::new(output).read_line(&mut line).await?;
        let ready: Value = serde_json::from_str(&line)?;
        let sandbox = &ready["sandboxes"][0];
        let text = |value: &Value| {
            value
                .as_str()
                .map(str::to_owned)
                .context("a text in the output of the sandbox")
        };
        Ok(Self {
            child,
            http: reqwest::Client::builder()
                .no_proxy()
                .timeout(Duration::from_secs(30))
                .build()?,
            base_url: text(&sandbox["base-url"])?,
            control: text(&sandbox["control"])?,
            token: text(&sandbox["environment"]["STRIIM_TOKEN"])?,
        })
    }

    /// The resident memory of the process in KiB.
    fn memory(&self) -> Result<u64> {
        let process = self.child.id().context("the sandbox has exited")?;
        let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line
            .and_then(|line| line.split_whitespace().next())
            .context("no VmRSS")?;
        Ok(number.parse()?)
    }

    /// Reads the stream of events, as a console does.
    async fn console(&self) -> Result<AbortHandle> {
        let stream = reqwest::Client::builder().no_proxy().build()?;
        let mut answer = stream.get(format!("{}/events", self.control)).send().await?;
        let reading = tokio::spawn(async move { while let Ok(Some(_)) = answer.chunk().await {} });
        Ok(reading.abort_handle())
    }

    /// Prints the time for pages of the token list.
    async fn pages(&self, when: &str) -> Result<()> {
        for query in [
            "limit=100",
            "limit=100&offset=9000",
            "query=token-00077",
            "state=revoked",
        ] {
            let mut times = Vec::new();
            for _ in 0..21 {
                let start = Instant::now();
                let answer = self.http.get(format!("{}/tokens?{query}", self.control)).send().await?;
                let page: Value = serde_json::from_slice(&answer.bytes().await?)?;
                ensure!(page["tokens"].is_array(), "{page}");
                times.push(start.elapsed());
            }
            times.sort_unstable();
            let median = times.get(times.len() / 2).copied().unwrap_or_default();
            println!("{:<52}{median:>9.1?}", format!("GET /sandbox/tokens?{query} {when}"));
        }
        Ok(())
    }

    /// Sends rotations at [`RATE`], whether earlier ones are answered or not, and returns the time of each.
    async fn load_at_rate(&self) -> Result<Vec<Duration>> {
        let mut interval = tokio::time::interval(Duration::from_secs(1) / RATE);
        let mut running = tokio::task::JoinSet::new();
        for number in 0..(RATE * SECONDS) as usize {
            interval.tick().await;
            let request = self.rotation(number);
            running.spawn(async move {
                let start = Instant::now();
                let status = request.send().await?.error_for_status()?.bytes().await;
                status.map(|_| start.elapsed())
            });
        }
        let latencies = running.join_all().await;
        latencies.into_iter().map(|latency| Ok(latency?)).collect()
    }

    /// Sends this number of rotations, 32 at a time.
    async fn load(&self, requests: usize) -> Result<()> {
        let mut answers = stream::iter(0..requests)
            .map(|number| async move { self.rotation(number).send().await?.error_for_status()?.bytes().await })
            .buffer_unordered(32);
        while let Some(answer) = answers.next().await {
            answer?;
        }
        Ok(())
    }

    fn rotation(&self, number: usize) -> reqwest::RequestBuilder {
        let body = json!({ "name": name(number % TOKENS), "expires-at": null });
        let request = self.http.post(format!("{}/service-account/rotate", self.base_url));
        request.bearer_auth(&self.token).body(body.to_string())
    }
}

fn name(number: usize) -> String {
    format!("token-{number:05}")
}
