//! The client that a configured provider hands to its resources and data sources.

use std::time::Duration;

use tokio::sync::Mutex;

use super::api::{Api, Endpoint};
use super::errors::missing_path;
use crate::framework::{self, Diagnostic};
use crate::rest::Operation;

/// The context of a call to a resource or data source of this provider.
pub(super) type Context = framework::Context<Connection>;

/// The connection to the Portal API, and the endpoints that the user configured.
pub struct Connection {
    pub(super) api: Api,
    endpoints: Endpoints,
    retry_timeout: Duration,
    /// Serialises rotations, so that resources of this run do not observe a rotation in progress.
    pub(super) rotating: Mutex<()>,
}

/// The endpoints for streaming tokens that the user configured.
#[derive(Clone, Debug, Default)]
pub(super) struct Endpoints {
    pub(super) read: Option<Endpoint>,
    pub(super) rotate: Option<Endpoint>,
}

impl Connection {
    pub(super) fn new(api: Api, endpoints: Endpoints, retry_timeout: Duration) -> Self {
        Self {
            api,
            endpoints,
            retry_timeout,
            rotating: Mutex::default(),
        }
    }

    /// Starts an operation, whose deadline is the provider's `retry_timeout` from now.
    pub(super) fn operation(&self, context: &Context) -> Operation {
        Operation::new(self.retry_timeout, context.cancellation.clone())
    }

    /// Returns the endpoint that reads streaming tokens.
    ///
    /// # Errors
    /// The endpoint is not configured.
    pub(super) fn read_endpoint(&self) -> Result<&Endpoint, Diagnostic> {
        let endpoint = self.endpoints.read.as_ref();
        endpoint.ok_or_else(|| missing_path("streaming_tokens_path", "reading"))
    }

    /// Returns the endpoint that rotates streaming tokens.
    ///
    /// # Errors
    /// The endpoint is not configured.
    pub(super) fn rotate_endpoint(&self) -> Result<&Endpoint, Diagnostic> {
        let endpoint = self.endpoints.rotate.as_ref();
        endpoint.ok_or_else(|| missing_path("rotate_streaming_tokens_path", "rotating"))
    }
}
