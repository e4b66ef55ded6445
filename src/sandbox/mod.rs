//! In-memory platforms for tests of this project and of its users. Each module follows the
//! documentation of its platform.
//!
//! A [`Platform`] consists of a state and its routes. [`Sandbox`] adds a clock that a test can
//! move, [`Fault`] injection, call counting, an audit log, and a [control API](control) with a
//! console for people. A client in the same process uses [`Sandbox::service`] and shares
//! [`Sandbox::clock`]; other clients connect to [`Sandbox::listen`].

mod clock;
mod console;
pub mod control;
mod fault;
mod issued_values;
mod listen;
pub mod neuroio;
pub mod quix;
pub mod startree;
mod status_code;
pub mod striim;
mod vault;

use std::fmt::Debug;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::{Router, middleware};
use http::{HeaderValue, Request, header};
use jiff::fmt::rfc2822::DateTimePrinter;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use tokio::sync::watch;
use tower::Service;

use crate::token::Clock;
use clock::MovableClock;
use control::{Activity, AuditEntry, Audited, AuditedRequest, OtherSandbox, Rejection, TokenManagement};
use fault::Traffic;

pub use fault::{ConnectionCut, Effect, Fault, ScriptedAnswer, When, lost_answers};
pub use issued_values::IssuedValues;
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

    /// The values issued, whether still valid or not.
    fn issued(&self) -> &IssuedValues;

    /// Whether a value is valid at this time.
    fn is_live(&self, value: &str, now: Timestamp) -> bool;

    /// Applies changes that depend on time alone, such as the expiry of tokens. Called before every
    /// access.
    fn expire(&mut self, now: Timestamp) {
        let _ = now;
    }

    /// The audit log's description of a changing request to the API; `None` if the platform has no
    /// audit log.
    fn audited(&self, request: &AuditedRequest, now: Timestamp) -> Option<Audited> {
        let _ = (request, now);
        None
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
    activity: Activity,
    surroundings: Arc<Mutex<Surroundings>>,
    /// Built once, because it has about a hundred routes, and clients in the same process ask for it
    /// often.
    router: Arc<OnceLock<Router>>,
}

/// What the console shows of the program that serves a sandbox.
#[derive(Clone, Debug, Default)]
struct Surroundings {
    /// The base URL of the platform's API; empty without a listener.
    base_url: String,
    others: Vec<OtherSandbox>,
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
            activity: self.activity.clone(),
            surroundings: Arc::clone(&self.surroundings),
            router: Arc::clone(&self.router),
        }
    }
}

impl<P: Platform> Sandbox<P> {
    /// Creates a sandbox with this platform and a clock that follows `clock`.
    fn start(platform: P, clock: Clock) -> Self {
        let (clock, activity) = (MovableClock::new(clock), Activity::default());
        Self {
            platform: Arc::new(Mutex::new(platform)),
            traffic: Traffic::new(clock.share(), activity.clone()),
            clock,
            activity,
            surroundings: Arc::default(),
            router: Arc::default(),
        }
    }

    /// Creates a sandbox whose clock is ahead of the machine's.
    fn start_ahead(platform: P, ahead: SignedDuration) -> Self {
        let sandbox = Self::start(platform, Clock::system());
        sandbox.clock.advance(ahead);
        sandbox
    }

    /// The router of all services.
    ///
    /// If a fault closes the connection, the answer is a 502 whose body fails; [`Self::service`]
    /// returns an error instead.
    pub fn router(&self) -> Router {
        self.router.get_or_init(|| self.build_router()).clone()
    }

    fn build_router(&self) -> Router {
        // A router that had a share in itself would never be freed.
        let sandbox = Self {
            router: Arc::default(),
            ..self.clone()
        };
        let faults = || middleware::from_fn_with_state(self.traffic.clone(), fault::inject);
        let audit = middleware::from_fn_with_state(sandbox.clone(), control::audit::<P>);
        let api = P::api().layer(audit).layer(faults());
        let api = match P::BASE_PATH {
            "" => api,
            base_path => Router::new().nest(base_path, api),
        };
        api.merge(P::secondary_api().layer(faults()))
            .merge(P::control_routes())
            .with_state(sandbox)
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
        let listening = listen::listen(address, P::base_url, self.router()).await?;
        self.surroundings_mut().base_url.clone_from(&listening.base_url);
        Ok(listening)
    }

    /// Sets the other sandboxes to which the console links.
    pub fn set_others(&self, others: Vec<OtherSandbox>) {
        self.surroundings_mut().others = others;
    }

    fn surroundings(&self) -> Surroundings {
        self.surroundings_mut().clone()
    }

    fn surroundings_mut(&self) -> MutexGuard<'_, Surroundings> {
        self.surroundings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The sandbox's clock, for a provider in the same process.
    pub fn clock(&self) -> Clock {
        self.clock.share()
    }

    /// How far the sandbox's clock is ahead of the one that it follows.
    pub fn clock_ahead(&self) -> SignedDuration {
        self.clock.ahead()
    }

    /// Counts changes of the sandbox, to wait for the next one. Expiry by time alone is not counted.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.activity.changes()
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: SignedDuration) {
        self.clock.advance(by);
        self.activity.clock_moved(self.clock.now());
    }

    /// Sets the clock, which then continues from this time.
    pub fn set_time(&self, now: Timestamp) {
        self.clock.set(now);
        self.activity.clock_moved(now);
    }

    /// The latest changing requests, whether they succeeded or not, oldest first.
    pub fn audit_log(&self) -> Vec<AuditEntry> {
        self.activity.audit(None, usize::MAX)
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

    /// The faults that have not occurred yet.
    pub fn pending_faults(&self) -> Vec<Fault> {
        self.traffic.lock().faults.clone()
    }

    /// Removes the faults that have not occurred yet.
    pub fn clear_faults(&self) {
        self.traffic.lock().faults.clear();
    }

    /// Whether a value is valid now.
    pub fn is_live(&self, value: &str) -> bool {
        self.with(|platform, now| platform.is_live(value, now))
    }

    /// All objects of the platform, with their values, to be stored between runs.
    pub fn contents(&self) -> P::Contents
    where
        P: TokenManagement,
    {
        self.with(|platform, _| platform.contents())
    }

    /// Adds objects regardless of the platform's rules; replaces those that exist.
    ///
    /// # Errors
    /// Returns an error if the contents contradict themselves.
    pub fn seed(&self, contents: P::Contents) -> Result<(), Rejection>
    where
        P: TokenManagement,
    {
        self.with(|platform, now| platform.seed(contents, now))
    }

    /// The values issued, whether still valid or not, to search for leaks. Only the latest
    /// [`IssuedValues::CAPACITY`] are known.
    pub fn issued_values(&self) -> Vec<SecretString> {
        self.lock().issued().iter().cloned().collect()
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::sandbox::striim::{Options, Sandbox};

    #[test]
    fn platform_is_freed_with_the_last_sandbox_and_router() {
        let sandbox = Sandbox::new(Options::default());
        let platform = Arc::downgrade(&sandbox.platform);
        let router = sandbox.clone().router();
        drop(sandbox);
        assert!(platform.upgrade().is_some());
        drop(router);
        assert!(platform.upgrade().is_none());
    }
}
