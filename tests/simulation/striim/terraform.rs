//! One workspace of the testing kit, and how it starts providers: in this process or as their own.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{bail, ensure};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use token_providers::framework;
use token_providers::framework::testing::{
    self, Configuration, Connection, Diagnostic, Object, PluginProgram, ProviderSchema, RunOptions, RunOutcome,
    StartError, Workspace,
};
use token_providers::rest::Transport;
use token_providers::striim::{Runtime, Striim};
use token_providers::token::Clock;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::network::Line;
use super::outputs::Outputs;
use crate::simulation::speed::Speed;
use crate::simulation::vault::{self, Server, SimulatedVault};

/// The spelling of the account in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Spelling {
    #[default]
    Name,
    Capitals,
    BaseUrl,
}

impl Spelling {
    /// The environment variable that names the account, and its value.
    fn variable(self) -> (&'static str, &'static str) {
        match self {
            Self::Name => ("STRIIM_ACCOUNT", "acme"),
            Self::Capitals => ("STRIIM_ACCOUNT", "Acme"),
            Self::BaseUrl => ("STRIIM_BASE_URL", "https://acme.striim.cloud/api/v1"),
        }
    }
}

/// One workspace.
pub(crate) struct Terraform {
    pub(crate) start: Start,
    workspace: Workspace,
}

/// The options of a run.
#[derive(Clone, Copy)]
pub(crate) struct Run<'a> {
    pub(crate) line: &'a Line,
    /// The number of concurrent operations (`-parallelism`).
    pub(crate) parallelism: usize,
    /// Cancelled when the user interrupts it.
    pub(crate) interrupt: &'a CancellationToken,
    /// The address that `-replace` names.
    pub(crate) replace: Option<&'a str>,
    /// An event between plan and apply.
    pub(crate) between: &'a dyn Fn(),
}

/// The settings of a provider process.
pub(crate) struct Start {
    pub(crate) speed: Speed,
    /// The machine's clock, which may be wrong.
    pub(crate) clock: Clock,
    /// The providers' credential.
    pub(crate) bearer: Rc<RefCell<SecretString>>,
    pub(crate) vault: Rc<SimulatedVault>,
    pub(crate) outputs: Rc<Outputs>,
    /// The name and the bearer of another account that the next runs use.
    pub(crate) elsewhere: RefCell<Option<(&'static str, SecretString)>>,
    pub(crate) spelling: Cell<Spelling>,
    /// Set by the first start of a process.
    pub(crate) address: RefCell<Option<Address>>,
    /// Set by the first request to a provider.
    pub(crate) schema: RefCell<Option<Arc<ProviderSchema>>>,
}

/// The addresses at which the processes of a workspace find the platform and Vault. They stay the same from run to run, as they
/// are a part of the account that the state records; a connection belongs to the run that began last.
pub(crate) struct Address {
    base_url: String,
    vault: String,
    line: Arc<Mutex<Line>>,
    _servers: JoinSet<()>,
}

/// Starts the providers of one run.
struct Providers<'a> {
    start: &'a Start,
    line: &'a Line,
}

impl Terraform {
    pub(crate) fn new(start: Start) -> Self {
        let workspace = match start.speed {
            Speed::Simulated => Workspace::new(),
            Speed::Real => Workspace::new().with_provider(json!({ "request_timeout": "2s" })),
        };
        Self {
            workspace: workspace.with_observer(start.outputs.observer()),
            start,
        }
    }

    /// The objects in the state by address; deposed objects have addresses that no configuration has.
    pub(crate) fn state(&self) -> BTreeMap<String, Object> {
        let mut state = self.workspace.state();
        let deposed = self.workspace.deposed().into_iter().zip(1..);
        state.extend(deposed.map(|((address, object), number)| (format!("{address} (deposed {number})"), object)));
        state
    }

    /// `terraform apply`.
    ///
    /// # Errors
    /// A violated rule of Terraform.
    pub(crate) async fn apply(&self, run: Run<'_>, configuration: &Configuration) -> anyhow::Result<RunOutcome> {
        let providers = || Providers {
            start: &self.start,
            line: run.line,
        };
        let options = RunOptions {
            parallelism: run.parallelism,
            interrupt: run.interrupt.clone(),
            replace: run.replace.map(str::to_owned).into_iter().collect(),
            ..RunOptions::default()
        };
        let outcome = match self.workspace.plan(providers(), configuration, &options).await {
            Some(plan) => {
                if !plan.is_empty() {
                    (run.between)();
                }
                self.workspace.apply_saved(providers(), &plan).await
            }
            None => RunOutcome::Failed,
        };
        self.check_rules()?;
        Ok(outcome)
    }

    /// Imports what exists under `id`. Returns whether it succeeded.
    pub(crate) async fn import(&self, line: &Line, address: &str, id: &str) -> anyhow::Result<bool> {
        let providers = Providers {
            start: &self.start,
            line,
        };
        let succeeded = self.workspace.import(providers, address, id).await;
        self.check_rules()?;
        Ok(succeeded)
    }

    /// Records the diagnostics of the last runs in the outputs, even of one that was killed.
    pub(crate) fn show_diagnostics(&self) {
        for Diagnostic {
            severity,
            summary,
            detail,
            attribute,
        } in self.workspace.take_diagnostics()
        {
            let severity = format!("{severity:?}").to_lowercase();
            let on = attribute.map(|name| format!(" on {name}")).unwrap_or_default();
            self.start
                .outputs
                .record(format!("{severity}{on}: {summary}: {detail}"));
        }
    }

    fn check_rules(&self) -> anyhow::Result<()> {
        self.show_diagnostics();
        if let Some(violation) = self.workspace.violations().into_iter().next() {
            bail!(violation);
        }
        let shown = self.start.outputs.diagnostics();
        let is_lost =
            |shown: &&String| shown.contains("Plugin did not respond") || shown.contains("instantiate provider");
        let lost = shown.iter().find(is_lost);
        ensure!(lost.is_none(), "{lost:?}");
        Ok(())
    }
}

impl testing::Start for Providers<'_> {
    async fn start(&self) -> Result<Connection, StartError> {
        let connection = match self.start.speed {
            Speed::Simulated => self.start.in_process(self.line),
            Speed::Real => self.start.process(self.line).await?,
        };
        let known = self.start.schema.borrow().clone();
        if let Some(schema) = known {
            return Ok(connection.with_schema(schema));
        }
        let schema = connection.schema().await.map_err(|error| error.to_string())?;
        self.start.schema.replace(Some(schema));
        Ok(connection)
    }
}

impl Start {
    fn in_process(&self, line: &Line) -> Connection {
        let line = line.clone();
        let ((variable, account), bearer) = match &*self.elsewhere.borrow() {
            Some((account, bearer)) => (("STRIIM_ACCOUNT", *account), bearer.clone()),
            None => (self.spelling.get().variable(), self.bearer.borrow().clone()),
        };
        let to_vault = self.vault.variables(vault::ADDRESS);
        let runtime = Runtime {
            clock: self.clock.clone(),
            environment: Box::new(move |name| match name {
                "STRIIM_TOKEN" => Some(bearer.expose_secret().to_owned()),
                name if name == variable => Some(account.to_owned()),
                name => {
                    let to_vault = to_vault.iter().find(|(variable, _)| *variable == name);
                    to_vault.map(|(_, value)| value.clone())
                }
            }),
            transport: Box::new(move |to| Transport::new(line.service(Server::at(to)))),
        };
        Connection::new(framework::Server::new(Striim::new(runtime)).into_service())
    }

    async fn process(&self, line: &Line) -> Result<Connection, StartError> {
        if self.address.borrow().is_none() {
            let address = Address::new(line).await?;
            self.address.replace(Some(address));
        }
        let (base_url, vault) = match &*self.address.borrow() {
            Some(address) => {
                line.clone_into(&mut address.line.lock().unwrap_or_else(PoisonError::into_inner));
                (address.base_url.clone(), address.vault.clone())
            }
            None => return Err("there is no address".into()),
        };
        // Without TLS, which other tests cover and which would take most of the time.
        let program = PluginProgram::new(env!("CARGO_BIN_EXE_terraform-provider-striim"))
            .without_tls()
            .with("TF_LOG", "TRACE")
            .with("STRIIM_BASE_URL", base_url)
            .with("STRIIM_TOKEN", self.bearer.borrow().expose_secret());
        let to_vault = self.vault.variables(&vault).into_iter();
        let program = to_vault.fold(program, |program, (name, value)| program.with(name, value));
        let mut process = program.launch().await?;
        self.outputs.show(&process.line);
        if let Some(log) = process.take_stderr() {
            self.outputs.follow(log);
        }
        process.into_connection().await
    }
}

impl Address {
    async fn new(line: &Line) -> std::io::Result<Self> {
        let line = Arc::new(Mutex::new(line.clone()));
        let mut servers = JoinSet::new();
        let mut addresses = Vec::new();
        for server in [Server::Platform, Server::Vault] {
            let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
            addresses.push(listener.local_addr()?);
            let present = line.clone();
            servers.spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let _ = stream.set_nodelay(true);
                    let line = present.lock().unwrap_or_else(PoisonError::into_inner).clone();
                    let service = TowerToHyperService::new(line.service::<Incoming>(server));
                    let serving = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                    tokio::spawn(serving);
                }
            });
        }
        Ok(Self {
            base_url: format!("http://{}/api/v1", addresses[0]),
            vault: format!("http://{}", addresses[1]),
            line,
            _servers: servers,
        })
    }
}
