//! When a token is rotated, and why.
//!
//! A platform's token has one value at a time and shows it once. To *rotate* is to end that value and get another.
//! Everybody who holds the old value loses access at that moment, so a rotation needs a reason that the user can see:
//! each [`Reason`] is one named check of [`reasons`], and a plan that rotates tells all of them.
//!
//! Nothing here asks a platform or a clock: what is declared, what is there and the present time come in, the reasons
//! come out. A token without a reason is never touched.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::expiry::Expiry;

/// How the end of a token's values is declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// Not at all: the platform's default holds, and an expired value is replaced.
    ByDefault,
    /// At a fixed instant. Past it the token stays expired: the user said when it ends.
    At(Expiry),
    /// So long after each creation or rotation.
    After {
        /// How long a value lives.
        lifetime: Duration,
        /// How long before its expiry it is replaced; `None`: once it has expired.
        rotate_before: Option<Duration>,
    },
}

/// What the user declares about a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// When its values end.
    pub ends: Ends,
    /// Whatever the user ties the value to: any change replaces it.
    pub triggers: BTreeMap<String, String>,
    /// Where its value is to be kept.
    pub keeper: Keeper,
}

/// What is known of the token that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Present {
    /// When its value is to expire, as declared or else as the platform reports; `None` if it never does, or that is
    /// unknown.
    pub expiry: Option<Expiry>,
    /// What was recorded when the value was issued.
    pub issued: Option<Issued>,
    /// The lifetime that was declared when the value was made.
    pub lifetime: Option<Duration>,
    /// The triggers that were declared then.
    pub triggers: BTreeMap<String, String>,
    /// Where its value was to be kept when it was made.
    pub keeper: Keeper,
    /// Whose value it is.
    pub value: PresentValue,
}

/// What the platform made of a request for a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Issued {
    /// When the request was decided on.
    pub at: Timestamp,
    /// When the value expires by the platform, which may keep another expiry than the one it was asked for.
    pub expiry: Expiry,
}

impl Present {
    /// When the value expires by the platform, as far as that is known.
    pub fn real_expiry(&self) -> Option<Expiry> {
        self.issued.map(|issued| issued.expiry).or(self.expiry)
    }
}

/// Who keeps a token's value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Keeper {
    /// Terraform, in its state.
    #[default]
    State,
    /// Somebody else, at this place. The state does not know the value then, so it cannot be moved, only replaced.
    Elsewhere(String),
}

/// Whether the value that Terraform keeps is the one that works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PresentValue {
    /// Terraform made it and keeps it.
    Ours,
    /// Terraform made one, and somebody replaced it since: what Terraform kept is dead.
    Replaced {
        /// When, if the platform told.
        on: Option<Timestamp>,
    },
    /// Terraform made one, and could not hand it over to its keeper: nobody knows it.
    Undelivered,
    /// Terraform handed it over, and its keeper does not have it any more.
    Missing,
    /// Somebody deleted the whole token.
    Deleted,
    /// It was imported: it works somewhere, unknown to Terraform. What is declared for the first time then is taken as
    /// a description, not as a change.
    Imported,
}

/// Why a token is rotated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Somebody rotated it outside Terraform.
    RotatedOutside {
        /// When, if the platform told.
        on: Option<Timestamp>,
    },
    /// Somebody deleted it outside Terraform.
    DeletedOutside,
    /// Its value did not reach this keeper.
    Undelivered(Keeper),
    /// This keeper does not have its present value any more.
    Missing(Keeper),
    /// Its value is to be kept by another.
    KeeperChanged {
        /// By whom it was to be kept.
        from: Keeper,
        /// By whom it is to be kept.
        to: Keeper,
    },
    /// `expires_at` is another instant than before.
    ExpiryChanged {
        /// What it was.
        from: Option<Expiry>,
        /// What it is to be.
        to: Expiry,
    },
    /// `expires_in` is another duration than before.
    LifetimeChanged,
    /// These `rotation_triggers` changed.
    TriggersChanged(Vec<String>),
    /// It has expired, and the declaration gives a way to renew it.
    Expired(Expiry),
    /// It expires soon enough for `rotate_before`.
    Due {
        /// When it expires.
        expiry: Expiry,
        /// How long that is from now.
        left: SignedDuration,
        /// How long before that it is to be rotated.
        rotate_before: Duration,
    },
    /// It is as old as `rotate_every` lets it become.
    Aged {
        /// When its value was made.
        made: Timestamp,
        /// How long ago that was.
        age: SignedDuration,
        /// How old it may become.
        rotate_every: Duration,
    },
}

/// All reasons to rotate a token now; empty if there is none.
pub fn reasons(declared: &Declared, present: &Present, now: Timestamp) -> Vec<Reason> {
    let checks = [
        ended_outside(declared, present, now),
        keeper_changed(declared, present),
        expiry_changed(declared, present),
        lifetime_changed(declared, present),
        triggers_changed(declared, present),
        due(declared, present, now),
    ];
    checks.into_iter().flatten().collect()
}

fn ended_outside(declared: &Declared, present: &Present, now: Timestamp) -> Option<Reason> {
    // Past its fixed end, a token is to have no value that works.
    let ended = matches!(declared.ends, Ends::At(end) if end.has_passed(now));
    match present.value {
        PresentValue::Replaced { on } if !ended => Some(Reason::RotatedOutside { on }),
        PresentValue::Deleted if !ended => Some(Reason::DeletedOutside),
        PresentValue::Undelivered if !ended => Some(Reason::Undelivered(present.keeper.clone())),
        PresentValue::Missing if !ended => Some(Reason::Missing(present.keeper.clone())),
        _ => None,
    }
}

fn keeper_changed(declared: &Declared, present: &Present) -> Option<Reason> {
    let changed = declared.keeper != present.keeper && present.value != PresentValue::Imported;
    changed.then(|| Reason::KeeperChanged {
        from: present.keeper.clone(),
        to: declared.keeper.clone(),
    })
}

fn expiry_changed(declared: &Declared, present: &Present) -> Option<Reason> {
    match declared.ends {
        Ends::At(to) if present.expiry != Some(to) => Some(Reason::ExpiryChanged {
            from: present.expiry,
            to,
        }),
        _ => None,
    }
}

fn lifetime_changed(declared: &Declared, present: &Present) -> Option<Reason> {
    let Ends::After { lifetime, .. } = declared.ends else {
        return None;
    };
    (present.lifetime != Some(lifetime) && !first_said(present)).then_some(Reason::LifetimeChanged)
}

/// Whether an import is being described: no lifetime was declared of it before.
fn first_said(present: &Present) -> bool {
    present.lifetime.is_none() && present.value == PresentValue::Imported
}

fn triggers_changed(declared: &Declared, present: &Present) -> Option<Reason> {
    if present.triggers.is_empty() && present.value == PresentValue::Imported {
        return None;
    }
    changed_triggers(&present.triggers, &declared.triggers)
}

/// The reason that lies in triggers that are not as they were.
pub fn changed_triggers(before: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Option<Reason> {
    let names = now.keys().chain(before.keys().filter(|name| !now.contains_key(*name)));
    let changed: Vec<_> = names
        .filter(|name| now.get(*name) != before.get(*name))
        .cloned()
        .collect();
    (!changed.is_empty()).then_some(Reason::TriggersChanged(changed))
}

fn due(declared: &Declared, present: &Present, now: Timestamp) -> Option<Reason> {
    let expiry = present.real_expiry()?;
    // A value that the platform issued as an expired one is not improved by another one.
    if present.issued.is_some_and(|issued| issued.expiry.has_passed(issued.at)) {
        return None;
    }
    let rotate_before = match declared.ends {
        // Past it, the token is to have no value. Until then it is to have one, also where the platform ends it earlier.
        Ends::At(end) if end.has_passed(now) || present.expiry != Some(end) => return None,
        Ends::After { rotate_before, .. } if !first_said(present) => rotate_before,
        Ends::At(_) | Ends::After { .. } | Ends::ByDefault => None,
    };
    if expiry.has_passed(now) {
        return Some(Reason::Expired(expiry));
    }
    let rotate_before = rotate_before?;
    let left = expiry.instant().duration_since(now);
    let within = |rotate_before| SignedDuration::try_from(rotate_before).is_ok_and(|before| left > before);
    (!within(at_most_half(rotate_before, present.issued))).then_some(Reason::Due {
        expiry,
        left,
        rotate_before,
    })
}

/// `rotate_before`, or half the lifetime of a value that the platform gave less time than that: otherwise every plan would
/// rotate.
fn at_most_half(rotate_before: Duration, issued: Option<Issued>) -> Duration {
    let lifetime = issued.map(|issued| issued.expiry.instant().duration_since(issued.at).unsigned_abs());
    match lifetime {
        Some(lifetime) if lifetime <= rotate_before => lifetime / 2,
        _ => rotate_before,
    }
}

/// Whether nothing can be issued because a fixed expiry, which did not change, has passed.
pub fn has_ended(declared: &Declared, present: &Present, now: Timestamp) -> bool {
    matches!(declared.ends, Ends::At(end) if end.has_passed(now) && present.expiry == Some(end))
}

/// Whether a changed `expires_at` lies as far ahead of its plan as the one before lay ahead of its own: it is computed from
/// the time of each plan, and so changes with every plan. Each comes with the instant of its plan.
pub fn follows_the_clock(before: (Expiry, Timestamp), now: (Expiry, Timestamp)) -> bool {
    const TOLERANCE: SignedDuration = SignedDuration::from_mins(15);
    let ahead = |(expiry, planned): (Expiry, Timestamp)| expiry.instant().duration_since(planned);
    let passed = now.1.duration_since(before.1);
    before.0 != now.0 && passed > TOLERANCE && (ahead(before) - ahead(now)).abs() <= TOLERANCE
}

/// The reason to rotate a value that was made then and may become so old; `None` if it is younger.
pub fn aged(made: Timestamp, rotate_every: Duration, now: Timestamp) -> Option<Reason> {
    let age = now.duration_since(made);
    let due = SignedDuration::try_from(rotate_every).is_ok_and(|rotate_every| age >= rotate_every);
    due.then_some(Reason::Aged {
        made,
        age,
        rotate_every,
    })
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RotatedOutside { on } => {
                f.write_str("it was rotated outside Terraform")?;
                if let Some(on) = on {
                    write!(f, " on {}", Expiry::at(*on))?;
                }
                f.write_str(", which ended the value in the state")
            }
            Self::DeletedOutside => f.write_str("it was deleted outside Terraform"),
            Self::Undelivered(keeper) => write!(f, "its value did not reach {keeper}, and nobody knows it"),
            Self::Missing(keeper) => write!(f, "{keeper} does not hold its present value any more"),
            Self::KeeperChanged { from, to } => write!(f, "its value is kept by {to} from now on, not by {from}"),
            Self::ExpiryChanged { from: Some(from), to } => write!(f, "expires_at changed from {from} to {to}"),
            Self::ExpiryChanged { from: None, to } => write!(f, "expires_at is now {to}, and it had no expiry"),
            Self::LifetimeChanged => f.write_str("expires_in changed"),
            Self::TriggersChanged(names) => {
                let names: Vec<_> = names.iter().map(|name| format!("rotation_triggers.{name}")).collect();
                write!(f, "{} changed", names.join(", "))
            }
            Self::Expired(expiry) => write!(f, "it expired at {expiry}"),
            Self::Due {
                expiry,
                left,
                rotate_before,
            } => {
                let (left, rotate_before) = (Rough(left.unsigned_abs()), Rough(*rotate_before));
                write!(
                    f,
                    "it expires in {left} (at {expiry}), within rotate_before = {rotate_before}"
                )
            }
            Self::Aged {
                made,
                age,
                rotate_every,
            } => {
                let (age, rotate_every) = (Rough(age.unsigned_abs()), Rough(*rotate_every));
                write!(f, "it is {age} old (made at {made}), and rotate_every = {rotate_every}")
            }
        }
    }
}

impl fmt::Display for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::State => "the state",
            Self::Elsewhere(place) => place,
        })
    }
}

/// A duration in its largest unit, rounded down: what a person needs to know of it.
pub(crate) struct Rough(pub(crate) Duration);

impl fmt::Display for Rough {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let units = [(86_400, "day"), (3_600, "hour"), (60, "minute")];
        let (worth, unit) = units
            .into_iter()
            .find(|(worth, _)| seconds >= *worth)
            .unwrap_or((1, "second"));
        let count = seconds / worth;
        write!(f, "{count} {unit}{}", if count == 1 { "" } else { "s" })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn instant(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn expiry(text: &str) -> Expiry {
        Expiry::at(instant(text))
    }

    fn triggers(of: &[(&str, &str)]) -> BTreeMap<String, String> {
        of.iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    const NONE: Triggers = &[];

    /// (what is declared, what is there, the reasons on 2027-01-01)
    #[test]
    fn every_rotation_has_its_reason_and_nothing_else_rotates() {
        let february = expiry("2027-02-01T00:00:00Z");
        let december = expiry("2026-12-01T00:00:00Z");
        let fourth = expiry("2027-01-04T12:00:00Z");
        let after = |days, before: Option<u32>| Ends::After {
            lifetime: DAY * days,
            rotate_before: before.map(|days| DAY * days),
        };
        use PresentValue::{Imported, Ours};
        let replaced = PresentValue::Replaced {
            on: Some(instant("2026-12-24T18:00:00Z")),
        };
        let cases = [
            ("nothing declared", Ends::ByDefault, Some(february), None, Ours, ""),
            ("nothing known", Ends::ByDefault, None, None, Ours, ""),
            (
                "default expired",
                Ends::ByDefault,
                Some(december),
                None,
                Ours,
                "expired at 2026-12-01T00:00:00Z",
            ),
            ("fixed, as it is", Ends::At(february), Some(february), None, Ours, ""),
            (
                "fixed, past, as it is",
                Ends::At(december),
                Some(december),
                None,
                Ours,
                "",
            ),
            (
                "fixed, moved",
                Ends::At(february),
                Some(fourth),
                None,
                Ours,
                "expires_at changed from 2027-01-04",
            ),
            (
                "fixed, legacy token",
                Ends::At(february),
                None,
                None,
                Ours,
                "it had no expiry",
            ),
            (
                "fixed, import that differs",
                Ends::At(february),
                Some(fourth),
                None,
                Imported,
                "expires_at changed",
            ),
            (
                "lifetime, as it is",
                after(90, None),
                Some(february),
                Some(90),
                Ours,
                "",
            ),
            (
                "lifetime, expired",
                after(90, None),
                Some(december),
                Some(90),
                Ours,
                "it expired",
            ),
            (
                "lifetime, changed",
                after(30, None),
                Some(february),
                Some(90),
                Ours,
                "expires_in changed",
            ),
            (
                "lifetime, first said",
                after(30, None),
                Some(february),
                None,
                Ours,
                "expires_in changed",
            ),
            (
                "lifetime, first said of an import",
                after(30, None),
                Some(february),
                None,
                Imported,
                "",
            ),
            (
                "due, first said of an import",
                after(90, Some(7)),
                Some(fourth),
                None,
                Imported,
                "",
            ),
            (
                "due, said before of an import",
                after(90, Some(7)),
                Some(fourth),
                Some(90),
                Imported,
                "expires in 3 days",
            ),
            ("not due", after(90, Some(3)), Some(fourth), Some(90), Ours, ""),
            (
                "due",
                after(90, Some(7)),
                Some(fourth),
                Some(90),
                Ours,
                "expires in 3 days (at 2027-01-04T12:00:00Z)",
            ),
            (
                "due, says within what",
                after(90, Some(7)),
                Some(fourth),
                Some(90),
                Ours,
                "within rotate_before = 7 days",
            ),
            (
                "replaced",
                Ends::ByDefault,
                Some(february),
                None,
                replaced,
                "rotated outside Terraform",
            ),
        ];
        for (case, ends, expiry, days, value, expected) in cases {
            let declared = Declared {
                ends,
                triggers: triggers(NONE),
                keeper: Keeper::State,
            };
            let lifetime = days.map(|days: u32| DAY * days);
            let present = Present {
                expiry,
                issued: None,
                lifetime,
                triggers: triggers(NONE),
                keeper: Keeper::State,
                value,
            };
            let reasons = reasons(&declared, &present, instant("2027-01-01T00:00:00Z"));
            let told: Vec<_> = reasons.iter().map(ToString::to_string).collect();
            assert_eq!(told.len(), usize::from(!expected.is_empty()), "{case}: {told:?}");
            assert!(told.concat().contains(expected), "{case}: {told:?}");
        }
    }

    type Triggers = &'static [(&'static str, &'static str)];

    /// (the triggers before, the triggers now, what is told)
    #[test]
    fn any_change_of_a_trigger_rotates_and_is_named() {
        let cases: [(Triggers, Triggers, &str); 6] = [
            (&[("release", "1")], &[("release", "1")], ""),
            (
                &[("release", "1")],
                &[("release", "2")],
                "rotation_triggers.release changed",
            ),
            (&[("release", "1")], NONE, "rotation_triggers.release changed"),
            (NONE, &[("release", "1")], "rotation_triggers.release changed"),
            (
                &[("a", "1")],
                &[("b", "1")],
                "rotation_triggers.b, rotation_triggers.a changed",
            ),
            (NONE, NONE, ""),
        ];
        for (before, now, expected) in cases {
            let declared = Declared {
                ends: Ends::ByDefault,
                triggers: triggers(now),
                keeper: Keeper::State,
            };
            let present = Present {
                expiry: None,
                issued: None,
                lifetime: None,
                triggers: triggers(before),
                keeper: Keeper::State,
                value: PresentValue::Ours,
            };
            let told: String = reasons(&declared, &present, Timestamp::UNIX_EPOCH)
                .iter()
                .map(ToString::to_string)
                .collect();
            assert_eq!(told, expected, "{before:?} {now:?}");
        }
    }

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(hour * 3_600).unwrap()
    }

    /// (how the end is declared, the expiry asked for, when the value was issued and its expiry by the platform, whether it
    /// is rotated in hour 100)
    #[test]
    fn expiry_of_the_platform_decides_and_a_difference_alone_does_not_rotate() {
        let after = |hours: u32, before: Option<u32>| Ends::After {
            lifetime: Duration::from_secs(3_600) * hours,
            rotate_before: before.map(|hours| Duration::from_secs(3_600) * hours),
        };
        let fixed = |hour| Ends::At(Expiry::at(at(hour)));
        let cases = [
            ("fixed, kept earlier", fixed(200), 200, (90, 150), false),
            ("fixed, kept later", fixed(200), 200, (90, 300), false),
            ("fixed, kept earlier and passed", fixed(200), 200, (90, 95), true),
            ("fixed, issued as expired", fixed(200), 200, (90, 80), false),
            ("fixed and passed, kept later", fixed(95), 95, (90, 150), false),
            ("fixed, changed", fixed(201), 200, (90, 150), true),
            ("lifetime, capped", after(500, None), 590, (90, 150), false),
            ("lifetime, capped and passed", after(500, None), 590, (90, 100), true),
            ("lifetime, issued as expired", after(500, None), 590, (90, 90), false),
            (
                "capped below rotate_before",
                after(500, Some(400)),
                590,
                (99, 200),
                false,
            ),
            (
                "capped below rotate_before, half over",
                after(500, Some(400)),
                590,
                (90, 110),
                true,
            ),
            ("within rotate_before", after(500, Some(400)), 590, (90, 499), true),
        ];
        for (case, ends, asked, (issued, kept), rotates) in cases {
            let declared = Declared {
                ends,
                triggers: triggers(NONE),
                keeper: Keeper::State,
            };
            let lifetime = match ends {
                Ends::After { lifetime, .. } => Some(lifetime),
                _ => None,
            };
            let present = Present {
                expiry: Some(Expiry::at(at(asked))),
                issued: Some(Issued {
                    at: at(issued),
                    expiry: Expiry::at(at(kept)),
                }),
                lifetime,
                triggers: triggers(NONE),
                keeper: Keeper::State,
                value: PresentValue::Ours,
            };
            let reasons = reasons(&declared, &present, at(100));
            assert_eq!(!reasons.is_empty(), rotates, "{case}: {reasons:?}");
        }
    }

    #[test]
    fn expiry_that_is_computed_from_the_time_of_each_plan_is_recognised() {
        let minute = |minute: i64| Timestamp::from_second(minute * 60).unwrap();
        // The expiry and the instant of the plan, before and now, in minutes.
        let cases = [
            ("a day ahead, twice", (1_440, 0), (1_540, 100), true),
            ("the first plan was slow", (1_440, 1), (1_540, 100), true),
            ("another lifetime", (1_440, 0), (1_640, 100), false),
            ("a later date", (1_440, 0), (2_880, 100), false),
            ("the same instant", (1_440, 0), (1_440, 0), false),
            ("changed by hand at once", (1_440, 0), (1_441, 1), false),
        ];
        for (case, before, now, expected) in cases {
            let declared = |(expiry, planned)| (Expiry::at(minute(expiry)), minute(planned));
            assert_eq!(follows_the_clock(declared(before), declared(now)), expected, "{case}");
        }
    }

    /// (who keeps the value by the state, who is to keep it, whose value it is, what is told)
    #[test]
    fn a_value_that_its_keeper_does_not_have_is_replaced() {
        use PresentValue::{Imported, Missing, Ours, Undelivered};
        let vault = |place: &str| Keeper::Elsewhere(format!("Vault ({place})"));
        let state = Keeper::State;
        let cases = [
            (vault("a"), vault("a"), Ours, ""),
            (
                vault("a"),
                vault("a"),
                Undelivered,
                "its value did not reach Vault (a), and nobody knows it",
            ),
            (
                vault("a"),
                vault("a"),
                Missing,
                "Vault (a) does not hold its present value any more",
            ),
            (
                state.clone(),
                vault("a"),
                Ours,
                "its value is kept by Vault (a) from now on, not by the state",
            ),
            (
                vault("a"),
                state.clone(),
                Ours,
                "its value is kept by the state from now on, not by Vault (a)",
            ),
            (
                vault("a"),
                vault("b"),
                Ours,
                "its value is kept by Vault (b) from now on, not by Vault (a)",
            ),
            (state, vault("a"), Imported, ""),
        ];
        for (from, to, value, expected) in cases {
            let declared = Declared {
                ends: Ends::ByDefault,
                triggers: triggers(NONE),
                keeper: to,
            };
            let present = Present {
                expiry: None,
                issued: None,
                lifetime: None,
                triggers: triggers(NONE),
                keeper: from,
                value,
            };
            let reasons = reasons(&declared, &present, Timestamp::UNIX_EPOCH);
            let told: Vec<_> = reasons.iter().map(ToString::to_string).collect();
            assert_eq!(told.join("; "), expected);
        }
    }

    fn some_expiry() -> impl Strategy<Value = Expiry> {
        (0_i64..4_000_000_000).prop_map(|second| Expiry::at(Timestamp::from_second(second).unwrap()))
    }

    fn some_duration() -> impl Strategy<Value = Duration> {
        (1_u64..400 * 86_400).prop_map(Duration::from_secs)
    }

    fn some_declaration() -> impl Strategy<Value = Declared> {
        let ends = prop_oneof![
            Just(Ends::ByDefault),
            some_expiry().prop_map(Ends::At),
            (some_duration(), prop::option::of(0_u32..100))
                // The provider refuses a rotate_before that is not shorter than expires_in.
                .prop_map(|(lifetime, percent)| Ends::After {
                    lifetime,
                    rotate_before: percent.map(|percent| lifetime * percent / 101),
                }),
        ];
        (ends, some_triggers(), some_keeper()).prop_map(|(ends, triggers, keeper)| Declared { ends, triggers, keeper })
    }

    fn some_triggers() -> impl Strategy<Value = BTreeMap<String, String>> {
        prop::collection::btree_map("[ab]", "[12]", 0..3)
    }

    fn some_keeper() -> impl Strategy<Value = Keeper> {
        prop_oneof![Just(Keeper::State), "[ab]".prop_map(Keeper::Elsewhere),]
    }

    fn some_presence() -> impl Strategy<Value = Present> {
        let value = prop_oneof![
            Just(PresentValue::Ours),
            Just(PresentValue::Replaced { on: None }),
            Just(PresentValue::Undelivered),
            Just(PresentValue::Missing),
            Just(PresentValue::Deleted),
            Just(PresentValue::Imported)
        ];
        (
            prop::option::of(some_expiry()),
            prop::option::of(some_duration()),
            some_triggers(),
            some_keeper(),
            value,
        )
            .prop_map(|(expiry, lifetime, triggers, keeper, value)| Present {
                expiry,
                issued: None,
                lifetime,
                triggers,
                keeper,
                value,
            })
    }

    /// What is there after a rotation at `now`.
    fn rotated(declared: &Declared, now: Timestamp) -> Present {
        let (expiry, lifetime) = match declared.ends {
            Ends::ByDefault => (Expiry::at(now + SignedDuration::from_hours(24)), None),
            Ends::At(expiry) => (expiry, None),
            Ends::After { lifetime, .. } => (
                Expiry::at(now + SignedDuration::try_from(lifetime).unwrap()),
                Some(lifetime),
            ),
        };
        Present {
            expiry: Some(expiry),
            issued: Some(Issued { at: now, expiry }),
            lifetime,
            triggers: declared.triggers.clone(),
            keeper: declared.keeper.clone(),
            value: PresentValue::Ours,
        }
    }

    proptest! {
        #[test]
        fn one_cause_makes_one_rotation(declared in some_declaration(), second in 0_i64..4_000_000_000) {
            let now = Timestamp::from_second(second).unwrap();
            prop_assert_eq!(reasons(&declared, &rotated(&declared, now), now), []);
        }

        #[test]
        fn a_later_clock_never_takes_a_rotation_back(
            declared in some_declaration(),
            present in some_presence(),
            second in 0_i64..4_000_000_000,
            later in 0_i64..400_000_000,
        ) {
            // A fixed end is what takes a reason away: the user said when it ends.
            prop_assume!(!matches!(declared.ends, Ends::At(_)));
            let now = Timestamp::from_second(second).unwrap();
            let rotates = !reasons(&declared, &present, now).is_empty();
            let later = now + SignedDuration::from_secs(later);
            prop_assert!(!rotates || !reasons(&declared, &present, later).is_empty());
        }
    }
}
