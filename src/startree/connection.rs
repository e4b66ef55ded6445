//! What a configured provider works with.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::api::{AccessKey, Api, Assignment, Name};
use super::labels::LABELS;
use super::pinot::Pinot;
use super::tokens::Tokens;
use crate::framework::Context;
use crate::platform::hand_over::Courier;
use crate::platform::vault_settings::Link;
use crate::platform::{self, Snapshot};
use crate::rest::{Error, Operation};

pub(super) type Session = platform::Session<Connection>;

/// An environment to work with.
pub(super) struct Connection {
    pub(super) api: Api,
    /// `None` where its address is not known.
    pub(super) pinot: Option<Pinot>,
    /// The environment's name, or else the host of its RBAC Manager.
    pub(super) environment: String,
    /// What this run knows of service tokens.
    pub(super) tokens: Tokens,
    /// Hands values over.
    pub(super) vault: Courier,
    retry_timeout: Duration,
    assignments: ByRole<Assignment>,
    attached: ByRole<String>,
}

/// What was seen of each role: a refresh asks for as much of it as there are resources.
struct ByRole<T>(Mutex<BTreeMap<Name, Arc<Snapshot<T>>>>);

impl<T> ByRole<T> {
    fn of(&self, role: &Name) -> Arc<Snapshot<T>> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.entry(role.clone()).or_default().clone()
    }
}

impl<T> Default for ByRole<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl Connection {
    pub(super) fn new(
        api: Api,
        pinot: Option<Pinot>,
        environment: String,
        own: Option<AccessKey>,
        retry_timeout: Duration,
    ) -> Self {
        Self {
            tokens: Tokens::new(api.clone(), own),
            api,
            pinot,
            vault: Courier::new(Link::Waiting, environment.clone(), &LABELS),
            environment,
            retry_timeout,
            assignments: ByRole::default(),
            attached: ByRole::default(),
        }
    }

    /// The same environment, with the Vault that values are handed over to.
    pub(super) fn handing_over_to(self, vault: Link) -> Self {
        let vault = Courier::new(vault, self.environment.clone(), &LABELS);
        Self { vault, ..self }
    }

    /// One operation, from now on.
    pub(super) fn operation(&self, context: &Context) -> Operation {
        Operation::new(self.retry_timeout, context.cancellation.clone())
    }

    /// One that makes good what another left undone, though that be cancelled or its time over.
    pub(super) fn making_good(&self) -> Operation {
        self.operation(&Context::default())
    }

    /// Whom a role is assigned to, by a request that all who ask at the same time share.
    pub(super) async fn assignments(&self, operation: &Operation, role: &Name) -> Result<Arc<[Assignment]>, Error> {
        let seen = self.assignments.of(role);
        seen.get(self.api.assignments(operation, role)).await
    }

    /// Which policies are attached to a role, likewise.
    pub(super) async fn policies_of(&self, operation: &Operation, role: &Name) -> Result<Arc<[String]>, Error> {
        let seen = self.attached.of(role);
        seen.get(self.api.policies_of(operation, role)).await
    }

    /// To be called after each change of what belongs to a role: what was seen before no longer holds.
    pub(super) async fn changed(&self, role: &Name) {
        self.assignments.of(role).forget().await;
        self.attached.of(role).forget().await;
        self.tokens.changed().await;
    }
}
