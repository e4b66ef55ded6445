//! HashiCorp Vault's KV version 2 in memory, as its public API documentation describes it.
//!
//! Included: `data` (read by version, write with `options.cas`, delete), `delete`, `undelete`,
//! `destroy`, `metadata` (read, write, list, delete) and `config` of any KV version 2; KV version 1
//! and cubbyholes, which store any data at any path; mounts of other types, which reject every
//! request; `sys/capabilities-self`, `sys/internal/ui/mounts/<path>`, `sys/health` and
//! `sys/seal-status`; tokens with policies; namespaces; sealing. Not included: `PATCH`, `subkeys`,
//! and the rest of Vault. A server starts unsealed, with the mounts `secret` (KV version 2) and
//! `cubbyhole`, and a root token.

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

/// The state of a Vault.
#[derive(Debug)]
pub struct Server {
    sealed: bool,
    /// The mounts by their full path, which ends in a slash: `ns/secret/`.
    mounts: BTreeMap<String, Mount>,
    /// The full paths of the namespaces, each of which ends in a slash.
    namespaces: BTreeSet<String>,
    tokens: BTreeMap<String, Holder>,
    requests: u64,
    root_token: SecretString,
    /// Every token ever issued.
    issued: Vec<SecretString>,
}

/// A mounted secrets engine.
#[derive(Debug)]
enum Mount {
    /// KV version 2.
    Versioned(Engine),
    /// KV version 1.
    Plain(Plain),
    /// A separate store per token.
    Cubbyhole(BTreeMap<String, Plain>),
    /// An engine of another type.
    Other(String),
}

/// The permissions of a token.
#[derive(Clone, Debug)]
struct Holder {
    /// The token's namespace; empty for the root namespace.
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

    /// The value for `VAULT_ADDR`.
    fn base_url(address: SocketAddr) -> String {
        format!("http://{address}")
    }
}

impl Vault {
    /// Creates a Vault with this clock.
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
        let vault = Self::start(server, clock);
        vault.mount("secret");
        vault.mount_at("cubbyhole", Mount::Cubbyhole(BTreeMap::new()));
        vault
    }

    /// The root token.
    pub fn root_token(&self) -> SecretString {
        self.lock().root_token.clone()
    }

    /// Creates a token with a policy that grants these capabilities at these paths:
    /// `secret/data/ci`, `secret/data/*`, `secret/+/ci`.
    pub fn token(&self, policy: &[(&str, &[Capability])]) -> SecretString {
        self.token_in("", policy)
    }

    /// Creates a token in a namespace, to which the paths of its policy are relative.
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

    /// Creates a namespace with a mount `secret`.
    pub fn namespace(&self, path: &str) {
        self.lock().namespaces.insert(folder(path));
        self.mount(&format!("{}secret", folder(path)));
        self.mount_at(&format!("{}cubbyhole", folder(path)), Mount::Cubbyhole(BTreeMap::new()));
    }

    /// Mounts a KV version 2 at this path, which may have several segments and start with a
    /// namespace.
    pub fn mount(&self, path: &str) {
        self.mount_at(path, Mount::Versioned(Engine::default()));
    }

    /// Mounts a KV version 1, which stores the last write at any path.
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

    /// The content of a path of a KV version 1, or of the root token's cubbyhole.
    pub fn unversioned(&self, mount: &str, path: &str) -> Option<Map<String, Value>> {
        let server = self.lock();
        let plain = match server.mounts.get(&folder(mount))? {
            Mount::Plain(plain) => plain,
            Mount::Cubbyhole(holes) => holes.get(server.root_token.expose_secret())?,
            Mount::Versioned(_) | Mount::Other(_) => return None,
        };
        plain.get(path).cloned()
    }

    /// Removes a mount with its contents.
    pub fn unmount(&self, path: &str) {
        self.lock().mounts.remove(&folder(path));
    }

    /// Seals the server: it answers 503 until it is unsealed.
    pub fn seal(&self) {
        self.lock().sealed = true;
    }

    /// Unseals the server.
    pub fn unseal(&self) {
        self.lock().sealed = false;
    }

    /// The data of the secret at `path` of the mount; `None` if its newest version is deleted.
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

    /// The number of a secret's newest version, deleted or not; 0 if it was never written.
    pub fn version(&self, mount: &str, path: &str) -> u64 {
        let server = self.lock();
        let engine = server.mounts.get(&folder(mount)).and_then(Mount::versioned);
        engine.map_or(0, |engine| engine.version(path))
    }

    /// Writes a new version outside Terraform; in a KV version 1, replaces the content.
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

    /// Deletes a secret with all versions and metadata, so that the next write creates version 1.
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

/// Normalises the path of a mount or a namespace: no leading slash, one trailing slash; an empty
/// path stays empty.
fn folder(path: &str) -> String {
    match path.trim_matches('/') {
        "" => String::new(),
        path => format!("{path}/"),
    }
}

/// A random value that is valid in a sandbox only.
fn value(prefix: &str) -> SecretString {
    let random = std::iter::repeat_with(fastrand::alphanumeric).take(24);
    format!("{prefix}{}", random.collect::<String>()).into()
}
