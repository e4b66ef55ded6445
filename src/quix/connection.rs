//! What a configured provider works with.

use std::time::Duration;

use tokio::sync::Mutex;

use super::api::{Api, Endpoint};
use crate::framework::{Context, Diagnostic};
use crate::platform;
use crate::rest::Operation;

pub(super) type Session = platform::Session<Connection>;

/// The Portal API, and what the user has told of it.
pub(super) struct Connection {
    pub(super) api: Api,
    endpoints: Endpoints,
    retry_timeout: Duration,
    /// Held while a rotation is under way: another resource of this run sees it done or not begun.
    pub(super) rotating: Mutex<()>,
}

/// Where streaming tokens are read and rotated, as far as the user has told.
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
    /// What to tell the user if they have not told.
    pub(super) fn reading(&self) -> Result<&Endpoint, Diagnostic> {
        let endpoint = self.endpoints.reading.as_ref();
        endpoint.ok_or_else(|| untold("streaming_tokens_path", "read"))
    }

    /// Where streaming tokens are rotated.
    ///
    /// # Errors
    /// What to tell the user if they have not told.
    pub(super) fn rotation(&self) -> Result<&Endpoint, Diagnostic> {
        let endpoint = self.endpoints.rotation.as_ref();
        endpoint.ok_or_else(|| untold("rotate_streaming_tokens_path", "rotated"))
    }
}

fn untold(argument: &str, done: &str) -> Diagnostic {
    Diagnostic::error(
        format!("Missing {argument}"),
        format!(
            "Where streaming tokens are {done} is not in Quix's public documentation, so the provider has no default for it. \
             Set the provider's `{argument}` to the path below `portal_api`, with `{{workspaceId}}` where the environment's \
             id belongs. The Portal API's own reference, at `/swagger` below `portal_api`, may tell it; otherwise ask Quix."
        ),
    )
}
