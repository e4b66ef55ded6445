//! HashiCorp Vault's KV version 2 in memory, as its public API documentation describes it.
//!
//! What there is: `data` (read by version, write with `options.cas`, delete), `delete`, `undelete`, `destroy`,
//! `metadata` (read, write, list, delete) and `config` of any mount; `sys/capabilities-self`, `sys/health` and
//! `sys/seal-status`; tokens with policies; namespaces; sealing. What there is not: `PATCH`, `subkeys`, and whatever
//! else Vault does. A server begins unsealed, with the mount `secret` and a root token.
//!
//! A client in the same process talks to [`Vault::service`]; others connect to [`Vault::listen`]. [`Fault`]s strike as
//! they do in the [`Sandbox`](super::Sandbox).

mod api;
mod kv;
mod policy;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use axum::response::Response;
use axum::{Router, middleware};
use http::Request;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use tower::Service;

use super::fault::{self, ConnectionCut, Fault, Traffic};
use super::listen::{self, Listening};
use crate::token::Clock;
use kv::Engine;
use policy::Policy;

pub use policy::Capability;

/// Where the API begins.
const BASE_PATH: &str = "/v1";

/// An in-memory Vault. Clones share it.
#[derive(Clone, Debug)]
pub struct Vault {
    server: Arc<Mutex<Server>>,
    traffic: Traffic,
    clock: Clock,
    root_token: SecretString,
}

#[derive(Debug, Default)]
struct Server {
    sealed: bool,
    /// By their full path, which ends in a slash: `ns/secret/`.
    mounts: BTreeMap<String, Engine>,
    /// Their full paths, each of which ends in a slash.
    namespaces: BTreeSet<String>,
    tokens: BTreeMap<String, Holder>,
    requests: u64,
}

/// What a token may do, and where.
#[derive(Clone, Debug)]
struct Holder {
    /// The namespace that it was made in; empty for the root one.
    namespace: String,
    policy: Policy,
}

impl Vault {
    /// A Vault that goes by this clock.
    pub fn new(clock: Clock) -> Self {
        let vault = Self {
            server: Arc::default(),
            traffic: Traffic::default(),
            clock,
            root_token: value("hvs.root-"),
        };
        let root = Holder {
            namespace: String::new(),
            policy: Policy::Root,
        };
        vault
            .lock()
            .tokens
            .insert(vault.root_token.expose_secret().to_owned(), root);
        vault.mount("secret");
        vault
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

    /// Serves the API over HTTP/1.1 at `address`; its `base_url` is what `VAULT_ADDR` must say.
    ///
    /// # Errors
    /// If the address cannot be listened at.
    pub async fn listen(&self, address: SocketAddr) -> io::Result<Listening> {
        listen::listen(address, "", self.router()).await
    }

    /// A token that may do everything.
    pub fn root_token(&self) -> SecretString {
        self.root_token.clone()
    }

    /// A new token that may do these things at these paths, as in a policy: `secret/data/ci`, `secret/data/*`,
    /// `secret/+/ci`.
    pub fn token(&self, policy: &[(&str, &[Capability])]) -> SecretString {
        self.token_in("", policy)
    }

    /// The same in a namespace, to which the paths are relative.
    pub fn token_in(&self, namespace: &str, policy: &[(&str, &[Capability])]) -> SecretString {
        let token = value("hvs.");
        let holder = Holder {
            namespace: folder(namespace),
            policy: Policy::of(policy),
        };
        self.lock().tokens.insert(token.expose_secret().to_owned(), holder);
        token
    }

    /// Revokes a token.
    pub fn revoke(&self, token: &SecretString) {
        self.lock().tokens.remove(token.expose_secret());
    }

    /// Makes a namespace, with a mount `secret` of its own.
    pub fn namespace(&self, path: &str) {
        self.lock().namespaces.insert(folder(path));
        self.mount(&format!("{}secret", folder(path)));
    }

    /// Mounts a KV version 2 at this path, which may be deep and may begin with a namespace.
    pub fn mount(&self, path: &str) {
        self.lock().mounts.entry(folder(path)).or_default();
    }

    /// Takes a mount away, with all that it holds.
    pub fn unmount(&self, path: &str) {
        self.lock().mounts.remove(&folder(path));
    }

    /// Seals the server: it answers 503 until it is unsealed.
    pub fn seal(&self) {
        self.lock().sealed = true;
    }

    /// Unseals it.
    pub fn unseal(&self) {
        self.lock().sealed = false;
    }

    /// What a read of the secret at `path` of the mount brings now: its data, without metadata.
    pub fn secret(&self, mount: &str, path: &str) -> Option<Map<String, Value>> {
        let now = self.clock.now();
        let server = self.lock();
        server.mounts.get(&folder(mount))?.current(path, now).cloned()
    }

    /// The number of the newest version of a secret, be it deleted or not; 0 where nothing was ever written.
    pub fn version(&self, mount: &str, path: &str) -> u64 {
        let server = self.lock();
        server
            .mounts
            .get(&folder(mount))
            .map_or(0, |engine| engine.version(path))
    }

    /// Writes a new version, as somebody with the root token would.
    pub fn put(&self, mount: &str, path: &str, data: Map<String, Value>) {
        let now = self.clock.now();
        if let Some(engine) = self.lock().mounts.get_mut(&folder(mount)) {
            engine.put(path, data, now);
        }
    }

    /// Deletes the newest version, which can be undone.
    pub fn delete(&self, mount: &str, path: &str) {
        let now = self.clock.now();
        if let Some(engine) = self.lock().mounts.get_mut(&folder(mount)) {
            engine.delete_latest(path, now);
        }
    }

    /// Removes a secret with all versions and metadata: the next one begins with version 1.
    pub fn wipe(&self, mount: &str, path: &str) {
        if let Some(engine) = self.lock().mounts.get_mut(&folder(mount)) {
            engine.wipe(path);
        }
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

    fn lock(&self) -> MutexGuard<'_, Server> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The path of a mount or a namespace as it is kept: without a slash before it, with one after it; empty stays empty.
fn folder(path: &str) -> String {
    match path.trim_matches('/') {
        "" => String::new(),
        path => format!("{path}/"),
    }
}

/// A value that nobody guesses by accident; it opens nothing but a sandbox.
fn value(prefix: &str) -> SecretString {
    let random = std::iter::repeat_with(fastrand::alphanumeric).take(24);
    format!("{prefix}{}", random.collect::<String>()).into()
}
