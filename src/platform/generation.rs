//! `generation`: the number of a token's value, for references by other resources.
//!
//! A number never repeats for a resource address, not even after a replacement, a taint, an import or
//! a deletion outside Terraform. Otherwise a write-only argument with this number as its version
//! would keep a revoked value. Terraform passes nothing about a predecessor to a creation, so the
//! first number of an object is the current time in milliseconds since 1970, and greater than any
//! number that this process has seen. A rotation in place adds 1, so that its plan knows the number.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

use crate::framework::Field;

/// The attribute's description.
pub(crate) const DESCRIPTION: &str = "The number of the current value. Each rotation adds 1, and its plan shows the new number, so that other resources \
     are updated in the same run. The first number is the time of the creation or import in milliseconds since 1970, so \
     that no number repeats, not even after a replacement.";

/// The highest generation that a process has assigned or seen.
#[derive(Default)]
pub(crate) struct Generations {
    highest: AtomicI64,
}

impl Generations {
    /// Assigns the first generation of an object that is created or imported at `now`.
    pub(crate) fn first(&self, now: Timestamp) -> i64 {
        let after = |highest: i64| now.as_millisecond().max(highest.saturating_add(1));
        let update = |highest| Some(after(highest));
        match self.highest.fetch_update(Ordering::Relaxed, Ordering::Relaxed, update) {
            Ok(highest) | Err(highest) => after(highest),
        }
    }

    /// Records a generation in a state, so that it is not assigned again.
    pub(crate) fn observe(&self, generation: &Field<i64>) {
        if let Some(generation) = generation.known() {
            self.highest.fetch_max(*generation, Ordering::Relaxed);
        }
    }
}

/// The generation after a rotation in place.
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
    fn first_is_current_time_and_greater_than_any_seen() {
        let cases = [
            ("nothing seen", &[][..], 1_000, 1_000),
            ("small numbers of an earlier version", &[0, 1, 7], 1_000, 1_000),
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
            assert_eq!(generations.first(at(now)), expected + 1, "{case}: second call");
        }
    }

    #[test]
    fn next_adds_one_to_any_number() {
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
