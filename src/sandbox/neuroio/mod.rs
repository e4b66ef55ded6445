//! NeuroIO's API for stream tokens in memory, as its public clients show it.
//!
//! What there is: every endpoint at `/v1/streams/tokens/`, the one that deletes all of them included; tokens of an account,
//! of its spaces and of managers, each apart from the others; the limit of permanent ones; the end of temporary ones. What
//! the clients leave open is a field of [`Options`]. What there is not: anything else of NeuroIO, such as logging in or
//! making a space.
//!
//! A client in the same process talks to [`Sandbox::service`] and shares [`Sandbox::clock`]; others connect to
//! [`Sandbox::listen`]. [`Fault`]s strike as they do in Striim's [`Sandbox`](super::Sandbox).

mod api;
mod options;
mod tokens;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use axum::response::Response;
use axum::{Router, middleware};
use http::Request;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use tower::Service;

use super::clock::MovableClock;
use super::fault::{self, ConnectionCut, Fault, Traffic};
use super::listen::{self, Listening};
use crate::token::Clock;
use tokens::Platform;

pub use options::{ErrorBody, Expired, Instants, Options, Order, PermanentExpiry, Update};
pub use tokens::{Realm, Token};

/// Where the API begins.
const BASE_PATH: &str = "/v1";

/// An in-memory NeuroIO. Clones share it.
#[derive(Clone, Debug)]
pub struct Sandbox {
    platform: Arc<Mutex<Platform>>,
    traffic: Traffic,
    clock: MovableClock,
}

impl Sandbox {
    /// A NeuroIO that starts by the machine's clock.
    pub fn new(options: Options) -> Self {
        Self::with_clock(Clock::system(), options)
    }

    /// A NeuroIO that starts by this clock.
    pub fn with_clock(clock: Clock, options: Options) -> Self {
        Self {
            platform: Arc::new(Mutex::new(Platform::new(options))),
            traffic: Traffic::default(),
            clock: MovableClock::new(clock),
        }
    }

    /// The API at `/v1`.
    pub fn router(&self) -> Router {
        let faults = middleware::from_fn_with_state(self.traffic.clone(), fault::inject);
        Router::new().nest(BASE_PATH, api::router(self.clone()).layer(faults))
    }

    /// The API as a service whose error is a connection that was cut, for a client in the same process.
    pub fn service<B>(
        &self,
    ) -> impl Service<Request<B>, Response = Response<Body>, Error = ConnectionCut, Future: Send> + Clone + use<B>
    where
        B: http_body::Body<Data = bytes::Bytes, Error: Into<axum::BoxError>> + Send + 'static,
    {
        listen::service(self.router())
    }

    /// Serves the API over HTTP/1.1 at `address`.
    ///
    /// # Errors
    /// If the address cannot be listened at.
    pub async fn listen(&self, address: SocketAddr) -> io::Result<Listening> {
        listen::listen(address, BASE_PATH, self.router()).await
    }

    /// An API token for the account, a space or the managers.
    pub fn api_token(&self, realm: &Realm) -> SecretString {
        self.lock().api_token(realm)
    }

    /// The sandbox's clock, for a provider in the same process.
    pub fn clock(&self) -> Clock {
        self.clock.share()
    }

    /// Moves the clock.
    pub fn advance(&self, by: SignedDuration) {
        self.clock.advance(by);
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

    /// Whether a value would be let in now.
    pub fn is_live(&self, value: &str) -> bool {
        self.with(|platform, now| platform.realm_of(value, now).is_some())
    }

    /// Every value ever issued, dead or alive, to search for leaks.
    pub fn issued_values(&self) -> Vec<SecretString> {
        self.lock().issued.clone()
    }

    /// Makes something go wrong with the next requests; paths are relative to `/v1`.
    pub fn fault(&self, fault: Fault) {
        self.traffic.lock().faults.push(fault);
    }

    /// Forgets the faults that have not struck yet.
    pub fn heal(&self) {
        self.traffic.lock().faults.clear();
    }

    /// How many requests of `method` came to `path`, relative to `/v1`, whatever became of them.
    pub fn calls(&self, method: &str, path: &str) -> usize {
        self.traffic.calls(method, path)
    }

    /// Changes how the platform behaves.
    pub fn set_options(&self, change: impl FnOnce(&mut Options)) {
        change(&mut self.lock().options);
    }

    fn with<T>(&self, operation: impl FnOnce(&mut Platform, Timestamp) -> T) -> T {
        let mut platform = self.lock();
        let now = self.clock.now();
        platform.purge(now);
        operation(&mut platform, now)
    }

    fn lock(&self) -> MutexGuard<'_, Platform> {
        self.platform.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
