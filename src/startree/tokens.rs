//! What a run knows of the environment's service tokens. The platform has no list of them: which there are is told only by
//! the roles that are assigned to some.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::api::{AccessKey, Api, IssuedToken, Name, Subject, SubjectType, Told};
use crate::platform::Snapshot;
use crate::rest::{Error, Operation};

/// What a run knows of the environment's service tokens.
pub(super) struct Tokens {
    api: Api,
    /// The one that the provider works with; `None` if it works with another kind of token.
    own: Mutex<Option<AccessKey>>,
    /// Whether one was found by its SRN.
    found: AtomicBool,
    holdings: Snapshot<Holding>,
    /// Those that a rotation in this run has left to stay for a while.
    staying: Mutex<BTreeSet<AccessKey>>,
}

/// That a service token has a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Holding {
    pub(super) role: Name,
    pub(super) access_key: AccessKey,
}

impl Tokens {
    pub(super) fn new(api: Api, own: Option<AccessKey>) -> Self {
        Self {
            api,
            own: Mutex::new(own),
            found: AtomicBool::new(false),
            holdings: Snapshot::default(),
            staying: Mutex::default(),
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

    /// Who has which role, by requests that all who ask at the same time share.
    pub(super) async fn holdings(&self, operation: &Operation) -> Result<Arc<[Holding]>, Error> {
        self.holdings.get(self.list(operation)).await
    }

    /// Who has which role now.
    pub(super) async fn list(&self, operation: &Operation) -> Result<Vec<Holding>, Error> {
        let mut holdings = Vec::new();
        for role in self.api.roles(operation).await? {
            // What has another name cannot be asked for.
            let Ok(role) = role.parse::<Name>() else {
                tracing::warn!("the role {role:?} has a name that this provider does not take; it is passed over");
                continue;
            };
            let assignments = self.api.assignments(operation, &role).await?;
            let keys = assignments.iter().filter_map(|assignment| {
                let key = assignment.subject.parse().ok()?;
                Subject::token(&key).has(assignment).then_some(key)
            });
            holdings.extend(keys.map(|access_key| Holding {
                role: role.clone(),
                access_key,
            }));
        }
        Ok(holdings)
    }

    /// To be called after each change of an assignment: what was seen before no longer holds.
    pub(super) async fn changed(&self) {
        self.holdings.forget().await;
    }

    /// The one that the provider works with.
    pub(super) fn own(&self) -> Option<AccessKey> {
        lock(&self.own).clone()
    }

    /// Goes on with another token in place of the provider's own, if the platform lets it in.
    ///
    /// # Errors
    ///
    /// [`Error`]: the provider goes on with the one that it had.
    pub(super) async fn go_on_with(&self, operation: &Operation, issued: &IssuedToken) -> Result<(), Error> {
        self.api.go_on_with(operation, issued).await?;
        *lock(&self.own) = Some(issued.access_key.clone());
        Ok(())
    }

    /// A rotation leaves a token to stay for a while: its roles are its own until then.
    pub(super) fn let_stay(&self, access_key: AccessKey) {
        lock(&self.staying).insert(access_key);
    }

    /// Whether an assignment to this subject is left alone by whoever moves on from it.
    pub(super) fn stays(&self, subject: &Subject) -> bool {
        let is_token = subject.subject_type() == SubjectType::ServiceToken;
        is_token && lock(&self.staying).iter().any(|key| key.as_str() == subject.as_str())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
