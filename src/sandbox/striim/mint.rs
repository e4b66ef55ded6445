//! Makes tokens: values and ids that look like those in the document's samples.

use std::collections::BTreeSet;

use fastrand::Rng;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

/// A token that the platform has issued.
#[derive(Clone, Debug)]
pub struct Token {
    /// Tells this value from those before and after it: a rotation gives a new id, not necessarily a higher one.
    pub id: i64,
    /// What a bearer presents.
    pub value: SecretString,
    /// When it ends; never, for a legacy token.
    pub expires_at: Option<Timestamp>,
    /// When it was made, and the id of the user on whose behalf.
    pub updated: Update,
}

/// When something was last changed, and by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Update {
    /// The instant, to the nanosecond.
    pub at: Timestamp,
    /// The user's id.
    pub by: i64,
    /// Whether this was a rotation rather than a creation.
    pub rotated: bool,
}

impl Token {
    /// Whether it has not expired. (A revoked or rotated token does not exist any more.)
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }

    pub(super) fn opens_to(&self, bearer: &str, now: Timestamp) -> bool {
        self.value.expose_secret() == bearer && self.is_live(now)
    }
}

/// Makes tokens, and remembers every value.
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

    /// A token whose value was chosen by someone else.
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

    /// Twelve characters, a separator, sixteen more: as long as the samples. Good enough to be told apart and to be
    /// searched for; they open nothing but a sandbox.
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

    /// Every value ever issued, dead or alive.
    pub(super) fn issued(&self) -> &[SecretString] {
        &self.issued
    }
}
