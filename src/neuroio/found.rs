//! A stream token whose kind is known, and the attributes that describe it.

use jiff::Timestamp;

use super::api::StreamToken;
use crate::framework::{Field, Model};
use crate::token::Expiry;

/// A token, and whether it is permanent, which only the list of permanent tokens shows.
pub(super) struct Found {
    pub(super) token: StreamToken,
    pub(super) permanent: bool,
}

impl Found {
    /// Returns when the token expires, or `None` for a permanent token.
    pub(super) fn expiry(&self) -> Option<Expiry> {
        let expires = self.token.expires.filter(|_| !self.permanent);
        expires.map(Expiry::at)
    }

    pub(super) fn has_expired(&self, now: Timestamp) -> bool {
        self.expiry().is_some_and(|expiry| expiry.has_passed(now))
    }
}

/// The attributes of a token that are no secret.
#[derive(Model, Clone, Debug, Default)]
pub(super) struct Description {
    /// Whether the token is permanent.
    #[attribute(computed)]
    pub(super) permanent: Field<bool>,
    /// Whether the token is active. False if it was deactivated.
    #[attribute(computed)]
    pub(super) is_active: Field<bool>,
    /// When the token was created, in UTC.
    #[attribute(computed)]
    pub(super) created_at: Field<String>,
    /// When the token expires, in UTC; null for a permanent token.
    #[attribute(computed)]
    pub(super) expires_at: Field<String>,
    /// Whether the token has expired.
    #[attribute(computed)]
    pub(super) expired: Field<bool>,
}

impl Description {
    pub(super) fn new(found: &Found, now: Timestamp) -> Self {
        let token = &found.token;
        Self {
            permanent: found.permanent.into(),
            is_active: token.is_active.into(),
            created_at: token.created.map(|at| Expiry::at(at).to_string()).into(),
            expires_at: found.expiry().map(|expiry| expiry.to_string()).into(),
            expired: found.has_expired(now).into(),
        }
    }
}
