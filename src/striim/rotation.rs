//! The attributes by which a user declares when a token ends and when it is rotated, the same for every token resource,
//! and what a plan makes of them.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::kept::Record;
use crate::framework::{Attribute, Diagnostic, Diagnostics, Field, Type};
use crate::platform::attributes::{
    Triggers, argument, at_most_one, duration, invalid, known_duration, known_triggers, requires,
};
use crate::platform::hand_over::{self, Destination};
use crate::token::{
    Declared, Ends, Expiry, Lifetime, Present, PresentValue, Reason, follows_the_clock, has_ended, reasons,
};

/// A fixed `expires_at` is warned of this long before.
const WARN_BEFORE: SignedDuration = SignedDuration::from_hours(14 * 24);

/// The attributes, as a configuration or a state has them.
#[derive(Clone, Copy)]
pub(super) struct Rotation<'a> {
    pub(super) expires_at: &'a Field<String>,
    pub(super) expires_in: &'a Field<String>,
    pub(super) rotate_before: &'a Field<String>,
    pub(super) rotation_triggers: &'a Field<Triggers>,
    /// Who keeps the value; null: the state.
    pub(super) vault: &'a Field<Destination>,
}

/// What a plan does with a token that is there.
#[derive(Debug, PartialEq)]
pub(super) enum Decision {
    Keep,
    Rotate(Vec<Reason>),
    /// There are reasons to rotate, and its fixed expiry has passed, so that nothing can be issued for it.
    Ended(Vec<Reason>),
    /// It depends on these arguments, which are known only at apply.
    NotKnownYet(Vec<&'static str>),
}

/// The attributes' schemas.
pub(super) fn attributes() -> [Attribute; 4] {
    [
        Attribute::optional_computed(
            "expires_at",
            Type::String,
            "When the token ends, in RFC 3339 with an offset, such as `2027-06-30T00:00:00Z`. **A change rotates the \
             token in place**: the old value stops working at once. Another spelling of the same instant changes \
             nothing. With neither `expires_at` \
             nor `expires_in`, the account's default expiry applies, and an expired token is rotated.",
        ),
        Attribute::optional(
            "expires_in",
            Type::String,
            "Instead of `expires_at`: how long each value lives, a duration such as `90d`, `12h` or `1h30m`. Once it \
             has expired, the next plan rotates it. A change rotates.",
        ),
        Attribute::optional(
            "rotate_before",
            Type::String,
            "With `expires_in`: a plan made within this time of the expiry rotates the token; a duration shorter than \
             `expires_in`.",
        ),
        Attribute::optional(
            "rotation_triggers",
            Type::Map(Box::new(Type::String)),
            "Values to tie the token to: any change rotates it.",
        ),
    ]
}

impl Rotation<'_> {
    /// Judges a configuration by itself.
    pub(super) fn validate(&self, lifetime: Lifetime, now: Timestamp, diagnostics: &mut Diagnostics) {
        if let Some(text) = self.expires_at.known()
            && let Err(error) = Expiry::parse(text)
        {
            diagnostics.push(invalid("expires_at", format!("{error}; it is {text:?}")));
        }
        let expires_at = argument("expires_at", self.expires_at);
        let given_in = argument("expires_in", self.expires_in);
        diagnostics.extend(requires(&argument("rotate_before", self.rotate_before), &given_in));
        diagnostics.extend(at_most_one(&[expires_at, given_in]));
        let expires_in = duration("expires_in", self.expires_in, diagnostics);
        let rotate_before = duration("rotate_before", self.rotate_before, diagnostics);
        if let Some(expires_in) = expires_in {
            if expires_in.is_zero() {
                diagnostics.push(invalid("expires_in", "must be at least 1s"));
            } else if let Err(problem) = after(now, expires_in).check(now, lifetime) {
                diagnostics.push(invalid("expires_in", problem));
            }
        }
        if let (Some(expires_in), Some(rotate_before)) = (expires_in, rotate_before)
            && rotate_before >= expires_in
        {
            diagnostics.push(invalid(
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
            ("rotation_triggers", known_triggers(self.rotation_triggers).is_none()),
            ("vault", hand_over::keeper(self.vault).is_none()),
        ];
        let unknown = arguments.iter().filter(|(_, is_unknown)| *is_unknown);
        unknown.map(|(name, _)| *name).collect()
    }

    /// What is declared; `None` if a part of it is known only at apply.
    pub(super) fn declared(&self) -> Option<Declared> {
        if !self.unknown().is_empty() {
            return None;
        }
        let expires_at = self.expires_at.known().and_then(|text| Expiry::parse(text).ok());
        // With both, `expires_at` is that of the state, put there by `ignore_changes`.
        let ends = match (known_duration(self.expires_in), expires_at) {
            (Some(lifetime), _) => Ends::After {
                lifetime,
                rotate_before: known_duration(self.rotate_before),
            },
            (None, Some(expiry)) => Ends::At(expiry),
            (None, None) => Ends::ByDefault,
        };
        Some(Declared {
            ends,
            triggers: known_triggers(self.rotation_triggers)?,
            keeper: hand_over::keeper(self.vault)?,
        })
    }

    /// What is there, by the state.
    pub(super) fn present(&self, value: PresentValue, record: Option<Record>) -> Present {
        Present {
            expiry: self.expiry(),
            issued: record.and_then(Record::issued),
            lifetime: known_duration(self.expires_in),
            triggers: known_triggers(self.rotation_triggers).unwrap_or_default(),
            keeper: hand_over::keeper(self.vault).unwrap_or_default(),
            value,
        }
    }

    /// Whether neither `expires_at` nor `expires_in` is declared.
    pub(super) fn is_by_default(&self) -> bool {
        self.expires_at.known().is_none() && self.expires_in.is_null()
    }

    /// What the state has for `expires_at`.
    fn expiry(&self) -> Option<Expiry> {
        self.expires_at.known().and_then(|text| Expiry::parse(text).ok())
    }

    /// When the present value expires by the platform, as far as that is known.
    pub(super) fn real_expiry(&self, record: Option<Record>) -> Option<Expiry> {
        let issued = record.and_then(Record::issued);
        issued.map(|issued| issued.expiry).or(self.expiry())
    }

    /// Whether the time matters to what becomes of a token: then the platform's has to be known. `prior` is its state.
    pub(super) fn needs_clock(&self, prior: Option<Rotation<'_>>, now: Timestamp) -> bool {
        let has_expired = || {
            let expiry = prior.and_then(|prior| prior.expiry());
            expiry.is_some_and(|expiry| expiry.has_passed(now))
        };
        self.expires_at.known().is_some() || self.expires_in.known().is_some() || has_expired()
    }

    /// What time has made of a token by what its state declares: whether that asks for a rotation, and whether it has
    /// expired, as declared and by the platform.
    pub(super) fn boundary(&self, record: Option<Record>, value: PresentValue, at: Timestamp) -> (bool, bool, bool) {
        let rotates = matches!(self.decide(*self, record, value, at), Decision::Rotate(_));
        let has_passed = |expiry: Option<Expiry>| expiry.is_some_and(|expiry| expiry.has_passed(at));
        (rotates, has_passed(self.expiry()), has_passed(self.real_expiry(record)))
    }

    /// Decides about a token whose state is `prior` by this configuration.
    pub(super) fn decide(
        &self,
        prior: Rotation<'_>,
        record: Option<Record>,
        value: PresentValue,
        now: Timestamp,
    ) -> Decision {
        let Some(declared) = self.declared() else {
            return Decision::NotKnownYet(self.unknown());
        };
        let mut present = prior.present(value, record);
        if let (Ends::At(expiry), Some(_), None) = (declared.ends, prior.expires_at.known(), present.expiry) {
            // Imported with an expiry that cannot be read: what is declared describes it, and changes nothing.
            present.expiry = Some(expiry);
        }
        match reasons(&declared, &present, now) {
            reasons if reasons.is_empty() => Decision::Keep,
            reasons if has_ended(&declared, &present, now) => Decision::Ended(reasons),
            reasons => Decision::Rotate(reasons),
        }
    }

    /// The warning that a changed `expires_at` is computed from the time of each plan, which rotates every time.
    pub(super) fn follows_the_clock(
        &self,
        prior: Rotation<'_>,
        record: Option<Record>,
        what: &str,
        now: Timestamp,
    ) -> Option<Diagnostic> {
        let (before, after) = prior
            .expiry()
            .zip(self.expiry())
            .filter(|_| self.expires_in.is_null())?;
        follows_the_clock((before, record?.planned_at()), (after, now)).then(|| {
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
        let (attribute, expiry) = match (self.expires_at.known(), known_duration(self.expires_in)) {
            (_, Some(expires_in)) => ("expires_in", after(now, expires_in)),
            (Some(text), None) => (
                "expires_at",
                Expiry::parse(text).map_err(|error| invalid("expires_at", error))?,
            ),
            (None, None) => return Ok(None),
        };
        expiry
            .check(now, lifetime)
            .map_err(|problem| invalid(attribute, problem))?;
        Ok(Some(expiry))
    }

    /// Warns about the fixed expiry of a token that stays as it is.
    pub(super) fn tell_of_the_end(
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
                        crate::token::Rough(left.unsigned_abs())
                    ),
                )
                .on("expires_at"),
            );
        }
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
