//! StarTree's RBAC Manager in memory, as the page *Using the RBAC API* shows it, and beside it as much of Pinot as it takes
//! to try a token.
//!
//! What there is: every endpoint of policies, roles, attachments, assignments and service tokens at
//! `/api/v1/rbac-manager`, and `GET /appconfigs`; that a token without a role is let in nowhere; that neither a policy that
//! is attached nor a role that is assigned can be deleted; and the time that an assignment takes to be known. What the page
//! leaves open, nearly all about answers, is a field of [`Options`]. What there is not: what policies allow.
//!
//! The environment begins with the roles that the documentation shows as given: `table-reader`, `rbac-admin`, and
//! `system-admin`. Only who has the last is let in at the RBAC Manager. Paths of faults and of counted calls are relative to
//! its API; that of Pinot is `/appconfigs`.

mod answer;
mod api;
mod environment;
mod options;
mod pinot;

use std::collections::BTreeMap;

use axum::Router;
use jiff::Timestamp;
use secrecy::SecretString;

use super::Platform;
use crate::token::Clock;
use environment::ADMINISTRATOR;

pub use environment::{Environment, Policy, Role, ServiceToken, Subject};
pub use options::{
    Admits, Again, Attached, Document, Envelope, ErrorBody, Names, Options, Srns, SubjectTypes, Success,
};

/// An in-memory StarTree environment.
pub type Sandbox = super::Sandbox<Environment>;

impl Platform for Environment {
    const BASE_PATH: &'static str = "/api/v1/rbac-manager";

    fn api() -> Router<Sandbox> {
        api::routes()
    }

    fn another() -> Router<Sandbox> {
        pinot::routes()
    }

    fn issued(&self) -> &[SecretString] {
        &self.issued
    }

    /// At Pinot.
    fn is_live(&self, value: &str, now: Timestamp) -> bool {
        let token = self.presented(value);
        token.is_some_and(|token| self.admits(token, now))
    }

    fn age(&mut self, now: Timestamp) {
        self.forget_what_is_known(now);
    }
}

impl Sandbox {
    /// An environment that starts by the machine's clock.
    pub fn new(options: Options) -> Self {
        Self::with_clock(Clock::system(), options)
    }

    /// An environment that starts by this clock.
    pub fn with_clock(clock: Clock, options: Options) -> Self {
        Self::of(Environment::new(options, clock.now()), clock)
    }

    /// Changes how the platform behaves.
    pub fn set_options(&self, change: impl FnOnce(&mut Options)) {
        change(&mut self.lock().options);
    }

    /// Makes a service token that is an administrator's.
    pub fn administrator(&self) -> ServiceToken {
        self.with(|environment, now| {
            let token = environment.create_token(Some("Terraform".to_owned()), now);
            // The role is there, and known at once to the RBAC Manager.
            let _ = environment.assign(ADMINISTRATOR, Subject::token(&token.access_key), now);
            token
        })
    }

    /// Makes a service token without a role, as somebody else would.
    pub fn add_token(&self) -> ServiceToken {
        self.with(|environment, now| environment.create_token(None, now))
    }

    /// Makes a service token of this description without a role, as somebody else would.
    pub fn add_token_described(&self, description: &str) -> ServiceToken {
        self.with(|environment, now| environment.create_token(Some(description.to_owned()), now))
    }

    /// Deletes a service token as somebody else would. What is not there stays so.
    pub fn delete_token_outside(&self, access_key: &str) {
        let _ = self.with(|environment, _| environment.delete_token(access_key));
    }

    /// Makes a policy as somebody else would; one of that name is replaced.
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

    /// Deletes a policy as somebody else would, from all roles, too.
    pub fn delete_policy_outside(&self, name: &str) {
        self.with(|environment, _| {
            environment.policies.remove(name);
            for role in environment.roles.values_mut() {
                role.policies.remove(name);
            }
        });
    }

    /// Makes a role as somebody else would; one of that name is replaced.
    pub fn add_role(&self, name: &str, description: Option<&str>) {
        self.with(|environment, _| {
            let role = Role::new(description.map(str::to_owned));
            environment.roles.insert(name.to_owned(), role);
        });
    }

    /// Deletes a role as somebody else would, with all its assignments.
    pub fn delete_role_outside(&self, name: &str) {
        self.with(|environment, _| drop(environment.roles.remove(name)));
    }

    /// Attaches a policy to a role as somebody else would. Without effect if one of them is not there.
    pub fn attach_outside(&self, role: &str, policy: &str) {
        let _ = self.with(|environment, _| environment.attach(role, policy));
    }

    /// Detaches a policy from a role as somebody else would.
    pub fn detach_outside(&self, role: &str, policy: &str) {
        let _ = self.with(|environment, _| environment.detach(role, policy));
    }

    /// Assigns a role as somebody else would. Without effect if it or the service token is not there.
    pub fn assign_outside(&self, role: &str, subject: Subject) {
        let _ = self.with(|environment, now| environment.assign(role, subject, now));
    }

    /// Ends an assignment as somebody else would.
    pub fn unassign_outside(&self, role: &str, subject: Subject) {
        let _ = self.with(|environment, now| environment.unassign(role, subject, now));
    }

    /// The policies there are, by their names.
    pub fn policies(&self) -> BTreeMap<String, Policy> {
        self.lock().policies.clone()
    }

    /// The roles there are, by their names.
    pub fn roles(&self) -> BTreeMap<String, Role> {
        self.lock().roles.clone()
    }

    /// The service tokens there are.
    pub fn tokens(&self) -> Vec<ServiceToken> {
        self.lock().tokens.values().cloned().collect()
    }
}
