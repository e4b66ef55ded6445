//! A connection to a provider: one method per remote procedure call, with values instead of messages.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use futures_util::{Stream, StreamExt as _};
use jiff::Timestamp;
use tonic::body::Body;
use tonic::codegen::{Body as HttpBody, Bytes, Service, StdError};
use tonic::{Response, Status};
use tower::ServiceExt as _;
use tower::util::BoxCloneSyncService;

use super::config::Config;
use super::plugin_process::{PluginProcess, signal};
use super::schema::{ObjectSchema, ProviderSchema, sort_sets};
use super::visible::visible_text;
use super::{Diagnostic, Outcome};
use crate::framework::proto::provider_client::ProviderClient;
use crate::framework::types::Type;
use crate::framework::value::Value;
use crate::framework::{proto, wire};

/// The version of Terraform that is announced to providers.
const TERRAFORM_VERSION: &str = "1.14.0";

/// What this Terraform can do.
const CAPABILITIES: proto::ClientCapabilities = proto::ClientCapabilities {
    deferral_allowed: false,
    write_only_attributes_allowed: true,
};

/// Terraform's own limit for messages.
const MAX_MESSAGE_SIZE: usize = 256 << 20;

type Channel = BoxCloneSyncService<http::Request<Body>, http::Response<Body>, StdError>;

/// A connection to a provider that was started for one phase of a run.
#[derive(Clone)]
pub struct Connection {
    client: ProviderClient<Channel>,
    schema: Arc<OnceLock<Arc<ProviderSchema>>>,
    /// The process of the provider, which ends with the last clone.
    process: Option<Arc<PluginProcess>>,
    observer: Option<Observer>,
}

/// Receives what a provider shows, line by line.
pub type Observer = Arc<dyn Fn(&str) + Send + Sync>;

/// What a call answered about an object.
#[derive(Clone, Default)]
pub(super) struct Answered {
    /// `None` if the answer has no object, which is not the same as null.
    pub(super) value: Option<Value>,
    pub(super) private: Vec<u8>,
    pub(super) identity: Identity,
}

/// The identity of an object, as the provider encoded it.
pub(super) type Identity = Option<proto::ResourceIdentityData>;

/// What a plan call answered.
#[derive(Clone, Default)]
pub(super) struct Planned {
    pub(super) after: Answered,
    pub(super) requires_replace: Vec<proto::AttributePath>,
}

/// The object that a call is about, before it.
#[derive(Clone, Copy)]
pub(super) struct Before<'a> {
    pub(super) value: &'a Value,
    pub(super) private: &'a [u8],
    pub(super) identity: &'a Identity,
}

/// An ephemeral resource that was opened, and is to be closed.
#[derive(Clone, Debug)]
pub struct Opened {
    /// What it holds.
    pub value: Value,
    /// When it is to be renewed.
    pub renew_at: Option<Timestamp>,
    type_name: String,
    private: Option<Vec<u8>>,
}

/// A resource that a list call found.
#[derive(Clone, Debug)]
pub struct ListItem {
    /// The name that Terraform shows.
    pub display_name: String,
    /// The resource.
    pub resource: Option<Value>,
}

/// The diagnostics of the calls that make up one operation.
#[derive(Default)]
struct Shown {
    diagnostics: Vec<Diagnostic>,
    observer: Option<Observer>,
}

/// Calls an RPC and collects its diagnostics; `None` if there was an error.
macro_rules! call {
    ($connection:ident.$rpc:ident($shown:ident) { $($field:ident $(: $value:expr)?),* $(,)? }) => {{
        #[allow(clippy::needless_update, reason = "some requests are written out in full")]
        let request = proto::$rpc::Request { $($field $(: $value)?,)* ..Default::default() };
        let answer = $connection.client.clone().$rpc(request).await;
        $shown.answer(answer)
    }};
}

impl Connection {
    /// A connection to a service of the protocol, such as [`Server::into_service`](crate::framework::Server::into_service).
    pub fn new<S, B>(service: S) -> Self
    where
        S: Service<http::Request<Body>, Response = http::Response<B>, Error: Into<StdError>, Future: Send>
            + Clone
            + Send
            + Sync
            + 'static,
        B: HttpBody<Data = Bytes, Error: Into<StdError>> + Send + 'static,
    {
        let service = service
            .map_response(|response: http::Response<B>| response.map(Body::new))
            .map_err(Into::into);
        let client = ProviderClient::new(BoxCloneSyncService::new(service));
        Self {
            client: client
                .max_decoding_message_size(MAX_MESSAGE_SIZE)
                .max_encoding_message_size(MAX_MESSAGE_SIZE),
            schema: Arc::default(),
            process: None,
            observer: None,
        }
    }

    /// The same connection, with whose last clone the process ends.
    pub(super) fn with_process(self, process: PluginProcess) -> Self {
        Self {
            process: Some(Arc::new(process)),
            ..self
        }
    }

    /// The same connection, where `observer` receives all that the provider shows about managed resources, in places where a
    /// secret must not be: diagnostics (even those that Terraform drops), private state, and attributes that are not sensitive.
    #[must_use]
    pub fn with_observer(self, observer: Observer) -> Self {
        Self {
            observer: Some(observer),
            ..self
        }
    }

    /// The same connection, which does not ask for the schema: it was read before, from the same provider.
    #[must_use]
    pub fn with_schema(self, schema: Arc<ProviderSchema>) -> Self {
        let _ = self.schema.set(schema);
        self
    }

    /// The provider's schema, which is requested once.
    ///
    /// # Errors
    ///
    /// The provider did not answer, or its schema is invalid.
    pub async fn schema(&self) -> Result<Arc<ProviderSchema>, Diagnostic> {
        if let Some(schema) = self.schema.get() {
            return Ok(schema.clone());
        }
        let mut client = self.client.clone();
        let answer = client.get_provider_schema(proto::get_provider_schema::Request {}).await;
        let mut answer = answer.map_err(|status| did_not_answer(&status))?.into_inner();
        let shown = std::mem::take(&mut answer.diagnostics);
        if let Some(error) = shown.into_iter().map(Diagnostic::from_proto).find(Diagnostic::is_error) {
            return Err(error);
        }
        let schema = ProviderSchema::from_proto(answer);
        let schema = Arc::new(schema.map_err(|problem| Diagnostic::error("Invalid provider schema", problem))?);
        let _ = self.schema.set(schema.clone());
        Ok(schema)
    }

    /// Validates the `provider` block, and configures the provider with it.
    pub async fn configure(&self, config: &Config) -> Outcome<()> {
        let outcome = collect(async |shown| {
            let schema = shown.take(self.schema().await)?;
            let config = shown.config(config, &schema.provider)?.1;
            call!(self.validate_provider_config(shown) { config: Some(config.clone()) })?;
            call!(self.configure_provider(shown) {
                terraform_version: TERRAFORM_VERSION.to_owned(),
                config: Some(config),
                client_capabilities: Some(CAPABILITIES),
            })
        });
        outcome.await.map(drop)
    }

    /// Interrupts the provider as Ctrl-C does: the terminal signals all processes, and Terraform asks the provider to stop.
    ///
    /// # Errors
    ///
    /// The provider did not answer.
    pub async fn stop(&self) -> Result<(), Diagnostic> {
        if let Some(pid) = self.process.as_ref().and_then(|process| process.pid()) {
            signal(pid, "INT");
        }
        let answer = self
            .client
            .clone()
            .stop_provider(proto::stop_provider::Request {})
            .await;
        answer.map(drop).map_err(|status| did_not_answer(&status))
    }

    /// Validates and reads a data source.
    pub async fn read_data_source(&self, type_name: &str, config: &Config) -> Outcome<Value> {
        let outcome = collect(async |shown| {
            let schema = shown.take(self.schema().await)?;
            let schema = shown.known(&schema.data_sources, "data source", type_name)?;
            let config = Some(shown.config(config, schema)?.1);
            let type_name = type_name.to_owned();
            call!(self.validate_data_resource_config(shown) { type_name: type_name.clone(), config: config.clone() })?;
            let read = call!(self.read_data_source(shown) {
                type_name,
                config,
                client_capabilities: Some(CAPABILITIES),
            })?;
            shown.value(read.state, schema.object_type())
        });
        outcome.await.map(|value| value.unwrap_or(Value::Null))
    }

    /// Validates and opens an ephemeral resource; `None` if there was an error.
    pub async fn open_ephemeral(&self, type_name: &str, config: &Config) -> Outcome<Option<Opened>> {
        let outcome = collect(async |shown| {
            let schema = shown.take(self.schema().await)?;
            let schema = shown.known(&schema.ephemeral_resources, "ephemeral resource", type_name)?;
            let config = Some(shown.config(config, schema)?.1);
            let type_name = type_name.to_owned();
            call!(self.validate_ephemeral_resource_config(shown) {
                type_name: type_name.clone(),
                config: config.clone(),
            })?;
            let opened = call!(self.open_ephemeral_resource(shown) {
                type_name: type_name.clone(),
                config,
                client_capabilities: Some(CAPABILITIES),
            })?;
            Some(Opened {
                value: shown.value(opened.result, schema.object_type())?,
                renew_at: opened.renew_at.and_then(timestamp),
                type_name,
                private: opened.private,
            })
        });
        outcome.await
    }

    /// Renews what was opened.
    pub async fn renew_ephemeral(&self, opened: &mut Opened) -> Outcome<()> {
        let outcome = collect(async |shown| {
            let renewed = call!(self.renew_ephemeral_resource(shown) {
                type_name: opened.type_name.clone(),
                private: opened.private.clone(),
            })?;
            opened.renew_at = renewed.renew_at.and_then(timestamp);
            opened.private = renewed.private;
            Some(())
        });
        outcome.await.map(drop)
    }

    /// Closes what was opened.
    pub async fn close_ephemeral(&self, opened: Opened) -> Outcome<()> {
        let outcome = collect(
            async |shown| call!(self.close_ephemeral_resource(shown) { type_name: opened.type_name, private: opened.private }),
        );
        outcome.await.map(drop)
    }

    /// Validates, plans and invokes an action. Returns the lines of its progress.
    pub async fn invoke_action(&self, type_name: &str, config: &Config) -> Outcome<Vec<String>> {
        let outcome = collect(async |shown| {
            let config = self.plan_action_with(type_name, config, shown).await?;
            let request = proto::invoke_action::Request {
                action_type: type_name.to_owned(),
                config: Some(config),
                client_capabilities: Some(CAPABILITIES),
            };
            let events = self.client.clone().invoke_action(request).await;
            let mut events = shown.events(events)?;
            let mut progress = Vec::new();
            while let Some(event) = events.next().await {
                use proto::invoke_action::event::Type;
                match shown.event(event)?.r#type {
                    Some(Type::Progress(line)) => progress.push(line.message),
                    Some(Type::Completed(completed)) => shown.extend(completed.diagnostics),
                    None => {}
                }
            }
            Some(progress)
        });
        outcome.await.map(Option::unwrap_or_default)
    }

    /// Validates and plans an action.
    pub async fn plan_action(&self, type_name: &str, config: &Config) -> Outcome<()> {
        let outcome = collect(async |shown| self.plan_action_with(type_name, config, shown).await);
        outcome.await.map(drop)
    }

    async fn plan_action_with(
        &self,
        type_name: &str,
        config: &Config,
        shown: &mut Shown,
    ) -> Option<proto::DynamicValue> {
        let schema = shown.take(self.schema().await)?;
        let schema = shown.known(&schema.actions, "action", type_name)?;
        let config = shown.config(config, schema)?.1;
        let type_name = type_name.to_owned();
        call!(self.validate_action_config(shown) { type_name: type_name.clone(), config: Some(config.clone()) })?;
        call!(self.plan_action(shown) {
            action_type: type_name,
            config: Some(config.clone()),
            client_capabilities: Some(CAPABILITIES),
        })?;
        Some(config)
    }

    /// Validates and lists resources of a type, each with its attributes.
    pub async fn list_resources(&self, type_name: &str, config: &Config) -> Outcome<Vec<ListItem>> {
        let outcome = collect(async |shown| {
            let schema = shown.take(self.schema().await)?;
            let filter = shown.known(&schema.list_resources, "list resource", type_name)?;
            let ty = shown.known(&schema.resources, "resource", type_name)?.object_type();
            let config = Some(shown.config(config, filter)?.1);
            let type_name = type_name.to_owned();
            call!(self.validate_list_resource_config(shown) { type_name: type_name.clone(), config: config.clone() })?;
            let request = proto::list_resource::Request {
                type_name,
                config,
                include_resource_object: true,
                limit: 100,
            };
            let events = self.client.clone().list_resource(request).await;
            let mut events = shown.events(events)?;
            let mut found = Vec::new();
            while let Some(event) = events.next().await {
                let event = shown.event(event)?;
                shown.extend(event.diagnostic);
                // An event that only carries diagnostics has no identity.
                if event.identity.is_some() || event.resource_object.is_some() {
                    found.push(ListItem {
                        display_name: event.display_name,
                        resource: event.resource_object.and_then(|object| shown.value(Some(object), ty)),
                    });
                }
            }
            Some(found)
        });
        outcome.await.map(Option::unwrap_or_default)
    }

    /// Calls a function; null if it failed.
    pub async fn call_function(&self, name: &str, arguments: &[Value]) -> Outcome<Value> {
        let outcome = collect(async |shown| {
            let schema = shown.take(self.schema().await)?;
            let function = shown.known(&schema.functions, "function", name)?;
            let types = function.parameters.iter().chain(function.variadic.iter().cycle());
            let arguments = arguments.iter().zip(types);
            let arguments = arguments
                .map(|(argument, ty)| shown.encode(argument, ty))
                .collect::<Option<Vec<_>>>()?;
            let request = proto::call_function::Request {
                name: name.to_owned(),
                arguments,
            };
            let answer = self.client.clone().call_function(request).await;
            let answer = shown
                .take(answer.map_err(|status| did_not_answer(&status)))?
                .into_inner();
            if let Some(error) = answer.error {
                return shown.take(Err(Diagnostic::error("Error in function call", error.text)));
            }
            shown.value(answer.result, &function.returns)
        });
        outcome.await.map(|value| value.unwrap_or(Value::Null))
    }
}

/// The calls about managed resources.
impl Connection {
    /// Runs an operation that ends early with `None` after an error, and shows the observer what it comes to.
    async fn observed<T>(&self, operation: impl AsyncFnOnce(&mut Shown) -> Option<T>) -> Outcome<Option<T>> {
        let mut shown = Shown {
            observer: self.observer.clone(),
            ..Shown::default()
        };
        let value = operation(&mut shown).await;
        for diagnostic in &shown.diagnostics {
            shown.observe(&diagnostic.to_string());
        }
        Outcome::new(value, shown.diagnostics)
    }

    pub(super) async fn validate(&self, type_name: &str, schema: &ObjectSchema, config: &Value) -> Outcome<()> {
        let outcome = self.observed(async |shown| {
            let config = Some(shown.encode(config, schema.object_type())?);
            call!(self.validate_resource_config(shown) {
                type_name: type_name.to_owned(),
                config,
                client_capabilities: Some(CAPABILITIES),
            })
        });
        outcome.await.map(drop)
    }

    /// Brings a state that was stored as JSON to the schema of this provider.
    pub(super) async fn upgrade(
        &self,
        type_name: &str,
        schema: &ObjectSchema,
        version: i64,
        json: Vec<u8>,
    ) -> Outcome<Option<Value>> {
        let outcome = self.observed(async |shown| {
            if version > schema.version {
                let detail = format!("The state of a {type_name} was written by a newer version of the provider.");
                return shown.take(Err(Diagnostic::error(
                    "Resource instance managed by newer provider version",
                    detail,
                )));
            }
            let raw_state = Some(proto::RawState {
                json,
                ..Default::default()
            });
            let type_name = type_name.to_owned();
            let upgraded = call!(self.upgrade_resource_state(shown) { type_name, version, raw_state })?;
            shown.object(upgraded.upgraded_state, schema)
        });
        outcome.await
    }

    pub(super) async fn read(
        &self,
        type_name: &str,
        schema: &ObjectSchema,
        before: Before<'_>,
    ) -> Outcome<Option<Answered>> {
        let outcome = self.observed(async |shown| {
            let ty = schema.object_type();
            let read = call!(self.read_resource(shown) {
                type_name: type_name.to_owned(),
                current_state: Some(shown.encode(before.value, ty)?),
                private: before.private.to_vec(),
                client_capabilities: Some(CAPABILITIES),
                current_identity: before.identity.clone(),
            })?;
            Some(Answered {
                value: Some(shown.object(read.new_state, schema)?),
                private: shown.private(read.private),
                identity: read.new_identity,
            })
        });
        outcome.await
    }

    pub(super) async fn plan(
        &self,
        type_name: &str,
        schema: &ObjectSchema,
        before: Before<'_>,
        proposed: &Value,
        config: &Value,
    ) -> Outcome<Option<Planned>> {
        let outcome = self.observed(async |shown| {
            let ty = schema.object_type();
            let plan = call!(self.plan_resource_change(shown) {
                type_name: type_name.to_owned(),
                prior_state: Some(shown.encode(before.value, ty)?),
                proposed_new_state: Some(shown.encode(proposed, ty)?),
                config: Some(shown.encode(config, ty)?),
                prior_private: before.private.to_vec(),
                client_capabilities: Some(CAPABILITIES),
                prior_identity: before.identity.clone(),
            })?;
            Some(Planned {
                after: Answered {
                    value: Some(shown.object(plan.planned_state, schema)?),
                    private: shown.private(plan.planned_private),
                    identity: plan.planned_identity,
                },
                requires_replace: plan.requires_replace,
            })
        });
        outcome.await
    }

    /// Applies a change. An answer counts even if there was an error.
    pub(super) async fn apply(
        &self,
        type_name: &str,
        schema: &ObjectSchema,
        prior: &Value,
        planned: Before<'_>,
        config: &Value,
    ) -> Outcome<Answered> {
        let outcome = self.observed(async |shown| {
            let ty = schema.object_type();
            let request = proto::apply_resource_change::Request {
                type_name: type_name.to_owned(),
                prior_state: Some(shown.encode(prior, ty)?),
                planned_state: Some(shown.encode(planned.value, ty)?),
                config: Some(shown.encode(config, ty)?),
                planned_private: planned.private.to_vec(),
                planned_identity: planned.identity.clone(),
                ..Default::default()
            };
            let applied = self.client.clone().apply_resource_change(request).await;
            let applied = shown
                .take(applied.map_err(|status| did_not_answer(&status)))?
                .into_inner();
            shown.extend(applied.diagnostics);
            let value = applied.new_state.and_then(|state| shown.object(Some(state), schema));
            Some(Answered {
                value,
                private: shown.private(applied.private),
                identity: applied.new_identity,
            })
        });
        outcome.await.map(Option::unwrap_or_default)
    }

    pub(super) async fn import(&self, type_name: &str, schema: &ObjectSchema, id: &str) -> Outcome<Option<Answered>> {
        let outcome = self.observed(async |shown| {
            let imported = call!(self.import_resource_state(shown) {
                type_name: type_name.to_owned(),
                id: id.to_owned(),
                client_capabilities: Some(CAPABILITIES),
            })?;
            let Some(object) = imported
                .imported_resources
                .into_iter()
                .find(|object| object.type_name == type_name)
            else {
                let detail = format!("The provider did not return a {type_name} for the ID {id:?}.");
                return shown.take(Err(Diagnostic::error("Import returned no resources", detail)));
            };
            Some(Answered {
                value: Some(shown.object(object.state, schema)?),
                private: shown.private(object.private),
                identity: object.identity,
            })
        });
        outcome.await
    }

    /// Turns the state of another type, stored as JSON, into one of this type.
    pub(super) async fn move_state(
        &self,
        type_name: &str,
        schema: &ObjectSchema,
        source: Source<'_>,
    ) -> Outcome<Option<Answered>> {
        let outcome = self.observed(async |shown| {
            let moved = call!(self.move_resource_state(shown) {
                source_provider_address: source.provider.to_owned(),
                source_type_name: source.type_name.to_owned(),
                source_schema_version: source.schema_version,
                source_state: Some(proto::RawState { json: source.json, ..Default::default() }),
                target_type_name: type_name.to_owned(),
                source_private: source.private.to_vec(),
            })?;
            Some(Answered {
                value: Some(shown.object(moved.target_state, schema)?),
                private: shown.private(moved.target_private),
                identity: moved.target_identity,
            })
        });
        outcome.await
    }
}

/// The state that a `moved` block moves to another type.
pub(super) struct Source<'a> {
    pub(super) provider: &'a str,
    pub(super) type_name: &'a str,
    pub(super) schema_version: i64,
    pub(super) json: Vec<u8>,
    pub(super) private: &'a [u8],
}

/// Runs an operation that ends early with `None` after an error.
async fn collect<T>(operation: impl AsyncFnOnce(&mut Shown) -> Option<T>) -> Outcome<Option<T>> {
    let mut shown = Shown::default();
    let value = operation(&mut shown).await;
    Outcome::new(value, shown.diagnostics)
}

impl Shown {
    fn take<T>(&mut self, result: Result<T, Diagnostic>) -> Option<T> {
        result.map_err(|error| self.diagnostics.push(error)).ok()
    }

    fn extend(&mut self, diagnostics: Vec<proto::Diagnostic>) {
        self.diagnostics
            .extend(diagnostics.into_iter().map(Diagnostic::from_proto));
    }

    /// The answer to a call; `None` if it reports an error.
    fn answer<A: Answer>(&mut self, answer: Result<Response<A>, Status>) -> Option<A> {
        let mut answer = self
            .take(answer.map_err(|status| did_not_answer(&status)))?
            .into_inner();
        let diagnostics: Vec<_> = answer
            .take_diagnostics()
            .into_iter()
            .map(Diagnostic::from_proto)
            .collect();
        let failed = diagnostics.iter().any(Diagnostic::is_error);
        self.diagnostics.extend(diagnostics);
        (!failed).then_some(answer)
    }

    fn events<S>(&mut self, answer: Result<Response<S>, Status>) -> Option<S>
    where
        S: Stream,
    {
        self.take(answer.map_err(|status| did_not_answer(&status)))
            .map(Response::into_inner)
    }

    fn event<E>(&mut self, event: Result<E, Status>) -> Option<E> {
        self.take(event.map_err(|status| did_not_answer(&status)))
    }

    fn known<'a, T>(&mut self, types: &'a BTreeMap<String, T>, kind: &str, name: &str) -> Option<&'a T> {
        let schema = types.get(name);
        self.take(schema.ok_or_else(|| {
            let detail = format!("The provider does not support {kind} {name:?}.");
            Diagnostic::error(&format!("Invalid {kind} type"), detail)
        }))
    }

    /// A configuration, as a value and encoded; `None` if Terraform would refuse it.
    fn config(&mut self, config: &Config, schema: &ObjectSchema) -> Option<(Value, proto::DynamicValue)> {
        let value = config.value(schema);
        let value = self.take(value.map_err(|problem| Diagnostic::error("Unsupported argument", problem)))?;
        for problem in schema.config_problems(&value) {
            self.diagnostics
                .push(Diagnostic::error("Invalid configuration", problem));
        }
        if self.diagnostics.iter().any(Diagnostic::is_error) {
            return None;
        }
        let encoded = self.encode(&value, schema.object_type())?;
        Some((value, encoded))
    }

    fn encode(&mut self, value: &Value, ty: &Type) -> Option<proto::DynamicValue> {
        let encoded = wire::encode(value, ty);
        self.take(encoded.map_err(|error| Diagnostic::error("Value does not fit the schema", error.to_string())))
    }

    /// Reads an object of an answer, which must be there and fit its schema.
    fn object(&mut self, object: Option<proto::DynamicValue>, schema: &ObjectSchema) -> Option<Value> {
        let object = self.value(object, schema.object_type())?;
        if self.observer.is_some() {
            self.observe(&visible_text(schema, &object));
        }
        Some(object)
    }

    fn private(&self, private: Vec<u8>) -> Vec<u8> {
        self.observe(&String::from_utf8_lossy(&private));
        private
    }

    fn observe(&self, text: &str) {
        if let Some(observer) = &self.observer {
            observer(text);
        }
    }

    /// Reads a value of an answer, which must be there and fit its type.
    fn value(&mut self, value: Option<proto::DynamicValue>, ty: &Type) -> Option<Value> {
        let value = wire::decode(value.as_ref(), ty);
        let value = value.map_err(|error| Diagnostic::error("Provider produced invalid object", error.to_string()));
        self.take(value).map(|value| sort_sets(value, ty))
    }
}

fn did_not_answer(status: &Status) -> Diagnostic {
    let detail = format!("The call ended with {:?}: {}", status.code(), status.message());
    Diagnostic::error("Plugin did not respond", detail)
}

fn timestamp(instant: prost_types::Timestamp) -> Option<Timestamp> {
    Timestamp::new(instant.seconds, instant.nanos).ok()
}

/// An answer that carries diagnostics.
trait Answer {
    fn take_diagnostics(&mut self) -> Vec<proto::Diagnostic>;
}

macro_rules! answers {
    ($($rpc:ident),* $(,)?) => {
        $(impl Answer for proto::$rpc::Response {
            fn take_diagnostics(&mut self) -> Vec<proto::Diagnostic> {
                std::mem::take(&mut self.diagnostics)
            }
        })*
    };
}

answers! {
    validate_provider_config,
    configure_provider,
    validate_resource_config,
    upgrade_resource_state,
    read_resource,
    plan_resource_change,
    import_resource_state,
    move_resource_state,
    validate_data_resource_config,
    read_data_source,
    validate_ephemeral_resource_config,
    open_ephemeral_resource,
    renew_ephemeral_resource,
    close_ephemeral_resource,
    validate_list_resource_config,
    validate_action_config,
    plan_action,
}
