//! The client that a configured provider hands to its resources and data sources.

use std::time::Duration;

use tokio::sync::Mutex;

use super::api::{Api, Endpoint, StreamingTokens};
use super::errors::request_failed;
use crate::framework::{self, Diagnostic};
use crate::rest::Operation;

/// The context of a call to a resource or data source of this provider.
pub(super) type Context = framework::Context<Connection>;

/// The connection to the Portal API.
pub struct Connection {
    pub(super) api: Api,
    pub(super) endpoints: Endpoints,
    retry_timeout: Duration,
    /// Serialises rotations, so that resources of this run do not observe a rotation in progress.
    pub(super) rotating: Mutex<()>,
}

/// The endpoints of streaming tokens.
#[derive(Clone, Debug)]
pub(super) struct Endpoints {
    pub(super) read: Endpoint,
    pub(super) rotate: Endpoint,
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

    /// Reads the streaming tokens of an environment. An error is on the attribute `workspace_id`.
    pub(super) async fn streaming_tokens(
        &self,
        context: &Context,
        workspace: &str,
    ) -> Result<StreamingTokens, Diagnostic> {
        let operation = self.operation(context);
        let tokens = self
            .api
            .streaming_tokens(&operation, &self.endpoints.read, workspace)
            .await;
        tokens.map_err(|error| request_failed(&error).on("workspace_id"))
    }
}
