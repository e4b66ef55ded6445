//! HashiCorp Vault's KV version 2 in memory, as its public API documentation describes it.
//!
//! Included: `data` (read by version, write with `options.cas`, delete), `delete`, `undelete`,
//! `destroy`, `metadata` (read, write, list, delete) and `config` of any KV version 2; KV version 1
//! and cubbyholes, which store any data at any path; mounts of other types, which reject every
//! request; `sys/capabilities-self`, `sys/internal/ui/mounts/<path>`, `sys/health` and
//! `sys/seal-status`; tokens with policies; logins with AppRole and JWT, whose tokens expire and can
//! look up, renew and revoke themselves; namespaces; sealing. Not included: `PATCH`, `subkeys`,
//! and the rest of Vault. A server starts unsealed, with the mounts `secret` (KV version 2) and
//! `cubbyhole`, and a root token.

mod answer;
mod api;
mod auth;
mod kv_v1;
mod kv_v2;
mod path;
mod policy;
mod refusal;
mod state;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use axum::Router;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use super::{IssuedValues, Platform};
use crate::token::Clock;
use auth::{AuthMethod, Grant};
use kv_v1::KvV1;
use kv_v2::KvV2;
use path::folder;
use policy::Policy;
use state::{Mount, Server, TokenEntry};

pub use auth::{JwtRole, TokenLifetime};
pub use policy::Capability;

/// An in-memory Vault.
pub type Vault = super::Sandbox<Server>;

impl Platform for Server {
    const BASE_PATH: &'static str = "/v1";

    fn api() -> Router<Vault> {
        api::routes()
    }

    fn issued(&self) -> &IssuedValues {
        &self.issued
    }

    fn is_live(&self, value: &str, now: Timestamp) -> bool {
        self.tokens.get(value).is_some_and(|token| !token.is_expired(now))
    }

    fn expire(&mut self, now: Timestamp) {
        self.tokens.retain(|_, token| !token.is_expired(now));
    }

    /// The value for `VAULT_ADDR`.
    fn base_url(address: SocketAddr) -> String {
        format!("http://{address}")
    }
}

impl Vault {
    /// Creates a Vault with this clock.
    pub fn new(clock: Clock) -> Self {
        let root_token = random_token("hvs.root-");
        let root = TokenEntry {
            namespace: String::new(),
            policy: Policy::Root,
            lease: None,
        };
        let mut issued = IssuedValues::default();
        issued.push(root_token.clone());
        let server = Server {
            sealed: false,
            mounts: BTreeMap::new(),
            namespaces: BTreeSet::new(),
            tokens: BTreeMap::from([(root_token.expose_secret().to_owned(), root)]),
            auth_methods: BTreeMap::new(),
            requests: 0,
            issued,
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
        let token = random_token("hvs.");
        let entry = TokenEntry {
            namespace: folder(namespace),
            policy: Policy::from_rules(policy),
            lease: None,
        };
        let mut server = self.lock();
        server.tokens.insert(token.expose_secret().to_owned(), entry);
        server.issued.push(token.clone());
        token
    }

    /// Enables AppRole at a path such as `approle` in the root namespace, adds a role whose tokens have
    /// this policy and lifetime, and returns its RoleID and a SecretID.
    pub fn add_approle(
        &self,
        mount: &str,
        policy: &[(&str, &[Capability])],
        lifetime: TokenLifetime,
    ) -> (String, SecretString) {
        let [role_id, secret_id] = ["role-", "secret-"].map(random_token);
        let role_id = role_id.expose_secret().to_owned();
        let mut server = self.lock();
        let method = server.auth_methods.entry(format!("auth/{}", folder(mount)));
        let method = method.or_insert_with(|| AuthMethod::AppRole(BTreeMap::new()));
        if let AuthMethod::AppRole(roles) = method {
            let policy = Policy::from_rules(policy);
            let secret_ids = BTreeSet::from([secret_id.expose_secret().to_owned()]);
            roles.insert(role_id.clone(), (secret_ids, Grant { policy, lifetime }));
        }
        (role_id, secret_id)
    }

    /// Enables the auth method JWT at a path such as `jwt`, and adds a role whose tokens have this
    /// policy and lifetime.
    pub fn add_jwt_role(
        &self,
        mount: &str,
        name: &str,
        role: JwtRole,
        policy: &[(&str, &[Capability])],
        lifetime: TokenLifetime,
    ) {
        let mut server = self.lock();
        let method = server.auth_methods.entry(format!("auth/{}", folder(mount)));
        let method = method.or_insert_with(|| AuthMethod::Jwt(BTreeMap::new()));
        if let AuthMethod::Jwt(roles) = method {
            let policy = Policy::from_rules(policy);
            roles.insert(name.to_owned(), (role, Grant { policy, lifetime }));
        }
    }

    /// Disables an auth method. Its tokens remain valid here.
    pub fn disable_auth_method(&self, mount: &str) {
        self.lock().auth_methods.remove(&format!("auth/{}", folder(mount)));
    }

    /// Revokes a token.
    pub fn revoke(&self, token: &SecretString) {
        self.lock().tokens.remove(token.expose_secret());
    }

    /// Creates a namespace with a mount `secret`.
    pub fn add_namespace(&self, path: &str) {
        self.lock().namespaces.insert(folder(path));
        self.mount(&format!("{}secret", folder(path)));
        self.mount_at(&format!("{}cubbyhole", folder(path)), Mount::Cubbyhole(BTreeMap::new()));
    }

    /// Mounts a KV version 2 at this path, which may have several segments and start with a
    /// namespace.
    pub fn mount(&self, path: &str) {
        self.mount_at(path, Mount::KvV2(KvV2::default()));
    }

    /// Mounts a KV version 1, which stores the last write at any path.
    pub fn mount_version_1(&self, path: &str) {
        self.mount_at(path, Mount::KvV1(KvV1::default()));
    }

    /// Mounts an engine of another type, such as `transit`.
    pub fn mount_other(&self, path: &str, type_name: &str) {
        self.mount_at(path, Mount::Other(type_name.to_owned()));
    }

    fn mount_at(&self, path: &str, mount: Mount) {
        self.lock().mounts.entry(folder(path)).or_insert(mount);
    }

    /// The data at a path of a KV version 1 or of the root token's cubbyhole.
    pub fn unversioned(&self, mount: &str, path: &str) -> Option<Map<String, Value>> {
        let server = self.lock();
        let store = match server.mounts.get(&folder(mount))? {
            Mount::KvV1(store) => store,
            Mount::Cubbyhole(cubbyholes) => cubbyholes.get(server.root_token.expose_secret())?,
            Mount::KvV2(_) | Mount::Other(_) => return None,
        };
        store.get(path).cloned()
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
        server.mounts.get(&folder(mount))?.kv_v2()?.current(path, now).cloned()
    }

    /// The data of a version of the secret at `path` of the mount; `None` if it is deleted or does not exist.
    pub fn secret_version(&self, mount: &str, path: &str, number: u64) -> Option<Map<String, Value>> {
        let now = self.clock.now();
        let server = self.lock();
        let engine = server.mounts.get(&folder(mount))?.kv_v2()?;
        engine.data(path, number, now).cloned()
    }

    /// The path and the data of every version of every secret of the mount that can be read.
    pub fn versions(&self, mount: &str) -> Vec<(String, Map<String, Value>)> {
        let now = self.clock.now();
        let server = self.lock();
        let engine = server.mounts.get(&folder(mount)).and_then(Mount::kv_v2);
        let readable = engine.into_iter().flat_map(|engine| engine.readable(now));
        readable.map(|(path, data)| (path.to_owned(), data.clone())).collect()
    }

    /// The number of a secret's newest version, deleted or not; 0 if it was never written.
    pub fn version(&self, mount: &str, path: &str) -> u64 {
        let server = self.lock();
        let engine = server.mounts.get(&folder(mount)).and_then(Mount::kv_v2);
        engine.map_or(0, |engine| engine.version(path))
    }

    /// Writes a new version outside Terraform; in a KV version 1, replaces the content.
    pub fn put(&self, mount: &str, path: &str, data: Map<String, Value>) {
        let now = self.clock.now();
        match self.lock().mounts.get_mut(&folder(mount)) {
            Some(Mount::KvV2(engine)) => drop(engine.put(path, data, now)),
            Some(Mount::KvV1(store)) => store.write(path, data),
            _ => {}
        }
    }

    /// Deletes the newest version, which can be undone.
    pub fn delete(&self, mount: &str, path: &str) {
        let now = self.clock.now();
        if let Some(Mount::KvV2(engine)) = self.lock().mounts.get_mut(&folder(mount)) {
            engine.delete_newest(path, now);
        }
    }

    /// Deletes a secret with all versions and metadata. The next write creates version 1.
    pub fn delete_metadata(&self, mount: &str, path: &str) {
        if let Some(Mount::KvV2(engine)) = self.lock().mounts.get_mut(&folder(mount)) {
            engine.delete_metadata(path);
        }
    }
}

/// Returns a random token, which is valid in a sandbox only.
fn random_token(prefix: &str) -> SecretString {
    let random = std::iter::repeat_with(fastrand::alphanumeric).take(24);
    format!("{prefix}{}", random.collect::<String>()).into()
}
