//! Decides when a stream token is rotated and when the previous one is deleted, from the
//! configuration, the state and the time.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::framework::{Diagnostic, Diagnostics, Field, Model};
use crate::platform::attributes::{
    Triggers, is_duration, is_positive_duration, keep_spelling, known_duration, known_triggers,
};
use crate::token::{
    Actual, Deletion, Desired, Expiry, ExpiryPolicy, Issued, Reason, Storage, ValueStatus, reasons, too_old,
};

/// The lifetime of a temporary token.
const LIFETIME: Duration = Duration::from_secs(24 * 3_600);

/// The time before its expiry from which plans warn of a token that nothing renews in time.
const WARN_BEFORE: SignedDuration = SignedDuration::from_hours(6);

/// The attributes of the rotation policy.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::neuroio) struct RotationPolicy {
    /// A plan within this duration before the expiry of a temporary token rotates it: a duration
    /// such as `8h`, shorter than the lifetime of 24 hours. Default: the first plan after the
    /// expiry rotates the token. A permanent token does not expire; use `rotate_every` for it.
    #[attribute(optional, check = is_positive_duration)]
    pub(in crate::neuroio) rotate_before: Field<String>,
    /// The maximum age of a token, a duration such as `90d`. The first plan after that rotates it.
    #[attribute(optional, check = is_positive_duration)]
    pub(in crate::neuroio) rotate_every: Field<String>,
    /// Arbitrary values that rotate the token when any of them changes.
    #[attribute(optional)]
    pub(in crate::neuroio) rotation_triggers: Field<Triggers>,
    /// How long the previous token remains valid after a rotation: a duration such as `2h`, shorter
    /// than the time between two rotations. The first apply after that deletes the previous token.
    /// A temporary token expires 24 hours after its creation nevertheless. Default: the apply that
    /// rotates deletes it. During the overlap, a permanent token counts twice against the limit.
    #[attribute(optional, check = is_duration)]
    pub(in crate::neuroio) overlap: Field<String>,
}

/// The decision of a plan about an existing token.
#[derive(Debug, PartialEq)]
pub(super) enum Decision {
    Keep,
    /// Keep the token, and delete the previous one.
    DeletePrevious,
    Rotate(Vec<Reason>),
    /// The decision depends on a value that is known only at apply.
    Unknown,
}

impl Decision {
    /// Whether a plan with this decision changes the state in any case.
    pub(super) fn is_change(&self) -> bool {
        !matches!(self, Self::Keep)
    }
}

/// The current token, as the state has it.
#[derive(Clone)]
pub(super) struct CurrentToken {
    pub(super) value: ValueStatus,
    /// When the token was created, if the platform reports it.
    pub(super) created: Option<Timestamp>,
    /// When the token expires; `None` for a permanent one.
    pub(super) expiry: Option<Expiry>,
    pub(super) previous: Deletion,
}

impl RotationPolicy {
    /// Validates the policy of a permanent or a temporary token; `None` if that is unknown.
    pub(super) fn validate(&self, permanent: Option<bool>, diagnostics: &mut Diagnostics) {
        let [before, every, overlap] = [&self.rotate_before, &self.rotate_every, &self.overlap].map(known_duration);
        let mut reject = |attribute, problem: String| diagnostics.push(Diagnostic::invalid(attribute, problem));
        match permanent {
            Some(true) if before.is_some() => reject(
                "rotate_before",
                "has no effect on a permanent token, which does not expire: use `rotate_every`".to_owned(),
            ),
            Some(false) if before.is_some_and(|before| before >= LIFETIME) => reject(
                "rotate_before",
                "must be shorter than 24h, the lifetime of a temporary token, or every plan would rotate the token"
                    .to_owned(),
            ),
            Some(false) if every.is_some_and(|every| every >= LIFETIME) => reject(
                "rotate_every",
                "must be shorter than 24h, because a temporary token expires 24 hours after its creation: use \
                 `rotate_before` to rotate it in time"
                    .to_owned(),
            ),
            _ => {}
        }
        let until_renewal = (permanent == Some(false) && !self.rotate_before.is_unknown())
            .then(|| LIFETIME.saturating_sub(before.unwrap_or_default()));
        let interval = every.into_iter().chain(until_renewal).min();
        if let (Some(overlap), Some(interval)) = (overlap, interval)
            && overlap >= interval
            && !interval.is_zero()
        {
            let interval = match permanent {
                Some(false) => "`rotate_every`, or 24h minus `rotate_before`",
                _ => "`rotate_every`",
            };
            reject(
                "overlap",
                format!("must be shorter than the time between two rotations: {interval}"),
            );
        }
    }

    /// Returns the names of the arguments that are known only at apply.
    pub(super) fn unknown(&self) -> Vec<&'static str> {
        let arguments = [
            ("rotate_before", self.rotate_before.is_unknown()),
            ("rotate_every", self.rotate_every.is_unknown()),
            ("rotation_triggers", known_triggers(&self.rotation_triggers).is_none()),
            ("overlap", self.overlap.is_unknown()),
        ];
        let unknown = arguments.iter().filter(|(_, is_unknown)| *is_unknown);
        unknown.map(|(name, _)| *name).collect()
    }

    /// Decides what to do with the token. `is_active` is declared; `prior` is the policy in the
    /// state.
    pub(super) fn decide(&self, is_active: bool, prior: &Self, current: &CurrentToken, now: Timestamp) -> Decision {
        let (Some(triggers), true) = (known_triggers(&self.rotation_triggers), self.unknown().is_empty()) else {
            return Decision::Unknown;
        };
        // No import rotates a token because of a policy that is declared for the first time.
        let is_new = |prior: &Field<String>| current.value == ValueStatus::Imported && prior.is_null();
        let desired = Desired {
            expiry_policy: ExpiryPolicy::Lifetime {
                lifetime: LIFETIME,
                rotate_before: known_duration(&self.rotate_before),
            },
            triggers,
            storage: Storage::State,
        };
        let actual = Actual {
            expiry: current.expiry,
            issued: current
                .created
                .zip(current.expiry)
                .map(|(at, expiry)| Issued { at, expiry }),
            lifetime: (!is_new(&prior.rotate_before)).then_some(LIFETIME),
            triggers: known_triggers(&prior.rotation_triggers).unwrap_or_default(),
            storage: Storage::State,
            value: current.value,
        };
        let mut reasons = reasons(&desired, &actual, now);
        let every = known_duration(&self.rotate_every).filter(|_| !is_new(&prior.rotate_every));
        let aged = every.zip(current.created);
        reasons.extend(aged.and_then(|(every, created)| too_old(created, every, now)));
        if !reasons.is_empty() {
            Decision::Rotate(reasons)
        } else if self.deletion(is_active, prior, current).is_due(now) {
            Decision::DeletePrevious
        } else {
            Decision::Keep
        }
    }

    /// Returns when the previous token is deleted by this policy, whose `overlap` may differ from
    /// the state's. A token that is to be inactive has no overlap, because its predecessor would
    /// still be accepted.
    pub(super) fn deletion(&self, is_active: bool, prior: &Self, current: &CurrentToken) -> Deletion {
        if !is_active && current.previous != Deletion::None {
            return Deletion::Due;
        }
        let (before, now) = (prior.overlap_duration(), self.overlap_duration());
        current.previous.with_overlap(before, now, current.created)
    }

    /// Returns the time left if the token expires soon and no plan before that will rotate it.
    pub(super) fn expires_unrenewed_in(&self, current: &CurrentToken, now: Timestamp) -> Option<SignedDuration> {
        let is_renewed = !self.rotate_before.is_null() || !self.rotate_every.is_null();
        let left = current.expiry?.instant().duration_since(now);
        (!is_renewed && left.is_positive() && left <= WARN_BEFORE).then_some(left)
    }

    /// Returns the shortest time after which the policy requires a change.
    pub(super) fn shortest_interval(&self, permanent: bool) -> Option<Duration> {
        let arguments = [&self.rotate_before, &self.rotate_every, &self.overlap].map(known_duration);
        let lifetime = (!permanent).then_some(LIFETIME);
        let intervals = arguments.into_iter().chain([lifetime]).flatten();
        intervals.filter(|interval| !interval.is_zero()).min()
    }

    /// Returns how long both tokens are valid; zero without an overlap.
    pub(super) fn overlap_duration(&self) -> Duration {
        known_duration(&self.overlap).unwrap_or_default()
    }

    /// Keeps the spelling of the state in a plan, so that another one is no change.
    pub(super) fn keep_spelling(&mut self, prior: &Self) {
        keep_spelling(&mut self.rotate_before, &prior.rotate_before);
        keep_spelling(&mut self.rotate_every, &prior.rotate_every);
        keep_spelling(&mut self.overlap, &prior.overlap);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use ValueStatus::{Current, Deleted, Imported};

    const HOUR: i64 = 3_600;
    const DAY: i64 = 24 * HOUR;
    const NOW: i64 = 100 * DAY;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn text(text: &str) -> Field<String> {
        Some(text).filter(|text| !text.is_empty()).map(str::to_owned).into()
    }

    /// Returns a policy: `rotate_before`, `rotate_every`, a trigger, `overlap`.
    fn policy([before, every, release, overlap]: [&str; 4]) -> RotationPolicy {
        let triggers = BTreeMap::from([("release".to_owned(), text(release))]);
        RotationPolicy {
            rotate_before: text(before),
            rotate_every: text(every),
            rotation_triggers: triggers.into(),
            overlap: text(overlap),
        }
    }

    /// Returns a token of this age in seconds.
    fn token(permanent: bool, age: i64) -> CurrentToken {
        CurrentToken {
            value: Current,
            created: Some(at(NOW - age)),
            expiry: (!permanent).then(|| Expiry::at(at(NOW - age + DAY))),
            previous: Deletion::None,
        }
    }

    fn decide(declared: [&str; 4], prior: [&str; 4], current: &CurrentToken) -> String {
        match policy(declared).decide(true, &policy(prior), current, at(NOW)) {
            Decision::Rotate(reasons) => reasons.iter().map(|reason| format!("{reason}; ")).collect(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn decision_follows_kind_age_and_triggers() {
        const NONE: [&str; 4] = ["", "", "1", ""];
        for (case, declared, permanent, age, expected) in [
            ("temporary, valid", NONE, false, DAY - 1, "Keep"),
            ("temporary, expired", NONE, false, DAY, "it expired at"),
            (
                "temporary, before the window",
                ["8h", "", "1", ""],
                false,
                16 * HOUR - 1,
                "Keep",
            ),
            (
                "temporary, in the window",
                ["8h", "", "1", ""],
                false,
                16 * HOUR,
                "within rotate_before = 8 hours",
            ),
            (
                "temporary, too old",
                ["", "12h", "1", ""],
                false,
                12 * HOUR,
                "rotate_every = 12 hours",
            ),
            ("permanent", NONE, true, 99 * DAY, "Keep"),
            ("permanent, young", ["", "90d", "1", ""], true, 89 * DAY, "Keep"),
            (
                "permanent, too old",
                ["", "90d", "1", ""],
                true,
                90 * DAY,
                "rotate_every = 90 days",
            ),
            (
                "changed trigger",
                ["", "", "2", ""],
                true,
                0,
                "rotation_triggers.release changed",
            ),
            (
                "removed trigger",
                ["", "", "", ""],
                true,
                0,
                "rotation_triggers.release changed",
            ),
        ] {
            let decision = decide(declared, NONE, &token(permanent, age));
            assert!(decision.contains(expected), "{case}: {decision}");
        }
    }

    #[test]
    fn first_declaration_does_not_rotate_an_imported_token() {
        let imported = |permanent, age| CurrentToken {
            value: Imported,
            ..token(permanent, age)
        };
        let none = ["", "", "", ""];
        for (declared, prior, current, expected) in [
            (["", "30d", "", ""], none, imported(true, 40 * DAY), "Keep"),
            (
                ["", "30d", "", ""],
                ["", "30d", "", ""],
                imported(true, 40 * DAY),
                "rotate_every",
            ),
            (["8h", "", "", ""], none, imported(false, 20 * HOUR), "Keep"),
            (
                ["8h", "", "", ""],
                ["8h", "", "", ""],
                imported(false, 20 * HOUR),
                "rotate_before",
            ),
            (["8h", "", "", ""], none, imported(false, DAY), "it expired at"),
            (["", "", "1", ""], none, imported(true, 0), "Keep"),
            (
                ["", "", "2", ""],
                ["", "", "1", ""],
                imported(true, 0),
                "rotation_triggers",
            ),
        ] {
            let decision = decide(declared, prior, &current);
            assert!(decision.contains(expected), "{declared:?} {prior:?}: {decision}");
        }
    }

    #[test]
    fn previous_token_is_deleted_after_the_overlap() {
        let at_end = Deletion::At(at(NOW));
        for (case, overlap, previous, is_active, expected) in [
            ("within", "2h", Deletion::At(at(NOW + HOUR)), true, "Keep"),
            ("after", "1h", at_end, true, "DeletePrevious"),
            ("lengthened", "2h", at_end, true, "Keep"),
            ("removed", "", Deletion::At(at(NOW + 9 * HOUR)), true, "DeletePrevious"),
            ("deletion had failed", "2h", Deletion::Due, true, "DeletePrevious"),
            (
                "deactivated",
                "2h",
                Deletion::At(at(NOW + HOUR)),
                false,
                "DeletePrevious",
            ),
            ("no previous token", "2h", Deletion::None, false, "Keep"),
        ] {
            let current = CurrentToken {
                previous,
                ..token(true, HOUR)
            };
            let prior = policy(["", "", "1", "1h"]);
            let declared = policy(["", "", "1", overlap]);
            let prior = if case == "within" || case == "deactivated" {
                &declared
            } else {
                &prior
            };
            let decision = declared.decide(is_active, prior, &current, at(NOW));
            assert_eq!(format!("{decision:?}"), expected, "{case}");
        }
    }

    #[test]
    fn token_that_was_deleted_outside_is_rotated() {
        let current = CurrentToken {
            value: Deleted,
            ..token(true, 0)
        };
        let none = ["", "", "", ""];
        assert!(decide(none, none, &current).contains("it was deleted outside Terraform"));
    }

    #[test]
    fn lifetime_shorter_than_the_window_does_not_rotate_in_every_plan() {
        let current = CurrentToken {
            expiry: Some(Expiry::at(at(NOW + HOUR))),
            ..token(false, 60)
        };
        let declared = ["8h", "", "1", ""];
        assert_eq!(decide(declared, declared, &current), "Keep");
    }

    #[test]
    fn decision_is_unknown_until_all_arguments_are_known() {
        let known = || policy(["8h", "12h", "1", "2h"]);
        for (name, declared) in [
            (
                "rotate_before",
                RotationPolicy {
                    rotate_before: Field::Unknown,
                    ..known()
                },
            ),
            (
                "rotate_every",
                RotationPolicy {
                    rotate_every: Field::Unknown,
                    ..known()
                },
            ),
            (
                "rotation_triggers",
                RotationPolicy {
                    rotation_triggers: BTreeMap::from([("release".to_owned(), Field::Unknown)]).into(),
                    ..known()
                },
            ),
            (
                "overlap",
                RotationPolicy {
                    overlap: Field::Unknown,
                    ..known()
                },
            ),
        ] {
            let decision = declared.decide(true, &known(), &token(false, DAY), at(NOW));
            assert_eq!((decision, declared.unknown()), (Decision::Unknown, vec![name]));
        }
    }

    #[test]
    fn expiry_is_near_in_the_last_hours_unless_the_token_is_renewed() {
        for (declared, permanent, age, expected) in [
            (["", "", "", ""], false, 18 * HOUR, Some(6 * HOUR)),
            (["", "", "", ""], false, 18 * HOUR - 1, None),
            (["", "", "", ""], false, DAY, None),
            (["1h", "", "", ""], false, 20 * HOUR, None),
            (["", "23h", "", ""], false, 20 * HOUR, None),
            (["", "", "", ""], true, 20 * HOUR, None),
        ] {
            let left = policy(declared).expires_unrenewed_in(&token(permanent, age), at(NOW));
            assert_eq!(left, expected.map(SignedDuration::from_secs), "{declared:?} {age}");
        }
    }

    #[test]
    fn policy_that_does_not_fit_the_kind_is_rejected_on_its_attribute() {
        let (temporary, permanent) = (Some(false), Some(true));
        for (kind, before, every, overlap, attribute) in [
            (temporary, "8h", "12h", "2h", None),
            (temporary, "", "", "23h", None),
            (temporary, "24h", "", "", Some("rotate_before")),
            (temporary, "", "1d", "", Some("rotate_every")),
            (temporary, "", "", "24h", Some("overlap")),
            (temporary, "8h", "", "16h", Some("overlap")),
            (temporary, "", "2h", "2h", Some("overlap")),
            (permanent, "", "90d", "2d", None),
            (permanent, "8h", "", "", Some("rotate_before")),
            (permanent, "", "2d", "48h", Some("overlap")),
            (permanent, "", "", "400d", None),
            (None, "24h", "90d", "2d", None),
            (None, "", "2d", "2d", Some("overlap")),
        ] {
            let mut diagnostics = Diagnostics::default();
            policy([before, every, "", overlap]).validate(kind, &mut diagnostics);
            let on: Vec<_> = diagnostics.iter().filter_map(|error| error.attribute.clone()).collect();
            assert_eq!(on, Vec::from_iter(attribute), "{kind:?} {before} {every} {overlap}");
        }
        for (before, every, overlap, attribute) in [
            ("0s", "", "", "rotate_before"),
            ("", "0s", "", "rotate_every"),
            ("", "", "soon", "overlap"),
        ] {
            let diagnostics = RotationPolicy::schema().validate(&policy([before, every, "", overlap]).into_value());
            let on: Vec<_> = diagnostics.iter().filter_map(|error| error.attribute.clone()).collect();
            assert_eq!(on, [attribute]);
        }
    }

    #[test]
    fn shortest_interval_includes_the_lifetime_of_a_temporary_token() {
        let hours = |hours: u64| Some(Duration::from_secs(hours * 3_600));
        for (declared, permanent, expected) in [
            (["", "", "", ""], true, None),
            (["", "", "", ""], false, hours(24)),
            (["8h", "12h", "", "2h"], false, hours(2)),
            (["", "90d", "", "0s"], true, hours(90 * 24)),
        ] {
            assert_eq!(policy(declared).shortest_interval(permanent), expected);
        }
    }
}
