//! Which of the stream tokens are asked for: the same for the data source and the list resource.

use jiff::Timestamp;

use super::api::{Api, StreamToken};
use super::failure::failure;
use crate::framework::{Attribute, Diagnostic, Field, Type};
use crate::rest::Operation;
use crate::token::{Clock, Expiry};

/// What must be so of a token; what is not set lets all through.
pub(super) struct Filter {
    pub(super) permanent: Field<bool>,
    pub(super) is_active: Field<bool>,
    pub(super) expired: Field<bool>,
}

/// A token that was found.
pub(super) struct Found {
    pub(super) token: StreamToken,
    pub(super) permanent: bool,
}

/// The arguments' schemas.
pub(super) fn attributes() -> [Attribute; 3] {
    [
        Attribute::optional(
            "permanent",
            Type::Bool,
            "True for permanent tokens only, false for temporary ones only.",
        ),
        Attribute::optional(
            "is_active",
            Type::Bool,
            "True for those only that have not been deactivated, false for those only that have.",
        ),
        Attribute::optional(
            "expired",
            Type::Bool,
            "True for those only that have ended, false for those only that have not.",
        ),
    ]
}

impl Filter {
    /// Finds what is asked for, the oldest first.
    ///
    /// # Errors
    /// What to tell the user if the list cannot be had.
    pub(super) async fn find(&self, api: &Api, operation: &Operation, clock: &Clock) -> Result<Vec<Found>, Diagnostic> {
        let mut found = Vec::new();
        // A token does not say of which kind it is; the list tells them apart.
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
            lets_through(&self.is_active, found.token.is_active) && lets_through(&self.expired, found.has_ended(now))
        });
        found.sort_by_key(|found| (found.token.created, found.token.id));
        Ok(found)
    }
}

impl Found {
    /// When it ends; a permanent one does not.
    pub(super) fn expiry(&self) -> Option<Expiry> {
        let expires = self.token.expires.filter(|_| !self.permanent);
        expires.map(Expiry::at)
    }

    pub(super) fn has_ended(&self, now: Timestamp) -> bool {
        self.expiry().is_some_and(|expiry| expiry.has_passed(now))
    }
}

fn lets_through(asked_for: &Field<bool>, is_so: bool) -> bool {
    asked_for.known().is_none_or(|asked_for| *asked_for == is_so)
}
