//! The state of a Vault server: mounts, namespaces and tokens.

use std::collections::{BTreeMap, BTreeSet};

use secrecy::SecretString;

use super::auth::{AuthMethod, Lease};
use super::kv_v1::KvV1;
use super::kv_v2::KvV2;
use super::policy::Policy;
use crate::sandbox::IssuedValues;

/// The state of a Vault.
#[derive(Debug)]
pub struct Server {
    pub(super) sealed: bool,
    /// The mounts by their full path, which ends in a slash: `ns/secret/`.
    pub(super) mounts: BTreeMap<String, Mount>,
    /// The full paths of the namespaces, each of which ends in a slash.
    pub(super) namespaces: BTreeSet<String>,
    pub(super) tokens: BTreeMap<String, TokenEntry>,
    /// The auth methods by their full path, which ends in a slash: `ns/auth/approle/`.
    pub(super) auth_methods: BTreeMap<String, AuthMethod>,
    pub(super) requests: u64,
    pub(super) root_token: SecretString,
    /// The tokens issued.
    pub(super) issued: IssuedValues,
}

/// A mounted secrets engine.
#[derive(Debug)]
pub(super) enum Mount {
    /// KV version 2.
    KvV2(KvV2),
    /// KV version 1.
    KvV1(KvV1),
    /// A store per token.
    Cubbyhole(BTreeMap<String, KvV1>),
    /// An engine of another type.
    Other(String),
}

/// The permissions of a token.
#[derive(Clone, Debug)]
pub(super) struct TokenEntry {
    /// The token's namespace; empty for the root namespace.
    pub(super) namespace: String,
    pub(super) policy: Policy,
    /// `None` for a token that does not expire.
    pub(super) lease: Option<Lease>,
}

impl Mount {
    /// The engine, if it is a KV version 2.
    pub(super) fn kv_v2(&self) -> Option<&KvV2> {
        match self {
            Self::KvV2(engine) => Some(engine),
            _ => None,
        }
    }
}
