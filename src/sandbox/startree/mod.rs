//! StarTree's RBAC Manager in memory, as the page *Using the RBAC API* describes it, and the part
//! of Pinot that validates tokens.
//!
//! Included: every endpoint of policies, roles, attachments, assignments and service tokens at
//! `/api/v1/rbac-manager`, and `GET /appconfigs`. A token without a role is rejected; an attached
//! policy and an assigned role cannot be deleted; assignments propagate to Pinot with a delay.
//! [`Options`] has a field for each behaviour that the page leaves open, mostly about answers. Not
//! included: the effect of policies.
//!
//! The environment starts with the predefined roles of the documentation: `table-reader`,
//! `rbac-admin` and `system-admin`. Only subjects with the last one may use the RBAC Manager. The
//! paths of faults and call counts are relative to its API; the one of Pinot is `/appconfigs`.

mod answer;
mod api;
mod audited;
mod contents;
mod management;
mod options;
mod pinot;
mod refusal;
mod state;

use std::collections::BTreeMap;

use axum::Router;
use jiff::Timestamp;

use super::control::{self, Audited, AuditedRequest};
use super::{IssuedValues, Platform};
use crate::token::Clock;
use state::ADMINISTRATOR;

pub use contents::{Contents, PolicyContents, RoleContents, TokenContents};
pub use options::{
    Attached, CreationTime, Document, Envelope, ErrorBody, Names, Options, PinotAccess, Repeated, Srns, SubjectTypes,
    Success, option_variants,
};
pub use state::{Environment, Policy, Role, ServiceToken, Subject};

/// An in-memory StarTree environment.
pub type Sandbox = super::Sandbox<Environment>;

impl Platform for Environment {
    const BASE_PATH: &'static str = "/api/v1/rbac-manager";

    fn api() -> Router<Sandbox> {
        api::routes()
    }

    fn secondary_api() -> Router<Sandbox> {
        pinot::routes()
    }

    fn control_routes() -> Router<Sandbox> {
        control::routes()
    }

    fn issued(&self) -> &IssuedValues {
        &self.issued
    }

    /// Whether Pinot accepts the value.
    fn is_live(&self, value: &str, now: Timestamp) -> bool {
        let token = self.token_with_value(value);
        token.is_some_and(|token| self.pinot_accepts(token, now))
    }

    fn expire(&mut self, now: Timestamp) {
        self.forget_effective_removals(now);
    }

    fn audited(&self, request: &AuditedRequest, _: Timestamp) -> Option<Audited> {
        Some(self.describe(request))
    }
}

impl Sandbox {
    /// Creates an environment with the machine's clock.
    pub fn new(options: Options) -> Self {
        Self::with_clock(Clock::system(), options)
    }

    /// Creates an environment with this clock.
    pub fn with_clock(clock: Clock, options: Options) -> Self {
        Self::start(Environment::new(options, clock.now()), clock)
    }

    /// Changes the behaviour of the platform.
    pub fn set_options(&self, change: impl FnOnce(&mut Options)) {
        change(&mut self.lock().options);
    }

    /// Creates an administrator's service token.
    pub fn add_administrator(&self) -> ServiceToken {
        self.with(|environment, now| {
            let token = environment.create_token(Some("Terraform".to_owned()), now);
            // Cannot fail: the role is predefined and the token exists.
            let _ = environment.assign(ADMINISTRATOR, Subject::token(&token.access_key), now);
            token
        })
    }

    /// Creates a service token without a role outside Terraform.
    pub fn add_token(&self) -> ServiceToken {
        self.with(|environment, now| environment.create_token(None, now))
    }

    /// Creates a service token with this description and without a role outside Terraform.
    pub fn add_token_described(&self, description: &str) -> ServiceToken {
        self.with(|environment, now| environment.create_token(Some(description.to_owned()), now))
    }

    /// Deletes a service token outside Terraform, if it exists.
    pub fn delete_token_outside(&self, access_key: &str) {
        let _ = self.with(|environment, now| environment.delete_token(access_key, now));
    }

    /// Creates or replaces a policy outside Terraform.
    pub fn add_policy(&self, name: &str, description: Option<&str>, document: &str) {
        self.with(|environment, now| {
            let policy = Policy {
                description: description.map(str::to_owned),
                document: document.to_owned(),
                created: now,
                updated: now,
            };
            environment.policies.insert(name.to_owned(), policy);
        });
    }

    /// Deletes a policy outside Terraform and detaches it from all roles.
    pub fn delete_policy_outside(&self, name: &str) {
        self.with(|environment, _| {
            environment.policies.remove(name);
            for role in environment.roles.values_mut() {
                role.policies.remove(name);
            }
        });
    }

    /// Creates or replaces a role outside Terraform.
    pub fn add_role(&self, name: &str, description: Option<&str>) {
        self.with(|environment, _| {
            let role = Role::new(description.map(str::to_owned));
            environment.roles.insert(name.to_owned(), role);
        });
    }

    /// Deletes a role with all its assignments outside Terraform.
    pub fn delete_role_outside(&self, name: &str) {
        self.with(|environment, _| drop(environment.roles.remove(name)));
    }

    /// Attaches a policy to a role outside Terraform, if both exist.
    pub fn attach_outside(&self, role: &str, policy: &str) {
        let _ = self.with(|environment, _| environment.attach(role, policy));
    }

    /// Detaches a policy from a role outside Terraform.
    pub fn detach_outside(&self, role: &str, policy: &str) {
        let _ = self.with(|environment, _| environment.detach(role, policy));
    }

    /// Assigns a role outside Terraform, if it and the service token exist.
    pub fn assign_outside(&self, role: &str, subject: Subject) {
        let _ = self.with(|environment, now| environment.assign(role, subject, now));
    }

    /// Removes an assignment outside Terraform.
    pub fn unassign_outside(&self, role: &str, subject: Subject) {
        let _ = self.with(|environment, now| environment.unassign(role, subject, now));
    }

    /// The existing policies by name.
    pub fn policies(&self) -> BTreeMap<String, Policy> {
        self.lock().policies.clone()
    }

    /// The existing roles by name.
    pub fn roles(&self) -> BTreeMap<String, Role> {
        self.lock().roles.clone()
    }

    /// The existing service tokens.
    pub fn tokens(&self) -> Vec<ServiceToken> {
        self.lock().tokens.values().cloned().collect()
    }
}
