//! The client that a configured provider hands to its resources and data sources.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, OnceCell};

use super::api::{Api, Endpoint, PersonalAccessToken, StreamingTokens};
use super::errors::request_failed;
use super::secret_owner::FIELD_NAMES;
use crate::framework::{self, Diagnostic};
use crate::platform::delivery::{Account, Writer};
use crate::platform::vault_settings::VaultConnection;
use crate::platform::{SharedList, TimeSource};
use crate::rest::{Error, Operation};

/// The context of a call to a resource or data source of this provider.
pub(super) type Context = framework::Context<Connection>;

/// The connection to the Portal API.
pub struct Connection {
    pub(super) api: Api,
    pub(super) endpoints: Endpoints,
    retry_timeout: Duration,
    /// Serialises rotations, so that resources of this run do not observe a rotation in progress.
    pub(super) rotating: Mutex<()>,
    /// Delivers the values of personal access tokens to Vault.
    pub(super) vault: Writer,
    /// Serialises creations of personal access tokens, so that a token that is new in the list is
    /// not that of another creation of this run.
    pub(super) creating: Mutex<()>,
    personal_access_tokens: SharedList<PersonalAccessToken>,
    /// The id of the user, once the platform has been asked.
    user: OnceCell<Option<String>>,
}

impl TimeSource for Connection {
    async fn fetch_time(&self, context: &Context) {
        let _ = self.personal_access_tokens(&self.operation(context)).await;
    }
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
            vault: Writer::new(VaultConnection::Unknown, Account::default(), &FIELD_NAMES),
            creating: Mutex::default(),
            personal_access_tokens: SharedList::default(),
            user: OnceCell::new(),
        }
    }

    /// Sets the Vault that values are delivered to, and the name of the Portal API in its secrets.
    pub(super) fn with_vault(self, vault: VaultConnection, account: Account) -> Self {
        let vault = Writer::new(vault, account, &FIELD_NAMES);
        Self { vault, ..self }
    }

    /// Lists the personal access tokens of the user, from the cache.
    pub(super) async fn personal_access_tokens(
        &self,
        operation: &Operation,
    ) -> Result<Arc<[PersonalAccessToken]>, Error> {
        let list = self.api.personal_access_tokens(operation);
        self.personal_access_tokens.get(list).await
    }

    /// Fetches the list of the personal access tokens of the user.
    pub(super) async fn fetch_personal_access_tokens(
        &self,
        operation: &Operation,
    ) -> Result<Arc<[PersonalAccessToken]>, Error> {
        let list = self.api.personal_access_tokens(operation);
        self.personal_access_tokens.fetch(list).await
    }

    /// Invalidates the cached list of personal access tokens. Call after every write.
    pub(super) fn invalidate_personal_access_tokens(&self) {
        self.personal_access_tokens.invalidate();
    }

    /// Returns the id of the user whose token the provider has; `None` if the platform does not
    /// report it.
    pub(super) async fn user(&self, operation: &Operation) -> Result<Option<String>, Error> {
        let user = self.user.get_or_try_init(|| self.api.user_id(operation)).await?;
        Ok(user.clone())
    }

    /// Starts an operation that cleans up after a failed one, even if that was cancelled or has
    /// timed out.
    pub(super) fn cleanup_operation(&self) -> Operation {
        self.operation(&Context::default())
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
