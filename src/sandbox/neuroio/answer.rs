//! The answers to successful requests, in the layout that the options select.

use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret;
use serde_json::{Map, Value};

use super::options::{Instants, Options, PermanentExpiry};
use super::state::Token;
use crate::sandbox::clock::later;

impl Options {
    /// A token.
    pub(super) fn token(&self, token: &Token) -> Value {
        let instant = |at: Timestamp| match self.instants {
            Instants::Offset => at.display_with_offset(Offset::UTC).to_string(),
            Instants::Zulu => format!("{at:.3}"),
        };
        let mut row = Map::new();
        row.insert("id".to_owned(), token.id.into());
        row.insert("key".to_owned(), token.key.expose_secret().into());
        row.insert("is_active".to_owned(), token.is_active.into());
        row.insert("created".to_owned(), instant(token.created).into());
        let after = |hours| instant(later(token.created, SignedDuration::from_hours(hours))).into();
        let expires = match (token.expires_at(), self.permanent_expires) {
            (Some(expiry), _) => Some(instant(expiry).into()),
            (None, PermanentExpiry::Null) => Some(Value::Null),
            (None, PermanentExpiry::Absent) => None,
            (None, PermanentExpiry::AYear) => Some(after(365 * 24)),
            (None, PermanentExpiry::ADay) => Some(after(24)),
        };
        row.extend(expires.map(|expires| ("expires".to_owned(), expires)));
        if self.returns_permanent {
            row.insert("permanent".to_owned(), token.permanent.into());
        }
        row.into()
    }

    /// A token in the answer to its creation.
    pub(super) fn created(&self, token: &Token) -> Value {
        let mut created = self.token(token);
        if let (false, Some(fields)) = (self.creation_returns_times, created.as_object_mut()) {
            fields.retain(|name, _| !["created", "expires"].contains(&name.as_str()));
        }
        created
    }
}
