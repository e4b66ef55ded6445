//! The cost of a distant API: requests and wall time of whole Terraform runs (`cargo bench --bench
//! latency`).
//!
//! Each operation is one `terraform apply` of the release program against a sandbox with delayed
//! answers, compared with the time of the same number of sequential bare requests. The difference
//! is Terraform's own time (the first line) and the provider's, minus the time saved by concurrent
//! requests.

#![allow(missing_docs, clippy::print_stdout)]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use secrecy::ExposeSecret as _;
use token_providers::sandbox::{Platform, Sandbox, startree, striim};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tower::Service as _;

#[path = "../tests/support/terraform.rs"]
#[allow(dead_code, reason = "the tests use all of it")]
mod terraform;

use terraform::{Terraform, Workspace};

/// The latency of the API in milliseconds.
const LATENCIES: [u64; 3] = [0, 50, 150];

/// The number of measurements of each operation, of which the median is printed.
const TIMES: usize = 3;

#[tokio::main]
async fn main() -> Result<()> {
    let terraform = Terraform::find().await?;
    println!("{terraform}, median of {TIMES}");
    println!(
        "{:<44}{:>9}{:>12}{:>12}{:>12}",
        "", "requests", "0 ms", "50 ms", "150 ms"
    );
    println!(
        "{:<44}{:>9}{:>12}",
        "apply without a provider",
        "",
        seconds(alone(&terraform).await?)
    );
    for tokens in [1, 5] {
        striim(&terraform, tokens).await?;
    }
    for roles in [1, 10, 100] {
        startree(&terraform, roles).await?;
    }
    Ok(())
}

/// Service account tokens of Striim Cloud.
async fn striim(terraform: &Terraform, tokens: usize) -> Result<()> {
    let mut table = Table::default();
    for latency in LATENCIES {
        for _ in 0..TIMES {
            let sandbox = striim::Sandbox::new(striim::Options {
                quota: tokens + 1,
                rate_limits: None,
                ..striim::Options::default()
            });
            let api = FarAway::start(&sandbox, latency).await?;
            let dir = tempfile::tempdir()?;
            let program = Path::new(env!("CARGO_BIN_EXE_terraform-provider-striim"));
            let workspace = Workspace::new(terraform.clone(), dir.path(), program)?
                .env("STRIIM_BASE_URL", &api.base_url)
                .env("STRIIM_TOKEN", sandbox.admin_token().expose_secret());
            let declared = |trigger: &str| {
                format!(
                    r#"{}resource "striim_service_account_token" "worker" {{
  count             = {tokens}
  name              = "worker-${{count.index}}"
  rotation_triggers = {{ release = "{trigger}" }}
}}
"#,
                    required("striim")
                )
            };
            let several = if tokens == 1 {
                "1 token".to_owned()
            } else {
                format!("{tokens} tokens")
            };
            for (operation, configuration) in [
                ("create", declared("1")),
                ("rotate", declared("2")),
                ("destroy", required("striim")),
            ] {
                let row = format!("striim: {operation} {several}");
                table.time(&row, latency, &api, &workspace, &configuration).await?;
            }
        }
    }
    table.print()
}

/// A service token of StarTree with one of the environment's roles.
async fn startree(terraform: &Terraform, roles: usize) -> Result<()> {
    let mut table = Table::default();
    for latency in LATENCIES {
        for _ in 0..TIMES {
            let sandbox = startree::Sandbox::new(startree::Options::default());
            for role in 0..roles {
                sandbox.add_role(&format!("role-{role}"), None);
            }
            let api = FarAway::start(&sandbox, latency).await?;
            let dir = tempfile::tempdir()?;
            let program = Path::new(env!("CARGO_BIN_EXE_terraform-provider-startree"));
            let workspace = Workspace::new(terraform.clone(), dir.path(), program)?
                .env("STARTREE_BASE_URL", &api.base_url)
                .env("STARTREE_TOKEN", sandbox.add_administrator().bearer().expose_secret());
            let declared = |trigger: &str| {
                format!(
                    r#"{}resource "startree_service_token" "dashboards" {{
  description       = "Dashboards"
  rotation_triggers = {{ release = "{trigger}" }}
}}
resource "startree_role_assignment" "dashboards" {{
  role         = "role-0"
  subject_type = "service-token"
  subject      = startree_service_token.dashboards.access_key
}}
"#,
                    required("startree")
                )
            };
            for (operation, configuration) in [
                ("create", declared("1")),
                ("rotate", declared("2")),
                ("destroy", required("startree")),
            ] {
                let row = format!("startree, {roles} roles: {operation} 1 token");
                table.time(&row, latency, &api, &workspace, &configuration).await?;
            }
        }
    }
    table.print()
}

fn required(provider: &str) -> String {
    format!(
        r#"terraform {{
  required_providers {{
    {provider} = {{ source = "registry.terraform.io/token-providers/{provider}" }}
  }}
}}
"#
    )
}

/// The time of an apply that starts no provider.
async fn alone(terraform: &Terraform) -> Result<Duration> {
    let mut times = Vec::new();
    for number in 0..TIMES {
        let dir = tempfile::tempdir()?;
        let program = Path::new(env!("CARGO_BIN_EXE_terraform-provider-striim"));
        let workspace = Workspace::new(terraform.clone(), dir.path(), program)?;
        workspace.write("main.tf", &format!("output \"number\" {{ value = {number} }}\n"))?;
        times.push(workspace.apply().await?.success()?.took);
    }
    median(times)
}

/// The operations with their figures, in the order of the first measurement.
#[derive(Default)]
struct Table(Vec<Row>);

struct Row {
    operation: String,
    requests: usize,
    /// The latency, the time of the operation, and the time of as many bare requests.
    times: Vec<(u64, Duration, Duration)>,
}

impl Table {
    /// Measures the apply of a configuration.
    async fn time(
        &mut self,
        operation: &str,
        latency: u64,
        api: &FarAway,
        workspace: &Workspace,
        configuration: &str,
    ) -> Result<()> {
        workspace.write("main.tf", configuration)?;
        let before = api.requests();
        let took = workspace.apply().await?.success()?.took;
        let requests = api.requests() - before;
        let bare = api.bare_requests(requests).await?;
        let known = self.0.iter().position(|row| row.operation == operation);
        let index = known.unwrap_or(self.0.len());
        if known.is_none() {
            self.0.push(Row {
                operation: operation.to_owned(),
                requests,
                times: Vec::new(),
            });
        }
        let row = self.0.get_mut(index).context("the row just found or added")?;
        row.requests = row.requests.max(requests);
        row.times.push((latency, took, bare));
        Ok(())
    }

    fn print(self) -> Result<()> {
        for Row {
            operation,
            requests,
            times,
        } in self.0
        {
            let column = |of: fn(&(u64, Duration, Duration)) -> Duration| -> Result<String> {
                let columns = LATENCIES.into_iter().map(|latency| {
                    let at = times.iter().filter(|(at, ..)| *at == latency);
                    Ok(format!("{:>12}", seconds(median(at.map(of).collect())?)))
                });
                columns.collect()
            };
            println!("{operation:<44}{requests:>9}{}", column(|(_, took, _)| *took)?);
            println!(
                "{:<44}{:>9}{}",
                "  bare requests",
                requests,
                column(|(.., bare)| *bare)?
            );
        }
        Ok(())
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.0} ms", duration.as_secs_f64() * 1e3)
}

fn median(mut times: Vec<Duration>) -> Result<Duration> {
    times.sort_unstable();
    times.get(times.len() / 2).copied().context("nothing was measured")
}

/// A sandbox on TCP with delayed answers that counts its requests. Dropping it stops the server.
struct FarAway {
    base_url: String,
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
    _serving: JoinSet<()>,
}

impl FarAway {
    async fn start<P: Platform>(sandbox: &Sandbox<P>, latency: u64) -> Result<Self> {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        let address = listener.local_addr()?;
        let requests = Arc::new(AtomicUsize::new(0));
        let service = {
            let (platform, requests) = (sandbox.service::<Incoming>(), requests.clone());
            tower::service_fn(move |request: http::Request<Incoming>| {
                requests.fetch_add(1, Ordering::Relaxed);
                let mut platform = platform.clone();
                async move {
                    tokio::time::sleep(Duration::from_millis(latency)).await;
                    platform.call(request).await
                }
            })
        };
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let service = TowerToHyperService::new(service);
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service.clone());
                tokio::spawn(connection);
            }
        });
        Ok(Self {
            base_url: P::base_url(address),
            address,
            requests,
            _serving: serving,
        })
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    /// The time of this number of sequential requests over one connection, for a path that does not
    /// exist.
    async fn bare_requests(&self, number: usize) -> Result<Duration> {
        let mut stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let began = Instant::now();
        for _ in 0..number {
            stream
                .write_all(b"GET /bare HTTP/1.1\r\nhost: localhost\r\n\r\n")
                .await?;
            let mut answer = Vec::new();
            // An answer without a body ends after its headers.
            while !answer.ends_with(b"\r\n\r\n") {
                ensure!(stream.read_buf(&mut answer).await? > 0, "the connection was closed");
            }
        }
        Ok(began.elapsed())
    }
}
