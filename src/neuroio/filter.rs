//! The filter for stream tokens, which the data source and the list resource share.

use super::api::Api;
use super::errors::request_failed;
use super::found::Found;
use crate::framework::{Diagnostic, Field, Model};
use crate::rest::Operation;
use crate::token::Clock;

/// The conditions that a token must meet. An argument that is not set accepts all tokens.
#[derive(Model, Clone, Debug, Default)]
pub(super) struct Filter {
    /// If true, only permanent tokens; if false, only temporary ones.
    #[attribute(optional)]
    pub(super) permanent: Field<bool>,
    /// If true, only active tokens; if false, only deactivated ones.
    #[attribute(optional)]
    pub(super) is_active: Field<bool>,
    /// If true, only expired tokens; if false, only those that have not expired.
    #[attribute(optional)]
    pub(super) expired: Field<bool>,
}

impl Filter {
    /// Finds the matching tokens, oldest first.
    ///
    /// # Errors
    /// The list cannot be read.
    pub(super) async fn find(&self, api: &Api, operation: &Operation, clock: &Clock) -> Result<Vec<Found>, Diagnostic> {
        let mut found = Vec::new();
        // A token does not show its kind, so each kind is listed separately.
        for permanent in [true, false] {
            if matches(&self.permanent, permanent) {
                let tokens = api.list(operation, Some(permanent)).await;
                let tokens = tokens.map_err(|error| request_failed(&error))?;
                found.extend(tokens.into_iter().map(|token| Found { token, permanent }));
            }
        }
        // The answers have corrected the clock by now.
        let now = clock.now();
        found.retain(|found| {
            matches(&self.is_active, found.token.is_active) && matches(&self.expired, found.has_expired(now))
        });
        found.sort_by_key(|found| (found.token.created, found.token.id));
        Ok(found)
    }
}

fn matches(condition: &Field<bool>, actual: bool) -> bool {
    condition.known().is_none_or(|expected| *expected == actual)
}
