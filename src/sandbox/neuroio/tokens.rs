//! The tokens, and who may do what with which.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};

use super::options::{Expired, Options, Order};

/// "All temporary tokens have the same TTL of 24 hours since creation time."
const TEMPORARY: SignedDuration = SignedDuration::from_hours(24);

/// Whose tokens are managed: that depends on the API token that is used.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Realm {
    /// The account's, for its default space.
    Account,
    /// Those of the space of this name.
    Space(String),
    /// The managers'.
    Managers,
}

/// A stream token.
#[derive(Clone, Debug)]
pub struct Token {
    /// Its number.
    pub id: u64,
    /// Its value.
    pub key: SecretString,
    /// Whether it is let in before it ends.
    pub is_active: bool,
    /// Whether it goes without an end.
    pub permanent: bool,
    /// When it was made.
    pub created: Timestamp,
    realm: Realm,
}

impl Token {
    /// When it ends; a permanent one does not.
    pub fn ends(&self) -> Option<Timestamp> {
        (!self.permanent).then(|| self.created + TEMPORARY)
    }

    pub(super) fn has_expired(&self, now: Timestamp) -> bool {
        self.ends().is_some_and(|end| end <= now)
    }
}

/// What there is, and how it behaves.
#[derive(Debug)]
pub struct NeuroIo {
    pub(super) options: Options,
    pub(super) issued: Vec<SecretString>,
    api_tokens: BTreeMap<String, Realm>,
    /// By their ids, so by their age, too.
    tokens: BTreeMap<u64, Token>,
    last_id: u64,
}

impl NeuroIo {
    pub(super) fn new(options: Options) -> Self {
        Self {
            options,
            issued: Vec::new(),
            api_tokens: BTreeMap::new(),
            tokens: BTreeMap::new(),
            last_id: 0,
        }
    }

    pub(super) fn api_token(&mut self, realm: &Realm) -> SecretString {
        let token = self.value();
        self.api_tokens.insert(token.expose_secret().to_owned(), realm.clone());
        token
    }

    /// Whose tokens the holder of this value may manage. A stream token is let in, too, while it is active.
    pub(super) fn realm_of(&self, value: &str, now: Timestamp) -> Option<Realm> {
        let is_it = |token: &&Token| token.key.expose_secret() == value && token.is_active && !token.has_expired(now);
        let stream_token = || self.tokens.values().find(is_it).map(|token| token.realm.clone());
        self.api_tokens.get(value).cloned().or_else(stream_token)
    }

    pub(super) fn of(&self, realm: &Realm) -> impl DoubleEndedIterator<Item = &Token> {
        self.tokens.values().filter(move |token| token.realm == *realm)
    }

    /// Those of a kind, or all, in the order of the list.
    pub(super) fn listed(&self, realm: &Realm, permanent: Option<bool>) -> Vec<&Token> {
        let tokens = self.of(realm);
        let mut tokens: Vec<_> = tokens
            .filter(|token| permanent.is_none_or(|permanent| token.permanent == permanent))
            .collect();
        if self.options.order == Order::NewestFirst {
            tokens.reverse();
        }
        tokens
    }

    /// Whether there may be one more permanent token.
    pub(super) fn has_place(&self, realm: &Realm) -> bool {
        let counts = |token: &&Token| token.permanent && (token.is_active || self.options.inactive_count);
        self.of(realm).filter(counts).count() < self.options.permanent_limit
    }

    pub(super) fn add(&mut self, realm: &Realm, permanent: bool, now: Timestamp) -> Token {
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

    /// The id of the token that has this id or this key.
    pub(super) fn find(&self, realm: &Realm, id_or_key: &str) -> Option<&Token> {
        self.of(realm)
            .find(|token| token.id.to_string() == id_or_key || token.key.expose_secret() == id_or_key)
    }

    pub(super) fn set_active(&mut self, id: u64, is_active: bool) {
        if let Some(token) = self.tokens.get_mut(&id) {
            token.is_active = is_active;
        }
    }

    pub(super) fn remove(&mut self, which: impl Fn(&Token) -> bool) {
        self.tokens.retain(|_, token| !which(token));
    }

    /// Deletes the tokens of a kind, or all.
    pub(super) fn remove_all(&mut self, realm: &Realm, permanent: Option<bool>) {
        self.remove(|token| token.realm == *realm && permanent.is_none_or(|permanent| token.permanent == permanent));
    }

    /// Lets become of expired tokens what becomes of them.
    pub(super) fn purge(&mut self, now: Timestamp) {
        match self.options.expired {
            Expired::Listed => {}
            Expired::Deactivated => {
                let expired = self.tokens.values_mut().filter(|token| token.has_expired(now));
                expired.for_each(|token| token.is_active = false);
            }
            Expired::Gone => self.remove(|token| token.has_expired(now)),
        }
    }

    fn value(&mut self) -> SecretString {
        let value: String = std::iter::repeat_with(fastrand::alphanumeric).take(40).collect();
        let value = SecretString::from(value.to_ascii_lowercase());
        self.issued.push(value.clone());
        value
    }
}
