//! Which stream tokens are found: the same for the data source and the list resource.

use jiff::Timestamp;

use super::api::{Api, StreamToken};
use super::errors::failure;
use crate::framework::{Diagnostic, Field, Model};
use crate::rest::Operation;
use crate::token::{Clock, Expiry};

/// What must be so of a token; what is not set lets all through.
#[derive(Model, Clone, Debug, Default)]
pub(super) struct Filter {
    /// True for permanent tokens only, false for temporary ones only.
    #[attribute(optional)]
    pub(super) permanent: Field<bool>,
    /// True for those only that have not been deactivated, false for those only that have.
    #[attribute(optional)]
    pub(super) is_active: Field<bool>,
    /// True for those only that have expired, false for those only that have not.
    #[attribute(optional)]
    pub(super) expired: Field<bool>,
}

/// A token that was found.
pub(super) struct Found {
    pub(super) token: StreamToken,
    pub(super) permanent: bool,
}

impl Filter {
    /// Finds the tokens, the oldest first.
    ///
    /// # Errors
    /// The list cannot be read.
    pub(super) async fn find(&self, api: &Api, operation: &Operation, clock: &Clock) -> Result<Vec<Found>, Diagnostic> {
        let mut found = Vec::new();
        // A token does not say of which kind it is; the list distinguishes them.
        for permanent in [true, false] {
            if lets_through(&self.permanent, permanent) {
                let tokens = api.list(operation, Some(permanent)).await;
                let tokens = tokens.map_err(|error| failure(&error))?;
                found.extend(tokens.into_iter().map(|token| Found { token, permanent }));
            }
        }
        // By the platform's clock, which its answers have shown.
        let now = clock.now();
        found.retain(|found| {
            lets_through(&self.is_active, found.token.is_active) && lets_through(&self.expired, found.has_expired(now))
        });
        found.sort_by_key(|found| (found.token.created, found.token.id));
        Ok(found)
    }
}

impl Found {
    /// When it expires; a permanent one does not.
    pub(super) fn expiry(&self) -> Option<Expiry> {
        let expires = self.token.expires.filter(|_| !self.permanent);
        expires.map(Expiry::at)
    }

    pub(super) fn has_expired(&self, now: Timestamp) -> bool {
        self.expiry().is_some_and(|expiry| expiry.has_passed(now))
    }
}

fn lets_through(asked_for: &Field<bool>, is_so: bool) -> bool {
    asked_for.known().is_none_or(|asked_for| *asked_for == is_so)
}
