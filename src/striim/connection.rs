//! The connection of a configured provider to an account, shared by all its resources.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use http::StatusCode;
use secrecy::SecretString;
use tokio::sync::{Mutex, OnceCell, OwnedMutexGuard};

use super::api::{Api, IssuedToken, NewServiceAccount, ServiceAccount};
use super::errors::request_failed;
use super::planned_changes::accounts::PlannedAccounts;
use super::planned_changes::pat_statuses::PlannedPatStatuses;
use super::planned_changes::pats::PlannedPats;
use super::secret_owner::FIELD_NAMES;
use crate::framework::{self, Diagnostic};
use crate::platform::delivery::{self, Writer};
use crate::platform::vault_settings::VaultConnection;
use crate::platform::{Recent, SharedList, TimeSource};
use crate::rest::{Error, Operation};

/// A call of Terraform to a resource, data source or action of this provider.
pub(super) type Context = framework::Context<Connection>;

/// The value that this run issued last under a name, for any resource.
pub(super) type LastIssued = Option<SecretString>;

/// The connection to one account: its API, the cached list of its service accounts, and what this
/// run plans and does.
pub struct Connection {
    pub(super) api: Api,
    /// The account's short name, or else the host of its API.
    pub(super) account: String,
    retry_timeout: Duration,
    /// Writes values to Vault.
    pub(super) vault: Writer,
    accounts: SharedList<ServiceAccount>,
    pub(super) planned_accounts: PlannedAccounts,
    pub(super) planned_pats: PlannedPats,
    pub(super) planned_pat_statuses: PlannedPatStatuses,
    /// A lock for each name; see [`Connection::lock_name`].
    names: std::sync::Mutex<BTreeMap<String, Arc<Mutex<LastIssued>>>>,
    /// Whether the provider uses the token of a user, once that is known.
    is_user: OnceCell<bool>,
    /// Held while the status of personal access tokens is read and toggled.
    pub(super) toggling: Mutex<()>,
}

impl TimeSource for Connection {
    async fn fetch_time(&self, context: &Context) {
        let _ = self.cached_accounts(&self.operation(context)).await;
    }
}

impl Connection {
    pub(super) fn new(api: Api, account: String, retry_timeout: Duration) -> Self {
        Self {
            api,
            vault: Writer::new(VaultConnection::Unknown, delivery::Account::default(), &FIELD_NAMES),
            account,
            retry_timeout,
            accounts: SharedList::default(),
            planned_accounts: PlannedAccounts::default(),
            planned_pats: PlannedPats::default(),
            planned_pat_statuses: PlannedPatStatuses::default(),
            names: std::sync::Mutex::default(),
            is_user: OnceCell::new(),
            toggling: Mutex::default(),
        }
    }

    /// Adds the Vault that values are written to; `account` names the account in its secrets.
    pub(super) fn with_vault(self, vault: VaultConnection, account: delivery::Account) -> Self {
        let vault = Writer::new(vault, account, &FIELD_NAMES);
        Self { vault, ..self }
    }

    /// Starts an operation, whose deadline counts from now.
    pub(super) fn operation(&self, context: &Context) -> Operation {
        Operation::new(self.retry_timeout, context.cancellation.clone())
    }

    /// Serialises create, rotate and delete per name, see
    /// [`LockedAccount`](super::service_account::locked::LockedAccount).
    pub(super) async fn lock_name(&self, name: &str) -> OwnedMutexGuard<LastIssued> {
        let lock = {
            let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
            names.entry(name.to_owned()).or_default().clone()
        };
        lock.lock_owned().await
    }

    /// Whether the provider uses a user's personal access token, and not the token of a service
    /// account; `None` if that could not be read.
    pub(super) async fn works_as_user(&self, operation: &Operation) -> Option<bool> {
        let read = || async {
            match self.api.user_token(operation, None).await {
                Ok(token) => Ok(token.is_some()),
                // How the platform answers a service account, which is not a user, is not documented.
                Err(error) if matches!(error.status(), Some(StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN)) => {
                    Ok(false)
                }
                Err(_) => Err(()),
            }
        };
        self.is_user.get_or_try_init(read).await.ok().copied()
    }

    /// Returns the service accounts after the last write of this run. Concurrent callers share a
    /// request.
    pub(super) async fn service_accounts(&self, operation: &Operation) -> Result<Arc<[ServiceAccount]>, Diagnostic> {
        let accounts = self.accounts.get(self.api.list_service_accounts(operation)).await;
        accounts.map_err(|error| request_failed(&error))
    }

    /// Returns the cached service accounts, which may be some seconds old, with the writes of this
    /// run entered.
    ///
    /// A creation needs the list only for the names that are taken. For an account that this run
    /// changed, the list has only the name.
    pub(super) async fn cached_accounts(&self, operation: &Operation) -> Result<Recent<ServiceAccount>, Error> {
        self.accounts.recent(self.api.list_service_accounts(operation)).await
    }

    /// Fetches the service accounts, past the cache.
    pub(super) async fn fetch_accounts(&self, operation: &Operation) -> Result<Arc<[ServiceAccount]>, Diagnostic> {
        let accounts = self.accounts.fetch(self.api.list_service_accounts(operation)).await;
        accounts.map_err(|error| request_failed(&error))
    }

    /// Enters a created service account in the cached list.
    pub(super) async fn cache_created(&self, new: &NewServiceAccount<'_>, issued: &IssuedToken) {
        let created = self.api.as_created(new, issued);
        self.accounts
            .amend(|accounts| {
                accounts.retain(|account| account.name != created.name);
                accounts.push(created);
            })
            .await;
    }

    /// Enters in the cached list that a service account has, or may have, another value.
    pub(super) async fn cache_rotated(&self) {
        self.accounts.amend(|_| ()).await;
    }

    /// Removes a deleted service account from the cached list.
    pub(super) async fn cache_deleted(&self, name: &str) {
        self.accounts
            .amend(|accounts| accounts.retain(|account| account.name != name))
            .await;
    }

    /// Invalidates the cached list after a write whose outcome is unknown.
    pub(super) fn invalidate(&self) {
        self.accounts.invalidate();
    }
}
