//! A connection to a provider: one method per RPC, with values instead of messages.

/// Calls an RPC and collects its diagnostics. Evaluates to `None` if there was an error.
macro_rules! call {
    ($connection:ident.$rpc:ident($shown:ident) { $($field:ident $(: $value:expr)?),* $(,)? }) => {{
        #[allow(clippy::needless_update, reason = "some requests are written out in full")]
        let request = proto::$rpc::Request { $($field $(: $value)?,)* ..Default::default() };
        let response = $connection.client.clone().$rpc(request).await;
        $shown.response(response)
    }};
}

mod calls;
mod resources;
mod shown;

use std::fmt;
use std::sync::{Arc, OnceLock};

use tonic::body::Body;
use tonic::codegen::{Body as HttpBody, Bytes, Service, StdError};
use tower::ServiceExt as _;
use tower::util::BoxCloneSyncService;

use super::config::Config;
use super::plugin_process::{PluginProcess, signal};
use super::schema::ProviderSchema;
use super::{Diagnostic, Outcome};
use crate::framework::proto;
use crate::framework::proto::provider_client::ProviderClient;
use shown::{collect, no_response};

pub use calls::{ListItem, Opened};
pub(super) use resources::{Before, Identity, ObjectResponse, Planned, Source};

/// The version of Terraform that is sent to providers.
const TERRAFORM_VERSION: &str = "1.14.0";

/// The client capabilities that are sent to providers.
const CAPABILITIES: proto::ClientCapabilities = proto::ClientCapabilities {
    deferral_allowed: false,
    write_only_attributes_allowed: true,
};

/// Terraform's limit for the size of messages.
const MAX_MESSAGE_SIZE: usize = 256 << 20;

type Channel = BoxCloneSyncService<http::Request<Body>, http::Response<Body>, StdError>;

/// A connection to a provider, which was started for one phase of a run.
#[derive(Clone)]
pub struct Connection {
    client: ProviderClient<Channel>,
    schema: Arc<OnceLock<Arc<ProviderSchema>>>,
    /// The process of the provider, which is killed when the last clone is dropped.
    process: Option<Arc<PluginProcess>>,
    observer: Option<Observer>,
}

/// A function that receives the output of a provider, line by line.
pub type Observer = Arc<dyn Fn(&str) + Send + Sync>;

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

impl Connection {
    /// Connects to a gRPC service of the protocol, such as
    /// [`Server::into_service`](crate::framework::Server::into_service).
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

    /// Kills the process when the last clone is dropped.
    pub(super) fn with_process(self, process: PluginProcess) -> Self {
        Self {
            process: Some(Arc::new(process)),
            ..self
        }
    }

    /// Sends all output about managed resources that must not contain secrets to `observer`:
    /// diagnostics (including those that Terraform drops), private state, and attributes that are
    /// not sensitive.
    #[must_use]
    pub fn with_observer(self, observer: Observer) -> Self {
        Self {
            observer: Some(observer),
            ..self
        }
    }

    /// Uses a schema that was already read from the same provider, instead of requesting it.
    #[must_use]
    pub fn with_schema(self, schema: Arc<ProviderSchema>) -> Self {
        let _ = self.schema.set(schema);
        self
    }

    /// Returns the provider's schema. It is requested once.
    ///
    /// # Errors
    ///
    /// The provider did not respond, or its schema is invalid.
    pub async fn schema(&self) -> Result<Arc<ProviderSchema>, Diagnostic> {
        if let Some(schema) = self.schema.get() {
            return Ok(schema.clone());
        }
        let mut client = self.client.clone();
        let response = client.get_provider_schema(proto::get_provider_schema::Request {}).await;
        let mut response = response.map_err(|status| no_response(&status))?.into_inner();
        let shown = std::mem::take(&mut response.diagnostics);
        if let Some(error) = shown.into_iter().map(Diagnostic::from_proto).find(Diagnostic::is_error) {
            return Err(error);
        }
        let schema = ProviderSchema::from_proto(response);
        let schema = Arc::new(schema.map_err(|problem| Diagnostic::error("Invalid provider schema", problem))?);
        let _ = self.schema.set(schema.clone());
        Ok(schema)
    }

    /// Validates the `provider` block.
    pub(super) async fn validate_provider(&self, config: &Config) -> Outcome<()> {
        let outcome = collect(async |shown| {
            let schema = shown.take(self.schema().await)?;
            let config = Some(shown.config(config, &schema.provider)?.1);
            call!(self.validate_provider_config(shown) { config })
        });
        outcome.await.map(drop)
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

    /// Interrupts the provider as Terraform does on Ctrl-C, by `StopProvider`.
    ///
    /// # Errors
    ///
    /// The provider did not respond.
    pub async fn stop(&self) -> Result<(), Diagnostic> {
        if let Some(pid) = self.process.as_ref().and_then(|process| process.pid()) {
            signal(pid, "INT");
        }
        let response = self
            .client
            .clone()
            .stop_provider(proto::stop_provider::Request {})
            .await;
        response.map(drop).map_err(|status| no_response(&status))
    }
}
