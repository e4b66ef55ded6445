//! NeuroIO's API for stream tokens in memory, as its public clients show it.
//!
//! What there is: every endpoint at `/v1/streams/tokens/`, the one that deletes all of them included; tokens of an account,
//! of its spaces and of managers, each apart from the others; the limit of permanent ones; the end of temporary ones. What
//! the clients leave open is a field of [`Options`]. What there is not: anything else of NeuroIO, such as logging in or
//! making a space.

mod api;
mod options;
mod tokens;

use axum::Router;
use jiff::Timestamp;
use secrecy::SecretString;

use super::Platform;
use crate::token::Clock;

pub use options::{ErrorBody, Expired, Instants, Options, Order, PermanentExpiry, Update};
pub use tokens::{NeuroIo, Realm, Token};

/// An in-memory NeuroIO.
pub type Sandbox = super::Sandbox<NeuroIo>;

impl Platform for NeuroIo {
    const BASE_PATH: &'static str = "/v1";

    fn api() -> Router<Sandbox> {
        api::routes()
    }

    fn issued(&self) -> &[SecretString] {
        &self.issued
    }

    fn is_live(&self, value: &str, now: Timestamp) -> bool {
        self.realm_of(value, now).is_some()
    }

    fn age(&mut self, now: Timestamp) {
        self.purge(now);
    }
}

impl Sandbox {
    /// A NeuroIO that starts by the machine's clock.
    pub fn new(options: Options) -> Self {
        Self::with_clock(Clock::system(), options)
    }

    /// A NeuroIO that starts by this clock.
    pub fn with_clock(clock: Clock, options: Options) -> Self {
        Self::of(NeuroIo::new(options), clock)
    }

    /// An API token for the account, a space or the managers.
    pub fn api_token(&self, realm: &Realm) -> SecretString {
        self.lock().api_token(realm)
    }

    /// The stream tokens there are, oldest first.
    pub fn tokens(&self, realm: &Realm) -> Vec<Token> {
        self.with(|platform, _| platform.of(realm).cloned().collect())
    }

    /// Makes a stream token as somebody else would, past the limit.
    pub fn add_token(&self, realm: &Realm, permanent: bool) -> Token {
        self.with(|platform, now| platform.add(realm, permanent, now))
    }

    /// Deletes a stream token as somebody else would.
    pub fn delete_outside(&self, id: u64) {
        self.with(|platform, _| platform.remove(|token| token.id == id));
    }

    /// Activates or deactivates a stream token as somebody else would.
    pub fn set_active_outside(&self, id: u64, is_active: bool) {
        self.with(|platform, _| platform.set_active(id, is_active));
    }

    /// Changes how the platform behaves.
    pub fn set_options(&self, change: impl FnOnce(&mut Options)) {
        change(&mut self.lock().options);
    }
}
