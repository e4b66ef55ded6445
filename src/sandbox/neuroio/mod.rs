//! NeuroIO's API for stream tokens in memory, as its public clients show it.
//!
//! Included: every endpoint below `/v1/streams/tokens/`, including the deletion of all tokens;
//! separate tokens of an account, of its spaces and of managers; the limit of permanent tokens; the
//! expiry of temporary ones. [`Options`] has a field for each behaviour that the clients leave
//! open. Not included: the rest of NeuroIO, such as logging in or creating a space.

mod answer;
mod api;
mod audited;
mod contents;
mod management;
mod options;
mod refusal;
mod state;

use axum::Router;
use jiff::Timestamp;
use secrecy::SecretString;

use super::control::{self, Audited, AuditedRequest};
use super::{IssuedValues, Platform};
use crate::token::Clock;

pub use contents::{ApiTokenContents, Contents, TokenContents};
pub use options::{ErrorBody, Expired, Instants, Options, Order, PermanentExpiry, Update, option_variants};
pub use state::{NeuroIo, Realm, Token};

/// An in-memory NeuroIO.
pub type Sandbox = super::Sandbox<NeuroIo>;

impl Platform for NeuroIo {
    const BASE_PATH: &'static str = "/v1";

    fn api() -> Router<Sandbox> {
        api::routes()
    }

    fn control_routes() -> Router<Sandbox> {
        control::routes()
    }

    fn issued(&self) -> &IssuedValues {
        &self.issued
    }

    fn is_live(&self, value: &str, now: Timestamp) -> bool {
        self.realm_of(value, now).is_some()
    }

    fn expire(&mut self, now: Timestamp) {
        self.expire_tokens(now);
    }

    fn audited(&self, request: &AuditedRequest, now: Timestamp) -> Option<Audited> {
        Some(self.describe(request, now))
    }
}

impl Sandbox {
    /// Creates a NeuroIO with the machine's clock.
    pub fn new(options: Options) -> Self {
        Self::with_clock(Clock::system(), options)
    }

    /// Creates a NeuroIO with this clock.
    pub fn with_clock(clock: Clock, options: Options) -> Self {
        Self::start(NeuroIo::new(options), clock)
    }

    /// Creates an API token for the account, a space or the managers.
    pub fn add_api_token(&self, realm: &Realm) -> SecretString {
        self.lock().add_api_token(realm)
    }

    /// The existing stream tokens, oldest first.
    pub fn tokens(&self, realm: &Realm) -> Vec<Token> {
        self.with(|platform, _| platform.tokens_in(realm).cloned().collect())
    }

    /// Creates a stream token outside Terraform, regardless of the limit.
    pub fn add_token(&self, realm: &Realm, permanent: bool) -> Token {
        self.with(|platform, now| platform.add_token(realm, permanent, now))
    }

    /// Deletes a stream token outside Terraform.
    pub fn delete_outside(&self, id: u64) {
        self.with(|platform, now| platform.remove(now, |token| token.id == id));
    }

    /// Activates or deactivates a stream token outside Terraform.
    pub fn set_active_outside(&self, id: u64, is_active: bool) {
        self.with(|platform, _| platform.set_active(id, is_active));
    }

    /// Changes the behaviour of the platform.
    pub fn set_options(&self, change: impl FnOnce(&mut Options)) {
        change(&mut self.lock().options);
    }
}
