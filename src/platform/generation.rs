//! `generation`: the number of a token's value, by which others follow it.
//!
//! A number never repeats for an address: not after a replacement, a taint, an import or a deletion outside Terraform.
//! Otherwise a write-only argument with this number as its version would keep a value that has been revoked. Terraform
//! hands a creation nothing of what was there before, so the number of a new object comes from the time: the milliseconds
//! since 1970, and more than any number that this process has seen. A rotation in place counts on from the state, so that
//! its plan knows the number.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

use crate::framework::Field;

/// The attribute's description.
pub(crate) const DESCRIPTION: &str = "The number of the present value. Each rotation adds 1, which its plan knows already, so that other resources can \
     follow it in the same run. The first number is the time of the creation or import in milliseconds, so that none \
     repeats, not even after a replacement.";

/// The numbers that a process has seen and given.
#[derive(Default)]
pub(crate) struct Generations {
    highest: AtomicI64,
}

impl Generations {
    /// The number of a value whose object is created or imported at `now`.
    pub(crate) fn first(&self, now: Timestamp) -> i64 {
        let after = |highest: i64| now.as_millisecond().max(highest.saturating_add(1));
        let update = |highest| Some(after(highest));
        match self.highest.fetch_update(Ordering::Relaxed, Ordering::Relaxed, update) {
            Ok(highest) | Err(highest) => after(highest),
        }
    }

    /// Notes a number in a state, so that no later one is the same.
    pub(crate) fn observe(&self, generation: &Field<i64>) {
        if let Some(generation) = generation.known() {
            self.highest.fetch_max(*generation, Ordering::Relaxed);
        }
    }
}

/// The number of the value that a rotation in place puts after this one.
pub(crate) fn next(generation: &Field<i64>) -> Field<i64> {
    generation.known().copied().unwrap_or_default().saturating_add(1).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millisecond: i64) -> Timestamp {
        Timestamp::from_millisecond(millisecond).unwrap()
    }

    #[test]
    fn first_is_the_time_and_more_than_any_number_seen() {
        let cases = [
            ("nothing seen", &[][..], 1_000, 1_000),
            ("small numbers of an earlier version seen", &[0, 1, 7], 1_000, 1_000),
            (
                "rotated more often than milliseconds have passed",
                &[1_005],
                1_000,
                1_006,
            ),
            ("the clock was set back", &[5_000, 3_000], 1_000, 5_001),
        ];
        for (case, seen, now, expected) in cases {
            let generations = Generations::default();
            for generation in seen {
                generations.observe(&(*generation).into());
            }
            generations.observe(&Field::Null);
            assert_eq!(generations.first(at(now)), expected, "{case}");
            assert_eq!(generations.first(at(now)), expected + 1, "{case}: again at once");
        }
    }

    #[test]
    fn next_counts_on_from_any_number() {
        for (before, expected) in [
            (Field::Null, 1),
            (0.into(), 1),
            (3.into(), 4),
            (i64::MAX.into(), i64::MAX),
        ] {
            assert_eq!(next(&before), expected.into());
        }
    }
}
