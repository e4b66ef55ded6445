//! Platforms in memory, for tests of this project and of its users: one folder each, held to the platform's documents.
//!
//! A [`Platform`] is a state and the routes to it. What surrounds it is here, in [`Sandbox`]: the clock that a test moves,
//! the [`Fault`]s that strike its requests, the counting of them, and the ways in. A client in the same process talks to
//! [`Sandbox::service`] and shares [`Sandbox::clock`]; others connect to [`Sandbox::listen`].

mod clock;
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

pub use fault::{ConnectionCut, Effect, Fault, ScriptedAnswer, When};
pub use listen::Listening;
pub use vault::{Capability, Vault};

/// What a platform remembers, and what it answers.
pub trait Platform: Debug + Send + Sized + 'static {
    /// Where its API begins, such as `/v1`; empty where that is the root.
    const BASE_PATH: &'static str;

    /// The API, by paths relative to the base path. Faults strike here, and requests are counted.
    fn api() -> Router<Sandbox<Self>>;

    /// Another service of the platform, by whole paths. Faults strike here, too, and requests are counted.
    fn another() -> Router<Sandbox<Self>> {
        Router::new()
    }

    /// What is served beside the platform, by whole paths.
    fn beside() -> Router<Sandbox<Self>> {
        Router::new()
    }

    /// What clients at this address are to be given as the platform's URL.
    fn base_url(address: SocketAddr) -> String {
        format!("http://{address}{}", Self::BASE_PATH)
    }

    /// Every value ever issued, dead or alive.
    fn issued(&self) -> &[SecretString];

    /// Whether a value lets its bearer in at this time.
    fn is_live(&self, value: &str, now: Timestamp) -> bool;

    /// Lets happen what time alone brings, such as the end of tokens. Whoever looks at the platform sees it so.
    fn age(&mut self, now: Timestamp) {
        let _ = now;
    }
}

/// A platform in memory and the API to it. Clones share it.
///
/// A platform's own `Sandbox` is this of its state, and adds what a test does outside the API.
#[derive(Debug)]
pub struct Sandbox<P> {
    platform: Arc<Mutex<P>>,
    traffic: Traffic,
    clock: MovableClock,
}

/// An answer with the sandbox's time, unless a fault gives it another one.
async fn dated(State(clock): State<Clock>, mut answer: Response) -> Response {
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
    /// A sandbox of this platform that starts by this clock.
    fn of(platform: P, clock: Clock) -> Self {
        Self {
            platform: Arc::new(Mutex::new(platform)),
            traffic: Traffic::default(),
            clock: MovableClock::new(clock),
        }
    }

    /// All that is served.
    ///
    /// A connection that a fault cuts shows as a 502 whose body breaks; see [`Self::service`] for a real error.
    pub fn router(&self) -> Router {
        let faults = || middleware::from_fn_with_state(self.traffic.clone(), fault::inject);
        let api = P::api().layer(faults());
        let api = match P::BASE_PATH {
            "" => api,
            base_path => Router::new().nest(base_path, api),
        };
        api.merge(P::another().layer(faults()))
            .merge(P::beside())
            .with_state(self.clone())
            .layer(middleware::map_response_with_state(self.clock(), dated))
    }

    /// The same as a service whose error is a connection that was cut, for a client in the same process.
    pub fn service<B>(
        &self,
    ) -> impl Service<Request<B>, Response = Response<Body>, Error = ConnectionCut, Future: Send> + Clone + use<P, B>
    where
        B: http_body::Body<Data = bytes::Bytes, Error: Into<axum::BoxError>> + Send + 'static,
    {
        listen::service(self.router())
    }

    /// Serves it over HTTP/1.1 at `address`, e.g. `127.0.0.1:0` for any free port.
    ///
    /// # Errors
    /// If the address cannot be listened at.
    pub async fn listen(&self, address: SocketAddr) -> io::Result<Listening> {
        listen::listen(address, P::base_url, self.router()).await
    }

    /// The sandbox's clock, for a provider in the same process.
    pub fn clock(&self) -> Clock {
        self.clock.share()
    }

    /// Moves the clock.
    pub fn advance(&self, by: SignedDuration) {
        self.clock.advance(by);
    }

    /// How many requests of `method` came to `path` (relative to the API's base path), whatever became of them.
    pub fn calls(&self, method: &str, path: &str) -> usize {
        self.traffic.calls(method, path)
    }

    /// Makes something go wrong with the next requests. Of several faults the one added first strikes first.
    pub fn fault(&self, fault: Fault) {
        self.traffic.lock().faults.push(fault);
    }

    /// Forgets the faults that have not struck yet.
    pub fn heal(&self) {
        self.traffic.lock().faults.clear();
    }

    /// Whether a value would be let in now.
    pub fn is_live(&self, value: &str) -> bool {
        self.with(|platform, now| platform.is_live(value, now))
    }

    /// Every value ever issued, dead or alive, to search for leaks.
    pub fn issued_values(&self) -> Vec<SecretString> {
        self.lock().issued().to_vec()
    }

    /// Does something with the platform as it is now.
    fn with<T>(&self, operation: impl FnOnce(&mut P, Timestamp) -> T) -> T {
        let mut platform = self.lock();
        let now = self.clock.now();
        platform.age(now);
        operation(&mut platform, now)
    }

    /// The platform as it was when somebody looked last.
    fn lock(&self) -> MutexGuard<'_, P> {
        self.platform.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
