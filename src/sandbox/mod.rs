//! In-memory platforms for tests of this project and of its users. Each module follows the
//! documentation of its platform.
//!
//! A [`Platform`] consists of a state and its routes. [`Sandbox`] adds a clock that a test can
//! move, [`Fault`] injection and call counting. A client in the same process uses
//! [`Sandbox::service`] and shares [`Sandbox::clock`]; other clients connect to
//! [`Sandbox::listen`].

mod clock;
mod console;
mod fault;
mod listen;
pub mod neuroio;
pub mod quix;
pub mod startree;
pub mod striim;
mod vault;

use std::fmt::Debug;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::{Router, middleware};
use http::{HeaderValue, Request, header};
use jiff::fmt::rfc2822::DateTimePrinter;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use tower::Service;

use crate::token::Clock;
use clock::MovableClock;
use fault::Traffic;

pub use fault::{ConnectionCut, Effect, Fault, ScriptedAnswer, When, lost_answers};
pub use listen::Listening;
pub use vault::{Capability, JwtRole, TokenLifetime, Vault};

/// The state of a platform and its API.
pub trait Platform: Debug + Send + Sized + 'static {
    /// The base path of the API, such as `/v1`; empty for the root.
    const BASE_PATH: &'static str;

    /// The API, with paths relative to the base path. Faults apply and requests are counted.
    fn api() -> Router<Sandbox<Self>>;

    /// A second service of the platform, with absolute paths. Faults apply and requests are
    /// counted.
    fn secondary_api() -> Router<Sandbox<Self>> {
        Router::new()
    }

    /// Routes for tests, with absolute paths. Faults do not apply, and requests are not counted.
    fn control_routes() -> Router<Sandbox<Self>> {
        Router::new()
    }

    /// The platform's URL for clients that connect to this address.
    fn base_url(address: SocketAddr) -> String {
        format!("http://{address}{}", Self::BASE_PATH)
    }

    /// Every value ever issued, whether still valid or not.
    fn issued(&self) -> &[SecretString];

    /// Whether a value is valid at this time.
    fn is_live(&self, value: &str, now: Timestamp) -> bool;

    /// Applies changes that depend on time alone, such as the expiry of tokens. Called before every
    /// access.
    fn expire(&mut self, now: Timestamp) {
        let _ = now;
    }
}

/// A platform in memory with its API. Clones share it.
///
/// Each platform defines an alias of this type for its state, with methods for changes outside the
/// API.
#[derive(Debug)]
pub struct Sandbox<P> {
    platform: Arc<Mutex<P>>,
    traffic: Traffic,
    clock: MovableClock,
}

/// Adds a `Date` header with the sandbox's time, unless a fault sets another one.
async fn add_date(State(clock): State<Clock>, mut answer: Response) -> Response {
    static PRINTER: DateTimePrinter = DateTimePrinter::new();
    let date = PRINTER.timestamp_to_rfc9110_string(&clock.now());
    if let Some(date) = date.ok().and_then(|date| HeaderValue::try_from(date).ok()) {
        answer.headers_mut().entry(header::DATE).or_insert(date);
    }
    answer
}

impl<P> Clone for Sandbox<P> {
    fn clone(&self) -> Self {
        Self {
            platform: Arc::clone(&self.platform),
            traffic: self.traffic.clone(),
            clock: self.clock.clone(),
        }
    }
}

impl<P: Platform> Sandbox<P> {
    /// Creates a sandbox with this platform and a clock that follows `clock`.
    fn start(platform: P, clock: Clock) -> Self {
        Self {
            platform: Arc::new(Mutex::new(platform)),
            traffic: Traffic::default(),
            clock: MovableClock::new(clock),
        }
    }

    /// The router of all services.
    ///
    /// If a fault closes the connection, the answer is a 502 whose body fails; [`Self::service`]
    /// returns an error instead.
    pub fn router(&self) -> Router {
        let faults = || middleware::from_fn_with_state(self.traffic.clone(), fault::inject);
        let api = P::api().layer(faults());
        let api = match P::BASE_PATH {
            "" => api,
            base_path => Router::new().nest(base_path, api),
        };
        api.merge(P::secondary_api().layer(faults()))
            .merge(P::control_routes())
            .with_state(self.clone())
            .layer(middleware::map_response_with_state(self.clock(), add_date))
    }

    /// A service for a client in the same process. It returns an error for a connection that a
    /// fault closes.
    pub fn service<B>(
        &self,
    ) -> impl Service<Request<B>, Response = Response<Body>, Error = ConnectionCut, Future: Send> + Clone + use<P, B>
    where
        B: http_body::Body<Data = bytes::Bytes, Error: Into<axum::BoxError>> + Send + 'static,
    {
        listen::service(self.router())
    }

    /// Serves the sandbox over HTTP/1.1 at `address`, such as `127.0.0.1:0` for any free port.
    ///
    /// # Errors
    /// Returns an error if the address cannot be bound.
    pub async fn listen(&self, address: SocketAddr) -> io::Result<Listening> {
        listen::listen(address, P::base_url, self.router()).await
    }

    /// The sandbox's clock, for a provider in the same process.
    pub fn clock(&self) -> Clock {
        self.clock.share()
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: SignedDuration) {
        self.clock.advance(by);
    }

    /// The number of requests with `method` to `path` (relative to the API's base path), including
    /// failed ones.
    pub fn calls(&self, method: &str, path: &str) -> usize {
        self.traffic.calls(method, path)
    }

    /// Adds a fault for the next requests. If several faults match, the one added first applies.
    pub fn fault(&self, fault: Fault) {
        self.traffic.lock().faults.push(fault);
    }

    /// Removes the faults that have not occurred yet.
    pub fn clear_faults(&self) {
        self.traffic.lock().faults.clear();
    }

    /// Whether a value is valid now.
    pub fn is_live(&self, value: &str) -> bool {
        self.with(|platform, now| platform.is_live(value, now))
    }

    /// Every value ever issued, whether still valid or not, to search for leaks.
    pub fn issued_values(&self) -> Vec<SecretString> {
        self.lock().issued().to_vec()
    }

    /// Runs `operation` on the current state.
    fn with<T>(&self, operation: impl FnOnce(&mut P, Timestamp) -> T) -> T {
        let mut platform = self.lock();
        let now = self.clock.now();
        platform.expire(now);
        operation(&mut platform, now)
    }

    /// The state at the last access, without later expiries.
    fn lock(&self) -> MutexGuard<'_, P> {
        self.platform.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
