//! What a run knows of the environment's service tokens. The platform has no list of them: which there are is told only by
//! the roles that are assigned to some.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::{StreamExt, stream};

use super::api::{AccessKey, Api, Assignment, IssuedToken, Name, Subject, Told};
use super::connection::Connection;
use super::succession::{Predecessor, Successions};
use crate::rest::{Error, Operation};

/// How many roles are read at the same time.
const CONCURRENT_READS: usize = 4;

/// What a run knows of the environment's service tokens.
pub(super) struct Tokens {
    api: Api,
    /// The one that the provider works with; `None` if it works with another kind of token.
    own: Mutex<Option<AccessKey>>,
    /// Whether one was found by its SRN.
    found: AtomicBool,
    successions: Mutex<Successions>,
    handing_on: Mutex<HandingOn>,
}

/// That a service token has a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Holding {
    pub(super) role: Name,
    pub(super) access_key: AccessKey,
}

/// Rotations of this process that give roles to a new token, and roles that are taken away meanwhile: Terraform may change
/// an assignment while it rotates the token that had it.
#[derive(Default)]
struct HandingOn {
    /// Each token that is being rotated, with the new one.
    to: BTreeMap<AccessKey, AccessKey>,
    /// The roles that were taken from tokens.
    taken: BTreeSet<(Name, AccessKey)>,
}

impl Tokens {
    pub(super) fn new(api: Api, own: Option<AccessKey>) -> Self {
        Self {
            api,
            own: Mutex::new(own),
            found: AtomicBool::new(false),
            successions: Mutex::default(),
            handing_on: Mutex::default(),
        }
    }

    /// What is said of a service token.
    pub(super) async fn read(&self, operation: &Operation, access_key: &AccessKey) -> Result<Told, Error> {
        let told = self.api.service_token(operation, access_key).await?;
        self.found.store(true, Ordering::Relaxed);
        Ok(told)
    }

    /// Whether a service token was found by its SRN in this run, so that one which is not found is known to be none.
    pub(super) fn are_found(&self) -> bool {
        self.found.load(Ordering::Relaxed)
    }

    /// The one that the provider works with.
    pub(super) fn own(&self) -> Option<AccessKey> {
        lock(&self.own).clone()
    }

    /// Whether the provider works with this one.
    pub(super) fn is_own(&self, access_key: &AccessKey) -> bool {
        lock(&self.own).as_ref() == Some(access_key)
    }

    /// Goes on with another token in place of the provider's own, if the platform lets it in.
    ///
    /// # Errors
    ///
    /// [`Error`]: the provider goes on with the one that it had.
    pub(super) async fn switch_credential(&self, operation: &Operation, issued: &IssuedToken) -> Result<(), Error> {
        self.api.switch_credential(operation, issued).await?;
        *lock(&self.own) = Some(issued.access_key.clone());
        Ok(())
    }

    /// A rotation gives the roles of a token to another one from now on.
    pub(super) fn hands_on(&self, from: AccessKey, to: AccessKey) {
        lock(&self.handing_on).to.insert(from, to);
    }

    /// An assignment takes a role from a token; answers which other token may have got the role from it by a rotation.
    pub(super) fn takes(&self, role: &Name, from: &AccessKey) -> Option<AccessKey> {
        let mut handing_on = lock(&self.handing_on);
        handing_on.taken.insert((role.clone(), from.clone()));
        handing_on.to.get(from).cloned()
    }

    /// Whether an assignment of this process took a role from a token.
    pub(super) fn was_taken(&self, role: &Name, from: &AccessKey) -> bool {
        lock(&self.handing_on).taken.contains(&(role.clone(), from.clone()))
    }

    /// Records a token, and the one before it that is still valid.
    pub(super) fn follows(&self, access_key: AccessKey, predecessor: Option<Predecessor>) {
        lock(&self.successions).record(access_key, predecessor);
    }

    /// The token before this one that is still valid; the outer `None` if this process does not know.
    pub(super) fn predecessor(&self, access_key: &AccessKey) -> Option<Option<Predecessor>> {
        lock(&self.successions).predecessor(access_key)
    }

    /// The token that was put in the place of this one, as far as this process knows.
    pub(super) fn successor(&self, access_key: &AccessKey) -> Option<AccessKey> {
        lock(&self.successions).successor(access_key)
    }
}

impl Connection {
    /// Which service tokens have which role: one request for each role whose assignments are not cached. No request for the
    /// roles of one token is documented.
    ///
    /// # Errors
    /// [`Error`]: a role may be assigned to tokens, and its assignments could not be read.
    pub(super) async fn holdings(&self, operation: &Operation) -> Result<Vec<Holding>, Error> {
        let roles = self.roles_with_assignments(operation).await?;
        let mut holdings = Vec::new();
        for (role, assignments) in roles {
            holdings.extend(held(&role, &assignments?));
        }
        Ok(holdings)
    }

    /// The roles that a token has, by the cached lists.
    ///
    /// # Errors
    /// As [`holdings`](Self::holdings): no role is left out.
    pub(super) async fn roles_of(&self, operation: &Operation, access_key: &AccessKey) -> Result<Vec<Name>, Error> {
        let holdings = self.holdings(operation).await?;
        let held = holdings.into_iter().filter(|holding| holding.access_key == *access_key);
        Ok(held.map(|holding| holding.role).collect())
    }

    /// All roles, each with its assignments or why they could not be read.
    pub(super) async fn roles_with_assignments(
        &self,
        operation: &Operation,
    ) -> Result<Vec<(Name, Result<Arc<[Assignment]>, Error>)>, Error> {
        let roles = self.role_names(operation).await?;
        let roles: Vec<_> = roles.iter().filter_map(|role| Name::existing(role).ok()).collect();
        let read = stream::iter(roles).map(async |role| {
            let assignments = self.assignments_if_there(operation, &role).await;
            (role, assignments)
        });
        Ok(read.buffered(CONCURRENT_READS).collect().await)
    }
}

/// The service tokens among those whom a role is assigned to.
fn held(role: &Name, assignments: &[Assignment]) -> impl Iterator<Item = Holding> {
    assignments.iter().filter_map(|assignment| {
        let access_key: AccessKey = assignment.subject.parse().ok()?;
        Subject::token(&access_key).has(assignment).then(|| Holding {
            role: role.clone(),
            access_key,
        })
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
