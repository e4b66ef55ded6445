//! The client that a configured provider hands to its resources and data sources.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use super::api::{Api, StreamToken, TokenId};
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
    /// The permanent tokens that the current plan creates, rotates and deletes.
    pub(super) planned: PlannedTokens,
    /// The tokens that this process has created. The lock serialises creations, and with them
    /// rotations of permanent tokens: a new token in the list can then not be one that another
    /// resource of this run is creating.
    pub(super) created: Mutex<BTreeSet<TokenId>>,
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
            created: Mutex::default(),
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

    /// Whether a token is permanent, which the platform shows only by its list of permanent tokens.
    pub(super) async fn is_permanent(&self, operation: &Operation, id: TokenId) -> Result<bool, Error> {
        let permanent_tokens = self.permanent_tokens(operation).await?;
        Ok(permanent_tokens.iter().any(|token| token.id == id))
    }

    /// Invalidates the cached list. Call after every creation and deletion.
    pub(super) fn invalidate(&self) {
        self.permanent_tokens.invalidate();
    }
}
