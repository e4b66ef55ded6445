//! Tokens, and their generator. Values and ids look like those in the document's samples.

use std::collections::BTreeSet;

use fastrand::Rng;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

/// A token that the platform has issued.
#[derive(Clone, Debug)]
pub struct Token {
    /// The id of this value. A rotation assigns a new id, not necessarily a higher one.
    pub id: i64,
    /// The bearer token.
    pub value: SecretString,
    /// The expiry; `None` for a legacy token, which never expires.
    pub expires_at: Option<Timestamp>,
    /// The creation or rotation that issued the token.
    pub updated: Update,
}

/// The time and the user of the last change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Update {
    /// The time, to the nanosecond.
    pub at: Timestamp,
    /// The user's id.
    pub by: i64,
    /// Whether the change was a rotation rather than a creation.
    pub rotated: bool,
}

impl Token {
    /// Whether the token has not expired. (A revoked or rotated token no longer exists.)
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|expiry| now < expiry)
    }

    /// Whether the bearer token is this token and has not expired.
    pub(super) fn authenticates(&self, bearer: &str, now: Timestamp) -> bool {
        self.value.expose_secret() == bearer && self.is_live(now)
    }
}

/// Generates tokens and records every value that it has issued.
#[derive(Debug)]
pub(super) struct TokenGenerator {
    random: Rng,
    ids: BTreeSet<i64>,
    issued: Vec<SecretString>,
}

impl TokenGenerator {
    pub(super) fn new(random: Rng) -> Self {
        Self {
            random,
            ids: BTreeSet::new(),
            issued: Vec::new(),
        }
    }

    /// Issues a token with a random value.
    pub(super) fn token(&mut self, expires_at: Option<Timestamp>, updated: Update) -> Token {
        let value = self.value();
        self.token_with_value(value, expires_at, updated)
    }

    /// Issues a token with this value.
    pub(super) fn token_with_value(
        &mut self,
        value: SecretString,
        expires_at: Option<Timestamp>,
        updated: Update,
    ) -> Token {
        let mut id = self.random.i64(1_000..1_000_000);
        while !self.ids.insert(id) {
            id += 1;
        }
        self.issued.push(value.clone());
        Token {
            id,
            value,
            expires_at,
            updated,
        }
    }

    /// Returns a random value with the length and the separator of the samples. The randomness
    /// keeps values distinct, but is not secure: they are valid in a sandbox only.
    pub(super) fn value(&mut self) -> SecretString {
        let separator = if self.random.bool() { '.' } else { '-' };
        (0..29)
            .map(|index| {
                if index == 12 {
                    separator
                } else {
                    self.random.alphanumeric()
                }
            })
            .collect::<String>()
            .into()
    }

    /// Every value ever issued, whether still valid or not.
    pub(super) fn issued(&self) -> &[SecretString] {
        &self.issued
    }
}
