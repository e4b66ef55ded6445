//! Quix's Portal API in memory, as its documentation and its public Python client show it.
//!
//! What there is: workspaces, each with a broker and two streaming tokens; what a user or a workspace may do; the rotation of
//! streaming tokens, as documented, though at paths that are made up: the true ones are not public. What the documents
//! leave open is a field of [`Options`]. What there is not: anything else of Quix, such as topics and deployments.

mod api;
mod options;
mod portal;

use axum::Router;
use jiff::Timestamp;
use secrecy::SecretString;

use super::Platform;
use crate::token::Clock;

pub use options::{ErrorBody, Options, Paths, Readers, Rotated, Tokens};
pub use portal::{Portal, Role};

/// An in-memory Quix.
pub type Sandbox = super::Sandbox<Portal>;

impl Platform for Portal {
    const BASE_PATH: &'static str = "";

    fn api() -> Router<Sandbox> {
        api::routes()
    }

    /// Tokens of users and workspaces, and passwords of brokers.
    fn issued(&self) -> &[SecretString] {
        &self.issued
    }

    fn is_live(&self, value: &str, _: Timestamp) -> bool {
        self.caller(value).is_some()
    }
}

impl Sandbox {
    /// A Quix without workspaces that starts by the machine's clock.
    pub fn new(options: Options) -> Self {
        Self::with_clock(Clock::system(), options)
    }

    /// The same that starts by this clock.
    pub fn with_clock(clock: Clock, options: Options) -> Self {
        Self::of(Portal::new(options), clock)
    }

    /// A personal access token of a user with this role.
    pub fn user(&self, role: Role) -> SecretString {
        self.lock().user(role)
    }

    /// Makes a workspace with this id.
    pub fn add_workspace(&self, id: &str) {
        self.with(|portal, now| portal.add(id, now));
    }

    /// Takes a workspace away, with its tokens.
    pub fn remove_workspace(&self, id: &str) {
        self.lock().workspaces.remove(id);
    }

    /// A workspace's streaming tokens that are let in now, token 1 first.
    pub fn tokens(&self, workspace: &str) -> Option<[SecretString; 2]> {
        self.lock()
            .workspaces
            .get(workspace)
            .map(|workspace| workspace.tokens().clone())
    }

    /// How often a workspace's streaming tokens were rotated.
    pub fn rotations(&self, workspace: &str) -> usize {
        self.lock()
            .workspaces
            .get(workspace)
            .map_or(0, portal::Workspace::rotations)
    }

    /// Rotates a workspace's streaming tokens as somebody else would.
    pub fn rotate_outside(&self, workspace: &str) {
        self.with(|portal, now| portal.rotate(workspace, now));
    }

    /// How the platform behaves.
    pub fn options(&self) -> Options {
        self.lock().options.clone()
    }

    /// Changes how the platform behaves.
    pub fn set_options(&self, change: impl FnOnce(&mut Options)) {
        change(&mut self.lock().options);
    }
}
