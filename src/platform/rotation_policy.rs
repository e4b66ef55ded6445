//! The attributes that declare when a token expires and when it is rotated, for token resources whose expiry is declared.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::attributes::{Triggers, duration, keep_spelling, known_duration, known_triggers};
use super::issue_record::IssueRecord;
use crate::framework::{Diagnostic, Diagnostics, Field, Model};
use crate::token::{
    Actual, Desired, Expiry, ExpiryPolicy, HumanDuration, Lifetime, Reason, Storage, ValueStatus,
    fixed_expiry_has_passed, is_computed_from_now, reasons,
};

/// How long before a fixed `expires_at` plans warn of it.
const WARN_BEFORE: SignedDuration = SignedDuration::from_hours(14 * 24);

/// The declaration of when a token expires and when it is rotated.
#[derive(Model, Clone, Debug, Default)]
#[model(conflicting("expires_at", "expires_in"))]
pub(crate) struct RotationPolicy {
    /// When the token expires, in RFC 3339 with an offset, such as `2027-06-30T00:00:00Z`. **A change rotates the token in
    /// place**: the old value stops working at once. Another spelling of the same instant changes nothing. With neither
    /// `expires_at` nor `expires_in`, the account's default expiry applies, and an expired token is rotated.
    #[attribute(optional, computed, planned)]
    pub(crate) expires_at: Field<String>,
    /// The lifetime of each value, a duration such as `90d`, `12h` or `1h30m`. Once the value has expired, the next plan
    /// rotates the token. A change rotates.
    #[attribute(optional)]
    pub(crate) expires_in: Field<String>,
    /// A plan within this duration before the expiry rotates the token. Shorter than `expires_in`.
    #[attribute(optional, requires("expires_in"))]
    pub(crate) rotate_before: Field<String>,
    /// Values that trigger a rotation: any change rotates the token.
    #[attribute(optional)]
    pub(crate) rotation_triggers: Field<Triggers>,
}

/// The decision of a plan about an existing token.
#[derive(Debug, PartialEq)]
pub(crate) enum Decision {
    Keep,
    Rotate(Vec<Reason>),
    /// The token should be rotated, but its fixed expiry has passed, so that no value can be issued.
    Expired(Vec<Reason>),
    /// The decision depends on these arguments, which are known only at apply.
    Unknown(Vec<&'static str>),
}

impl Decision {
    /// Whether a plan with this decision changes the state in any case.
    pub(crate) fn is_change(&self) -> bool {
        !matches!(self, Self::Keep | Self::Expired(_))
    }
}

impl RotationPolicy {
    /// Validates a configuration, after the validators of its attributes.
    pub(crate) fn validate(&self, lifetime: Lifetime, now: Timestamp, diagnostics: &mut Diagnostics) {
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
    pub(crate) fn unknown(&self) -> Vec<&'static str> {
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
    pub(crate) fn desired(&self, storage: Option<Storage>) -> Option<Desired> {
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
    pub(crate) fn actual(&self, storage: Option<Storage>, value: ValueStatus, record: Option<IssueRecord>) -> Actual {
        Actual {
            expiry: self.expiry(),
            issued: record.and_then(IssueRecord::issued),
            lifetime: known_duration(&self.expires_in),
            triggers: known_triggers(&self.rotation_triggers).unwrap_or_default(),
            storage: storage.unwrap_or_default(),
            value,
        }
    }

    /// Decides whether this configuration rotates a token whose state has the policy `prior`. `storage` is the
    /// declared storage of the value, if that is known, and `prior_storage` that of the state. The caller adds
    /// arguments of the storage to those that are unknown.
    pub(crate) fn decide(
        &self,
        storage: Option<Storage>,
        (prior, prior_storage): (&Self, Option<Storage>),
        value: ValueStatus,
        record: Option<IssueRecord>,
        now: Timestamp,
    ) -> Decision {
        let Some(desired) = self.desired(storage) else {
            return Decision::Unknown(self.unknown());
        };
        let mut actual = prior.actual(prior_storage, value, record);
        if let (ExpiryPolicy::Fixed(expiry), Some(_), None) =
            (desired.expiry_policy, prior.expires_at.known(), actual.expiry)
        {
            // The imported expiry cannot be parsed: the declared one is used instead.
            actual.expiry = Some(expiry);
        }
        match reasons(&desired, &actual, now) {
            reasons if reasons.is_empty() => Decision::Keep,
            reasons if fixed_expiry_has_passed(&desired, &actual, now) => Decision::Expired(reasons),
            reasons => Decision::Rotate(reasons),
        }
    }

    /// Whether neither `expires_at` nor `expires_in` is declared.
    pub(crate) fn is_by_default(&self) -> bool {
        self.expires_at.known().is_none() && self.expires_in.is_null()
    }

    /// Returns the instant of `expires_at`.
    pub(crate) fn expiry(&self) -> Option<Expiry> {
        expiry(&self.expires_at)
    }

    /// Returns the platform's expiry of the present value, or the declared one if the platform reported none.
    pub(crate) fn real_expiry(&self, record: Option<IssueRecord>) -> Option<Expiry> {
        let issued = record.and_then(IssueRecord::issued);
        issued.map(|issued| issued.expiry).or(self.expiry())
    }

    /// Whether the decision depends on the platform's time. `prior` is the policy of the state.
    pub(crate) fn needs_clock(&self, prior: Option<&Self>, now: Timestamp) -> bool {
        let has_expired = || {
            let expiry = prior.and_then(Self::expiry);
            expiry.is_some_and(|expiry| expiry.has_passed(now))
        };
        self.expires_at.known().is_some() || self.expires_in.known().is_some() || has_expired()
    }

    /// Returns a warning if a changed `expires_at` is computed from the time of each plan, which rotates
    /// every time.
    pub(crate) fn follows_plan_warning(
        &self,
        prior: &Self,
        record: Option<IssueRecord>,
        what: &str,
        now: Timestamp,
    ) -> Option<Diagnostic> {
        let (before, after) = prior
            .expiry()
            .zip(self.expiry())
            .filter(|_| self.expires_in.is_null())?;
        is_computed_from_now((before, record?.planned_at()), (after, now)).then(|| expiry_follows_plan(what, before))
    }

    /// Returns the expiry of a value that is issued now; `None`: the platform's default.
    ///
    /// # Errors
    /// Returns an error on the attribute if the platform would reject it.
    pub(crate) fn expiry_to_send(&self, now: Timestamp, lifetime: Lifetime) -> Result<Option<Expiry>, Diagnostic> {
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
    pub(crate) fn expiry_warning(&self, record: Option<IssueRecord>, what: &str, now: Timestamp) -> Option<Diagnostic> {
        let expiry = self.real_expiry(record).filter(|_| !self.expires_at.is_null())?;
        let remaining = expiry.instant().duration_since(now);
        if expiry.has_passed(now) {
            return Some(expired(what, expiry));
        }
        (remaining <= WARN_BEFORE).then(|| expires_soon(what, expiry, HumanDuration(remaining.unsigned_abs())))
    }

    /// Keeps the spelling of the state in a plan, so that another one is no change.
    pub(crate) fn keep_spelling(&mut self, prior: &Self) {
        keep_spelling(&mut self.expires_at, &prior.expires_at);
        keep_spelling(&mut self.expires_in, &prior.expires_in);
        keep_spelling(&mut self.rotate_before, &prior.rotate_before);
    }

    /// Whether a configuration fixes the expiry.
    pub(crate) fn is_fixed(&self) -> bool {
        !self.expires_at.is_null() && self.expires_in.is_null()
    }
}

/// Parses `expires_at` of a state.
pub(crate) fn expiry(expires_at: &Field<String>) -> Option<Expiry> {
    expires_at.known().and_then(|text| Expiry::parse(text).ok())
}

/// Updates `expires_at` to the platform's expiry. Keeps the spelling of the state for the same instant.
pub(crate) fn refresh_expiry(expires_at: &mut Field<String>, remote: Option<Timestamp>) {
    if let Some(now) = remote.map(Expiry::at)
        && expiry(expires_at) != Some(now)
    {
        *expires_at = now.to_string().into();
    }
}

/// Returns the expiry of an issued value for the state, if the configuration does not fix it. `granted` is the
/// expiry that the platform reported; another one than requested is a warning.
pub(crate) fn granted_expiry(
    requested: Option<Expiry>,
    granted: Option<Timestamp>,
    diagnostics: &mut Diagnostics,
) -> Field<String> {
    let set = granted.map(Expiry::at);
    if let (Some(requested), Some(set)) = (requested, set)
        && requested != set
    {
        diagnostics.push(other_expiry(requested, set));
    }
    set.or(requested).map(|expiry| expiry.to_string()).into()
}

fn after(now: Timestamp, duration: Duration) -> Expiry {
    let expiry = SignedDuration::try_from(duration)
        .ok()
        .and_then(|duration| now.checked_add(duration).ok());
    Expiry::at(expiry.unwrap_or(Timestamp::MAX))
}

/// The warning of a plan that does not rotate a token because its fixed expiry has passed.
pub(crate) fn expired_and_not_rotated(what: &str, expiry: Option<Expiry>, reasons: &[Reason]) -> Diagnostic {
    let expiry = expiry.map(|expiry| format!(", {expiry},")).unwrap_or_default();
    Diagnostic::warning(
        format!("{what} has expired and is not rotated"),
        format!(
            "It would be rotated: {}. But its `expires_at`{expiry} has passed, so no value can be issued for it. Set a \
             later `expires_at` to rotate it, or remove the resource. All other changes are planned as usual.",
            listed(reasons)
        ),
    )
    .on("expires_at")
}

/// The warning that a token with a fixed expiry has expired.
fn expired(what: &str, expiry: Expiry) -> Diagnostic {
    Diagnostic::warning(
        format!("{what} has expired"),
        format!(
            "It expired at {expiry} and no longer works. Set a later `expires_at` to rotate it, or remove the resource."
        ),
    )
    .on("expires_at")
}

/// The warning that a token with a fixed expiry expires soon.
fn expires_soon(what: &str, expiry: Expiry, remaining: HumanDuration) -> Diagnostic {
    Diagnostic::warning(
        format!("{what} expires soon"),
        format!(
            "It expires at {expiry}, in {remaining}. A later `expires_at` rotates it; `expires_in` with `rotate_before` \
             rotates it automatically."
        ),
    )
    .on("expires_at")
}

/// The warning that `expires_at` is computed from the time of each plan, so that every apply rotates.
fn expiry_follows_plan(what: &str, earlier: Expiry) -> Diagnostic {
    let what = what
        .strip_prefix("The ")
        .map_or_else(|| what.to_owned(), |rest| format!("the {rest}"));
    Diagnostic::warning(
        format!("`expires_at` of {what} follows the time of each plan"),
        format!(
            "It is as far in the future as {earlier} was in an earlier plan. An expression such as \
             `timeadd(plantimestamp(), …)` has another value in every plan, so every apply rotates the token. Use `expires_in` \
             instead, with `rotate_before` to rotate the token before it expires."
        ),
    )
    .on("expires_at")
}

/// Joins the reasons of a rotation to a sentence.
pub(crate) fn listed(reasons: &[Reason]) -> String {
    let reasons: Vec<_> = reasons.iter().map(ToString::to_string).collect();
    reasons.join("; ")
}

/// The warning that the platform reports an expiry that cannot be parsed.
pub(crate) fn unreadable_expiry(what: &str, spelled: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("{what} has an expiry that cannot be read"),
        format!(
            "The platform reports {spelled:?}, which is not an instant with an offset such as 2027-02-09T00:00:00Z. \
             `expires_at` keeps its value in the state. This does not cause a rotation."
        ),
    )
}

/// The warning that the platform set another expiry than the requested one.
fn other_expiry(requested: Expiry, set: Expiry) -> Diagnostic {
    Diagnostic::warning(
        "Expiry differs from the request",
        format!(
            "The request set the expiry {requested}, and the platform reports {set}. The provider treats the token as \
             expired from {set} on. The difference does not cause a rotation."
        ),
    )
}
