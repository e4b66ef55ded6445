//! The filter for personal access tokens, which the data source and the list resource share.

use jiff::Timestamp;

use super::api::PersonalAccessToken;
use super::connection::Connection;
use super::errors::request_failed;
use crate::framework::{Diagnostic, Field, Model};
use crate::rest::Operation;
use crate::token::{Clock, Expiry};

/// The conditions that a token must meet. An argument that is not set accepts all tokens.
#[derive(Model, Clone, Debug, Default)]
pub(super) struct TokenFilter {
    /// Only tokens of exactly this name. Several tokens may have the same.
    #[attribute(optional)]
    pub(super) name: Field<String>,
    /// If true, only expired tokens; if false, only those that have not expired.
    #[attribute(optional)]
    pub(super) expired: Field<bool>,
    /// Only tokens that expire before this instant: RFC 3339 with an offset, such as
    /// `2027-02-09T00:00:00Z`. A token without an expiry never does.
    #[attribute(optional, check = is_instant)]
    pub(super) expires_before: Field<String>,
}

fn is_instant(text: &str) -> Result<(), String> {
    let parsed = Expiry::parse(text);
    parsed.map(drop).map_err(|error| format!("{error}; it is {text:?}"))
}

impl TokenFilter {
    /// Finds the matching tokens of the user, sorted by name and creation.
    ///
    /// # Errors
    /// The list cannot be read, or `expires_before` is not an instant.
    pub(super) async fn find(
        &self,
        connection: &Connection,
        operation: &Operation,
        clock: &Clock,
    ) -> Result<Vec<PersonalAccessToken>, Diagnostic> {
        let tokens = connection.personal_access_tokens(operation).await;
        let tokens = tokens.map_err(|error| request_failed(&error))?;
        // The answer has corrected the clock by now.
        let matches = self.predicate(clock.now())?;
        let mut found: Vec<_> = tokens.iter().filter(|token| matches(token)).cloned().collect();
        found.sort_by(|one, other| (&one.name, one.created_at).cmp(&(&other.name, other.created_at)));
        Ok(found)
    }

    fn predicate(&self, now: Timestamp) -> Result<impl Fn(&PersonalAccessToken) -> bool, Diagnostic> {
        let (name, expired) = (self.name.known(), self.expired.known().copied());
        let before = self.expires_before.known().map(|text| Expiry::parse(text)).transpose();
        let before = before.map_err(|error| Diagnostic::invalid("expires_before", error))?;
        Ok(move |token: &PersonalAccessToken| {
            let expiry = token.expires_at.map(Expiry::at);
            name.is_none_or(|name| token.name.as_ref() == Some(name))
                && expired.is_none_or(|expired| expired == has_expired(token, now))
                && before.is_none_or(|before| expiry.is_some_and(|expiry| expiry < before))
        })
    }
}

/// Whether a token in the list has expired.
pub(super) fn has_expired(token: &PersonalAccessToken, now: Timestamp) -> bool {
    token
        .expires_at
        .map(Expiry::at)
        .is_some_and(|expiry| expiry.has_passed(now))
}
