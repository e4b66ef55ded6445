//! Tokens, and their generator. Values and ids look like those in the document's samples.

use std::collections::{BTreeSet, VecDeque};

use fastrand::Rng;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use crate::sandbox::IssuedValues;

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

/// Generates tokens and records the values that it has issued.
#[derive(Debug)]
pub(super) struct TokenGenerator {
    random: Rng,
    /// The latest ids, which no other token gets.
    ids: BTreeSet<i64>,
    id_order: VecDeque<i64>,
    issued: IssuedValues,
}

/// The number of ids that are remembered: a fraction of all, so that a free one is found at once.
const REMEMBERED_IDS: usize = 100_000;

impl TokenGenerator {
    pub(super) fn new(random: Rng) -> Self {
        Self {
            random,
            ids: BTreeSet::new(),
            id_order: VecDeque::new(),
            issued: IssuedValues::default(),
        }
    }

    /// Creates a generator with this seed, or with a random one.
    pub(super) fn seeded(seed: Option<u64>) -> Self {
        Self::new(seed.map_or_else(Rng::new, Rng::with_seed))
    }

    /// Issues a token with a random value.
    pub(super) fn token(&mut self, expires_at: Option<Timestamp>, updated: Update) -> Token {
        let value = self.value();
        self.token_with_value(None, value, expires_at, updated)
    }

    /// Issues a token with this value, and with this id or a random one.
    pub(super) fn token_with_value(
        &mut self,
        id: Option<i64>,
        value: SecretString,
        expires_at: Option<Timestamp>,
        updated: Update,
    ) -> Token {
        let id = id.unwrap_or_else(|| self.free_id());
        self.remember(id);
        self.issued.push(value.clone());
        Token {
            id,
            value,
            expires_at,
            updated,
        }
    }

    fn free_id(&mut self) -> i64 {
        let mut id = self.random.i64(1_000..1_000_000);
        while self.ids.contains(&id) {
            id += 1;
        }
        id
    }

    fn remember(&mut self, id: i64) {
        if self.ids.insert(id) {
            self.id_order.push_back(id);
        }
        if self.id_order.len() > REMEMBERED_IDS
            && let Some(oldest) = self.id_order.pop_front()
        {
            self.ids.remove(&oldest);
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

    /// The values issued, whether still valid or not.
    pub(super) fn issued(&self) -> &IssuedValues {
        &self.issued
    }
}
