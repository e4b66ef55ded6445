//! The filter for personal access tokens, which the data source and the list resource share.

use jiff::Timestamp;

use super::api::PersonalAccessToken;
use super::connection::Connection;
use super::errors::request_failed;
use crate::framework::{Diagnostic, Field, Model};
use crate::platform::expiry_filter::ExpiryFilter;
use crate::rest::Operation;
use crate::token::{Clock, Expiry};

/// The conditions that a token must meet. An argument that is not set accepts all tokens.
#[derive(Model, Clone, Debug, Default)]
pub(super) struct TokenFilter {
    /// Only tokens of exactly this name. Several tokens may have the same.
    #[attribute(optional)]
    pub(super) name: Field<String>,
    #[attribute(flatten)]
    expiry: ExpiryFilter,
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
        let (name, matches) = (self.name.known(), self.expiry.predicate(clock.now())?);
        let has_name = |token: &PersonalAccessToken| name.is_none_or(|name| token.name.as_ref() == Some(name));
        let found = tokens
            .iter()
            .filter(|token| has_name(token) && matches(token.expires_at));
        let mut found: Vec<_> = found.cloned().collect();
        found.sort_by(|one, other| (&one.name, one.created_at).cmp(&(&other.name, other.created_at)));
        Ok(found)
    }
}

/// Whether a token in the list has expired.
pub(super) fn has_expired(token: &PersonalAccessToken, now: Timestamp) -> bool {
    token
        .expires_at
        .map(Expiry::at)
        .is_some_and(|expiry| expiry.has_passed(now))
}
