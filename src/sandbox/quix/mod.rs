//! Quix's Portal API in memory, as its documentation and its public Python client show it.
//!
//! Included: workspaces, each with a broker and two streaming tokens; the permissions of users and
//! workspaces; the documented rotation of streaming tokens, with the requests of Quix's own Postman
//! collection of 2023. [`Options`] has a field for each behaviour that the documentation leaves
//! open, or that may have changed since 2023. Not included: the rest of Quix, such as topics and
//! deployments.

mod answer;
mod api;
mod audited;
mod contents;
mod management;
mod options;
mod personal_access_tokens;
mod refusal;
mod state;
mod zip;

use axum::Router;
use jiff::Timestamp;
use secrecy::SecretString;

use super::control::{self, Audited, AuditedRequest};
use super::{IssuedValues, Platform};
use crate::token::Clock;

pub use contents::{Contents, StreamingTokenContents, TokenContents, UserContents, WorkspaceContents};
pub use options::{ErrorBody, Options, Paths, Readers, Rotated, Tokens, option_variants};
pub use personal_access_tokens::{
    PersonalAccessToken, PersonalAccessTokenOptions, TokenLimit, personal_access_token_variants,
};
pub use state::{Portal, Role};

/// An in-memory Quix.
pub type Sandbox = super::Sandbox<Portal>;

impl Platform for Portal {
    const BASE_PATH: &'static str = "";

    fn api() -> Router<Sandbox> {
        api::routes()
    }

    fn control_routes() -> Router<Sandbox> {
        control::routes()
    }

    /// The tokens of users and workspaces and the passwords of brokers.
    fn issued(&self) -> &IssuedValues {
        &self.issued
    }

    fn is_live(&self, value: &str, now: Timestamp) -> bool {
        self.caller(value, now).is_some()
    }

    fn expire(&mut self, now: Timestamp) {
        self.forget_deleted_tokens(now);
    }

    fn audited(&self, request: &AuditedRequest, now: Timestamp) -> Option<Audited> {
        Some(self.describe(request, now))
    }
}

impl Sandbox {
    /// Creates a Quix without workspaces, with the machine's clock.
    pub fn new(options: Options) -> Self {
        Self::with_clock(Clock::system(), options)
    }

    /// Creates a Quix without workspaces, with this clock.
    pub fn with_clock(clock: Clock, options: Options) -> Self {
        Self::start(Portal::new(options), clock)
    }

    /// Creates a user with this role and returns a personal access token.
    pub fn add_user(&self, role: Role) -> SecretString {
        self.with(|portal, now| portal.add_user(role, now))
    }

    /// Creates a workspace with this id.
    pub fn add_workspace(&self, id: &str) {
        self.with(|portal, now| portal.add_workspace(id, now));
    }

    /// Deletes a workspace with its tokens.
    pub fn remove_workspace(&self, id: &str) {
        self.lock().workspaces.remove(id);
    }

    /// The valid streaming tokens of a workspace, token 1 first.
    pub fn tokens(&self, workspace: &str) -> Option<[SecretString; 2]> {
        self.lock()
            .workspaces
            .get(workspace)
            .map(|workspace| workspace.tokens().clone())
    }

    /// The number of rotations of a workspace's streaming tokens.
    pub fn rotations(&self, workspace: &str) -> usize {
        self.lock()
            .workspaces
            .get(workspace)
            .map_or(0, state::Workspace::rotations)
    }

    /// Rotates a workspace's streaming tokens outside Terraform.
    pub fn rotate_outside(&self, workspace: &str) {
        self.with(|portal, now| portal.rotate(workspace, now));
    }

    /// The behaviour of the platform.
    pub fn options(&self) -> Options {
        self.lock().options.clone()
    }

    /// Changes the behaviour of the platform.
    pub fn set_options(&self, change: impl FnOnce(&mut Options)) {
        change(&mut self.lock().options);
    }
}
