//! Per-run cache of service tokens. The platform has no list of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::api::{AccessKey, Api, IssuedToken, Name, RemoteToken, Reported};
use super::predecessor::{Predecessor, Predecessors};
use crate::rest::{Error, Operation};

/// Per-run cache and bookkeeping for service tokens.
pub(super) struct TokenCache {
    api: Api,
    /// The token that the provider uses; `None` if its credential is not a service token.
    own: Mutex<Option<AccessKey>>,
    /// Whether a request for one service token has succeeded in this run.
    has_read_any: AtomicBool,
    /// The descriptions of the tokens that this run has read. The API cannot change them.
    descriptions: Mutex<BTreeMap<AccessKey, Reported<String>>>,
    predecessors: Mutex<Predecessors>,
    transfers: Mutex<RoleTransfers>,
}

/// The rotations of this process that copy roles to a new token, and the roles that are revoked
/// meanwhile: Terraform may change an assignment while it rotates the token.
#[derive(Default)]
struct RoleTransfers {
    /// Maps each token under rotation to its successor.
    successors: BTreeMap<AccessKey, AccessKey>,
    /// The roles that role assignments have revoked from tokens.
    revoked: BTreeSet<(Name, AccessKey)>,
}

impl TokenCache {
    pub(super) fn new(api: Api, own: Option<AccessKey>) -> Self {
        Self {
            api,
            own: Mutex::new(own),
            has_read_any: AtomicBool::new(false),
            descriptions: Mutex::default(),
            predecessors: Mutex::default(),
            transfers: Mutex::default(),
        }
    }

    /// Reads a service token.
    pub(super) async fn read(&self, operation: &Operation, access_key: &AccessKey) -> Result<RemoteToken, Error> {
        let token = self.api.service_token(operation, access_key).await?;
        self.has_read_any.store(true, Ordering::Relaxed);
        lock(&self.descriptions).insert(access_key.clone(), token.description.clone());
        Ok(token)
    }

    /// Returns the description of a service token, which may have been deleted since this run read
    /// it.
    pub(super) async fn description(
        &self,
        operation: &Operation,
        access_key: &AccessKey,
    ) -> Result<Reported<String>, Error> {
        let known = lock(&self.descriptions).get(access_key).cloned();
        match known {
            Some(description) => Ok(description),
            None => Ok(self.read(operation, access_key).await?.description),
        }
    }

    /// Returns whether this run has read any service token, which shows that the platform
    /// supports the request: a 404 is then about the token.
    pub(super) fn has_read_any(&self) -> bool {
        self.has_read_any.load(Ordering::Relaxed)
    }

    /// Returns the token that the provider uses.
    pub(super) fn own(&self) -> Option<AccessKey> {
        lock(&self.own).clone()
    }

    /// Returns whether the provider uses this token.
    pub(super) fn is_own(&self, access_key: &AccessKey) -> bool {
        lock(&self.own).as_ref() == Some(access_key)
    }

    /// Makes the provider use another token, if the platform accepts it.
    ///
    /// # Errors
    ///
    /// [`Error`]: the provider still uses its previous token.
    pub(super) async fn switch_own(&self, operation: &Operation, issued: &IssuedToken) -> Result<(), Error> {
        self.api.switch_credential(operation, issued).await?;
        *lock(&self.own) = Some(issued.access_key.clone());
        Ok(())
    }

    /// Records that a rotation copies the roles of one token to another.
    pub(super) fn start_transfer(&self, from: AccessKey, to: AccessKey) {
        lock(&self.transfers).successors.insert(from, to);
    }

    /// Records that a role assignment revokes a role from a token. Returns the token to which a
    /// rotation may have copied it.
    pub(super) fn record_revocation(&self, role: &Name, from: &AccessKey) -> Option<AccessKey> {
        let mut transfers = lock(&self.transfers);
        transfers.revoked.insert((role.clone(), from.clone()));
        transfers.successors.get(from).cloned()
    }

    /// Returns whether a role assignment of this process has revoked a role from a token.
    pub(super) fn was_revoked(&self, role: &Name, from: &AccessKey) -> bool {
        lock(&self.transfers).revoked.contains(&(role.clone(), from.clone()))
    }

    /// Records the predecessor of a token that is still valid, or that it has none.
    pub(super) fn record_predecessor(&self, access_key: AccessKey, predecessor: Option<Predecessor>) {
        lock(&self.predecessors).record(access_key, predecessor);
    }

    /// Returns the predecessor of a token that is still valid; the outer `None` means that this
    /// process does not know.
    pub(super) fn predecessor(&self, access_key: &AccessKey) -> Option<Option<Predecessor>> {
        lock(&self.predecessors).predecessor(access_key)
    }

    /// Returns the successor of a token, if this process knows one.
    pub(super) fn successor(&self, access_key: &AccessKey) -> Option<AccessKey> {
        lock(&self.predecessors).successor(access_key)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
