//! Decides when a personal access token is rotated and when the previous one is deleted, from the
//! configuration, the state and the time.

use std::time::Duration;

use jiff::Timestamp;

use crate::framework::{Diagnostic, Diagnostics, Field, Model, Rule, Set};
use crate::platform::attributes::{is_duration, keep_spelling, known_duration};
use crate::platform::delivery::Delivery;
use crate::platform::issue_record::IssueRecord;
use crate::platform::rotation_policy::{self, RotationPolicy as DeclaredExpiry};
use crate::token::{Deletion, Lifetime, Reason, ValueStatus};

/// The attributes of the rotation policy.
#[derive(Model, Clone, Debug, Default)]
#[model(rule = overlap_is_shorter())]
pub(in crate::quix) struct RotationPolicy {
    #[attribute(flatten)]
    pub(in crate::quix) expiry: DeclaredExpiry,
    /// How long the previous token remains valid after a rotation, a duration such as `2h` that is
    /// shorter than `expires_in`. The first apply after that deletes it; it may expire before.
    /// Default: the apply that rotates deletes it.
    #[attribute(optional, check = is_duration)]
    pub(in crate::quix) overlap: Field<String>,
}

fn overlap_is_shorter() -> Rule {
    Rule::new("", |object| {
        let policy = RotationPolicy::from_value(object).ok()?;
        let is_shorter = known_duration(&policy.overlap)? < known_duration(&policy.expiry.expires_in)?;
        (!is_shorter).then(|| Diagnostic::invalid("overlap", "must be shorter than `expires_in`"))
    })
}

/// The decision of a plan about an existing token.
#[derive(Debug, PartialEq)]
pub(super) enum Decision {
    Keep,
    /// Keep the token, and delete the previous one.
    DeletePrevious,
    Rotate(Vec<Reason>),
    /// The token should be rotated, but its fixed expiry has passed, so that no value can be issued.
    Expired(Vec<Reason>),
    /// The decision depends on these arguments, which are known only at apply.
    Unknown(Vec<&'static str>),
}

impl Decision {
    /// Whether a plan with this decision changes the state in any case.
    pub(super) fn is_change(&self) -> bool {
        !matches!(self, Self::Keep | Self::Expired(_))
    }
}

/// The arguments of a token that only a new token can have, in a configuration or a state.
#[derive(Clone, Copy)]
pub(super) struct Arguments<'a> {
    pub(super) name: &'a Field<String>,
    pub(super) scopes: &'a Field<Set<String>>,
}

impl Arguments<'_> {
    fn unknown(&self) -> Vec<&'static str> {
        let arguments = [("name", self.name.is_unknown()), ("scopes", self.scopes.is_unknown())];
        let unknown = arguments.iter().filter(|(_, is_unknown)| *is_unknown);
        unknown.map(|(name, _)| *name).collect()
    }

    /// Returns the reasons to rotate a token with the arguments `prior`. `base_name` returns the
    /// name that an imported token has without the number that a rotation added.
    fn changed(&self, prior: &Self, is_imported: bool, base_name: fn(&str) -> Option<&str>) -> Vec<Reason> {
        let imported_as = prior
            .name
            .known()
            .filter(|_| is_imported)
            .and_then(|name| base_name(name));
        let has_name = self.name == prior.name || self.name.known().map(String::as_str) == imported_as;
        let is_first = is_imported && prior.scopes.is_null();
        let changed = [
            (!has_name, "name"),
            (self.scopes != prior.scopes && !is_first, "scopes"),
        ];
        let changed = changed.into_iter().filter(|(is_changed, _)| *is_changed);
        changed.map(|(_, name)| Reason::ArgumentChanged(name)).collect()
    }
}

/// A configuration or a state, as far as the decision depends on it.
pub(super) struct Declaration<'a> {
    pub(super) arguments: Arguments<'a>,
    pub(super) policy: &'a RotationPolicy,
    pub(super) delivery: &'a Delivery,
}

/// The current token, as the state has it.
#[derive(Clone, Copy)]
pub(super) struct CurrentToken {
    pub(super) value: ValueStatus,
    pub(super) record: Option<IssueRecord>,
    pub(super) created: Option<Timestamp>,
    pub(super) previous: Deletion,
}

impl Declaration<'_> {
    /// Decides what to do with the token by this configuration. `prior` is the state.
    pub(super) fn decide(
        &self,
        prior: &Declaration<'_>,
        current: CurrentToken,
        base_name: fn(&str) -> Option<&str>,
        now: Timestamp,
    ) -> Decision {
        use rotation_policy::Decision as ByExpiry;
        let expiry = &self.policy.expiry;
        let CurrentToken { value, record, .. } = current;
        let before = (&prior.policy.expiry, prior.delivery.storage());
        let decision = expiry.decide(self.delivery.storage(), before, value, record, now);
        let overlap = self.policy.overlap.is_unknown().then_some("overlap");
        let mut unknown = self.arguments.unknown();
        unknown.extend(overlap);
        if let ByExpiry::Unknown(also) = decision {
            unknown.extend(also.into_iter().chain(self.delivery.unknown()));
            return Decision::Unknown(unknown);
        }
        if !unknown.is_empty() {
            return Decision::Unknown(unknown);
        }
        let is_imported = value == ValueStatus::Imported;
        let changed = self.arguments.changed(&prior.arguments, is_imported, base_name);
        // A changed `expires_at` is a reason of its own.
        let has_expired = expiry.is_fixed() && expiry.expiry().is_some_and(|expiry| expiry.has_passed(now));
        match decision {
            ByExpiry::Rotate(reasons) => Decision::Rotate([changed, reasons].concat()),
            ByExpiry::Expired(reasons) => Decision::Expired([changed, reasons].concat()),
            _ if changed.is_empty() && self.policy.deletion(prior.policy, current).is_due(now) => {
                Decision::DeletePrevious
            }
            _ if changed.is_empty() => Decision::Keep,
            _ if has_expired => Decision::Expired(changed),
            _ => Decision::Rotate(changed),
        }
    }
}

impl RotationPolicy {
    /// Validates a configuration, after the validators of its attributes.
    pub(super) fn validate(&self, now: Timestamp, diagnostics: &mut Diagnostics) {
        self.expiry.validate(Lifetime::Undocumented, now, diagnostics);
    }

    /// Returns when the previous token is deleted by this policy, whose `overlap` may differ from
    /// the state's.
    pub(super) fn deletion(&self, prior: &Self, current: CurrentToken) -> Deletion {
        let (before, now) = (prior.overlap_duration(), self.overlap_duration());
        current.previous.with_overlap(before, now, current.created)
    }

    /// Returns the shortest time after which the policy requires a change.
    pub(super) fn shortest_interval(&self) -> Option<Duration> {
        let overlap = Some(self.overlap_duration()).filter(|overlap| !overlap.is_zero());
        known_duration(&self.expiry.expires_in).into_iter().chain(overlap).min()
    }

    /// Returns how long both tokens are valid; zero without an overlap.
    pub(super) fn overlap_duration(&self) -> Duration {
        known_duration(&self.overlap).unwrap_or_default()
    }

    /// Keeps the spelling of the state in a plan, so that another one is no change.
    pub(super) fn keep_spelling(&mut self, prior: &Self) {
        self.expiry.keep_spelling(&prior.expiry);
        keep_spelling(&mut self.overlap, &prior.overlap);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use ValueStatus::{Current, Imported, Undelivered};

    const DAY: i64 = 24 * 3_600;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// A token `ci` with the scope `read`, which expires on day 110.
    #[derive(Clone)]
    struct Token {
        name: Field<String>,
        scopes: Field<Set<String>>,
        policy: RotationPolicy,
        delivery: Delivery,
    }

    impl Token {
        fn new() -> Self {
            let mut policy = RotationPolicy::default();
            policy.expiry.expires_at = at(110 * DAY).to_string().into();
            Self {
                name: "ci".into(),
                scopes: Field::Known(["read".to_owned()].into_iter().collect()),
                policy,
                delivery: Delivery::default(),
            }
        }

        fn with(&self, change: impl FnOnce(&mut Self)) -> Self {
            let mut changed = self.clone();
            change(&mut changed);
            changed
        }

        fn declaration(&self) -> Declaration<'_> {
            Declaration {
                arguments: Arguments {
                    name: &self.name,
                    scopes: &self.scopes,
                },
                policy: &self.policy,
                delivery: &self.delivery,
            }
        }
    }

    fn decide(config: &Token, prior: &Token, value: ValueStatus, previous: Deletion, now: i64) -> String {
        let current = CurrentToken {
            value,
            record: None,
            created: Some(at(99 * DAY)),
            previous,
        };
        fn base_name(name: &str) -> Option<&str> {
            name.strip_suffix(" (2)")
        }
        let decision = config
            .declaration()
            .decide(&prior.declaration(), current, base_name, at(now * DAY));
        match &decision {
            Decision::Rotate(reasons) => {
                let reasons: Vec<_> = reasons.iter().map(ToString::to_string).collect();
                format!("Rotate: {}", reasons.join("; "))
            }
            Decision::Expired(_) => "Expired".to_owned(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn decision_follows_arguments_value_expiry_and_previous_token() {
        let prior = Token::new();
        let other = |change: fn(&mut Token)| prior.with(change);
        let renamed = other(|token| token.name = "cd".into());
        let scoped = other(|token| token.scopes = Field::Known(["write".to_owned()].into_iter().collect()));
        let trigger = BTreeMap::from([("release".to_owned(), Field::from("2"))]);
        let triggered = prior.with(|token| token.policy.expiry.rotation_triggers = trigger.into());
        let numbered = other(|token| token.name = "ci (2)".into());
        let unscoped = other(|token| token.scopes = Field::Null);
        let none = Deletion::None;
        for (case, config, before, value, previous, now, expected) in [
            ("unchanged", &prior, &prior, Current, none, 100, "Keep"),
            ("renamed", &renamed, &prior, Current, none, 100, "Rotate: name changed"),
            (
                "other scopes",
                &scoped,
                &prior,
                Current,
                none,
                100,
                "Rotate: scopes changed",
            ),
            (
                "first scopes",
                &prior,
                &unscoped,
                Current,
                none,
                100,
                "Rotate: scopes changed",
            ),
            (
                "scopes removed",
                &unscoped,
                &prior,
                Current,
                none,
                100,
                "Rotate: scopes changed",
            ),
            (
                "first scopes after an import",
                &prior,
                &unscoped,
                Imported,
                none,
                100,
                "Keep",
            ),
            (
                "other scopes after an import",
                &scoped,
                &prior,
                Imported,
                none,
                100,
                "Rotate: scopes changed",
            ),
            ("imported with a number", &prior, &numbered, Imported, none, 100, "Keep"),
            (
                "number removed",
                &prior,
                &numbered,
                Current,
                none,
                100,
                "Rotate: name changed",
            ),
            (
                "trigger",
                &triggered,
                &prior,
                Current,
                none,
                100,
                "Rotate: rotation_triggers.release changed",
            ),
            (
                "lost value",
                &prior,
                &prior,
                Undelivered,
                none,
                100,
                "Rotate: its value did not reach the state and is lost",
            ),
            ("expired", &prior, &prior, Current, none, 110, "Keep"),
            ("expired and renamed", &renamed, &prior, Current, none, 110, "Expired"),
            (
                "previous one is due",
                &prior,
                &prior,
                Current,
                Deletion::Due,
                100,
                "DeletePrevious",
            ),
            (
                "during the overlap",
                &prior,
                &prior,
                Current,
                Deletion::At(at(101 * DAY)),
                100,
                "Keep",
            ),
            (
                "after the overlap",
                &prior,
                &prior,
                Current,
                Deletion::At(at(100 * DAY)),
                100,
                "DeletePrevious",
            ),
            (
                "rotation comes first",
                &renamed,
                &prior,
                Current,
                Deletion::Due,
                100,
                "Rotate: name changed",
            ),
        ] {
            assert_eq!(decide(config, before, value, previous, now), expected, "{case}");
        }
    }

    #[test]
    fn decision_is_unknown_until_all_arguments_are_known() {
        let prior = Token::new();
        for (config, argument) in [
            (prior.with(|token| token.name = Field::Unknown), "name"),
            (prior.with(|token| token.scopes = Field::Unknown), "scopes"),
            (prior.with(|token| token.policy.overlap = Field::Unknown), "overlap"),
            (
                prior.with(|token| token.policy.expiry.expires_at = Field::Unknown),
                "expires_at",
            ),
            (
                prior.with(|token| token.policy.expiry.rotation_triggers = Field::Unknown),
                "rotation_triggers",
            ),
        ] {
            let decision = decide(&config, &prior, Current, Deletion::Due, 100);
            assert_eq!(decision, format!("Unknown([{argument:?}])"));
        }
    }

    #[test]
    fn overlap_must_be_shorter_than_the_lifetime() {
        for (expires_in, overlap, is_valid) in [("90d", "2h", true), ("2h", "2h", false), ("", "2h", true)] {
            let mut policy = RotationPolicy {
                overlap: overlap.into(),
                ..RotationPolicy::default()
            };
            policy.expiry.expires_in = Some(expires_in)
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
                .into();
            let diagnostics = RotationPolicy::schema().validate(&policy.into_value());
            assert_eq!(diagnostics.is_empty(), is_valid, "{expires_in} {overlap}");
        }
    }
}
