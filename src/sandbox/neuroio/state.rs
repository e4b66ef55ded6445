//! The state of the platform: the tokens and their permissions.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};

use super::options::{Expired, Options, Order};

/// "All temporary tokens have the same TTL of 24 hours since creation time."
const TEMPORARY_LIFETIME: SignedDuration = SignedDuration::from_hours(24);

/// The set of tokens that an API token manages.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Realm {
    /// The tokens of the account, in its default space.
    Account,
    /// The tokens of the space with this name.
    Space(String),
    /// The tokens of the managers.
    Managers,
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
    realm: Realm,
}

impl Token {
    /// The expiry; `None` for a permanent token.
    pub fn expires_at(&self) -> Option<Timestamp> {
        (!self.permanent).then(|| self.created + TEMPORARY_LIFETIME)
    }

    pub(super) fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at().is_some_and(|expiry| expiry <= now)
    }
}

/// The tokens of the platform, and its options.
#[derive(Debug)]
pub struct NeuroIo {
    pub(super) options: Options,
    pub(super) issued: Vec<SecretString>,
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
            options,
            issued: Vec::new(),
            api_tokens: BTreeMap::new(),
            tokens: BTreeMap::new(),
            deleted: Vec::new(),
            last_id: 0,
        }
    }

    pub(super) fn add_api_token(&mut self, realm: &Realm) -> SecretString {
        let token = self.value();
        self.api_tokens.insert(token.expose_secret().to_owned(), realm.clone());
        token
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
        let as_of = now - self.options.list_lag;
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
        let counts = |token: &&Token| token.permanent && (token.is_active || self.options.inactive_count);
        self.tokens_in(realm).filter(counts).count() < self.options.permanent_limit
    }

    pub(super) fn add_token(&mut self, realm: &Realm, permanent: bool, now: Timestamp) -> Token {
        self.last_id += 1;
        let token = Token {
            id: self.last_id,
            key: self.value(),
            is_active: true,
            permanent,
            created: now,
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
        self.deleted.extend(removed.into_values().map(|token| (now, token)));
        self.tokens = kept;
    }

    /// Deletes the tokens of a kind, or all tokens.
    pub(super) fn remove_all(&mut self, realm: &Realm, permanent: Option<bool>, now: Timestamp) {
        self.remove(now, |token| {
            token.realm == *realm && permanent.is_none_or(|permanent| token.permanent == permanent)
        });
    }

    /// Applies the configured effect of expiry to expired tokens.
    pub(super) fn expire_tokens(&mut self, now: Timestamp) {
        match self.options.expired {
            Expired::Listed => {}
            Expired::Deactivated => {
                let expired = self.tokens.values_mut().filter(|token| token.has_expired(now));
                expired.for_each(|token| token.is_active = false);
            }
            Expired::Deleted => self.remove(now, |token| token.has_expired(now)),
        }
    }

    fn value(&mut self) -> SecretString {
        let value: String = std::iter::repeat_with(fastrand::alphanumeric).take(40).collect();
        let value = SecretString::from(value.to_ascii_lowercase());
        self.issued.push(value.clone());
        value
    }
}
