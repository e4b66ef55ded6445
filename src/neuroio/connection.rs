//! What a configured provider works with.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Mutex;

use super::api::{Api, StreamToken};
use super::limit::Ledger;
use crate::framework::Context;
use crate::platform::{self, Contact, SharedList};
use crate::rest::{Error, Operation};

pub(super) type Session = platform::Session<Connection>;

/// An account, a space or the managers to work with.
pub(super) struct Connection {
    pub(super) api: Api,
    retry_timeout: Duration,
    permanent: SharedList<StreamToken>,
    /// What this plan does to the number of permanent tokens.
    pub(super) ledger: Ledger,
    /// Held while a token is made: what is new in the list then is not another resource's of this run.
    pub(super) creating: Mutex<()>,
}

#[async_trait]
impl Contact for Connection {
    async fn contact(&self, context: &Context) {
        let _ = self.permanent(&self.operation(context)).await;
    }
}

impl Connection {
    pub(super) fn new(api: Api, retry_timeout: Duration) -> Self {
        Self {
            api,
            retry_timeout,
            permanent: SharedList::default(),
            ledger: Ledger::default(),
            creating: Mutex::default(),
        }
    }

    /// One operation, from now on.
    pub(super) fn operation(&self, context: &Context) -> Operation {
        Operation::new(self.retry_timeout, context.cancellation.clone())
    }

    /// The permanent tokens, by a request that all who ask at the same time share.
    pub(super) async fn permanent(&self, operation: &Operation) -> Result<Arc<[StreamToken]>, Error> {
        self.permanent.get(self.api.list(operation, Some(true))).await
    }

    /// To be called after each creation and deletion: what was seen before no longer holds.
    pub(super) fn changed(&self) {
        self.permanent.invalidate();
    }
}
