//! The attributes by which a user declares when a token expires and when it is rotated, the same for every token resource,
//! and what a plan makes of them.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::token_value::{Record, expiry};
use crate::framework::{Diagnostic, Diagnostics, Field, Model};
use crate::platform::attributes::{Triggers, duration, keep_spelling, known_duration, known_triggers};
use crate::token::{
    Actual, Desired, Expiry, ExpiryPolicy, Lifetime, Reason, Storage, ValueStatus, is_computed_from_now,
};

/// A fixed `expires_at` is warned of this long before.
const WARN_BEFORE: SignedDuration = SignedDuration::from_hours(14 * 24);

/// When a token expires and when it is rotated, as a user declares it.
#[derive(Model, Clone, Debug, Default)]
#[model(conflicting("expires_at", "expires_in"))]
pub(super) struct RotationPolicy {
    /// When the token expires, in RFC 3339 with an offset, such as `2027-06-30T00:00:00Z`. **A change rotates the token in
    /// place**: the old value stops working at once. Another spelling of the same instant changes nothing. With neither
    /// `expires_at` nor `expires_in`, the account's default expiry applies, and an expired token is rotated.
    #[attribute(optional, computed, planned)]
    pub(super) expires_at: Field<String>,
    /// How long each value lives, a duration such as `90d`, `12h` or `1h30m`. Once it has expired, the next plan rotates
    /// it. A change rotates.
    #[attribute(optional)]
    pub(super) expires_in: Field<String>,
    /// A plan made within this time of the expiry rotates the token; a duration shorter than `expires_in`.
    #[attribute(optional, requires("expires_in"))]
    pub(super) rotate_before: Field<String>,
    /// Values to tie the token to: any change rotates it.
    #[attribute(optional)]
    pub(super) rotation_triggers: Field<Triggers>,
}

/// What a plan does with a token that is there.
#[derive(Debug, PartialEq)]
pub(super) enum Decision {
    Keep,
    Rotate(Vec<Reason>),
    /// There are reasons to rotate, and its fixed expiry has passed, so that nothing can be issued for it.
    Ended(Vec<Reason>),
    /// It depends on these arguments, which are known only at apply.
    Unknown(Vec<&'static str>),
}

impl RotationPolicy {
    /// Checks a configuration by itself, after the validators and rules.
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

    /// The arguments that are known only at apply.
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

    /// What is declared of a token whose value is in this place; `None` if a part of it is known only at apply.
    pub(super) fn declared(&self, storage: Option<Storage>) -> Option<Desired> {
        if !self.unknown().is_empty() {
            return None;
        }
        // With both, `expires_at` is that of the state, put there by `ignore_changes`.
        let ends = match (known_duration(&self.expires_in), self.expiry()) {
            (Some(lifetime), _) => ExpiryPolicy::Lifetime {
                lifetime,
                rotate_before: known_duration(&self.rotate_before),
            },
            (None, Some(expiry)) => ExpiryPolicy::Fixed(expiry),
            (None, None) => ExpiryPolicy::PlatformDefault,
        };
        Some(Desired {
            expiry_policy: ends,
            triggers: known_triggers(&self.rotation_triggers)?,
            storage: storage?,
        })
    }

    /// What is there by this policy of a state.
    pub(super) fn present(&self, storage: Option<Storage>, value: ValueStatus, record: Option<Record>) -> Actual {
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

    /// The instant of `expires_at`.
    pub(super) fn expiry(&self) -> Option<Expiry> {
        expiry(&self.expires_at)
    }

    /// When the present value expires by the platform, as far as that is known.
    pub(super) fn real_expiry(&self, record: Option<Record>) -> Option<Expiry> {
        let issued = record.and_then(Record::issued);
        issued.map(|issued| issued.expiry).or(self.expiry())
    }

    /// Whether the decision depends on the time: then the platform's has to be known. `prior` is the policy of the state.
    pub(super) fn needs_clock(&self, prior: Option<&Self>, now: Timestamp) -> bool {
        let has_expired = || {
            let expiry = prior.and_then(Self::expiry);
            expiry.is_some_and(|expiry| expiry.has_passed(now))
        };
        self.expires_at.known().is_some() || self.expires_in.known().is_some() || has_expired()
    }

    /// The warning that a changed `expires_at` is computed from the time of each plan, which rotates every time.
    pub(super) fn is_computed_from_now(
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
        is_computed_from_now((before, record?.planned_at()), (after, now)).then(|| {
            Diagnostic::warning(
                format!("`expires_at` of {} follows the time of each plan", lowercase(what)),
                format!(
                    "It lies as far ahead of this plan as {before} lay ahead of an earlier one. Computed so, such as by \
                     `timeadd(plantimestamp(), …)`, it is another one in every plan, and every apply rotates the token. Use \
                     `expires_in` instead, with `rotate_before` to renew the token in time."
                ),
            )
            .on("expires_at")
        })
    }

    /// The expiry of a value that is made now; `None`: the platform's default.
    ///
    /// # Errors
    /// An error on the attribute if the platform would not take it.
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

    /// Warns about the fixed expiry of a token that stays as it is.
    pub(super) fn warn_about_expiry(
        &self,
        record: Option<Record>,
        what: &str,
        now: Timestamp,
        diagnostics: &mut Diagnostics,
    ) {
        let (Some(expiry), false) = (self.real_expiry(record), self.expires_at.is_null()) else {
            return;
        };
        let left = expiry.instant().duration_since(now);
        if expiry.has_passed(now) {
            diagnostics.push(
                Diagnostic::warning(
                    format!("{what} has expired"),
                    format!(
                        "It expired at {expiry} and no longer works. Set a later `expires_at` to rotate it, or remove \
                         the resource."
                    ),
                )
                .on("expires_at"),
            );
        } else if left <= WARN_BEFORE {
            diagnostics.push(
                Diagnostic::warning(
                    format!("{what} expires soon"),
                    format!(
                        "It expires at {expiry}, in {}. A later `expires_at` rotates it; `expires_in` with \
                         `rotate_before` would do so by itself.",
                        crate::token::HumanDuration(left.unsigned_abs())
                    ),
                )
                .on("expires_at"),
            );
        }
    }

    /// In a plan: the spelling in the state stays, so that another one is no difference.
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

/// Undoes the planned changes of a token that is not rotated although they would rotate it. Where Terraform insists on what
/// is declared, because it was not set before, that is recorded.
pub(super) fn keep_declaration<T: Clone>(planned: &mut Field<T>, prior: &Field<T>) {
    if planned.known().is_some() && prior.known().is_some() {
        *planned = prior.clone();
    }
}

/// The warning of a plan that would rotate a token whose fixed expiry has passed.
pub(super) fn ended(what: &str, expiry: Option<Expiry>, reasons: &[Reason]) -> Diagnostic {
    let expiry = expiry.map(|expiry| format!(", {expiry},")).unwrap_or_default();
    Diagnostic::warning(
        format!("{what} has expired and is not rotated"),
        format!(
            "It would be: {}. But its `expires_at`{expiry} has passed, so no value can be issued for it. Set a later \
             `expires_at` to rotate it, or remove the resource. Everything else is planned as usual.",
            listed(reasons)
        ),
    )
    .on("expires_at")
}

fn listed(reasons: &[Reason]) -> String {
    let reasons: Vec<_> = reasons.iter().map(ToString::to_string).collect();
    reasons.join("; ")
}

/// A title within a sentence.
fn lowercase(what: &str) -> String {
    what.strip_prefix("The ")
        .map_or_else(|| what.to_owned(), |rest| format!("the {rest}"))
}

/// The warning of a plan that rotates. Its summary names the token, because of several warnings with the same summary
/// Terraform shows only the first.
pub(super) fn rotates(what: &str, reasons: &[Reason]) -> Diagnostic {
    Diagnostic::warning(
        format!("{what} is to be rotated"),
        format!(
            "Why: {}. The value that is in use stops working at that moment.",
            listed(reasons)
        ),
    )
}

fn after(now: Timestamp, duration: Duration) -> Expiry {
    let end = SignedDuration::try_from(duration)
        .ok()
        .and_then(|duration| now.checked_add(duration).ok());
    Expiry::at(end.unwrap_or(Timestamp::MAX))
}

#[cfg(test)]
mod tests;
