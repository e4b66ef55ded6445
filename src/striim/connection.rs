//! The connection to an account: what the provider's configuration leads to, shared by all its resources.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use http::StatusCode;
use secrecy::SecretString;
use tokio::sync::{Mutex, OnceCell, OwnedMutexGuard};

use super::api::{Api, IssuedToken, NewServiceAccount, ServiceAccount};
use super::errors::failure;
use super::issue::{self, Unmade};
use super::labels::LABELS;
use super::pat_ledger;
use super::quota::Ledger;
use super::resources::pat_status::DeclaredStatuses;
use crate::framework::{self, Diagnostic};
use crate::platform::delivery::{self, Writer};
use crate::platform::vault_settings::VaultConnection;
use crate::platform::{Recent, SharedList, TimeSource};
use crate::rest::{Error, Operation};

/// A call from Terraform to something of this provider.
pub(super) type Context = framework::Context<Connection>;

/// An account to work with.
pub struct Connection {
    pub(super) api: Api,
    /// The account's short name, or else the host of its API.
    pub(super) account: String,
    retry_timeout: Duration,
    /// Hands values over.
    pub(super) vault: Writer,
    accounts: SharedList<ServiceAccount>,
    /// What this plan creates and removes.
    pub(super) ledger: Ledger,
    /// What this run does about personal access tokens.
    pub(super) pats: pat_ledger::Ledger,
    /// Which status of personal access tokens this run's resources declare.
    pub(super) declared_statuses: DeclaredStatuses,
    /// A lock for each name; see [`Connection::lock_name`].
    names: std::sync::Mutex<BTreeMap<String, Arc<Mutex<Latest>>>>,
    /// Whether the provider works with the token of a user, once that is known.
    user: OnceCell<bool>,
    /// Held while the toggle of personal access tokens is read and turned, since it can only be turned.
    pub(super) toggling: Mutex<()>,
}

/// The value that was made last under a name in this run, by whatever resource.
pub(super) type Latest = Option<SecretString>;

impl TimeSource for Connection {
    async fn fetch_time(&self, context: &Context) {
        let _ = self.recent(&self.operation(context)).await;
    }
}

impl Connection {
    pub(super) fn new(api: Api, account: String, retry_timeout: Duration) -> Self {
        Self {
            api,
            vault: Writer::new(VaultConnection::Unknown, delivery::Account::default(), &LABELS),
            account,
            retry_timeout,
            accounts: SharedList::default(),
            ledger: Ledger::default(),
            pats: pat_ledger::Ledger::default(),
            declared_statuses: DeclaredStatuses::default(),
            names: std::sync::Mutex::default(),
            user: OnceCell::new(),
            toggling: Mutex::default(),
        }
    }

    /// The same account, with the Vault that values are handed over to, and what secrets there call it.
    pub(super) fn handing_over_to(self, vault: VaultConnection, account: delivery::Account) -> Self {
        let vault = Writer::new(vault, account, &LABELS);
        Self { vault, ..self }
    }

    /// One operation, from now on.
    pub(super) fn operation(&self, context: &Context) -> Operation {
        Operation::new(self.retry_timeout, context.cancellation.clone())
    }

    /// Serialises create, rotate and delete per name. In one run a name may move from one resource to another, and Terraform
    /// does both at once: a repeated revocation would hit the account that is just created.
    pub(super) async fn lock_name(&self, name: &str) -> OwnedMutexGuard<Latest> {
        let lock = {
            let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
            names.entry(name.to_owned()).or_default().clone()
        };
        lock.lock_owned().await
    }

    /// Whether the provider works with a user's personal access token, and not with that of a service account; `None` if that
    /// could not be found out.
    pub(super) async fn works_as_user(&self, operation: &Operation) -> Option<bool> {
        let ask = || async {
            match self.api.user_token(operation, None).await {
                Ok(token) => Ok(token.is_some()),
                // How the platform answers a service account, which is no user, is not documented.
                Err(error) if matches!(error.status(), Some(StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN)) => {
                    Ok(false)
                }
                Err(_) => Err(()),
            }
        };
        self.user.get_or_try_init(ask).await.ok().copied()
    }

    /// The service accounts, by a request that concurrent callers share.
    pub(super) async fn service_accounts(&self, operation: &Operation) -> Result<Arc<[ServiceAccount]>, Diagnostic> {
        let accounts = self.accounts.get(self.api.list_service_accounts(operation)).await;
        accounts.map_err(|error| failure(&error))
    }

    /// The service accounts by a list that may be some seconds old, with the changes that this run has made since. For
    /// creations, which need to know what is taken: of an account that this run changed, it has no more than the name.
    pub(super) async fn recent(&self, operation: &Operation) -> Result<Recent<ServiceAccount>, Error> {
        self.accounts.recent(self.api.list_service_accounts(operation)).await
    }

    /// The service accounts as they are now, past any cached list.
    pub(super) async fn fetch_accounts(&self, operation: &Operation) -> Result<Arc<[ServiceAccount]>, Diagnostic> {
        let accounts = self.accounts.fetch(self.api.list_service_accounts(operation)).await;
        accounts.map_err(|error| failure(&error))
    }

    /// Creates a service account, and a value with it.
    ///
    /// # Errors
    /// As [`issue::create`].
    pub(super) async fn create(
        &self,
        operation: &Operation,
        new: &NewServiceAccount<'_>,
    ) -> Result<IssuedToken, Unmade> {
        let before = self.recent(operation).await.map_err(Unmade::nothing)?;
        let created = issue::create(&self.api, operation, new, &before).await;
        self.note(new, &created).await;
        created
    }

    /// Creates a service account although a hidden one may hold its name.
    ///
    /// # Errors
    /// As [`issue::create_again`].
    pub(super) async fn create_again(
        &self,
        operation: &Operation,
        new: &NewServiceAccount<'_>,
    ) -> Result<IssuedToken, Unmade> {
        let created = issue::create_again(&self.api, operation, new).await;
        self.note(new, &created).await;
        created
    }

    /// Enters the outcome of a creation in the cached list.
    async fn note(&self, new: &NewServiceAccount<'_>, created: &Result<IssuedToken, Unmade>) {
        let Ok(issued) = created else {
            self.accounts.invalidate();
            return;
        };
        let created = self.api.as_created(new, issued);
        self.accounts
            .amend(|accounts| {
                accounts.retain(|account| account.name != created.name);
                accounts.push(created);
            })
            .await;
    }

    /// Notes that a service account has, or may have, another value now.
    pub(super) async fn rotated(&self) {
        self.accounts.amend(|_| ()).await;
    }

    /// Notes that a service account is gone.
    pub(super) async fn removed(&self, name: &str) {
        self.accounts
            .amend(|accounts| accounts.retain(|account| account.name != name))
            .await;
    }

    /// Invalidates the cached list, where the outcome of a change is not known.
    pub(super) fn invalidate(&self) {
        self.accounts.invalidate();
    }
}
