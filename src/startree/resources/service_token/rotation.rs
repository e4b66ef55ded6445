//! When a service token is rotated, and when the one before it is revoked: a decision by what is declared, by the state and
//! by the time.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::previous::Revocation;
use crate::framework::{Diagnostic, Field, Model, Rule};
use crate::platform::attributes::{Triggers, is_duration, is_positive_duration, known_duration, known_triggers};
use crate::token::{Actual, Desired, ExpiryPolicy, Reason, Storage, ValueStatus, reasons, too_old};

/// The attributes of a rotation.
#[derive(Model, Clone, Debug, Default)]
#[model(rule = overlap_is_shorter())]
pub(in crate::startree) struct RotationPolicy {
    /// Values to tie the token to: any change rotates it.
    #[attribute(optional)]
    pub(in crate::startree) rotation_triggers: Field<Triggers>,
    /// How old a token may become, such as `90d`: the first plan after that rotates it. Counted from `created_at`; of an
    /// imported token that is not known, so it is not rotated for its age.
    #[attribute(optional, check = is_positive_duration)]
    pub(in crate::startree) rotate_every: Field<String>,
    /// How long the token before a rotation stays valid after it, a duration such as `2h` that is shorter than
    /// `rotate_every`: the first apply after that revokes it. Left out, the apply that rotates revokes it. As it may take up
    /// to an hour until the platform lets a new token in everywhere, `2h` or more is advised.
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

/// What a plan does with a token that is there.
#[derive(Debug, PartialEq)]
pub(super) enum Decision {
    Keep,
    /// The token before it is to be revoked.
    RevokePrevious,
    Rotate(Vec<Reason>),
    /// It depends on something that is known only at apply.
    Unknown,
}

/// What the state says of a token.
#[derive(Clone)]
pub(super) struct Standing {
    pub(super) value: ValueStatus,
    /// Who keeps the value.
    pub(super) storage: Storage,
    /// When it was created, if that is known.
    pub(super) created: Option<Timestamp>,
    pub(super) previous: Revocation,
}

impl RotationPolicy {
    /// The arguments that are known only at apply.
    pub(super) fn unknown(&self) -> Vec<&'static str> {
        let arguments = [
            ("rotation_triggers", known_triggers(&self.rotation_triggers).is_none()),
            ("rotate_every", self.rotate_every.is_unknown()),
            ("overlap", self.overlap.is_unknown()),
        ];
        let unknown = arguments.iter().filter(|(_, is_unknown)| *is_unknown);
        unknown.map(|(name, _)| *name).collect()
    }

    /// Decides by this declaration, and by who is to keep the value if that is known, about a token whose state is
    /// `standing` with the policy `prior`.
    pub(super) fn decide(
        &self,
        storage: Option<Storage>,
        prior: &Self,
        standing: &Standing,
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
            storage: standing.storage.clone(),
            value: standing.value,
        };
        let mut reasons = reasons(&declared, &present, now);
        let every = known_duration(&self.rotate_every).zip(standing.created);
        reasons.extend(every.and_then(|(every, created)| too_old(created, every, now)));
        if !reasons.is_empty() {
            return Decision::Rotate(reasons);
        }
        match self.revocation(prior, standing) {
            Revocation::Due => Decision::RevokePrevious,
            Revocation::At(end) if end <= now => Decision::RevokePrevious,
            Revocation::At(_) | Revocation::None => Decision::Keep,
        }
    }

    /// When the token before the present one is revoked by this policy, which may have another `overlap` than the state.
    pub(super) fn revocation(&self, prior: &Self, standing: &Standing) -> Revocation {
        match standing.previous {
            Revocation::At(_) if self.overlap_duration() != prior.overlap_duration() => {
                self.revocation_after(standing.created)
            }
            previous => previous,
        }
    }

    /// When the token before one that was created then is revoked.
    pub(super) fn revocation_after(&self, created: Option<Timestamp>) -> Revocation {
        let overlap = SignedDuration::try_from(self.overlap_duration()).ok();
        let end = created
            .zip(overlap)
            .and_then(|(created, overlap)| created.checked_add(overlap).ok());
        end.map_or(Revocation::Due, Revocation::At)
    }

    /// The shortest time after which something is to be done.
    pub(super) fn shortest_interval(&self) -> Option<Duration> {
        let overlap = Some(self.overlap_duration()).filter(|overlap| !overlap.is_zero());
        known_duration(&self.rotate_every).into_iter().chain(overlap).min()
    }

    /// How long both tokens are to be valid.
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

    /// (what is declared, whose value is there, when it was made, the one before it, what day 100 brings)
    #[test]
    fn a_token_rotates_for_a_reason_and_the_one_before_it_ends_in_time() {
        let prior = policy("1", "", "1h");
        let made = Some(100 * DAY - HOUR);
        let none = Revocation::None;
        let hour = Revocation::At(at(100 * DAY));
        let cases = [
            ("nothing to do", ("1", "", ""), Current, made, none, "Keep"),
            (
                "a trigger",
                ("2", "", ""),
                Current,
                made,
                none,
                "rotation_triggers.release",
            ),
            ("young", ("1", "30d", ""), Current, made, none, "Keep"),
            ("of age", ("1", "1h", ""), Current, made, none, "rotate_every = 1 hour"),
            ("imported", ("1", "1h", ""), Imported, None, none, "Keep"),
            ("not delivered", ("1", "", ""), Undelivered, made, none, "nobody knows"),
            ("missing in Vault", ("1", "", ""), Missing, made, none, "does not hold"),
            (
                "to be ended at once",
                ("1", "", "1h"),
                Current,
                made,
                Revocation::Due,
                "RevokePrevious",
            ),
            (
                "after the overlap",
                ("1", "", "1h"),
                Current,
                made,
                hour,
                "RevokePrevious",
            ),
            ("within a longer overlap", ("1", "", "2h"), Current, made, hour, "Keep"),
            (
                "after a shorter overlap",
                ("1", "", "30m"),
                Current,
                made,
                hour,
                "RevokePrevious",
            ),
            (
                "the overlap is left out",
                ("1", "", ""),
                Current,
                made,
                hour,
                "RevokePrevious",
            ),
            ("rotation comes first", ("2", "", "1h"), Current, made, hour, "release"),
        ];
        for (case, (release, every, overlap), value, made, previous, expected) in cases {
            let config = policy(release, every, overlap);
            let created = made.map(at);
            let standing = Standing {
                value,
                storage: Storage::State,
                created,
                previous,
            };
            let decision = config.decide(Some(Storage::State), &prior, &standing, at(100 * DAY));
            let told = match &decision {
                Decision::Rotate(reasons) => reasons.iter().map(ToString::to_string).collect(),
                other => format!("{other:?}"),
            };
            assert!(told.contains(expected), "{case}: {told}");
        }
    }

    #[test]
    fn what_is_known_only_at_apply_is_not_decided() {
        let prior = policy("1", "", "");
        let standing = Standing {
            value: Current,
            storage: Storage::State,
            created: Some(at(0)),
            previous: Revocation::Due,
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
            let decision = config.decide(Some(Storage::State), &prior, &standing, at(1));
            assert_eq!(decision, Decision::Unknown);
        }
        let decision = known().decide(None, &prior, &standing, at(1));
        assert_eq!(decision, Decision::Unknown, "who keeps the value");
    }

    #[test]
    fn durations_that_make_no_sense_are_refused() {
        for (every, overlap, told) in [
            ("90d", "2h", None),
            ("", "2h", None),
            ("0s", "", Some("rotate_every")),
            ("soon", "", Some("rotate_every")),
            ("2h", "2h", Some("overlap")),
            ("", "2", Some("overlap")),
        ] {
            let diagnostics = RotationPolicy::schema().validate(&policy("1", every, overlap).into_value());
            let on: Vec<_> = diagnostics.iter().filter_map(|error| error.attribute.clone()).collect();
            assert_eq!(on, Vec::from_iter(told), "{every:?} {overlap:?}");
        }
    }
}
