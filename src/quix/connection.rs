//! What a configured provider works with.

use std::time::Duration;

use tokio::sync::Mutex;

use super::api::{Api, Endpoint};
use crate::framework::{self, Diagnostic};
use crate::rest::Operation;

/// A call to something of the provider.
pub(super) type Context = framework::Context<Connection>;

/// The Portal API, and what the user has set about it.
pub struct Connection {
    pub(super) api: Api,
    endpoints: Endpoints,
    retry_timeout: Duration,
    /// Held during a rotation: another resource of this run sees it completed or not begun.
    pub(super) rotating: Mutex<()>,
}

/// Where streaming tokens are read and rotated, as far as the user has set it.
#[derive(Clone, Debug, Default)]
pub(super) struct Endpoints {
    pub(super) reading: Option<Endpoint>,
    pub(super) rotation: Option<Endpoint>,
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

    /// One operation, from now on.
    pub(super) fn operation(&self, context: &Context) -> Operation {
        Operation::new(self.retry_timeout, context.cancellation.clone())
    }

    /// Where streaming tokens are read.
    ///
    /// # Errors
    /// It is not set.
    pub(super) fn reading(&self) -> Result<&Endpoint, Diagnostic> {
        let endpoint = self.endpoints.reading.as_ref();
        endpoint.ok_or_else(|| missing_path("streaming_tokens_path", "read"))
    }

    /// Where streaming tokens are rotated.
    ///
    /// # Errors
    /// It is not set.
    pub(super) fn rotation(&self) -> Result<&Endpoint, Diagnostic> {
        let endpoint = self.endpoints.rotation.as_ref();
        endpoint.ok_or_else(|| missing_path("rotate_streaming_tokens_path", "rotated"))
    }
}

fn missing_path(argument: &str, done: &str) -> Diagnostic {
    Diagnostic::error(
        format!("Missing {argument}"),
        format!(
            "Where streaming tokens are {done} is not in Quix's public documentation, so the provider has no default for it. \
             Set the provider's `{argument}` to the path below `portal_api`, with `{{workspaceId}}` where the environment's \
             id belongs. The Portal API's own reference, at `/swagger` below `portal_api`, may show it; otherwise ask Quix."
        ),
    )
}
