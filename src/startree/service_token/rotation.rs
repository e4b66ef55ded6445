//! When a service token is rotated, and when the one before it is ended: what is declared, what is there and the present
//! time come in, what is to be done comes out.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::framework::{Attribute, Diagnostic, Diagnostics, Field, Type};
use crate::platform::attributes::{Triggers, duration, invalid, known_duration, known_triggers};
use crate::platform::hand_over::{self, Destination};
use crate::token::{Declared, Ends, Expiry, Present, PresentValue, Reason, aged, reasons};

/// The attributes, as a configuration or a state has them.
#[derive(Clone, Copy)]
pub(super) struct Rotation<'a> {
    pub(super) rotation_triggers: &'a Field<Triggers>,
    pub(super) rotate_every: &'a Field<String>,
    pub(super) overlap: &'a Field<String>,
    /// Who keeps the value; null: the state.
    pub(super) vault: &'a Field<Destination>,
}

/// What a plan does with a token that is there.
#[derive(Debug, PartialEq)]
pub(super) enum Decision {
    Keep,
    /// The token before it is to be ended.
    EndPrevious,
    Rotate(Vec<Reason>),
    /// It depends on something that is known only at apply.
    NotKnownYet,
}

/// What the state says of a token.
#[derive(Clone, Copy)]
pub(super) struct Standing {
    pub(super) value: PresentValue,
    /// When it was made, if that is known.
    pub(super) made: Option<Timestamp>,
    pub(super) previous: Previous,
}

/// The other one, which is still to be ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Previous {
    /// There is none.
    None,
    /// It stays until then.
    Until(Timestamp),
    /// It is to be ended by the next apply.
    Due,
}

/// The attributes' schemas.
pub(super) fn attributes() -> [Attribute; 3] {
    [
        Attribute::optional(
            "rotation_triggers",
            Type::Map(Box::new(Type::String)),
            "Values to tie the token to: any change rotates it.",
        ),
        Attribute::optional(
            "rotate_every",
            Type::String,
            "How old a token may become, such as `90d`: the first plan after that rotates it. Counted from `created_at`; of \
             an imported token that is not known, so it is not rotated for its age.",
        ),
        Attribute::optional(
            "overlap",
            Type::String,
            "How long the token before a rotation stays valid after it, a duration such as `2h` that is shorter than \
             `rotate_every`: the first apply after that revokes it. Left out, the apply that rotates revokes it. As it may \
             take up to an hour until the platform lets a new token in everywhere, `2h` or more is advised.",
        ),
    ]
}

impl<'a> Rotation<'a> {
    /// Judges a configuration by itself.
    pub(super) fn validate(self, diagnostics: &mut Diagnostics) {
        let every = duration("rotate_every", self.rotate_every, diagnostics);
        let overlap = duration("overlap", self.overlap, diagnostics);
        if every.is_some_and(|every| every.is_zero()) {
            diagnostics.push(invalid("rotate_every", "must be at least 1s"));
        } else if let (Some(every), Some(overlap)) = (every, overlap)
            && overlap >= every
        {
            diagnostics.push(invalid("overlap", "must be shorter than `rotate_every`"));
        }
    }

    /// The arguments that are known only at apply.
    pub(super) fn unknown(self) -> Vec<&'static str> {
        let arguments = [
            ("rotation_triggers", known_triggers(self.rotation_triggers).is_none()),
            ("rotate_every", self.rotate_every.is_unknown()),
            ("overlap", self.overlap.is_unknown()),
            ("vault", hand_over::keeper(self.vault).is_none()),
        ];
        let unknown = arguments.iter().filter(|(_, is_unknown)| *is_unknown);
        unknown.map(|(name, _)| *name).collect()
    }

    /// Decides about a token whose state is `prior` by this configuration.
    pub(super) fn decide(self, prior: Rotation<'_>, standing: Standing, now: Timestamp) -> Decision {
        let Some(declared) = self.declared() else {
            return Decision::NotKnownYet;
        };
        let mut reasons = reasons(&declared, &prior.present(standing.value), now);
        let every = known_duration(self.rotate_every).zip(standing.made);
        reasons.extend(every.and_then(|(every, made)| aged(made, every, now)));
        if !reasons.is_empty() {
            return Decision::Rotate(reasons);
        }
        match self.previous(prior, standing) {
            Previous::Due => Decision::EndPrevious,
            Previous::Until(end) if end <= now => Decision::EndPrevious,
            Previous::Until(_) | Previous::None => Decision::Keep,
        }
    }

    /// How long the other one stays by this configuration, which may have another `overlap` than the state.
    pub(super) fn previous(self, prior: Rotation<'_>, standing: Standing) -> Previous {
        match standing.previous {
            Previous::Until(_) if self.overlap() != prior.overlap() => self.left(standing.made),
            previous => previous,
        }
    }

    /// How long the one before a token that was made then stays.
    pub(super) fn left(self, made: Option<Timestamp>) -> Previous {
        let overlap = SignedDuration::try_from(self.overlap()).ok();
        let end = made
            .zip(overlap)
            .and_then(|(made, overlap)| made.checked_add(overlap).ok());
        end.map_or(Previous::Due, Previous::Until)
    }

    /// The shortest time after which something is to be done.
    pub(super) fn shortest_interval(self) -> Option<Duration> {
        let overlap = Some(self.overlap()).filter(|overlap| !overlap.is_zero());
        known_duration(self.rotate_every).into_iter().chain(overlap).min()
    }

    /// How long both are to be valid.
    pub(super) fn overlap(self) -> Duration {
        known_duration(self.overlap).unwrap_or_default()
    }

    /// `None` if a part of it is known only at apply.
    fn declared(self) -> Option<Declared> {
        if self.rotate_every.is_unknown() || self.overlap.is_unknown() || self.rotation_triggers.is_unknown() {
            return None;
        }
        Some(Declared {
            ends: Ends::ByDefault,
            triggers: known_triggers(self.rotation_triggers)?,
            keeper: hand_over::keeper(self.vault)?,
        })
    }

    /// What is there, by the state.
    fn present(self, value: PresentValue) -> Present {
        Present {
            expiry: None,
            issued: None,
            lifetime: None,
            triggers: known_triggers(self.rotation_triggers).unwrap_or_default(),
            keeper: hand_over::keeper(self.vault).unwrap_or_default(),
            value,
        }
    }

    /// The warning of a plan that rotates.
    pub(super) fn rotates(self, what: &str, access_key: &str, reasons: &[Reason]) -> Diagnostic {
        let reasons: Vec<_> = reasons.iter().map(ToString::to_string).collect();
        let end = match self.overlap.known() {
            Some(overlap) => format!(
                "The present one, {access_key}, stays valid for `overlap` = {overlap}; the first apply after that revokes it."
            ),
            None => format!(
                "The present one, {access_key}, is revoked in the same apply, although it may take up to an hour until the \
                 new one is let in everywhere. With `overlap` both are valid for a while."
            ),
        };
        Diagnostic::warning(
            format!("{what} is to be rotated"),
            format!("Why: {}. A new token takes over its roles. {end}", reasons.join("; ")),
        )
    }
}

/// The warning of a plan that ends the token before the present one.
pub(super) fn ends_previous(what: &str, previous: &str, until: Option<&str>) -> Diagnostic {
    let since = until.and_then(|until| Expiry::parse(until).ok());
    let since = since.map(|since| format!(" since {since}")).unwrap_or_default();
    Diagnostic::warning(
        format!("{what}: the one before it is to be revoked"),
        format!(
            "The service token {previous} is due to end{since}: it loses its roles and is deleted, and whoever still uses it \
             loses access."
        ),
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use PresentValue::{Imported, Missing, Ours, Undelivered};

    const HOUR: i64 = 3600;
    const DAY: i64 = 24 * HOUR;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    struct Attributes {
        triggers: Field<Triggers>,
        every: Field<String>,
        overlap: Field<String>,
    }

    impl Attributes {
        fn new(release: &str, every: &str, overlap: &str) -> Self {
            let text = |text: &str| Some(text).filter(|text| !text.is_empty()).map(str::to_owned).into();
            let triggers = BTreeMap::from([("release".to_owned(), release.into())]);
            Self {
                triggers: triggers.into(),
                every: text(every),
                overlap: text(overlap),
            }
        }

        fn rotation(&self) -> Rotation<'_> {
            Rotation {
                rotation_triggers: &self.triggers,
                rotate_every: &self.every,
                overlap: &self.overlap,
                vault: &Field::Null,
            }
        }
    }

    /// (what is declared, whose value is there, when it was made, the one before it, what day 100 brings)
    #[test]
    fn a_token_rotates_for_a_reason_and_the_one_before_it_ends_in_time() {
        let prior = Attributes::new("1", "", "1h");
        let made = Some(100 * DAY - HOUR);
        let none = Previous::None;
        let hour = Previous::Until(at(100 * DAY));
        let cases = [
            ("nothing to do", ("1", "", ""), Ours, made, none, "Keep"),
            (
                "a trigger",
                ("2", "", ""),
                Ours,
                made,
                none,
                "rotation_triggers.release",
            ),
            ("young", ("1", "30d", ""), Ours, made, none, "Keep"),
            ("of age", ("1", "1h", ""), Ours, made, none, "rotate_every = 1 hour"),
            ("imported", ("1", "1h", ""), Imported, None, none, "Keep"),
            ("not delivered", ("1", "", ""), Undelivered, made, none, "nobody knows"),
            ("missing in Vault", ("1", "", ""), Missing, made, none, "does not hold"),
            (
                "to be ended at once",
                ("1", "", "1h"),
                Ours,
                made,
                Previous::Due,
                "EndPrevious",
            ),
            ("after the overlap", ("1", "", "1h"), Ours, made, hour, "EndPrevious"),
            ("within a longer overlap", ("1", "", "2h"), Ours, made, hour, "Keep"),
            (
                "after a shorter overlap",
                ("1", "", "30m"),
                Ours,
                made,
                hour,
                "EndPrevious",
            ),
            (
                "the overlap is left out",
                ("1", "", ""),
                Ours,
                made,
                hour,
                "EndPrevious",
            ),
            ("rotation comes first", ("2", "", "1h"), Ours, made, hour, "release"),
        ];
        for (case, (release, every, overlap), value, made, previous, expected) in cases {
            let config = Attributes::new(release, every, overlap);
            let made = made.map(at);
            let standing = Standing { value, made, previous };
            let decision = config.rotation().decide(prior.rotation(), standing, at(100 * DAY));
            let told = match &decision {
                Decision::Rotate(reasons) => reasons.iter().map(ToString::to_string).collect(),
                other => format!("{other:?}"),
            };
            assert!(told.contains(expected), "{case}: {told}");
        }
    }

    #[test]
    fn what_is_known_only_at_apply_is_not_decided() {
        let prior = Attributes::new("1", "", "");
        let standing = Standing {
            value: Ours,
            made: Some(at(0)),
            previous: Previous::Due,
        };
        let known = || Attributes::new("1", "30d", "2h");
        for config in [
            Attributes {
                triggers: Field::Unknown,
                ..known()
            },
            Attributes {
                every: Field::Unknown,
                ..known()
            },
            Attributes {
                overlap: Field::Unknown,
                ..known()
            },
            Attributes {
                triggers: BTreeMap::from([("release".to_owned(), Field::Unknown)]).into(),
                ..known()
            },
        ] {
            let decision = config.rotation().decide(prior.rotation(), standing, at(1));
            assert_eq!(decision, Decision::NotKnownYet);
        }
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
            let mut diagnostics = Diagnostics::default();
            Attributes::new("1", every, overlap)
                .rotation()
                .validate(&mut diagnostics);
            let on: Vec<_> = diagnostics.iter().filter_map(|told| told.attribute).collect();
            assert_eq!(on, Vec::from_iter(told), "{every:?} {overlap:?}");
        }
    }
}
