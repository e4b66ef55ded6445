//! The state of the platform: the tokens and their permissions.

use std::collections::BTreeMap;
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::management::view;
use super::options::{Expired, Options, Order};
use crate::sandbox::IssuedValues;
use crate::sandbox::clock::later;
use crate::sandbox::control::EndedTokens;

/// "All temporary tokens have the same TTL of 24 hours since creation time."
const TEMPORARY_LIFETIME: SignedDuration = SignedDuration::from_hours(24);

/// The set of tokens that an API token manages.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Realm {
    /// The tokens of the account, in its default space.
    #[default]
    Account,
    /// The tokens of the space with this name.
    Space(String),
    /// The tokens of the managers.
    Managers,
}

impl fmt::Display for Realm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account => f.write_str("account"),
            Self::Space(name) => write!(f, "space {name}"),
            Self::Managers => f.write_str("managers"),
        }
    }
}

/// A stream token.
#[derive(Clone, Debug)]
pub struct Token {
    /// The id.
    pub id: u64,
    /// The value.
    pub key: SecretString,
    /// Whether the token is active. An expired token is invalid regardless.
    pub is_active: bool,
    /// Whether the token never expires.
    pub permanent: bool,
    /// The time of creation.
    pub created: Timestamp,
    pub(super) realm: Realm,
}

impl Token {
    /// The expiry; `None` for a permanent token.
    pub fn expires_at(&self) -> Option<Timestamp> {
        (!self.permanent).then(|| later(self.created, TEMPORARY_LIFETIME))
    }

    pub(super) fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at().is_some_and(|expiry| expiry <= now)
    }
}

/// The tokens of the platform, and its options.
#[derive(Debug)]
pub struct NeuroIo {
    pub(super) account: String,
    pub(super) options: Options,
    pub(super) issued: IssuedValues,
    pub(super) ended: EndedTokens,
    api_tokens: BTreeMap<String, Realm>,
    /// The stream tokens by id, which is also the order of their creation.
    tokens: BTreeMap<u64, Token>,
    /// Deleted tokens, which a list that lags still contains, with the time of their deletion.
    deleted: Vec<(Timestamp, Token)>,
    last_id: u64,
}

impl NeuroIo {
    pub(super) fn new(options: Options) -> Self {
        Self {
            account: "acme".to_owned(),
            options,
            issued: IssuedValues::default(),
            ended: EndedTokens::default(),
            api_tokens: BTreeMap::new(),
            tokens: BTreeMap::new(),
            deleted: Vec::new(),
            last_id: 0,
        }
    }

    pub(super) fn add_api_token(&mut self, realm: &Realm) -> SecretString {
        let token = Self::random_value();
        self.add_api_token_with_value(realm, token.clone());
        token
    }

    pub(super) fn add_api_token_with_value(&mut self, realm: &Realm, value: SecretString) {
        self.api_tokens.insert(value.expose_secret().to_owned(), realm.clone());
        self.issued.push(value);
    }

    pub(super) fn api_tokens(&self) -> impl Iterator<Item = (&str, &Realm)> {
        self.api_tokens.iter().map(|(value, realm)| (value.as_str(), realm))
    }

    pub(super) fn all_tokens(&self) -> impl Iterator<Item = &Token> {
        self.tokens.values()
    }

    /// The realm that this value may manage. The platform also accepts an active stream token.
    pub(super) fn realm_of(&self, value: &str, now: Timestamp) -> Option<Realm> {
        let matches = |token: &&Token| token.key.expose_secret() == value && token.is_active && !token.has_expired(now);
        let stream_token = || self.tokens.values().find(matches).map(|token| token.realm.clone());
        self.api_tokens.get(value).cloned().or_else(stream_token)
    }

    pub(super) fn tokens_in(&self, realm: &Realm) -> impl DoubleEndedIterator<Item = &Token> {
        self.tokens.values().filter(move |token| token.realm == *realm)
    }

    /// The tokens of a kind, or all tokens, in the order of the list.
    pub(super) fn list(&self, realm: &Realm, permanent: Option<bool>, now: Timestamp) -> Vec<&Token> {
        let as_of = later(now, -self.options.list_lag);
        let deleted = self.deleted.iter().filter(|(at, _)| *at > as_of);
        let deleted = deleted.map(|(_, token)| token).filter(|token| token.realm == *realm);
        let mut tokens: Vec<_> = self
            .tokens_in(realm)
            .chain(deleted)
            .filter(|token| token.created <= as_of)
            .filter(|token| permanent.is_none_or(|permanent| token.permanent == permanent))
            .collect();
        tokens.sort_by_key(|token| token.id);
        if self.options.order == Order::NewestFirst {
            tokens.reverse();
        }
        tokens
    }

    /// Whether another permanent token is allowed.
    pub(super) fn has_capacity(&self, realm: &Realm) -> bool {
        self.quota_used(realm) < self.options.permanent_limit
    }

    /// The number of tokens that count against the limit of permanent ones.
    pub(super) fn quota_used(&self, realm: &Realm) -> usize {
        let counts = |token: &&Token| token.permanent && (token.is_active || self.options.inactive_count);
        self.tokens_in(realm).filter(counts).count()
    }

    pub(super) fn add_token(&mut self, realm: &Realm, permanent: bool, now: Timestamp) -> Token {
        self.add_token_with(None, Self::random_value(), realm, permanent, now)
    }

    /// Adds a token with this id, or with the next one, and with this value.
    pub(super) fn add_token_with(
        &mut self,
        id: Option<u64>,
        key: SecretString,
        realm: &Realm,
        permanent: bool,
        created: Timestamp,
    ) -> Token {
        let id = id.unwrap_or(self.last_id.saturating_add(1));
        self.last_id = self.last_id.max(id);
        self.issued.push(key.clone());
        let token = Token {
            id,
            key,
            is_active: true,
            permanent,
            created,
            realm: realm.clone(),
        };
        self.tokens.insert(token.id, token.clone());
        token
    }

    /// The token with this id or value.
    pub(super) fn find(&self, realm: &Realm, id_or_key: &str) -> Option<&Token> {
        self.tokens_in(realm)
            .find(|token| token.id.to_string() == id_or_key || token.key.expose_secret() == id_or_key)
    }

    pub(super) fn set_active(&mut self, id: u64, is_active: bool) {
        if let Some(token) = self.tokens.get_mut(&id) {
            token.is_active = is_active;
        }
    }

    pub(super) fn remove(&mut self, now: Timestamp, which: impl Fn(&Token) -> bool) {
        let (removed, kept) = std::mem::take(&mut self.tokens)
            .into_iter()
            .partition(|(_, token)| which(token));
        let removed: BTreeMap<u64, Token> = removed;
        for token in removed.into_values() {
            self.ended.push(view(&token, now), now);
            self.deleted.push((now, token));
        }
        self.tokens = kept;
    }

    /// Deletes the tokens of a kind, or all tokens.
    pub(super) fn remove_all(&mut self, realm: &Realm, permanent: Option<bool>, now: Timestamp) {
        self.remove(now, |token| {
            token.realm == *realm && permanent.is_none_or(|permanent| token.permanent == permanent)
        });
    }

    /// Applies the configured effect of expiry to expired tokens, and forgets the deleted ones that the list
    /// no longer contains.
    pub(super) fn expire_tokens(&mut self, now: Timestamp) {
        let as_of = later(now, -self.options.list_lag);
        self.deleted.retain(|(at, _)| *at > as_of);
        match self.options.expired {
            Expired::Listed => {}
            Expired::Deactivated => {
                let expired = self.tokens.values_mut().filter(|token| token.has_expired(now));
                expired.for_each(|token| token.is_active = false);
            }
            Expired::Deleted => self.remove(now, |token| token.has_expired(now)),
        }
    }

    pub(super) fn random_value() -> SecretString {
        let value: String = std::iter::repeat_with(fastrand::alphanumeric).take(40).collect();
        value.to_ascii_lowercase().into()
    }
}
