//! The server of the plugin protocol: it translates RPCs to calls of [`Provider`] and its
//! resources.
//!
//! Every RPC gets a response. Unreadable values, unknown types and panics become diagnostics. RPCs
//! that are not implemented return the status Unimplemented.

mod action;
mod data_source;
mod ephemeral;
mod function;
mod identity;
mod list;
mod open_ephemerals;
mod provider;
mod resource;
#[cfg(test)]
mod tests;

use std::any::Any;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::codegen::{BoxStream, Service};
use tonic::{Request, Response, Status};

use super::action::DynAction;
use super::context::{ClientState, Context, Reported};
use super::data_source::DynDataSource;
use super::diagnostic::{Diagnostic, Diagnostics, Severity};
use super::ephemeral_resource::DynEphemeralResource;
use super::function::DynFunction;
use super::list_resource::DynListResource;
use super::private_state::PrivateState;
use super::provider::Provider;
use super::resource::DynResource;
use super::schema::{Attribute, Schema, is_name};
use super::types::Type;
use super::value::Value;
use super::{proto, wire};

pub use open_ephemerals::OpenEphemerals;

/// Serves a provider to Terraform over gRPC.
pub struct Server<P: Provider> {
    provider: P,
    resources: BTreeMap<&'static str, Box<dyn DynResource<P::Client>>>,
    data_sources: BTreeMap<&'static str, Box<dyn DynDataSource<P::Client>>>,
    ephemeral_resources: BTreeMap<&'static str, Arc<dyn DynEphemeralResource<P::Client>>>,
    open_ephemerals: OpenEphemerals,
    list_resources: BTreeMap<&'static str, Box<dyn DynListResource<P::Client>>>,
    actions: BTreeMap<&'static str, Arc<dyn DynAction<P::Client>>>,
    functions: BTreeMap<&'static str, Box<dyn DynFunction>>,
    /// Faults in the provider's schemas.
    faults: Vec<String>,
    client: Mutex<ClientState<P::Client>>,
    /// Cancelled by `StopProvider`, to stop calls in progress and calls that Terraform was about to
    /// make. "Terraform will not make any further API calls to the provider after Stop is called"
    /// (Terraform, `providers.Interface`), but calls can overtake the stop.
    run: Mutex<CancellationToken>,
}

impl<P: Provider> Server<P> {
    /// Creates a server of `provider`.
    pub fn new(provider: P) -> Self {
        let mut faults = Vec::new();
        let mut check = |kind: &str, name: &str, schema: &Schema| {
            if let Err(problems) = schema.check() {
                faults.extend(problems.lines().map(|problem| format!("{kind} {name}: {problem}")));
            }
        };
        let (resources, data_sources) = (provider.resources(), provider.data_sources());
        let (ephemeral_resources, list_resources) = (provider.ephemeral_resources(), provider.list_resources());
        let (actions, functions) = (provider.actions(), provider.functions());
        check("provider", "block", &provider.schema());
        for resource in &resources {
            check("resource", resource.type_name(), &resource.schema());
            if let Some(Schema { attributes, .. }) = resource.identity_schema() {
                let attributes: Vec<_> = attributes.into_iter().map(Attribute::identity).collect();
                check(
                    "identity of resource",
                    resource.type_name(),
                    &Schema::new("", attributes),
                );
            }
        }
        for source in &data_sources {
            check("data source", source.type_name(), &source.schema());
        }
        for ephemeral in &ephemeral_resources {
            check("ephemeral resource", ephemeral.type_name(), &ephemeral.schema());
        }
        for resource in &list_resources {
            check("list resource", resource.type_name(), &resource.filter_schema());
        }
        for action in &actions {
            check("action", action.type_name(), &action.schema());
        }
        for attribute in provider.schema().attributes {
            // hashicorp/terraform, `internal/configs/provider.go`
            if ["alias", "source", "version"].contains(&&*attribute.name) {
                faults.push(format!(
                    "provider block: {}: Terraform reserves this name",
                    attribute.name
                ));
            }
        }
        let has_identity = |name| {
            let mut resources = resources.iter().filter(|resource| resource.type_name() == name);
            resources.any(|resource| resource.identity_schema().is_some())
        };
        for resource in list_resources
            .iter()
            .filter(|resource| !has_identity(resource.type_name()))
        {
            let name = resource.type_name();
            faults.push(format!(
                "list resource {name}: it requires a managed resource of this type with an identity"
            ));
        }
        let shared = |ephemeral| Arc::<dyn DynEphemeralResource<P::Client>>::from(ephemeral);
        Self {
            resources: by_name("resource", resources, |resource| resource.type_name(), &mut faults),
            data_sources: by_name("data source", data_sources, |source| source.type_name(), &mut faults),
            ephemeral_resources: by_name(
                "ephemeral resource",
                ephemeral_resources.into_iter().map(shared),
                |ephemeral| ephemeral.type_name(),
                &mut faults,
            ),
            open_ephemerals: OpenEphemerals::default(),
            list_resources: by_name(
                "list resource",
                list_resources,
                |resource| resource.type_name(),
                &mut faults,
            ),
            actions: by_name(
                "action",
                actions.into_iter().map(Arc::<dyn DynAction<P::Client>>::from),
                |action| action.type_name(),
                &mut faults,
            ),
            functions: by_name("function", functions, |function| function.name(), &mut faults),
            faults,
            provider,
            client: Mutex::new(ClientState::Unconfigured),
            run: Mutex::default(),
        }
    }

    /// Checks the provider's schemas for faults: duplicate or invalid names, and attributes that
    /// Terraform would reject. Faults are also reported in every run, so run this in a test.
    ///
    /// # Errors
    /// The faults, one per line.
    pub fn check(&self) -> Result<(), String> {
        if self.faults.is_empty() {
            Ok(())
        } else {
            Err(self.faults.join("\n"))
        }
    }

    /// Returns the open ephemeral resources, to be closed on shutdown.
    pub fn open_ephemerals(&self) -> OpenEphemerals {
        self.open_ephemerals.clone()
    }

    /// Returns the gRPC service `tfplugin6.Provider`, for a client in the same process.
    pub fn into_service(
        self,
    ) -> impl Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible, Future: Send>
    + Clone
    + Send
    + Sync
    + 'static {
        proto::provider_server::ProviderServer::new(self)
    }

    fn context(&self, reported: &Reported) -> Context<P::Client> {
        self.context_with(&[], reported)
    }

    /// Returns the context of a call about a managed resource with this private state.
    fn context_with(&self, private: &[u8], reported: &Reported) -> Context<P::Client> {
        let private = PrivateState::decode(private);
        Context::new(self.client().clone(), self.run().clone(), private).reporting_to(reported)
    }

    fn client(&self) -> MutexGuard<'_, ClientState<P::Client>> {
        self.client.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stop(&self) {
        self.run().cancel();
    }

    /// Prepares for the next run. In debug mode, one process serves several runs, and a stop must
    /// only affect one.
    fn reset_cancellation(&self) {
        let mut run = self.run();
        if run.is_cancelled() {
            *run = CancellationToken::new();
        }
    }

    fn run(&self) -> MutexGuard<'_, CancellationToken> {
        self.run.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn resource(&self, type_name: &str) -> Result<&dyn DynResource<P::Client>, Diagnostic> {
        let resource = self.resources.get(type_name).map(AsRef::as_ref);
        resource.ok_or_else(|| unknown_type("resource", type_name))
    }

    fn data_source(&self, type_name: &str) -> Result<&dyn DynDataSource<P::Client>, Diagnostic> {
        let source = self.data_sources.get(type_name).map(AsRef::as_ref);
        source.ok_or_else(|| unknown_type("data source", type_name))
    }

    fn ephemeral(&self, type_name: &str) -> Result<&Arc<dyn DynEphemeralResource<P::Client>>, Diagnostic> {
        let ephemeral = self.ephemeral_resources.get(type_name);
        ephemeral.ok_or_else(|| unknown_type("ephemeral resource", type_name))
    }

    fn listable(&self, type_name: &str) -> Result<&dyn DynListResource<P::Client>, Diagnostic> {
        let resource = self.list_resources.get(type_name).map(AsRef::as_ref);
        resource.ok_or_else(|| unknown_type("list resource", type_name))
    }

    fn action(&self, type_name: &str) -> Result<Arc<dyn DynAction<P::Client>>, Diagnostic> {
        let action = self.actions.get(type_name).cloned();
        action.ok_or_else(|| unknown_type("action", type_name))
    }

    fn function(&self, name: &str) -> Result<&dyn DynFunction, Diagnostic> {
        let function = self.functions.get(name).map(AsRef::as_ref);
        function.ok_or_else(|| unknown_type("function", name))
    }
}

fn by_name<T>(
    kind: &str,
    things: impl IntoIterator<Item = T>,
    name: impl Fn(&T) -> &'static str,
    faults: &mut Vec<String>,
) -> BTreeMap<&'static str, T> {
    let mut by_name = BTreeMap::new();
    for thing in things {
        let name = name(&thing);
        if !is_name(name) {
            faults.push(format!("{kind} {name}: a name must begin with a lowercase letter and contain only lowercase letters, digits and underscores"));
        }
        if by_name.insert(name, thing).is_some() {
            faults.push(format!("{kind} {name}: the name is used twice"));
        }
    }
    by_name
}

fn unknown_type(kind: &str, name: &str) -> Diagnostic {
    Diagnostic::error(
        format!("Unknown {kind}"),
        format!("This provider has no {kind} {name:?}. Check the name and the version of the provider."),
    )
}

/// Decodes a value of a request. `what` names it in the error.
fn decode(what: &str, value: Option<&proto::DynamicValue>, ty: &Type) -> Result<Value, Diagnostic> {
    wire::decode(value, ty).map_err(|error| {
        Diagnostic::error(
            "Unreadable value from Terraform",
            format!(
                "The {what} does not fit this provider's schema: {error}. Check that Terraform and the provider support each other's version."
            ),
        )
    })
}

/// Encodes a value for a response.
fn encode(value: &Value, ty: &Type) -> Result<proto::DynamicValue, Diagnostic> {
    wire::encode(value, ty).map_err(|error| {
        Diagnostic::error(
            "Invalid value from the provider",
            format!("The value does not fit the provider's schema: {error}. This is a bug in the provider; please report it."),
        )
    })
}

/// A response that can contain diagnostics.
trait RpcResponse: Default {
    fn set_diagnostics(&mut self, diagnostics: Vec<proto::Diagnostic>);
}

/// The result of an RPC handler: a response, or errors. The handler adds other diagnostics to
/// `reported`.
type HandlerResult<A> = Result<A, Diagnostics>;

/// Creates the response to an RPC from the handler's result. `Err` means that the handler panicked.
fn respond<A: RpcResponse>(
    outcome: Result<HandlerResult<A>, Box<dyn Any + Send>>,
    rpc: &str,
    mut diagnostics: Diagnostics,
) -> Response<A> {
    let mut response = match outcome {
        Ok(Ok(response)) => response,
        Ok(Err(errors)) => {
            diagnostics.extend(errors);
            A::default()
        }
        Err(_) => {
            // The panic's message may contain a secret. The log has its location.
            diagnostics.push(Diagnostic::error(
                "Unexpected provider error",
                format!("{rpc} panicked. This is a bug in the provider; please report it with the location that TF_LOG=ERROR shows."),
            ));
            A::default()
        }
    };
    response.set_diagnostics(diagnostics.into_iter().map(diagnostic).collect());
    Response::new(response)
}

fn diagnostic(diagnostic: Diagnostic) -> proto::Diagnostic {
    let severity = match diagnostic.severity {
        Severity::Error => proto::diagnostic::Severity::Error,
        Severity::Warning => proto::diagnostic::Severity::Warning,
    };
    proto::Diagnostic {
        severity: severity.into(),
        summary: diagnostic.summary,
        detail: diagnostic.detail,
        attribute: diagnostic.attribute.map(|path| path.to_proto()),
    }
}

/// Implements [`RpcResponse`] for the response of an RPC.
macro_rules! impl_rpc_response {
    // The response has a single error.
    (call_function) => {
        impl RpcResponse for proto::call_function::Response {
            fn set_diagnostics(&mut self, diagnostics: Vec<proto::Diagnostic>) {
                if let Some(proto::Diagnostic { summary, detail, .. }) = diagnostics.into_iter().next() {
                    self.error = Some(proto::FunctionError {
                        text: format!("{summary}: {detail}"),
                        function_argument: None,
                    });
                }
            }
        }
    };
    // The response is a stream of events. The diagnostics of the call are an event of their own.
    (list_resource) => {
        impl RpcResponse for Vec<proto::list_resource::Event> {
            fn set_diagnostics(&mut self, diagnostic: Vec<proto::Diagnostic>) {
                if !diagnostic.is_empty() {
                    self.push(proto::list_resource::Event {
                        diagnostic,
                        ..Default::default()
                    });
                }
            }
        }
    };
    // The response is a stream of events. The last one has the diagnostics.
    (invoke_action) => {
        impl RpcResponse for proto::invoke_action::Event {
            fn set_diagnostics(&mut self, diagnostics: Vec<proto::Diagnostic>) {
                use proto::invoke_action::event::{Completed, Type};
                self.r#type = Some(Type::Completed(Completed { diagnostics }));
            }
        }
    };
    ($rpc:ident) => {
        impl RpcResponse for proto::$rpc::Response {
            fn set_diagnostics(&mut self, diagnostics: Vec<proto::Diagnostic>) {
                self.diagnostics = diagnostics;
            }
        }
    };
}

/// Implements the gRPC service: calls the handler of each RPC and catches panics. Handlers of
/// streaming RPCs return the stream.
macro_rules! serve {
    (unary { $($rpc:ident => $handler:path,)* } streams { $($stream:ident => $source:path,)* }) => {
        $(impl_rpc_response!($rpc);)*
        $(impl_rpc_response!($stream);)*

        #[tonic::async_trait]
        impl<P: Provider> proto::provider_server::Provider for Server<P> {
            $(async fn $rpc(
                &self,
                request: Request<proto::$rpc::Request>,
            ) -> Result<Response<proto::$rpc::Response>, Status> {
                let reported = Reported::default();
                let work = $handler(self, request.into_inner(), &reported);
                let work = AssertUnwindSafe(self.provider.secrets().collecting(work));
                let outcome = work.catch_unwind().await;
                Ok(respond(outcome, stringify!($rpc), reported.take()))
            })*

            $(async fn $stream(
                &self,
                request: Request<proto::$stream::Request>,
            ) -> Result<Response<BoxStream<proto::$stream::Event>>, Status> {
                let events = self.provider.secrets().collecting($source(self, request.into_inner()));
                Ok(Response::new(events.await))
            })*

            async fn stop_provider(
                &self,
                _: Request<proto::stop_provider::Request>,
            ) -> Result<Response<proto::stop_provider::Response>, Status> {
                self.stop();
                Ok(Response::new(Default::default()))
            }
        }
    };
}

serve! {
    unary {
        get_metadata => provider::get_metadata,
        get_provider_schema => provider::get_provider_schema,
        validate_provider_config => provider::validate_config,
        configure_provider => provider::configure,
        validate_resource_config => resource::validate_config,
        upgrade_resource_state => resource::upgrade_state,
        read_resource => resource::read,
        plan_resource_change => resource::plan,
        apply_resource_change => resource::apply,
        import_resource_state => resource::import_state,
        move_resource_state => resource::move_state,
        generate_resource_config => resource::generate_config,
        get_resource_identity_schemas => identity::get_schemas,
        upgrade_resource_identity => identity::upgrade,
        validate_data_resource_config => data_source::validate_config,
        read_data_source => data_source::read,
        validate_ephemeral_resource_config => ephemeral::validate_config,
        open_ephemeral_resource => ephemeral::open,
        renew_ephemeral_resource => ephemeral::renew,
        close_ephemeral_resource => ephemeral::close,
        validate_list_resource_config => list::validate_config,
        validate_action_config => action::validate_config,
        plan_action => action::plan,
        get_functions => function::get_functions,
        call_function => function::call,
    }
    streams {
        list_resource => list::list,
        invoke_action => action::invoke,
    }
}
