//! HashiCorp Vault's KV version 2 in memory, as its public API documentation describes it.
//!
//! What there is: `data` (read by version, write with `options.cas`, delete), `delete`, `undelete`, `destroy`,
//! `metadata` (read, write, list, delete) and `config` of any KV version 2; KV version 1 and cubbyholes, which keep
//! whatever is written at any path; mounts of other types, which answer nothing; `sys/capabilities-self`,
//! `sys/internal/ui/mounts/<path>`, `sys/health` and `sys/seal-status`; tokens with policies; namespaces; sealing. What
//! there is not: `PATCH`, `subkeys`, and whatever else Vault does. A server begins unsealed, with the mounts `secret`
//! (KV version 2) and `cubbyhole`, and a root token.

mod api;
mod kv;
mod plain;
mod policy;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use axum::Router;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use super::Platform;
use crate::token::Clock;
use kv::Engine;
use plain::Plain;
use policy::Policy;

pub use policy::Capability;

/// An in-memory Vault.
pub type Vault = super::Sandbox<Server>;

/// What a Vault remembers.
#[derive(Debug)]
pub struct Server {
    sealed: bool,
    /// By their full path, which ends in a slash: `ns/secret/`.
    mounts: BTreeMap<String, Mount>,
    /// Their full paths, each of which ends in a slash.
    namespaces: BTreeSet<String>,
    tokens: BTreeMap<String, Holder>,
    requests: u64,
    root_token: SecretString,
    /// Every token that there ever was.
    issued: Vec<SecretString>,
}

/// A mounted secrets engine.
#[derive(Debug)]
enum Mount {
    /// KV version 2.
    Versioned(Engine),
    /// KV version 1.
    Plain(Plain),
    /// A store for each token.
    Cubbyhole(BTreeMap<String, Plain>),
    /// Another type, by its name.
    Other(String),
}

/// What a token may do, and where.
#[derive(Clone, Debug)]
struct Holder {
    /// The namespace that it was made in; empty for the root one.
    namespace: String,
    policy: Policy,
}

impl Platform for Server {
    const BASE_PATH: &'static str = "/v1";

    fn api() -> Router<Vault> {
        api::routes()
    }

    fn issued(&self) -> &[SecretString] {
        &self.issued
    }

    fn is_live(&self, value: &str, _: Timestamp) -> bool {
        self.tokens.contains_key(value)
    }

    /// What `VAULT_ADDR` must say.
    fn base_url(address: SocketAddr) -> String {
        format!("http://{address}")
    }
}

impl Vault {
    /// A Vault that goes by this clock.
    pub fn new(clock: Clock) -> Self {
        let root_token = value("hvs.root-");
        let root = Holder {
            namespace: String::new(),
            policy: Policy::Root,
        };
        let server = Server {
            sealed: false,
            mounts: BTreeMap::new(),
            namespaces: BTreeSet::new(),
            tokens: BTreeMap::from([(root_token.expose_secret().to_owned(), root)]),
            requests: 0,
            issued: vec![root_token.clone()],
            root_token,
        };
        let vault = Self::of(server, clock);
        vault.mount("secret");
        vault.mount_at("cubbyhole", Mount::Cubbyhole(BTreeMap::new()));
        vault
    }

    /// A token that may do everything.
    pub fn root_token(&self) -> SecretString {
        self.lock().root_token.clone()
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
        let mut server = self.lock();
        server.tokens.insert(token.expose_secret().to_owned(), holder);
        server.issued.push(token.clone());
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
        self.mount_at(&format!("{}cubbyhole", folder(path)), Mount::Cubbyhole(BTreeMap::new()));
    }

    /// Mounts a KV version 2 at this path, which may be deep and may begin with a namespace.
    pub fn mount(&self, path: &str) {
        self.mount_at(path, Mount::Versioned(Engine::default()));
    }

    /// Mounts a KV version 1, which keeps whatever is written last at any path.
    pub fn mount_version_1(&self, path: &str) {
        self.mount_at(path, Mount::Plain(Plain::default()));
    }

    /// Mounts an engine of another type, such as `transit`.
    pub fn mount_other(&self, path: &str, type_name: &str) {
        self.mount_at(path, Mount::Other(type_name.to_owned()));
    }

    fn mount_at(&self, path: &str, mount: Mount) {
        self.lock().mounts.entry(folder(path)).or_insert(mount);
    }

    /// What is kept at a path of a KV version 1, or of the root token's cubbyhole.
    pub fn unversioned(&self, mount: &str, path: &str) -> Option<Map<String, Value>> {
        let server = self.lock();
        let plain = match server.mounts.get(&folder(mount))? {
            Mount::Plain(plain) => plain,
            Mount::Cubbyhole(holes) => holes.get(server.root_token.expose_secret())?,
            Mount::Versioned(_) | Mount::Other(_) => return None,
        };
        plain.get(path).cloned()
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
        server
            .mounts
            .get(&folder(mount))?
            .versioned()?
            .current(path, now)
            .cloned()
    }

    /// The number of the newest version of a secret, be it deleted or not; 0 where nothing was ever written.
    pub fn version(&self, mount: &str, path: &str) -> u64 {
        let server = self.lock();
        let engine = server.mounts.get(&folder(mount)).and_then(Mount::versioned);
        engine.map_or(0, |engine| engine.version(path))
    }

    /// Writes a new version, as a client with the root token would; to a KV version 1, its only content.
    pub fn put(&self, mount: &str, path: &str, data: Map<String, Value>) {
        let now = self.clock.now();
        match self.lock().mounts.get_mut(&folder(mount)) {
            Some(Mount::Versioned(engine)) => drop(engine.put(path, data, now)),
            Some(Mount::Plain(plain)) => plain.write(path, data),
            _ => {}
        }
    }

    /// Deletes the newest version, which can be undone.
    pub fn delete(&self, mount: &str, path: &str) {
        let now = self.clock.now();
        if let Some(Mount::Versioned(engine)) = self.lock().mounts.get_mut(&folder(mount)) {
            engine.delete_latest(path, now);
        }
    }

    /// Removes a secret with all versions and metadata: the next one begins with version 1.
    pub fn wipe(&self, mount: &str, path: &str) {
        if let Some(Mount::Versioned(engine)) = self.lock().mounts.get_mut(&folder(mount)) {
            engine.wipe(path);
        }
    }
}

impl Mount {
    fn versioned(&self) -> Option<&Engine> {
        match self {
            Self::Versioned(engine) => Some(engine),
            _ => None,
        }
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
