//! What a configured provider works with.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use super::api::{Api, StreamToken};
use super::quota::PlannedTokens;
use crate::framework;
use crate::platform::{SharedList, TimeSource};
use crate::rest::{Error, Operation};

/// A call to something of the provider.
pub(super) type Context = framework::Context<Connection>;

/// An account, a space or the managers to work with.
pub struct Connection {
    pub(super) api: Api,
    retry_timeout: Duration,
    permanent: SharedList<StreamToken>,
    /// What this plan does to the number of permanent tokens.
    pub(super) planned: PlannedTokens,
    /// Held during a creation: what is new in the list then is not another resource's of this run.
    pub(super) creating: Mutex<()>,
}

impl TimeSource for Connection {
    async fn fetch_time(&self, context: &Context) {
        let _ = self.permanent(&self.operation(context)).await;
    }
}

impl Connection {
    pub(super) fn new(api: Api, retry_timeout: Duration) -> Self {
        Self {
            api,
            retry_timeout,
            permanent: SharedList::default(),
            planned: PlannedTokens::default(),
            creating: Mutex::default(),
        }
    }

    /// One operation, from now on.
    pub(super) fn operation(&self, context: &Context) -> Operation {
        Operation::new(self.retry_timeout, context.cancellation.clone())
    }

    /// The permanent tokens, by a request that concurrent callers share.
    pub(super) async fn permanent(&self, operation: &Operation) -> Result<Arc<[StreamToken]>, Error> {
        self.permanent.get(self.api.list(operation, Some(true))).await
    }

    /// Invalidates the cached list. Call after every creation and deletion.
    pub(super) fn invalidate(&self) {
        self.permanent.invalidate();
    }
}
