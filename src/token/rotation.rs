//! The rotation of a token and its reasons.
//!
//! A token has one value at a time, which the platform shows once. A *rotation* invalidates that
//! value and issues another. Every consumer of the old value loses access at that moment, so a
//! rotation needs a reason that the user can see: each [`Reason`] is one check in [`reasons`], and
//! a plan that rotates shows all of them.
//!
//! These are pure functions: they derive the reasons from the desired state, the actual state and
//! the current time, without a platform or a clock. A token is never rotated without a reason.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::expiry::Expiry;

/// The declared expiry policy of a token's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpiryPolicy {
    /// No policy: the platform's default applies, and an expired value is replaced.
    PlatformDefault,
    /// A fixed instant. After it, the token stays expired, because the user chose that instant.
    Fixed(Expiry),
    /// A lifetime that starts at each creation or rotation.
    Lifetime {
        /// The lifetime of a value.
        lifetime: Duration,
        /// The time before the expiry at which the value is replaced; `None` to replace it after it
        /// has expired.
        rotate_before: Option<Duration>,
    },
}

/// The desired state of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desired {
    /// The expiry policy.
    pub expiry_policy: ExpiryPolicy,
    /// Arbitrary values; any change rotates the token.
    pub triggers: BTreeMap<String, String>,
    /// The storage of the token's value.
    pub storage: Storage,
}

/// The actual state of an existing token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actual {
    /// The requested expiry, or else the one that the platform reports; `None` if the token never
    /// expires or its expiry is unknown.
    pub expiry: Option<Expiry>,
    /// The platform's record of the value's issue.
    pub issued: Option<Issued>,
    /// The lifetime that was declared when the value was issued.
    pub lifetime: Option<Duration>,
    /// The triggers that were declared when the value was issued.
    pub triggers: BTreeMap<String, String>,
    /// The storage that was declared when the value was issued.
    pub storage: Storage,
    /// The status of the value in the storage.
    pub value: ValueStatus,
}

/// The platform's response to a request for a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Issued {
    /// The time of the plan that requested the value.
    pub at: Timestamp,
    /// The expiry that the platform assigned, which may differ from the requested one.
    pub expiry: Expiry,
}

impl Actual {
    /// The expiry by the platform, as far as it is known.
    pub fn real_expiry(&self) -> Option<Expiry> {
        self.issued.map(|issued| issued.expiry).or(self.expiry)
    }
}

/// The storage of a token's value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Storage {
    /// Terraform's state.
    #[default]
    State,
    /// An external storage, with its name in messages. Terraform does not know the value then, so that a change of storage
    /// requires a rotation.
    External(String),
}

/// Whether the stored value is the one that is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueStatus {
    /// Terraform issued the value, and it is stored.
    Current,
    /// Another client rotated the token since: the stored value is invalid.
    RotatedOutside {
        /// The time of that rotation, if the platform reports it.
        on: Option<Timestamp>,
    },
    /// Terraform issued a value that did not reach its storage: it is unknown.
    Undelivered,
    /// Terraform delivered the value, and its storage no longer has it.
    Missing,
    /// Another client deleted the token.
    Deleted,
    /// The token was imported: its value may be in use but is unknown to Terraform. Arguments that
    /// are declared for the first time describe the token and do not count as changes.
    Imported,
}

/// A reason to rotate a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The token was rotated outside Terraform.
    RotatedOutside {
        /// The time of that rotation, if the platform reports it.
        on: Option<Timestamp>,
    },
    /// The token was deleted outside Terraform.
    DeletedOutside,
    /// The value did not reach this storage.
    Undelivered(Storage),
    /// This storage no longer has the current value.
    Missing(Storage),
    /// The declared storage of the value changed.
    StorageChanged {
        /// The previous storage.
        from: Storage,
        /// The declared storage.
        to: Storage,
    },
    /// `expires_at` changed.
    ExpiryChanged {
        /// The previous expiry.
        from: Option<Expiry>,
        /// The declared expiry.
        to: Expiry,
    },
    /// `expires_in` changed.
    LifetimeChanged,
    /// This argument changed, which only a new token can have.
    ArgumentChanged(&'static str),
    /// These `rotation_triggers` changed.
    TriggersChanged(Vec<String>),
    /// The value has expired, and the expiry policy rotates the token.
    Expired(Expiry),
    /// The value expires within `rotate_before`.
    Due {
        /// The expiry.
        expiry: Expiry,
        /// The time until the expiry.
        left: SignedDuration,
        /// The declared `rotate_before`.
        rotate_before: Duration,
    },
    /// The value has reached the age of `rotate_every`.
    TooOld {
        /// The time the value was issued.
        issued_at: Timestamp,
        /// The age of the value.
        age: SignedDuration,
        /// The declared `rotate_every`.
        rotate_every: Duration,
    },
}

/// All reasons to rotate a token now; empty if it need not be rotated.
pub fn reasons(desired: &Desired, actual: &Actual, now: Timestamp) -> Vec<Reason> {
    let checks = [
        value_lost(desired, actual, now),
        storage_changed(desired, actual),
        expiry_changed(desired, actual),
        lifetime_changed(desired, actual),
        triggers_changed(desired, actual),
        due(desired, actual, now),
    ];
    checks.into_iter().flatten().collect()
}

fn value_lost(desired: &Desired, actual: &Actual, now: Timestamp) -> Option<Reason> {
    // After its fixed expiry, a token is meant to have no valid value.
    let has_expired = matches!(desired.expiry_policy, ExpiryPolicy::Fixed(end) if end.has_passed(now));
    match actual.value {
        ValueStatus::RotatedOutside { on } if !has_expired => Some(Reason::RotatedOutside { on }),
        ValueStatus::Deleted if !has_expired => Some(Reason::DeletedOutside),
        ValueStatus::Undelivered if !has_expired => Some(Reason::Undelivered(actual.storage.clone())),
        ValueStatus::Missing if !has_expired => Some(Reason::Missing(actual.storage.clone())),
        _ => None,
    }
}

fn storage_changed(desired: &Desired, actual: &Actual) -> Option<Reason> {
    let changed = desired.storage != actual.storage && actual.value != ValueStatus::Imported;
    changed.then(|| Reason::StorageChanged {
        from: actual.storage.clone(),
        to: desired.storage.clone(),
    })
}

fn expiry_changed(desired: &Desired, actual: &Actual) -> Option<Reason> {
    match desired.expiry_policy {
        ExpiryPolicy::Fixed(to) if actual.expiry != Some(to) => Some(Reason::ExpiryChanged {
            from: actual.expiry,
            to,
        }),
        _ => None,
    }
}

fn lifetime_changed(desired: &Desired, actual: &Actual) -> Option<Reason> {
    let ExpiryPolicy::Lifetime { lifetime, .. } = desired.expiry_policy else {
        return None;
    };
    (actual.lifetime != Some(lifetime) && !is_first_declaration(actual)).then_some(Reason::LifetimeChanged)
}

/// Whether an imported token's lifetime is declared for the first time.
fn is_first_declaration(actual: &Actual) -> bool {
    actual.lifetime.is_none() && actual.value == ValueStatus::Imported
}

fn triggers_changed(desired: &Desired, actual: &Actual) -> Option<Reason> {
    if actual.triggers.is_empty() && actual.value == ValueStatus::Imported {
        return None;
    }
    changed_triggers(&actual.triggers, &desired.triggers)
}

/// The triggers that were changed, added or removed, as a reason to rotate.
pub fn changed_triggers(before: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Option<Reason> {
    let names = now.keys().chain(before.keys().filter(|name| !now.contains_key(*name)));
    let changed: Vec<_> = names
        .filter(|name| now.get(*name) != before.get(*name))
        .cloned()
        .collect();
    (!changed.is_empty()).then_some(Reason::TriggersChanged(changed))
}

fn due(desired: &Desired, actual: &Actual, now: Timestamp) -> Option<Reason> {
    let expiry = actual.real_expiry()?;
    // Another value would be issued as an expired one, too.
    if actual.issued.is_some_and(|issued| issued.expiry.has_passed(issued.at)) {
        return None;
    }
    let rotate_before = match desired.expiry_policy {
        // After the declared expiry the token is meant to be expired. Before it, the token needs a
        // valid value even if the platform assigned an earlier expiry.
        ExpiryPolicy::Fixed(end) if end.has_passed(now) || actual.expiry != Some(end) => return None,
        ExpiryPolicy::Lifetime { rotate_before, .. } if !is_first_declaration(actual) => rotate_before,
        ExpiryPolicy::Fixed(_) | ExpiryPolicy::Lifetime { .. } | ExpiryPolicy::PlatformDefault => None,
    };
    if expiry.has_passed(now) {
        return Some(Reason::Expired(expiry));
    }
    let rotate_before = rotate_before?;
    let left = expiry.instant().duration_since(now);
    let within = |rotate_before| SignedDuration::try_from(rotate_before).is_ok_and(|before| left > before);
    (!within(at_most_half(rotate_before, actual.issued))).then_some(Reason::Due {
        expiry,
        left,
        rotate_before,
    })
}

/// `rotate_before`, or half of the lifetime that the platform granted if that is not longer than
/// `rotate_before`. Otherwise every plan would rotate the token.
fn at_most_half(rotate_before: Duration, issued: Option<Issued>) -> Duration {
    let lifetime = issued.map(|issued| issued.expiry.instant().duration_since(issued.at).unsigned_abs());
    match lifetime {
        Some(lifetime) if lifetime <= rotate_before => lifetime / 2,
        _ => rotate_before,
    }
}

/// Whether the declared fixed expiry is unchanged and has passed, so that no value can be issued.
pub fn fixed_expiry_has_passed(desired: &Desired, actual: &Actual, now: Timestamp) -> bool {
    matches!(desired.expiry_policy, ExpiryPolicy::Fixed(end) if end.has_passed(now) && actual.expiry == Some(end))
}

/// Whether `expires_at` is computed from the current time, so that it changes with every plan: its
/// distance from the time of its plan is the same as before. Each expiry comes with the time of its
/// plan.
pub fn is_computed_from_now(before: (Expiry, Timestamp), now: (Expiry, Timestamp)) -> bool {
    const TOLERANCE: SignedDuration = SignedDuration::from_mins(15);
    let ahead = |(expiry, planned): (Expiry, Timestamp)| expiry.instant().duration_since(planned);
    let passed = now.1.duration_since(before.1);
    before.0 != now.0 && passed > TOLERANCE && (ahead(before) - ahead(now)).abs() <= TOLERANCE
}

/// The reason to rotate a value that has reached the age of `rotate_every`; `None` if it is
/// younger.
pub fn too_old(issued_at: Timestamp, rotate_every: Duration, now: Timestamp) -> Option<Reason> {
    let age = now.duration_since(issued_at);
    let due = SignedDuration::try_from(rotate_every).is_ok_and(|rotate_every| age >= rotate_every);
    due.then_some(Reason::TooOld {
        issued_at,
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
                f.write_str(", which invalidated the value in the state")
            }
            Self::DeletedOutside => f.write_str("it was deleted outside Terraform"),
            Self::Undelivered(storage) => write!(f, "its value did not reach {storage} and is lost"),
            Self::Missing(storage) => write!(f, "{storage} no longer has its current value"),
            Self::StorageChanged { from, to } => write!(f, "its value moves from {from} to {to}"),
            Self::ExpiryChanged { from: Some(from), to } => write!(f, "expires_at changed from {from} to {to}"),
            Self::ExpiryChanged { from: None, to } => write!(f, "expires_at is now {to}, and it had no expiry"),
            Self::LifetimeChanged => f.write_str("expires_in changed"),
            Self::ArgumentChanged(name) => write!(f, "{name} changed"),
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
                let (left, rotate_before) = (HumanDuration(left.unsigned_abs()), HumanDuration(*rotate_before));
                write!(
                    f,
                    "it expires in {left} (at {expiry}), within rotate_before = {rotate_before}"
                )
            }
            Self::TooOld {
                issued_at,
                age,
                rotate_every,
            } => {
                let (age, rotate_every) = (HumanDuration(age.unsigned_abs()), HumanDuration(*rotate_every));
                write!(
                    f,
                    "it is {age} old (issued at {issued_at}), and rotate_every = {rotate_every}"
                )
            }
        }
    }
}

impl fmt::Display for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::State => "the state",
            Self::External(name) => name,
        })
    }
}

/// Formats a duration in its largest unit, rounded down.
pub(crate) struct HumanDuration(pub(crate) Duration);

impl fmt::Display for HumanDuration {
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

    /// (desired state, actual state, expected reason on 2027-01-01)
    #[test]
    fn reasons_of_every_case_match() {
        let february = expiry("2027-02-01T00:00:00Z");
        let december = expiry("2026-12-01T00:00:00Z");
        let fourth = expiry("2027-01-04T12:00:00Z");
        let after = |days, before: Option<u32>| ExpiryPolicy::Lifetime {
            lifetime: DAY * days,
            rotate_before: before.map(|days| DAY * days),
        };
        use ValueStatus::{Current, Imported};
        let replaced = ValueStatus::RotatedOutside {
            on: Some(instant("2026-12-24T18:00:00Z")),
        };
        let cases = [
            (
                "nothing declared",
                ExpiryPolicy::PlatformDefault,
                Some(february),
                None,
                Current,
                "",
            ),
            ("nothing known", ExpiryPolicy::PlatformDefault, None, None, Current, ""),
            (
                "default expired",
                ExpiryPolicy::PlatformDefault,
                Some(december),
                None,
                Current,
                "expired at 2026-12-01T00:00:00Z",
            ),
            (
                "fixed, unchanged",
                ExpiryPolicy::Fixed(february),
                Some(february),
                None,
                Current,
                "",
            ),
            (
                "fixed, passed, unchanged",
                ExpiryPolicy::Fixed(december),
                Some(december),
                None,
                Current,
                "",
            ),
            (
                "fixed, moved",
                ExpiryPolicy::Fixed(february),
                Some(fourth),
                None,
                Current,
                "expires_at changed from 2027-01-04",
            ),
            (
                "fixed, legacy token",
                ExpiryPolicy::Fixed(february),
                None,
                None,
                Current,
                "it had no expiry",
            ),
            (
                "fixed, import that differs",
                ExpiryPolicy::Fixed(february),
                Some(fourth),
                None,
                Imported,
                "expires_at changed",
            ),
            (
                "lifetime, unchanged",
                after(90, None),
                Some(february),
                Some(90),
                Current,
                "",
            ),
            (
                "lifetime, expired",
                after(90, None),
                Some(december),
                Some(90),
                Current,
                "it expired",
            ),
            (
                "lifetime, changed",
                after(30, None),
                Some(february),
                Some(90),
                Current,
                "expires_in changed",
            ),
            (
                "lifetime, declared first",
                after(30, None),
                Some(february),
                None,
                Current,
                "expires_in changed",
            ),
            (
                "lifetime, declared first after import",
                after(30, None),
                Some(february),
                None,
                Imported,
                "",
            ),
            (
                "due, declared first after import",
                after(90, Some(7)),
                Some(fourth),
                None,
                Imported,
                "",
            ),
            (
                "due, declared again after import",
                after(90, Some(7)),
                Some(fourth),
                Some(90),
                Imported,
                "expires in 3 days",
            ),
            ("not due", after(90, Some(3)), Some(fourth), Some(90), Current, ""),
            (
                "due",
                after(90, Some(7)),
                Some(fourth),
                Some(90),
                Current,
                "expires in 3 days (at 2027-01-04T12:00:00Z)",
            ),
            (
                "due, names rotate_before",
                after(90, Some(7)),
                Some(fourth),
                Some(90),
                Current,
                "within rotate_before = 7 days",
            ),
            (
                "replaced",
                ExpiryPolicy::PlatformDefault,
                Some(february),
                None,
                replaced,
                "rotated outside Terraform",
            ),
        ];
        for (case, expiry_policy, expiry, days, value, expected) in cases {
            let desired = Desired {
                expiry_policy,
                triggers: triggers(NONE),
                storage: Storage::State,
            };
            let lifetime = days.map(|days: u32| DAY * days);
            let actual = Actual {
                expiry,
                issued: None,
                lifetime,
                triggers: triggers(NONE),
                storage: Storage::State,
                value,
            };
            let reasons = reasons(&desired, &actual, instant("2027-01-01T00:00:00Z"));
            let shown: Vec<_> = reasons.iter().map(ToString::to_string).collect();
            assert_eq!(shown.len(), usize::from(!expected.is_empty()), "{case}: {shown:?}");
            assert!(shown.concat().contains(expected), "{case}: {shown:?}");
        }
    }

    type Triggers = &'static [(&'static str, &'static str)];

    /// (previous triggers, current triggers, expected reason)
    #[test]
    fn reasons_name_every_changed_trigger() {
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
            let desired = Desired {
                expiry_policy: ExpiryPolicy::PlatformDefault,
                triggers: triggers(now),
                storage: Storage::State,
            };
            let actual = Actual {
                expiry: None,
                issued: None,
                lifetime: None,
                triggers: triggers(before),
                storage: Storage::State,
                value: ValueStatus::Current,
            };
            let shown: String = reasons(&desired, &actual, Timestamp::UNIX_EPOCH)
                .iter()
                .map(ToString::to_string)
                .collect();
            assert_eq!(shown, expected, "{before:?} {now:?}");
        }
    }

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(hour * 3_600).unwrap()
    }

    /// (expiry policy, requested expiry, time of issue and the platform's expiry, whether the token
    /// is rotated in hour 100)
    #[test]
    fn reasons_follow_expiry_of_platform_and_ignore_mere_difference() {
        let after = |hours: u32, before: Option<u32>| ExpiryPolicy::Lifetime {
            lifetime: Duration::from_secs(3_600) * hours,
            rotate_before: before.map(|hours| Duration::from_secs(3_600) * hours),
        };
        let fixed = |hour| ExpiryPolicy::Fixed(Expiry::at(at(hour)));
        let cases = [
            ("fixed, assigned earlier", fixed(200), 200, (90, 150), false),
            ("fixed, assigned later", fixed(200), 200, (90, 300), false),
            ("fixed, assigned earlier and passed", fixed(200), 200, (90, 95), true),
            ("fixed, issued as expired", fixed(200), 200, (90, 80), false),
            ("fixed and passed, assigned later", fixed(95), 95, (90, 150), false),
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
        for (case, expiry_policy, asked, (issued, assigned), rotates) in cases {
            let desired = Desired {
                expiry_policy,
                triggers: triggers(NONE),
                storage: Storage::State,
            };
            let lifetime = match expiry_policy {
                ExpiryPolicy::Lifetime { lifetime, .. } => Some(lifetime),
                _ => None,
            };
            let actual = Actual {
                expiry: Some(Expiry::at(at(asked))),
                issued: Some(Issued {
                    at: at(issued),
                    expiry: Expiry::at(at(assigned)),
                }),
                lifetime,
                triggers: triggers(NONE),
                storage: Storage::State,
                value: ValueStatus::Current,
            };
            let reasons = reasons(&desired, &actual, at(100));
            assert_eq!(!reasons.is_empty(), rotates, "{case}: {reasons:?}");
        }
    }

    #[test]
    fn follows_the_clock_recognises_expiry_computed_from_time_of_plan() {
        let minute = |minute: i64| Timestamp::from_second(minute * 60).unwrap();
        // Expiry and time of the plan, before and now, in minutes.
        let cases = [
            ("a day ahead, twice", (1_440, 0), (1_540, 100), true),
            ("the first plan was slow", (1_440, 1), (1_540, 100), true),
            ("another lifetime", (1_440, 0), (1_640, 100), false),
            ("a later date", (1_440, 0), (2_880, 100), false),
            ("the same instant", (1_440, 0), (1_440, 0), false),
            ("changed by hand at once", (1_440, 0), (1_441, 1), false),
            ("a quarter of an hour apart", (1_440, 0), (1_455, 15), false),
            ("a minute more apart", (1_440, 0), (1_456, 16), true),
        ];
        for (case, before, now, expected) in cases {
            let desired = |(expiry, planned)| (Expiry::at(minute(expiry)), minute(planned));
            assert_eq!(is_computed_from_now(desired(before), desired(now)), expected, "{case}");
        }
    }

    #[test]
    fn lost_value_is_not_replaced_after_fixed_expiry() {
        let replaced = ValueStatus::RotatedOutside { on: None };
        for value in [
            replaced,
            ValueStatus::Deleted,
            ValueStatus::Undelivered,
            ValueStatus::Missing,
        ] {
            for (hour, count) in [(99, 1), (100, 0), (101, 0)] {
                let desired = Desired {
                    expiry_policy: ExpiryPolicy::Fixed(Expiry::at(at(100))),
                    triggers: triggers(NONE),
                    storage: Storage::State,
                };
                let actual = Actual {
                    expiry: Some(Expiry::at(at(100))),
                    issued: None,
                    lifetime: None,
                    triggers: triggers(NONE),
                    storage: Storage::State,
                    value,
                };
                assert_eq!(reasons(&desired, &actual, at(hour)).len(), count, "{value:?} {hour}");
            }
        }
    }

    /// (expiry policy, expiry of the token, whether it has passed in hour 100)
    #[test]
    fn fixed_expiry_has_passed_only_if_unchanged() {
        let fixed = |hour| ExpiryPolicy::Fixed(Expiry::at(at(hour)));
        let lifetime = ExpiryPolicy::Lifetime {
            lifetime: DAY,
            rotate_before: None,
        };
        let cases = [
            (fixed(100), Some(100), true),
            (fixed(99), Some(99), true),
            (fixed(101), Some(101), false),
            (fixed(99), Some(98), false),
            (fixed(99), None, false),
            (lifetime, Some(99), false),
            (ExpiryPolicy::PlatformDefault, Some(99), false),
        ];
        for (expiry_policy, expiry, expected) in cases {
            let desired = Desired {
                expiry_policy,
                triggers: triggers(NONE),
                storage: Storage::State,
            };
            let actual = Actual {
                expiry: expiry.map(|hour| Expiry::at(at(hour))),
                issued: None,
                lifetime: None,
                triggers: triggers(NONE),
                storage: Storage::State,
                value: ValueStatus::Current,
            };
            assert_eq!(
                fixed_expiry_has_passed(&desired, &actual, at(100)),
                expected,
                "{expiry_policy:?} {expiry:?}"
            );
        }
    }

    /// (storage by the state, declared storage, status of the value, expected reason)
    #[test]
    fn value_missing_in_its_storage_is_rotated() {
        use ValueStatus::{Current, Imported, Missing, Undelivered};
        let vault = |path: &str| Storage::External(format!("Vault ({path})"));
        let state = Storage::State;
        let cases = [
            (vault("a"), vault("a"), Current, ""),
            (
                vault("a"),
                vault("a"),
                Undelivered,
                "its value did not reach Vault (a) and is lost",
            ),
            (
                vault("a"),
                vault("a"),
                Missing,
                "Vault (a) no longer has its current value",
            ),
            (
                state.clone(),
                vault("a"),
                Current,
                "its value moves from the state to Vault (a)",
            ),
            (
                vault("a"),
                state.clone(),
                Current,
                "its value moves from Vault (a) to the state",
            ),
            (
                vault("a"),
                vault("b"),
                Current,
                "its value moves from Vault (a) to Vault (b)",
            ),
            (state, vault("a"), Imported, ""),
        ];
        for (from, to, value, expected) in cases {
            let desired = Desired {
                expiry_policy: ExpiryPolicy::PlatformDefault,
                triggers: triggers(NONE),
                storage: to,
            };
            let actual = Actual {
                expiry: None,
                issued: None,
                lifetime: None,
                triggers: triggers(NONE),
                storage: from,
                value,
            };
            let reasons = reasons(&desired, &actual, Timestamp::UNIX_EPOCH);
            let shown: Vec<_> = reasons.iter().map(ToString::to_string).collect();
            assert_eq!(shown.join("; "), expected);
        }
    }

    fn some_expiry() -> impl Strategy<Value = Expiry> {
        (0_i64..4_000_000_000).prop_map(|second| Expiry::at(Timestamp::from_second(second).unwrap()))
    }

    fn some_duration() -> impl Strategy<Value = Duration> {
        (1_u64..400 * 86_400).prop_map(Duration::from_secs)
    }

    fn some_desired() -> impl Strategy<Value = Desired> {
        let expiry_policy = prop_oneof![
            Just(ExpiryPolicy::PlatformDefault),
            some_expiry().prop_map(ExpiryPolicy::Fixed),
            (some_duration(), prop::option::of(0_u32..100))
                // The provider rejects a rotate_before that is not shorter than expires_in.
                .prop_map(|(lifetime, percent)| ExpiryPolicy::Lifetime {
                    lifetime,
                    rotate_before: percent.map(|percent| lifetime * percent / 101),
                }),
        ];
        (expiry_policy, some_triggers(), some_storage()).prop_map(|(expiry_policy, triggers, storage)| Desired {
            expiry_policy,
            triggers,
            storage,
        })
    }

    fn some_triggers() -> impl Strategy<Value = BTreeMap<String, String>> {
        prop::collection::btree_map("[ab]", "[12]", 0..3)
    }

    fn some_storage() -> impl Strategy<Value = Storage> {
        prop_oneof![Just(Storage::State), "[ab]".prop_map(Storage::External),]
    }

    fn some_actual() -> impl Strategy<Value = Actual> {
        let value = prop_oneof![
            Just(ValueStatus::Current),
            Just(ValueStatus::RotatedOutside { on: None }),
            Just(ValueStatus::Undelivered),
            Just(ValueStatus::Missing),
            Just(ValueStatus::Deleted),
            Just(ValueStatus::Imported)
        ];
        (
            prop::option::of(some_expiry()),
            prop::option::of(some_duration()),
            some_triggers(),
            some_storage(),
            value,
        )
            .prop_map(|(expiry, lifetime, triggers, storage, value)| Actual {
                expiry,
                issued: None,
                lifetime,
                triggers,
                storage,
                value,
            })
    }

    /// The actual state after a rotation at `now`.
    fn rotated(desired: &Desired, now: Timestamp) -> Actual {
        let (expiry, lifetime) = match desired.expiry_policy {
            ExpiryPolicy::PlatformDefault => (Expiry::at(now + SignedDuration::from_hours(24)), None),
            ExpiryPolicy::Fixed(expiry) => (expiry, None),
            ExpiryPolicy::Lifetime { lifetime, .. } => (
                Expiry::at(now + SignedDuration::try_from(lifetime).unwrap()),
                Some(lifetime),
            ),
        };
        Actual {
            expiry: Some(expiry),
            issued: Some(Issued { at: now, expiry }),
            lifetime,
            triggers: desired.triggers.clone(),
            storage: desired.storage.clone(),
            value: ValueStatus::Current,
        }
    }

    proptest! {
        #[test]
        fn rotation_removes_all_reasons(desired in some_desired(), second in 0_i64..4_000_000_000) {
            let now = Timestamp::from_second(second).unwrap();
            prop_assert_eq!(reasons(&desired, &rotated(&desired, now), now), []);
        }

        #[test]
        fn reason_remains_as_time_passes(
            desired in some_desired(),
            actual in some_actual(),
            second in 0_i64..4_000_000_000,
            later in 0_i64..400_000_000,
        ) {
            // Only a fixed expiry removes a reason, because the user chose that instant.
            prop_assume!(!matches!(desired.expiry_policy, ExpiryPolicy::Fixed(_)));
            let now = Timestamp::from_second(second).unwrap();
            let rotates = !reasons(&desired, &actual, now).is_empty();
            let later = now + SignedDuration::from_secs(later);
            prop_assert!(!rotates || !reasons(&desired, &actual, later).is_empty());
        }
    }
}
