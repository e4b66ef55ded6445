//! The client that a configured provider hands to its resources and data sources.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use super::api::{Api, StreamToken};
use super::quota::PlannedTokens;
use crate::framework;
use crate::platform::{SharedList, TimeSource};
use crate::rest::{Error, Operation};

/// The context of a call to a resource or data source of this provider.
pub(super) type Context = framework::Context<Connection>;

/// The connection to an account, a space or the managers.
pub struct Connection {
    pub(super) api: Api,
    retry_timeout: Duration,
    permanent_tokens: SharedList<StreamToken>,
    /// The permanent tokens that the current plan creates and deletes.
    pub(super) planned: PlannedTokens,
    /// Serialises creations. A new token in the list can then not be one that another resource of
    /// this run is creating.
    pub(super) creating: Mutex<()>,
}

impl TimeSource for Connection {
    async fn fetch_time(&self, context: &Context) {
        let _ = self.permanent_tokens(&self.operation(context)).await;
    }
}

impl Connection {
    pub(super) fn new(api: Api, retry_timeout: Duration) -> Self {
        Self {
            api,
            retry_timeout,
            permanent_tokens: SharedList::default(),
            planned: PlannedTokens::default(),
            creating: Mutex::default(),
        }
    }

    /// Starts an operation, whose deadline is the provider's `retry_timeout` from now.
    pub(super) fn operation(&self, context: &Context) -> Operation {
        Operation::new(self.retry_timeout, context.cancellation.clone())
    }

    /// Returns the cached list of permanent tokens. Concurrent callers share one request.
    pub(super) async fn permanent_tokens(&self, operation: &Operation) -> Result<Arc<[StreamToken]>, Error> {
        self.permanent_tokens.get(self.api.list(operation, Some(true))).await
    }

    /// Invalidates the cached list. Call after every creation and deletion.
    pub(super) fn invalidate(&self) {
        self.permanent_tokens.invalidate();
    }
}
