//! The attributes that declare when a token expires and when it is rotated, for every token resource.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::diagnostics;
use super::token_value::{Record, expiry};
use crate::framework::{Diagnostic, Diagnostics, Field, Model};
use crate::platform::attributes::{Triggers, duration, keep_spelling, known_duration, known_triggers};
use crate::token::{
    Actual, Desired, Expiry, ExpiryPolicy, HumanDuration, Lifetime, Reason, Storage, ValueStatus, is_computed_from_now,
};

/// How long before a fixed `expires_at` plans warn of it.
const WARN_BEFORE: SignedDuration = SignedDuration::from_hours(14 * 24);

/// The declaration of when a token expires and when it is rotated.
#[derive(Model, Clone, Debug, Default)]
#[model(conflicting("expires_at", "expires_in"))]
pub(super) struct RotationPolicy {
    /// When the token expires, in RFC 3339 with an offset, such as `2027-06-30T00:00:00Z`. **A change rotates the token in
    /// place**: the old value stops working at once. Another spelling of the same instant changes nothing. With neither
    /// `expires_at` nor `expires_in`, the account's default expiry applies, and an expired token is rotated.
    #[attribute(optional, computed, planned)]
    pub(super) expires_at: Field<String>,
    /// The lifetime of each value, a duration such as `90d`, `12h` or `1h30m`. Once the value has expired, the next plan
    /// rotates the token. A change rotates.
    #[attribute(optional)]
    pub(super) expires_in: Field<String>,
    /// A plan within this duration before the expiry rotates the token. Shorter than `expires_in`.
    #[attribute(optional, requires("expires_in"))]
    pub(super) rotate_before: Field<String>,
    /// Values that trigger a rotation: any change rotates the token.
    #[attribute(optional)]
    pub(super) rotation_triggers: Field<Triggers>,
}

/// The decision of a plan about an existing token.
#[derive(Debug, PartialEq)]
pub(super) enum Decision {
    Keep,
    Rotate(Vec<Reason>),
    /// The token should be rotated, but its fixed expiry has passed, so that no value can be issued.
    Expired(Vec<Reason>),
    /// The decision depends on these arguments, which are known only at apply.
    Unknown(Vec<&'static str>),
}

impl RotationPolicy {
    /// Validates a configuration, after the validators of its attributes.
    pub(super) fn validate(&self, lifetime: Lifetime, now: Timestamp, diagnostics: &mut Diagnostics) {
        if let Some(text) = self.expires_at.known()
            && let Err(error) = Expiry::parse(text)
        {
            diagnostics.push(Diagnostic::invalid("expires_at", format!("{error}; it is {text:?}")));
        }
        let expires_in = duration("expires_in", &self.expires_in, diagnostics);
        let rotate_before = duration("rotate_before", &self.rotate_before, diagnostics);
        if let Some(expires_in) = expires_in {
            if expires_in.is_zero() {
                diagnostics.push(Diagnostic::invalid("expires_in", "must be at least 1s"));
            } else if let Err(problem) = after(now, expires_in).check(now, lifetime) {
                diagnostics.push(Diagnostic::invalid("expires_in", problem));
            }
        }
        if let (Some(expires_in), Some(rotate_before)) = (expires_in, rotate_before)
            && rotate_before >= expires_in
        {
            diagnostics.push(Diagnostic::invalid(
                "rotate_before",
                "must be shorter than `expires_in`, or every plan would rotate the token",
            ));
        }
    }

    /// Returns the arguments that are unknown until the apply.
    pub(super) fn unknown(&self) -> Vec<&'static str> {
        let arguments = [
            ("expires_at", self.expires_at.is_unknown()),
            ("expires_in", self.expires_in.is_unknown()),
            ("rotate_before", self.rotate_before.is_unknown()),
            ("rotation_triggers", known_triggers(&self.rotation_triggers).is_none()),
        ];
        let unknown = arguments.iter().filter(|(_, is_unknown)| *is_unknown);
        unknown.map(|(name, _)| *name).collect()
    }

    /// Returns the desired state of a token with this storage; `None` if a part is unknown until the apply.
    pub(super) fn desired(&self, storage: Option<Storage>) -> Option<Desired> {
        if !self.unknown().is_empty() {
            return None;
        }
        // If both are set, `expires_at` comes from the state because of `ignore_changes`.
        let expiry_policy = match (known_duration(&self.expires_in), self.expiry()) {
            (Some(lifetime), _) => ExpiryPolicy::Lifetime {
                lifetime,
                rotate_before: known_duration(&self.rotate_before),
            },
            (None, Some(expiry)) => ExpiryPolicy::Fixed(expiry),
            (None, None) => ExpiryPolicy::PlatformDefault,
        };
        Some(Desired {
            expiry_policy,
            triggers: known_triggers(&self.rotation_triggers)?,
            storage: storage?,
        })
    }

    /// Returns the actual state of a token, by which a plan decides. `self` is the policy in the state.
    pub(super) fn actual(&self, storage: Option<Storage>, value: ValueStatus, record: Option<Record>) -> Actual {
        Actual {
            expiry: self.expiry(),
            issued: record.and_then(Record::issued),
            lifetime: known_duration(&self.expires_in),
            triggers: known_triggers(&self.rotation_triggers).unwrap_or_default(),
            storage: storage.unwrap_or_default(),
            value,
        }
    }

    /// Whether neither `expires_at` nor `expires_in` is declared.
    pub(super) fn is_by_default(&self) -> bool {
        self.expires_at.known().is_none() && self.expires_in.is_null()
    }

    /// Returns the instant of `expires_at`.
    pub(super) fn expiry(&self) -> Option<Expiry> {
        expiry(&self.expires_at)
    }

    /// Returns the platform's expiry of the present value, or the declared one if the platform reported none.
    pub(super) fn real_expiry(&self, record: Option<Record>) -> Option<Expiry> {
        let issued = record.and_then(Record::issued);
        issued.map(|issued| issued.expiry).or(self.expiry())
    }

    /// Whether the decision depends on the platform's time. `prior` is the policy of the state.
    pub(super) fn needs_clock(&self, prior: Option<&Self>, now: Timestamp) -> bool {
        let has_expired = || {
            let expiry = prior.and_then(Self::expiry);
            expiry.is_some_and(|expiry| expiry.has_passed(now))
        };
        self.expires_at.known().is_some() || self.expires_in.known().is_some() || has_expired()
    }

    /// Returns a warning if a changed `expires_at` is computed from the time of each plan, which rotates
    /// every time.
    pub(super) fn follows_plan_warning(
        &self,
        prior: &Self,
        record: Option<Record>,
        what: &str,
        now: Timestamp,
    ) -> Option<Diagnostic> {
        let (before, after) = prior
            .expiry()
            .zip(self.expiry())
            .filter(|_| self.expires_in.is_null())?;
        is_computed_from_now((before, record?.planned_at()), (after, now))
            .then(|| diagnostics::expiry_follows_plan(what, before))
    }

    /// Returns the expiry of a value that is issued now; `None`: the platform's default.
    ///
    /// # Errors
    /// Returns an error on the attribute if the platform would reject it.
    pub(super) fn expiry_to_send(&self, now: Timestamp, lifetime: Lifetime) -> Result<Option<Expiry>, Diagnostic> {
        let (attribute, expiry) = match (self.expires_at.known(), known_duration(&self.expires_in)) {
            (_, Some(expires_in)) => ("expires_in", after(now, expires_in)),
            (Some(text), None) => (
                "expires_at",
                Expiry::parse(text).map_err(|error| Diagnostic::invalid("expires_at", error))?,
            ),
            (None, None) => return Ok(None),
        };
        expiry
            .check(now, lifetime)
            .map_err(|problem| Diagnostic::invalid(attribute, problem))?;
        Ok(Some(expiry))
    }

    /// Returns a warning if the fixed expiry of a token that is not rotated is near or has passed.
    pub(super) fn expiry_warning(&self, record: Option<Record>, what: &str, now: Timestamp) -> Option<Diagnostic> {
        let expiry = self.real_expiry(record).filter(|_| !self.expires_at.is_null())?;
        let remaining = expiry.instant().duration_since(now);
        if expiry.has_passed(now) {
            return Some(diagnostics::expired(what, expiry));
        }
        (remaining <= WARN_BEFORE)
            .then(|| diagnostics::expires_soon(what, expiry, HumanDuration(remaining.unsigned_abs())))
    }

    /// Keeps the spelling of the state in a plan, so that another one is no change.
    pub(super) fn keep_spelling(&mut self, prior: &Self) {
        keep_spelling(&mut self.expires_at, &prior.expires_at);
        keep_spelling(&mut self.expires_in, &prior.expires_in);
        keep_spelling(&mut self.rotate_before, &prior.rotate_before);
    }

    /// Whether a configuration fixes the expiry.
    pub(super) fn is_fixed(&self) -> bool {
        !self.expires_at.is_null() && self.expires_in.is_null()
    }
}

fn after(now: Timestamp, duration: Duration) -> Expiry {
    let expiry = SignedDuration::try_from(duration)
        .ok()
        .and_then(|duration| now.checked_add(duration).ok());
    Expiry::at(expiry.unwrap_or(Timestamp::MAX))
}

#[cfg(test)]
mod tests;
