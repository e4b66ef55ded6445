//! When a pair of tokens rotates, and which of the two gets the new value.
//!
//! Two tokens take turns, so that a rotation ends no value that is in use: the *current* one stays valid while the other
//! gets the new value and becomes current in its place. Whoever still holds the former value, now the *previous* one,
//! has until the next rotation to fetch the new one.
//!
//! As in [`super::rotation`], nothing here asks a platform or a clock.

use std::time::Duration;

use jiff::Timestamp;

use super::rotation::{Declared, Present, PresentValue, Reason, aged, reasons};

/// What is known of a pair that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The token whose value was made last, with the declaration of that time.
    pub current: Present,
    /// The other one; `None` if it has not been made yet, or is gone.
    pub previous: Option<Present>,
    /// When the current value was made; `None` if nobody knows.
    pub made: Option<Timestamp>,
}

/// One of the two tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// The one whose value is current.
    Current,
    /// The one beside it, made or not.
    Other,
}

impl Pair {
    /// All reasons to rotate the pair now; empty if there is none. What became of the previous value is none of them: it
    /// is on its way out.
    pub fn reasons(&self, declared: &Declared, rotate_every: Duration, now: Timestamp) -> Vec<Reason> {
        let mut reasons = reasons(declared, &self.current, now);
        reasons.extend(self.made.and_then(|made| aged(made, rotate_every, now)));
        reasons
    }

    /// Which of the two a rotation replaces: the older one, unless that is the only one that works.
    pub fn replaced(&self, now: Timestamp) -> Slot {
        let other_works = self.previous.as_ref().is_some_and(|previous| works(previous, now));
        if other_works && !works(&self.current, now) {
            Slot::Current
        } else {
            Slot::Other
        }
    }
}

/// Whether somebody may be working with the value.
fn works(present: &Present, now: Timestamp) -> bool {
    let in_use = matches!(present.value, PresentValue::Ours | PresentValue::Imported);
    in_use && !present.real_expiry().is_some_and(|expiry| expiry.has_passed(now))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::SignedDuration;
    use proptest::prelude::*;

    use super::*;
    use crate::token::{Ends, Expiry, Keeper};

    const DAY: Duration = Duration::from_secs(86_400);

    fn day(number: i64) -> Timestamp {
        Timestamp::from_second(number * 86_400).unwrap()
    }

    fn declared(days: u32) -> Declared {
        Declared {
            ends: Ends::After {
                lifetime: DAY * days,
                rotate_before: None,
            },
            triggers: BTreeMap::new(),
            keeper: Keeper::State,
        }
    }

    fn present(value: PresentValue, expires: Option<i64>) -> Present {
        Present {
            expiry: expires.map(day).map(Expiry::at),
            issued: None,
            lifetime: Some(DAY * 90),
            triggers: BTreeMap::new(),
            keeper: Keeper::State,
            value,
        }
    }

    use PresentValue::{Deleted, Imported, Ours};

    const REPLACED: PresentValue = PresentValue::Replaced { on: None };

    /// (the current value and its expiry, when it was made, the reasons on day 100)
    #[test]
    fn a_pair_rotates_for_a_reason_of_its_current_value_only() {
        let cases = [
            ("young", Ours, Some(150), Some(60), ""),
            ("of age", Ours, Some(145), Some(55), "it is 45 days old"),
            ("older", Ours, Some(120), Some(30), "rotate_every = 45 days"),
            ("expired", Ours, Some(100), None, "it expired at"),
            ("rotated outside", REPLACED, Some(150), Some(60), "rotated outside"),
            ("deleted outside", Deleted, None, Some(60), "deleted outside"),
            ("imported, of unknown age", Imported, Some(150), None, ""),
            ("imported, of age", Imported, Some(150), Some(50), "it is 50 days old"),
        ];
        let others = [
            None,
            Some(present(Ours, Some(120))),
            Some(present(Ours, Some(90))),
            Some(present(REPLACED, None)),
        ];
        for (case, value, expires, made, expected) in cases {
            for previous in &others {
                let pair = Pair {
                    current: present(value, expires),
                    previous: previous.clone(),
                    made: made.map(day),
                };
                let told: Vec<_> = pair
                    .reasons(&declared(90), DAY * 45, day(100))
                    .iter()
                    .map(ToString::to_string)
                    .collect();
                assert_eq!(told.len(), usize::from(!expected.is_empty()), "{case}: {told:?}");
                assert!(told.concat().contains(expected), "{case}: {told:?}");
            }
        }
    }

    /// (the current value, the previous one, which of them is replaced on day 100)
    #[test]
    fn the_older_one_is_replaced_unless_it_is_the_only_one_that_works() {
        let (live, expired) = (Some(150), Some(100));
        let cases = [
            ((Ours, live), None, Slot::Other),
            ((Ours, live), Some((Ours, live)), Slot::Other),
            ((Ours, live), Some((Ours, expired)), Slot::Other),
            ((Ours, live), Some((REPLACED, live)), Slot::Other),
            ((Imported, live), Some((Imported, live)), Slot::Other),
            ((REPLACED, live), Some((Ours, live)), Slot::Current),
            ((Deleted, None), Some((Ours, live)), Slot::Current),
            ((Ours, expired), Some((Ours, live)), Slot::Current),
            ((REPLACED, live), Some((Ours, expired)), Slot::Other),
            ((REPLACED, live), Some((REPLACED, live)), Slot::Other),
            ((Deleted, None), None, Slot::Other),
        ];
        for (current, previous, expected) in cases {
            let pair = Pair {
                current: present(current.0, current.1),
                previous: previous.map(|(value, expires)| present(value, expires)),
                made: Some(day(1)),
            };
            assert_eq!(pair.replaced(day(100)), expected, "{current:?} {previous:?}");
        }
    }

    fn some_instant() -> impl Strategy<Value = Timestamp> {
        (0_i64..4_000_000_000).prop_map(|second| Timestamp::from_second(second).unwrap())
    }

    fn some_present() -> impl Strategy<Value = Present> {
        let value = prop_oneof![Just(Ours), Just(REPLACED), Just(Deleted), Just(Imported)];
        let lifetime = prop::option::of((1_u32..400).prop_map(|days| DAY * days));
        let triggers = prop::collection::btree_map("[ab]", "[12]", 0..3);
        (
            value,
            prop::option::of(some_instant().prop_map(Expiry::at)),
            lifetime,
            triggers,
        )
            .prop_map(|(value, expiry, lifetime, triggers)| Present {
                expiry,
                issued: None,
                lifetime,
                triggers,
                keeper: Keeper::State,
                value,
            })
    }

    fn some_pair() -> impl Strategy<Value = Pair> {
        (
            some_present(),
            prop::option::of(some_present()),
            prop::option::of(some_instant()),
        )
            .prop_map(|(current, previous, made)| Pair {
                current,
                previous,
                made,
            })
    }

    fn some_declaration() -> impl Strategy<Value = (Declared, Duration)> {
        let triggers = prop::collection::btree_map("[ab]", "[12]", 0..3);
        // The provider refuses a rotate_every that is not shorter than expires_in.
        (2_u32..400, 1_u32..100, triggers).prop_map(|(days, percent, triggers)| {
            let rotate_every = DAY * days * percent / 100;
            (
                Declared {
                    triggers,
                    ..declared(days)
                },
                rotate_every,
            )
        })
    }

    /// What is there after a rotation at `now`.
    fn rotated(pair: &Pair, declared: &Declared, now: Timestamp) -> Pair {
        let Ends::After { lifetime, .. } = declared.ends else {
            unreachable!()
        };
        let current = Present {
            expiry: Some(Expiry::at(now + SignedDuration::try_from(lifetime).unwrap())),
            issued: None,
            lifetime: Some(lifetime),
            triggers: declared.triggers.clone(),
            keeper: Keeper::State,
            value: Ours,
        };
        let previous = match pair.replaced(now) {
            Slot::Other => Some(pair.current.clone()),
            Slot::Current => pair.previous.clone(),
        };
        Pair {
            current,
            previous,
            made: Some(now),
        }
    }

    proptest! {
        #[test]
        fn one_cause_makes_one_rotation(
            pair in some_pair(),
            (declared, rotate_every) in some_declaration(),
            now in some_instant(),
        ) {
            let after = rotated(&pair, &declared, now);
            prop_assert_eq!(after.reasons(&declared, rotate_every, now), []);
        }

        #[test]
        fn a_later_clock_never_takes_a_rotation_back(
            pair in some_pair(),
            (declared, rotate_every) in some_declaration(),
            now in some_instant(),
            later in 0_i64..400_000_000,
        ) {
            let rotates = !pair.reasons(&declared, rotate_every, now).is_empty();
            let later = now + SignedDuration::from_secs(later);
            prop_assert!(!rotates || !pair.reasons(&declared, rotate_every, later).is_empty());
        }

        #[test]
        fn what_works_is_never_all_replaced(pair in some_pair(), now in some_instant()) {
            let current = works(&pair.current, now);
            let other = pair.previous.as_ref().is_some_and(|previous| works(previous, now));
            let kept = match pair.replaced(now) {
                Slot::Current => other,
                Slot::Other => current,
            };
            prop_assert!(kept || !(current || other));
        }

        #[test]
        fn the_current_value_is_not_replaced_while_it_works(pair in some_pair(), now in some_instant()) {
            prop_assert!(pair.replaced(now) == Slot::Other || !works(&pair.current, now));
        }
    }
}
