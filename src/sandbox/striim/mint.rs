//! Generates tokens whose values and ids look like those in the document's samples.

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
    /// The time of its issue, and the id of the user in whose name it was issued.
    pub updated: Update,
}

/// The time and the author of the last change.
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
        self.expires_at.is_none_or(|end| now < end)
    }

    pub(super) fn authenticates(&self, bearer: &str, now: Timestamp) -> bool {
        self.value.expose_secret() == bearer && self.is_live(now)
    }
}

/// Generates tokens and records every value.
#[derive(Debug)]
pub(super) struct Mint {
    random: Rng,
    ids: BTreeSet<i64>,
    issued: Vec<SecretString>,
}

impl Mint {
    pub(super) fn new(random: Rng) -> Self {
        Self {
            random,
            ids: BTreeSet::new(),
            issued: Vec::new(),
        }
    }

    pub(super) fn token(&mut self, expires_at: Option<Timestamp>, updated: Update) -> Token {
        let value = self.value();
        self.token_of(value, expires_at, updated)
    }

    /// A token with a given value.
    pub(super) fn token_of(&mut self, value: SecretString, expires_at: Option<Timestamp>, updated: Update) -> Token {
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

    /// Twelve characters, a separator, and sixteen more, as long as the samples. The randomness
    /// suffices to keep values distinct; they are valid in a sandbox only.
    pub(super) fn value(&mut self) -> SecretString {
        let separator = if self.random.bool() { '.' } else { '-' };
        (0..29)
            .map(|at| {
                if at == 12 {
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
