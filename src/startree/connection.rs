//! The configured provider: the API, the caches of this run, and Vault.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::api::{AccessKey, Api, Assignment, Name, Pinot, Subject};
use super::claims::Claims;
use super::planned_names::PlannedObjects;
use super::secret_owner::FIELD_NAMES;
use super::token_cache::TokenCache;
use crate::framework;
use crate::platform::account::ProviderAccount;
use crate::platform::delivery::{Account, Writer};
use crate::platform::vault_settings::VaultConnection;
use crate::platform::{SharedList, TimeSource};
use crate::rest::{Error, Operation};

/// The time a list is cached, because other clients may change it. Long enough for a run that
/// rotates many tokens.
const MAX_AGE: Duration = Duration::from_secs(60);

/// One call from Terraform.
pub(super) type Context = framework::Context<Connection>;

/// A connection to one environment. All resources of a run share it.
pub struct Connection {
    pub(super) api: Api,
    /// `None` if its address is unknown.
    pub(super) pinot: Option<Pinot>,
    /// The environment's name, or the host of its RBAC Manager if only a base URL is configured.
    pub(super) environment: String,
    /// The environment for the guard of the state; `None` in tests that have no address.
    pub(super) account: Option<ProviderAccount>,
    pub(super) tokens: TokenCache,
    /// Delivers values to Vault.
    pub(super) vault: Writer,
    retry_timeout: Duration,
    /// The owners of assignments and attachments.
    pub(super) claims: Claims,
    /// The names in this plan.
    pub(super) planned: PlannedObjects,
    roles: SharedList<String>,
    policies: SharedList<String>,
    assignments: ByRole<Assignment>,
    attached: ByRole<String>,
}

/// A cached list for each role.
struct ByRole<T>(Mutex<BTreeMap<Name, Arc<SharedList<T>>>>);

impl<T> ByRole<T> {
    fn of(&self, role: &Name) -> Arc<SharedList<T>> {
        let mut lists = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let list = lists.entry(role.clone());
        list.or_insert_with(|| Arc::new(SharedList::new(MAX_AGE))).clone()
    }
}

impl<T> Default for ByRole<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl TimeSource for Connection {
    async fn fetch_time(&self, context: &Context) {
        let _ = self.api.roles(&self.operation(context)).await;
    }
}

impl Connection {
    pub(super) fn new(
        api: Api,
        pinot: Option<Pinot>,
        environment: String,
        own_access_key: Option<AccessKey>,
        retry_timeout: Duration,
    ) -> Self {
        Self {
            tokens: TokenCache::new(api.clone(), own_access_key),
            api,
            pinot,
            vault: Writer::new(VaultConnection::Unknown, Account::default(), &FIELD_NAMES),
            environment,
            account: None,
            retry_timeout,
            claims: Claims::default(),
            planned: PlannedObjects::default(),
            roles: SharedList::new(MAX_AGE),
            policies: SharedList::new(MAX_AGE),
            assignments: ByRole::default(),
            attached: ByRole::default(),
        }
    }

    /// Sets the environment that the state records for each object.
    pub(super) fn in_account(self, account: ProviderAccount) -> Self {
        let account = Some(account);
        Self { account, ..self }
    }

    /// Sets the Vault that values are delivered to, and the name of the environment in its secrets.
    pub(super) fn with_vault(self, vault: VaultConnection, environment: Account) -> Self {
        let vault = Writer::new(vault, environment, &FIELD_NAMES);
        Self { vault, ..self }
    }

    /// Starts an operation, whose deadline is `retry_timeout` from now.
    pub(super) fn operation(&self, context: &Context) -> Operation {
        Operation::new(self.retry_timeout, context.cancellation.clone())
    }

    /// Starts an operation that cleans up after a failed one, even if that was cancelled or has
    /// timed out.
    pub(super) fn cleanup_operation(&self) -> Operation {
        self.operation(&Context::default())
    }

    /// Lists the names of all roles, from the cache.
    pub(super) async fn role_names(&self, operation: &Operation) -> Result<Arc<[String]>, Error> {
        self.roles.get(self.api.roles(operation)).await
    }

    /// Lists the names of all policies, from the cache.
    pub(super) async fn policy_names(&self, operation: &Operation) -> Result<Arc<[String]>, Error> {
        self.policies.get(self.api.policies(operation)).await
    }

    /// Lists the assignments of a role, from the cache.
    pub(super) async fn assignments(&self, operation: &Operation, role: &Name) -> Result<Arc<[Assignment]>, Error> {
        let list = self.assignments.of(role);
        list.get(self.api.assignments(operation, role)).await
    }

    /// Invalidates the cached assignments of a role.
    pub(super) fn invalidate_assignments(&self, role: &Name) {
        self.assignments.of(role).invalidate();
    }

    /// Lists the names of the policies that are attached to a role, from the cache.
    pub(super) async fn policies_of(&self, operation: &Operation, role: &Name) -> Result<Arc<[String]>, Error> {
        let list = self.attached.of(role);
        list.get(self.api.policies_of(operation, role)).await
    }

    /// Assigns a role to a subject.
    pub(super) async fn assign(&self, operation: &Operation, role: &Name, subject: &Subject) -> Result<(), Error> {
        let assigned = self.api.assign(operation, role, subject).await;
        self.assignments.of(role).invalidate();
        assigned
    }

    /// Removes the assignment of a role to a subject.
    pub(super) async fn unassign(&self, operation: &Operation, role: &Name, subject: &Subject) -> Result<(), Error> {
        let unassigned = self.api.unassign(operation, role, subject).await;
        self.assignments.of(role).invalidate();
        unassigned
    }

    /// Attaches a policy to a role.
    pub(super) async fn attach(&self, operation: &Operation, role: &Name, policy: &Name) -> Result<(), Error> {
        let attached = self.api.attach(operation, role, policy).await;
        self.attached.of(role).invalidate();
        attached
    }

    /// Detaches a policy from a role.
    pub(super) async fn detach(&self, operation: &Operation, role: &Name, policy: &Name) -> Result<(), Error> {
        let detached = self.api.detach(operation, role, policy).await;
        self.attached.of(role).invalidate();
        detached
    }

    /// Creates a role.
    pub(super) async fn create_role(
        &self,
        operation: &Operation,
        name: &Name,
        description: Option<&str>,
    ) -> Result<(), Error> {
        let created = self.api.create_role(operation, name, description).await;
        self.invalidate_role(name);
        created
    }

    /// Deletes a role.
    pub(super) async fn delete_role(&self, operation: &Operation, name: &Name) -> Result<(), Error> {
        let deleted = self.api.delete_role(operation, name).await;
        self.invalidate_role(name);
        deleted
    }

    fn invalidate_role(&self, name: &Name) {
        self.roles.invalidate();
        self.assignments.of(name).invalidate();
        self.attached.of(name).invalidate();
    }

    /// Creates a policy.
    pub(super) async fn create_policy(
        &self,
        operation: &Operation,
        name: &Name,
        description: Option<&str>,
        document: &str,
    ) -> Result<(), Error> {
        let created = self.api.create_policy(operation, name, description, document).await;
        self.policies.invalidate();
        created
    }

    /// Deletes a policy.
    pub(super) async fn delete_policy(&self, operation: &Operation, name: &Name) -> Result<(), Error> {
        let deleted = self.api.delete_policy(operation, name).await;
        self.policies.invalidate();
        deleted
    }

    /// Returns whether a list of roles that is fetched now has this one. The list proves what a 404
    /// alone does not.
    pub(super) async fn fetch_lists_role(&self, operation: &Operation, name: &Name) -> Result<bool, Error> {
        self.roles.invalidate();
        let roles = self.role_names(operation).await?;
        Ok(roles.iter().any(|role| role == name.as_str()))
    }

    /// Returns whether a list of policies that is fetched now has this one.
    pub(super) async fn fetch_lists_policy(&self, operation: &Operation, name: &Name) -> Result<bool, Error> {
        self.policies.invalidate();
        let policies = self.policy_names(operation).await?;
        Ok(policies.iter().any(|policy| policy == name.as_str()))
    }
}
