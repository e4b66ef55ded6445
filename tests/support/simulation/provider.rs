//! A provider, started for one phase of one run: in this process or as its own.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, bail, ensure};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use rmpv::Value;
use secrecy::{ExposeSecret, SecretString};
use token_providers::framework::Server;
use token_providers::rest::Transport;
use token_providers::striim::{Parts, Striim};
use token_providers::token::Clock;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tonic::body::Body;
use tower::ServiceExt as _;
use tower::util::BoxCloneSyncService;

use super::network::Line;
use super::outputs::Outputs;
use super::plugin::proto::provider_client::ProviderClient;
use super::plugin::proto::{self, DynamicValue, attribute_path::step::Selector};
use super::plugin::{Options, Plugin};

/// How a history is run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Speed {
    /// All in this process, under tokio's paused clock.
    Simulated,
    /// The provider's process, the platform on TCP.
    Real,
}

/// How a run names the account that it works with.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Spelling {
    #[default]
    Name,
    Capitals,
    BaseUrl,
}

impl Spelling {
    /// The environment variable that names the account, and what it says.
    fn variable(self) -> (&'static str, &'static str) {
        match self {
            Self::Name => ("STRIIM_ACCOUNT", "acme"),
            Self::Capitals => ("STRIIM_ACCOUNT", "Acme"),
            Self::BaseUrl => ("STRIIM_BASE_URL", "https://acme.striim.cloud/api/v1"),
        }
    }
}

/// An object's attributes; those that are null may be left out.
pub(crate) type Attributes = BTreeMap<String, Value>;

/// The attributes of a kind of resource, by name.
pub(crate) type Schema = BTreeMap<String, Attribute>;

/// By kind of resource.
type Schemas = BTreeMap<String, Schema>;

/// What a provider says of an attribute.
#[derive(Debug, Default)]
pub(crate) struct Attribute {
    /// Whether the provider may fill it in.
    pub(crate) computed: bool,
    /// Whether it is meant to hold a value that nobody may see.
    pub(crate) sensitive: bool,
    /// Those of an object.
    pub(crate) members: Schema,
}

type Channel = BoxCloneSyncService<http::Request<Body>, http::Response<Body>, tonic::codegen::StdError>;

/// A configured provider. The last clone that is dropped kills it.
#[derive(Clone)]
pub(crate) struct Provider {
    client: ProviderClient<Channel>,
    schemas: Rc<Schemas>,
    outputs: Rc<Outputs>,
    process: Option<Rc<Process>>,
}

/// A provider in a process of its own.
struct Process {
    plugin: Plugin,
}

/// The address at which the processes of a workspace find the platform. It stays the same from run to run, as it is a part of
/// the account that the state records; a connection belongs to the run that began last.
pub(crate) struct Address {
    base_url: String,
    line: Arc<Mutex<Line>>,
    _platform: JoinSet<()>,
}

impl Address {
    async fn new(line: &Line) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        let base_url = format!("http://{}/api/v1", listener.local_addr()?);
        let line = Arc::new(Mutex::new(line.clone()));
        let present = line.clone();
        let mut platform = JoinSet::new();
        platform.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                let line = present.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let service = TowerToHyperService::new(line.service::<Incoming>());
                let serving = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                tokio::spawn(serving);
            }
        });
        Ok(Self {
            base_url,
            line,
            _platform: platform,
        })
    }
}

/// What an operation came to: the object, and whether no error was told.
pub(crate) struct Outcome {
    pub(crate) object: Option<Attributes>,
    /// What the provider keeps about it in addition.
    pub(crate) private: Vec<u8>,
    pub(crate) succeeded: bool,
}

/// What a plan came to, if no error was told.
pub(crate) struct Plan {
    pub(crate) planned: Option<Attributes>,
    pub(crate) private: Vec<u8>,
    pub(crate) must_be_replaced: bool,
}

/// Whether the warnings of a plan call reach the user.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Warnings {
    Shown,
    /// Those of the second plan call of a replacement are not. Its errors are.
    Dropped,
}

/// What a provider is started with.
pub(crate) struct Start {
    pub(crate) speed: Speed,
    /// The machine's clock, which may be wrong.
    pub(crate) clock: Clock,
    /// What the providers are given to work with.
    pub(crate) bearer: Rc<RefCell<SecretString>>,
    pub(crate) outputs: Rc<Outputs>,
    /// Another account that the next runs work with: its name and the bearer for it.
    pub(crate) elsewhere: RefCell<Option<(&'static str, SecretString)>>,
    pub(crate) spelling: Cell<Spelling>,
    /// Known once a process was started.
    pub(crate) address: RefCell<Option<Address>>,
    /// Known once a provider was asked.
    pub(crate) schemas: RefCell<Option<Rc<Schemas>>>,
}

impl Start {
    pub(crate) async fn provider(&self, line: &Line) -> anyhow::Result<Provider> {
        let (channel, process) = match self.speed {
            Speed::Simulated => (self.in_process(line), None),
            Speed::Real => {
                let process = self.process(line).await?;
                let channel = process.plugin.channel().await;
                (
                    BoxCloneSyncService::new(channel.map_err(Into::into)),
                    Some(Rc::new(process)),
                )
            }
        };
        let mut client = ProviderClient::new(channel);
        let known = self.schemas.borrow().clone();
        let schemas = match known {
            Some(schemas) => schemas,
            None => {
                let schemas = schemas(&mut client).await?;
                self.schemas.replace(Some(schemas.clone()));
                schemas
            }
        };
        let mut provider = Provider {
            client,
            schemas,
            outputs: self.outputs.clone(),
            process,
        };
        provider.configure(self.speed).await?;
        Ok(provider)
    }

    fn in_process(&self, line: &Line) -> Channel {
        let line = line.clone();
        let ((variable, account), bearer) = match &*self.elsewhere.borrow() {
            Some((account, bearer)) => (("STRIIM_ACCOUNT", *account), bearer.clone()),
            None => (self.spelling.get().variable(), self.bearer.borrow().clone()),
        };
        let parts = Parts {
            clock: self.clock.clone(),
            environment: Box::new(move |name| match name {
                "STRIIM_TOKEN" => Some(bearer.expose_secret().to_owned()),
                name => (name == variable).then(|| account.to_owned()),
            }),
            transport: Box::new(move |_| Transport::new(line.service())),
        };
        BoxCloneSyncService::new(Server::new(Striim::new(parts)).into_service().map_err(Into::into))
    }

    async fn process(&self, line: &Line) -> anyhow::Result<Process> {
        if self.address.borrow().is_none() {
            let address = Address::new(line).await?;
            self.address.replace(Some(address));
        }
        let base_url = match &*self.address.borrow() {
            Some(address) => {
                line.clone_into(&mut address.line.lock().unwrap_or_else(PoisonError::into_inner));
                address.base_url.clone()
            }
            None => bail!("there is no address"),
        };
        // How TLS is spoken, other tests show; here it would be most of the work.
        let options = Options::without_tls()
            .with("TF_LOG", "TRACE")
            .with("STRIIM_BASE_URL", &base_url)
            .with("STRIIM_TOKEN", self.bearer.borrow().expose_secret());
        let mut plugin = Plugin::start(options).await;
        self.outputs.show(&plugin.line);
        self.outputs.follow(plugin.errors());
        Ok(Process { plugin })
    }
}

impl Provider {
    async fn configure(&mut self, speed: Speed) -> anyhow::Result<()> {
        let mut config = Attributes::new();
        if speed == Speed::Real {
            config.insert("request_timeout".to_owned(), "2s".into());
        }
        let request = proto::configure_provider::Request {
            terraform_version: "1.11.4".to_owned(),
            config: Some(encode(Some(&config))),
            ..Default::default()
        };
        let answer = self.client.configure_provider(request).await?.into_inner();
        ensure!(
            self.tell(answer.diagnostics, Warnings::Shown),
            "the provider was not configured"
        );
        Ok(())
    }

    pub(crate) async fn read(&self, kind: &str, object: &Attributes, private: &[u8]) -> anyhow::Result<Outcome> {
        let request = proto::read_resource::Request {
            type_name: kind.to_owned(),
            current_state: Some(encode(Some(object))),
            private: private.to_vec(),
            ..Default::default()
        };
        let answer = self.client.clone().read_resource(request).await?.into_inner();
        Ok(Outcome {
            succeeded: self.tell(answer.diagnostics, Warnings::Shown),
            object: self.object(kind, answer.new_state, &answer.private)?,
            private: answer.private,
        })
    }

    pub(crate) async fn plan(
        &self,
        kind: &str,
        config: Option<&Attributes>,
        prior: Option<&Attributes>,
        proposed: Option<&Attributes>,
        private: &[u8],
        warnings: Warnings,
    ) -> anyhow::Result<Option<Plan>> {
        let request = proto::plan_resource_change::Request {
            type_name: kind.to_owned(),
            prior_private: private.to_vec(),
            prior_state: Some(encode(prior)),
            proposed_new_state: Some(encode(proposed)),
            config: Some(encode(config)),
            ..Default::default()
        };
        let answer = self.client.clone().plan_resource_change(request).await?.into_inner();
        if !self.tell(answer.diagnostics, warnings) {
            return Ok(None);
        }
        Ok(Some(Plan {
            planned: self.object(kind, answer.planned_state, &answer.planned_private)?,
            private: answer.planned_private,
            must_be_replaced: !answer.requires_replace.is_empty(),
        }))
    }

    pub(crate) async fn apply(
        &self,
        kind: &str,
        config: Option<&Attributes>,
        prior: Option<&Attributes>,
        planned: Option<&Attributes>,
        private: &[u8],
    ) -> anyhow::Result<Outcome> {
        let request = proto::apply_resource_change::Request {
            type_name: kind.to_owned(),
            planned_private: private.to_vec(),
            prior_state: Some(encode(prior)),
            planned_state: Some(encode(planned)),
            config: Some(encode(config)),
            ..Default::default()
        };
        let answer = self.client.clone().apply_resource_change(request).await?.into_inner();
        Ok(Outcome {
            succeeded: self.tell(answer.diagnostics, Warnings::Shown),
            object: self.object(kind, answer.new_state, &answer.private)?,
            private: answer.private,
        })
    }

    /// What exists under `id`, and its private state.
    pub(crate) async fn import(&self, kind: &str, id: &str) -> anyhow::Result<Option<(Attributes, Vec<u8>)>> {
        let request = proto::import_resource_state::Request {
            type_name: kind.to_owned(),
            id: id.to_owned(),
            ..Default::default()
        };
        let answer = self.client.clone().import_resource_state(request).await?.into_inner();
        self.tell(answer.diagnostics, Warnings::Shown);
        let Some(imported) = answer.imported_resources.into_iter().next() else {
            return Ok(None);
        };
        let object = self.object(kind, imported.state, &imported.private)?;
        Ok(object.map(|object| (object, imported.private)))
    }

    pub(crate) fn schema(&self, kind: &str) -> anyhow::Result<&Schema> {
        self.schemas.get(kind).with_context(|| format!("there is no {kind}"))
    }

    /// Reads an object that was answered, and keeps what anybody may see of it.
    fn object(&self, kind: &str, object: Option<DynamicValue>, private: &[u8]) -> anyhow::Result<Option<Attributes>> {
        self.outputs.show(&String::from_utf8_lossy(private));
        let object = decode(object)?;
        if let Some(object) = &object {
            self.outputs.show_object(object, self.schema(kind)?);
        }
        Ok(object)
    }

    /// Terraform was interrupted: by a terminal, which tells all processes of the group, and then Terraform the provider.
    pub(crate) async fn stop(&self) -> anyhow::Result<()> {
        if let Some(process) = &self.process {
            process.plugin.signal("INT").await;
        }
        self.client
            .clone()
            .stop_provider(proto::stop_provider::Request {})
            .await?;
        Ok(())
    }

    /// Keeps the diagnostics; whether there was no error. What is dropped is searched for values all the same.
    fn tell(&self, diagnostics: Vec<proto::Diagnostic>, warnings: Warnings) -> bool {
        let mut succeeded = true;
        for diagnostic in diagnostics {
            let is_error = diagnostic.severity() == proto::diagnostic::Severity::Error;
            let severity = if is_error { "error" } else { "warning" };
            let attribute = diagnostic.attribute.and_then(|path| path.steps.into_iter().next());
            let on = match attribute.and_then(|step| step.selector) {
                Some(Selector::AttributeName(name)) => format!(" on {name}"),
                _ => String::new(),
            };
            let (summary, detail) = (diagnostic.summary, diagnostic.detail);
            let text = format!("{severity}{on}: {summary}: {detail}");
            if is_error || warnings == Warnings::Shown {
                self.outputs.tell(text);
            } else {
                self.outputs.show(&text);
            }
            succeeded &= !is_error;
        }
        succeeded
    }
}

/// Whether all of it is known, and nothing of it only once it is applied.
pub(crate) fn is_known(value: &Value) -> bool {
    match value {
        Value::Ext(..) => false,
        Value::Map(members) => members.iter().all(|(_, value)| is_known(value)),
        _ => true,
    }
}

/// Whether what is now is what was known of it before.
pub(crate) fn fits(before: &Value, now: &Value) -> bool {
    match (before, now) {
        (Value::Ext(..), _) => true,
        (Value::Map(before), Value::Map(now)) => {
            let same =
                |((name, before), (also, now)): (&(Value, Value), &(Value, Value))| name == also && fits(before, now);
            before.len() == now.len() && before.iter().zip(now).all(same)
        }
        _ => before == now,
    }
}

async fn schemas(client: &mut ProviderClient<Channel>) -> anyhow::Result<Rc<Schemas>> {
    let answer = client
        .get_provider_schema(proto::get_provider_schema::Request {})
        .await?;
    let schemas = answer.into_inner().resource_schemas.into_iter();
    let schemas = schemas.map(|(kind, schema)| (kind, schema_of(schema.block.unwrap_or_default().attributes)));
    Ok(Rc::new(schemas.collect()))
}

fn schema_of(attributes: Vec<proto::schema::Attribute>) -> Schema {
    let attributes = attributes.into_iter().map(|attribute| {
        let members = attribute.nested_type.unwrap_or_default().attributes;
        let of = Attribute {
            computed: attribute.computed,
            sensitive: attribute.sensitive,
            members: schema_of(members),
        };
        (attribute.name, of)
    });
    attributes.collect()
}

fn encode(object: Option<&Attributes>) -> DynamicValue {
    let value = match object {
        Some(object) => Value::Map(
            object
                .iter()
                .map(|(name, value)| (name.as_str().into(), value.clone()))
                .collect(),
        ),
        None => Value::Nil,
    };
    let mut msgpack = Vec::new();
    rmpv::encode::write_value(&mut msgpack, &value).unwrap();
    DynamicValue {
        msgpack,
        ..Default::default()
    }
}

fn decode(value: Option<DynamicValue>) -> anyhow::Result<Option<Attributes>> {
    let Some(value) = value else { return Ok(None) };
    match rmpv::decode::read_value(&mut value.msgpack.as_slice())? {
        Value::Nil => Ok(None),
        Value::Map(members) => {
            let members = members.into_iter().map(|(name, value)| {
                let name = name.as_str().context("an attribute's name")?.to_owned();
                Ok((name, value))
            });
            members.collect::<anyhow::Result<_>>().map(Some)
        }
        other => bail!("not an object: {other}"),
    }
}
