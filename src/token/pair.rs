//! The rotation of a pair of tokens.
//!
//! Two tokens alternate, so that a rotation never invalidates a value that is in use: the *current*
//! token stays valid while the other one receives the new value and becomes current. Consumers of
//! the former value, now the *previous* one, have until the next rotation to fetch the new one.
//!
//! As in [`super::rotation`], these are pure functions without a platform or a clock.

use std::time::Duration;

use jiff::Timestamp;

use super::rotation::{Actual, Desired, Reason, ValueStatus, reasons, too_old};

/// The actual state of a pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The token with the newest value, and the declaration at the time it was issued.
    pub current: Actual,
    /// The other token; `None` if it does not exist.
    pub previous: Option<Actual>,
    /// The time the current value was issued; `None` if that is unknown.
    pub issued_at: Option<Timestamp>,
}

/// One of the two tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// The token whose value is current.
    Current,
    /// The other token, whether it exists or not.
    Other,
}

impl Pair {
    /// All reasons to rotate the pair now; empty if it need not be rotated. The state of the
    /// previous value is never a reason, because the next rotation replaces it anyway.
    pub fn reasons(&self, desired: &Desired, rotate_every: Duration, now: Timestamp) -> Vec<Reason> {
        let mut reasons = reasons(desired, &self.current, now);
        reasons.extend(
            self.issued_at
                .and_then(|issued_at| too_old(issued_at, rotate_every, now)),
        );
        reasons
    }

    /// The token that a rotation replaces: the older one, unless it is the only one that is valid.
    pub fn replaced(&self, now: Timestamp) -> Slot {
        let other_is_usable = self.previous.as_ref().is_some_and(|previous| is_usable(previous, now));
        if other_is_usable && !is_usable(&self.current, now) {
            Slot::Current
        } else {
            Slot::Other
        }
    }
}

/// Whether the value is valid and may be in use. One that its storage no longer has may be.
fn is_usable(actual: &Actual, now: Timestamp) -> bool {
    let in_use = matches!(
        actual.value,
        ValueStatus::Current | ValueStatus::Imported | ValueStatus::Missing
    );
    in_use && !actual.real_expiry().is_some_and(|expiry| expiry.has_passed(now))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::SignedDuration;
    use proptest::prelude::*;

    use super::*;
    use crate::token::{Expiry, ExpiryPolicy, Storage};

    const DAY: Duration = Duration::from_secs(86_400);

    fn day(number: i64) -> Timestamp {
        Timestamp::from_second(number * 86_400).unwrap()
    }

    fn desired(days: u32) -> Desired {
        Desired {
            expiry_policy: ExpiryPolicy::Lifetime {
                lifetime: DAY * days,
                rotate_before: None,
            },
            triggers: BTreeMap::new(),
            storage: Storage::State,
        }
    }

    fn actual(value: ValueStatus, expires: Option<i64>) -> Actual {
        Actual {
            expiry: expires.map(day).map(Expiry::at),
            issued: None,
            lifetime: Some(DAY * 90),
            triggers: BTreeMap::new(),
            storage: Storage::State,
            value,
        }
    }

    use ValueStatus::{Current, Deleted, Imported, Missing, Undelivered};

    const REPLACED: ValueStatus = ValueStatus::RotatedOutside { on: None };

    /// (current value and its expiry, day it was issued, expected reason on day 100)
    #[test]
    fn reasons_depend_on_current_value_only() {
        let cases = [
            ("young", Current, Some(150), Some(60), ""),
            ("of age", Current, Some(145), Some(55), "it is 45 days old"),
            ("older", Current, Some(120), Some(30), "rotate_every = 45 days"),
            ("expired", Current, Some(100), None, "it expired at"),
            ("rotated outside", REPLACED, Some(150), Some(60), "rotated outside"),
            ("deleted outside", Deleted, None, Some(60), "deleted outside"),
            ("imported, of unknown age", Imported, Some(150), None, ""),
            ("imported, of age", Imported, Some(150), Some(50), "it is 50 days old"),
            ("not delivered", Undelivered, Some(150), Some(60), "did not reach"),
            ("no longer in Vault", Missing, Some(150), Some(60), "no longer has"),
        ];
        let others = [
            None,
            Some(actual(Current, Some(120))),
            Some(actual(Current, Some(90))),
            Some(actual(REPLACED, None)),
        ];
        for (case, value, expires, issued_at, expected) in cases {
            for previous in &others {
                let pair = Pair {
                    current: actual(value, expires),
                    previous: previous.clone(),
                    issued_at: issued_at.map(day),
                };
                let reasons: Vec<_> = pair
                    .reasons(&desired(90), DAY * 45, day(100))
                    .iter()
                    .map(ToString::to_string)
                    .collect();
                assert_eq!(reasons.len(), usize::from(!expected.is_empty()), "{case}: {reasons:?}");
                assert!(reasons.concat().contains(expected), "{case}: {reasons:?}");
            }
        }
    }

    /// (current value, previous value, token that is replaced on day 100)
    #[test]
    fn replaced_is_older_token_unless_only_that_one_is_usable() {
        let (live, expired) = (Some(150), Some(100));
        let cases = [
            ((Current, live), None, Slot::Other),
            ((Current, live), Some((Current, live)), Slot::Other),
            ((Current, live), Some((Current, expired)), Slot::Other),
            ((Current, live), Some((REPLACED, live)), Slot::Other),
            ((Imported, live), Some((Imported, live)), Slot::Other),
            ((REPLACED, live), Some((Current, live)), Slot::Current),
            ((Deleted, None), Some((Current, live)), Slot::Current),
            ((Current, expired), Some((Current, live)), Slot::Current),
            ((Undelivered, live), Some((Current, live)), Slot::Current),
            ((Undelivered, live), Some((Missing, live)), Slot::Current),
            ((Missing, live), Some((Current, live)), Slot::Other),
            ((Missing, live), Some((Missing, live)), Slot::Other),
            ((Current, live), Some((Undelivered, live)), Slot::Other),
            ((Undelivered, live), Some((Undelivered, live)), Slot::Other),
            ((REPLACED, live), Some((Current, expired)), Slot::Other),
            ((REPLACED, live), Some((REPLACED, live)), Slot::Other),
            ((Deleted, None), None, Slot::Other),
        ];
        for (current, previous, expected) in cases {
            let pair = Pair {
                current: actual(current.0, current.1),
                previous: previous.map(|(value, expires)| actual(value, expires)),
                issued_at: Some(day(1)),
            };
            assert_eq!(pair.replaced(day(100)), expected, "{current:?} {previous:?}");
        }
    }

    fn some_instant() -> impl Strategy<Value = Timestamp> {
        (0_i64..4_000_000_000).prop_map(|second| Timestamp::from_second(second).unwrap())
    }

    fn some_actual() -> impl Strategy<Value = Actual> {
        let value = prop_oneof![
            Just(Current),
            Just(REPLACED),
            Just(Deleted),
            Just(Imported),
            Just(Undelivered),
            Just(Missing)
        ];
        let lifetime = prop::option::of((1_u32..400).prop_map(|days| DAY * days));
        let triggers = prop::collection::btree_map("[ab]", "[12]", 0..3);
        (
            value,
            prop::option::of(some_instant().prop_map(Expiry::at)),
            lifetime,
            triggers,
        )
            .prop_map(|(value, expiry, lifetime, triggers)| Actual {
                expiry,
                issued: None,
                lifetime,
                triggers,
                storage: Storage::State,
                value,
            })
    }

    fn some_pair() -> impl Strategy<Value = Pair> {
        (
            some_actual(),
            prop::option::of(some_actual()),
            prop::option::of(some_instant()),
        )
            .prop_map(|(current, previous, issued_at)| Pair {
                current,
                previous,
                issued_at,
            })
    }

    fn some_desired() -> impl Strategy<Value = (Desired, Duration)> {
        let triggers = prop::collection::btree_map("[ab]", "[12]", 0..3);
        // The provider rejects a rotate_every that is not shorter than expires_in.
        (2_u32..400, 1_u32..100, triggers).prop_map(|(days, percent, triggers)| {
            let rotate_every = DAY * days * percent / 100;
            (
                Desired {
                    triggers,
                    ..desired(days)
                },
                rotate_every,
            )
        })
    }

    /// The pair after a rotation at `now`.
    fn rotated(pair: &Pair, desired: &Desired, now: Timestamp) -> Pair {
        let ExpiryPolicy::Lifetime { lifetime, .. } = desired.expiry_policy else {
            unreachable!()
        };
        let current = Actual {
            expiry: Some(Expiry::at(now + SignedDuration::try_from(lifetime).unwrap())),
            issued: None,
            lifetime: Some(lifetime),
            triggers: desired.triggers.clone(),
            storage: Storage::State,
            value: Current,
        };
        let previous = match pair.replaced(now) {
            Slot::Other => Some(pair.current.clone()),
            Slot::Current => pair.previous.clone(),
        };
        Pair {
            current,
            previous,
            issued_at: Some(now),
        }
    }

    proptest! {
        #[test]
        fn rotation_removes_all_reasons(
            pair in some_pair(),
            (desired, rotate_every) in some_desired(),
            now in some_instant(),
        ) {
            let after = rotated(&pair, &desired, now);
            prop_assert_eq!(after.reasons(&desired, rotate_every, now), []);
        }

        #[test]
        fn reason_remains_as_time_passes(
            pair in some_pair(),
            (desired, rotate_every) in some_desired(),
            now in some_instant(),
            later in 0_i64..400_000_000,
        ) {
            let rotates = !pair.reasons(&desired, rotate_every, now).is_empty();
            let later = now + SignedDuration::from_secs(later);
            prop_assert!(!rotates || !pair.reasons(&desired, rotate_every, later).is_empty());
        }

        #[test]
        fn rotation_leaves_a_usable_token(pair in some_pair(), now in some_instant()) {
            let current = is_usable(&pair.current, now);
            let other = pair.previous.as_ref().is_some_and(|previous| is_usable(previous, now));
            let remains = match pair.replaced(now) {
                Slot::Current => other,
                Slot::Other => current,
            };
            prop_assert!(remains || !(current || other));
        }

        #[test]
        fn current_token_is_not_replaced_while_usable(pair in some_pair(), now in some_instant()) {
            prop_assert!(pair.replaced(now) == Slot::Other || !is_usable(&pair.current, now));
        }
    }
}
