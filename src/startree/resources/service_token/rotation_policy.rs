//! Decides when a service token is rotated and when the previous one is deleted, from the
//! configuration, the state and the time.

use std::time::Duration;

use jiff::Timestamp;

use crate::framework::{Diagnostic, Field, Model, Rule};
use crate::platform::attributes::{Triggers, is_duration, is_positive_duration, known_duration, known_triggers};
use crate::token::{Actual, Deletion, Desired, ExpiryPolicy, Reason, Storage, ValueStatus, reasons, too_old};

/// The attributes of the rotation policy.
#[derive(Model, Clone, Debug, Default)]
#[model(rule = overlap_is_shorter())]
pub(in crate::startree) struct RotationPolicy {
    /// Arbitrary values that rotate the token when any of them changes.
    #[attribute(optional)]
    pub(in crate::startree) rotation_triggers: Field<Triggers>,
    /// The maximum age of a token, a duration such as `90d`. The first plan after that rotates it.
    /// The age counts from `created_at`, which is unknown for an imported token; that one is not
    /// rotated because of its age.
    #[attribute(optional, check = is_positive_duration)]
    pub(in crate::startree) rotate_every: Field<String>,
    /// How long the previous token remains valid after a rotation, a duration such as `2h` that is
    /// shorter than `rotate_every`. The first apply after that deletes it. Default: the apply that
    /// rotates deletes it. `2h` or more is recommended, because it can take up to an hour until all
    /// services accept a new token.
    #[attribute(optional, check = is_duration)]
    pub(in crate::startree) overlap: Field<String>,
}

fn overlap_is_shorter() -> Rule {
    Rule::new("", |object| {
        let policy = RotationPolicy::from_value(object).ok()?;
        let is_shorter = known_duration(&policy.overlap)? < known_duration(&policy.rotate_every)?;
        (!is_shorter).then(|| Diagnostic::invalid("overlap", "must be shorter than `rotate_every`"))
    })
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
    /// Where the value is stored.
    pub(super) storage: Storage,
    /// When it was created, if that is known.
    pub(super) created: Option<Timestamp>,
    pub(super) previous: Deletion,
}

impl RotationPolicy {
    /// Returns the names of the arguments that are known only at apply.
    pub(super) fn unknown(&self) -> Vec<&'static str> {
        let arguments = [
            ("rotation_triggers", known_triggers(&self.rotation_triggers).is_none()),
            ("rotate_every", self.rotate_every.is_unknown()),
            ("overlap", self.overlap.is_unknown()),
        ];
        let unknown = arguments.iter().filter(|(_, is_unknown)| *is_unknown);
        unknown.map(|(name, _)| *name).collect()
    }

    /// Decides what to do with the token. `storage` is the declared storage of the value, if that
    /// is known; `prior` is the policy in the state.
    pub(super) fn decide(
        &self,
        storage: Option<Storage>,
        prior: &Self,
        current: &CurrentToken,
        now: Timestamp,
    ) -> Decision {
        let (Some(storage), true) = (storage, self.unknown().is_empty()) else {
            return Decision::Unknown;
        };
        let declared = Desired {
            expiry_policy: ExpiryPolicy::PlatformDefault,
            triggers: known_triggers(&self.rotation_triggers).unwrap_or_default(),
            storage,
        };
        let present = Actual {
            expiry: None,
            issued: None,
            lifetime: None,
            triggers: known_triggers(&prior.rotation_triggers).unwrap_or_default(),
            storage: current.storage.clone(),
            value: current.value,
        };
        let mut reasons = reasons(&declared, &present, now);
        let every = known_duration(&self.rotate_every).zip(current.created);
        reasons.extend(every.and_then(|(every, created)| too_old(created, every, now)));
        if !reasons.is_empty() {
            return Decision::Rotate(reasons);
        }
        if self.deletion(prior, current).is_due(now) {
            Decision::DeletePrevious
        } else {
            Decision::Keep
        }
    }

    /// Returns when the previous token is deleted by this policy, whose `overlap` may differ from
    /// the state's.
    pub(super) fn deletion(&self, prior: &Self, current: &CurrentToken) -> Deletion {
        let (before, now) = (prior.overlap_duration(), self.overlap_duration());
        current.previous.with_overlap(before, now, current.created)
    }

    /// Returns when the predecessor of a token created at that time is deleted.
    pub(super) fn deletion_after(&self, created: Option<Timestamp>) -> Deletion {
        Deletion::after(created, self.overlap_duration())
    }

    /// Returns the shortest time after which the policy requires a change.
    pub(super) fn shortest_interval(&self) -> Option<Duration> {
        let overlap = Some(self.overlap_duration()).filter(|overlap| !overlap.is_zero());
        known_duration(&self.rotate_every).into_iter().chain(overlap).min()
    }

    /// Returns how long both tokens are valid; zero without an overlap.
    pub(super) fn overlap_duration(&self) -> Duration {
        known_duration(&self.overlap).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use ValueStatus::{Current, Imported, Missing, Undelivered};

    const HOUR: i64 = 3600;
    const DAY: i64 = 24 * HOUR;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn policy(release: &str, every: &str, overlap: &str) -> RotationPolicy {
        let text = |text: &str| Some(text).filter(|text| !text.is_empty()).map(str::to_owned).into();
        let triggers = BTreeMap::from([("release".to_owned(), release.into())]);
        RotationPolicy {
            rotation_triggers: triggers.into(),
            rotate_every: text(every),
            overlap: text(overlap),
        }
    }

    /// Each row: the policy, the value's status, when it was created, the previous token, the
    /// decision on day 100.
    #[test]
    fn decision_follows_policy_value_age_and_previous_token() {
        let prior = policy("1", "", "1h");
        let created = Some(100 * DAY - HOUR);
        let none = Deletion::None;
        let hour = Deletion::At(at(100 * DAY));
        let cases = [
            ("unchanged", ("1", "", ""), Current, created, none, "Keep"),
            (
                "trigger changed",
                ("2", "", ""),
                Current,
                created,
                none,
                "rotation_triggers.release",
            ),
            ("young", ("1", "30d", ""), Current, created, none, "Keep"),
            (
                "too old",
                ("1", "1h", ""),
                Current,
                created,
                none,
                "rotate_every = 1 hour",
            ),
            ("imported", ("1", "1h", ""), Imported, None, none, "Keep"),
            ("not delivered", ("1", "", ""), Undelivered, created, none, "is lost"),
            (
                "missing in Vault",
                ("1", "", ""),
                Missing,
                created,
                none,
                "no longer has",
            ),
            (
                "previous one is due",
                ("1", "", "1h"),
                Current,
                created,
                Deletion::Due,
                "DeletePrevious",
            ),
            (
                "after the overlap",
                ("1", "", "1h"),
                Current,
                created,
                hour,
                "DeletePrevious",
            ),
            (
                "within a longer overlap",
                ("1", "", "2h"),
                Current,
                created,
                hour,
                "Keep",
            ),
            (
                "after a shorter overlap",
                ("1", "", "30m"),
                Current,
                created,
                hour,
                "DeletePrevious",
            ),
            (
                "overlap removed",
                ("1", "", ""),
                Current,
                created,
                hour,
                "DeletePrevious",
            ),
            (
                "rotation comes first",
                ("2", "", "1h"),
                Current,
                created,
                hour,
                "release",
            ),
        ];
        for (case, (release, every, overlap), value, created, previous, expected) in cases {
            let config = policy(release, every, overlap);
            let created = created.map(at);
            let current = CurrentToken {
                value,
                storage: Storage::State,
                created,
                previous,
            };
            let decision = config.decide(Some(Storage::State), &prior, &current, at(100 * DAY));
            let decision = match &decision {
                Decision::Rotate(reasons) => reasons.iter().map(ToString::to_string).collect(),
                other => format!("{other:?}"),
            };
            assert!(decision.contains(expected), "{case}: {decision}");
        }
    }

    #[test]
    fn decision_is_unknown_until_all_arguments_are_known() {
        let prior = policy("1", "", "");
        let current = CurrentToken {
            value: Current,
            storage: Storage::State,
            created: Some(at(0)),
            previous: Deletion::Due,
        };
        let known = || policy("1", "30d", "2h");
        for config in [
            RotationPolicy {
                rotation_triggers: Field::Unknown,
                ..known()
            },
            RotationPolicy {
                rotate_every: Field::Unknown,
                ..known()
            },
            RotationPolicy {
                overlap: Field::Unknown,
                ..known()
            },
            RotationPolicy {
                rotation_triggers: BTreeMap::from([("release".to_owned(), Field::Unknown)]).into(),
                ..known()
            },
        ] {
            let decision = config.decide(Some(Storage::State), &prior, &current, at(1));
            assert_eq!(decision, Decision::Unknown);
        }
        let decision = known().decide(None, &prior, &current, at(1));
        assert_eq!(decision, Decision::Unknown, "where the value is stored");
    }

    #[test]
    fn invalid_durations_are_rejected_on_their_attribute() {
        for (every, overlap, attribute) in [
            ("90d", "2h", None),
            ("", "2h", None),
            ("0s", "", Some("rotate_every")),
            ("soon", "", Some("rotate_every")),
            ("2h", "2h", Some("overlap")),
            ("", "2", Some("overlap")),
        ] {
            let diagnostics = RotationPolicy::schema().validate(&policy("1", every, overlap).into_value());
            let on: Vec<_> = diagnostics.iter().filter_map(|error| error.attribute.clone()).collect();
            assert_eq!(on, Vec::from_iter(attribute), "{every:?} {overlap:?}");
        }
    }
}
