//! The overlap of a rotation that creates a new token: for how long the previous token remains
//! valid.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// When the previous token is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// There is no previous token.
    None,
    /// By the first apply after this time.
    At(Timestamp),
    /// By the next apply.
    Due,
}

impl Deletion {
    /// The deletion of the predecessor of a token that was created at `created`. If that is
    /// unknown, the next apply deletes it.
    pub fn after(created: Option<Timestamp>, overlap: Duration) -> Self {
        let overlap = SignedDuration::try_from(overlap).ok();
        let end = created
            .zip(overlap)
            .and_then(|(created, overlap)| created.checked_add(overlap).ok());
        end.map_or(Self::Due, Self::At)
    }

    /// The deletion after the overlap changed from `before` to `now`. `created` is the creation of
    /// the current token.
    pub fn with_overlap(self, before: Duration, now: Duration, created: Option<Timestamp>) -> Self {
        match self {
            Self::At(_) if before != now => Self::after(created, now),
            unchanged => unchanged,
        }
    }

    /// Whether an apply at this time deletes the previous token.
    pub fn is_due(self, now: Timestamp) -> bool {
        match self {
            Self::None => false,
            Self::At(end) => end <= now,
            Self::Due => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn deletion_is_due_after_the_overlap() {
        for (created, overlap, expected) in [
            (Some(at(0)), HOUR, Deletion::At(at(3_600))),
            (Some(at(0)), Duration::ZERO, Deletion::At(at(0))),
            (None, HOUR, Deletion::Due),
            (Some(at(0)), Duration::MAX, Deletion::Due),
        ] {
            assert_eq!(Deletion::after(created, overlap), expected);
        }
        for (deletion, due) in [
            (Deletion::None, false),
            (Deletion::Due, true),
            (Deletion::At(at(10)), true),
            (Deletion::At(at(11)), false),
        ] {
            assert_eq!(deletion.is_due(at(10)), due, "{deletion:?}");
        }
    }

    #[test]
    fn changed_overlap_moves_only_a_scheduled_deletion() {
        let hour = Deletion::At(at(3_600));
        for (deletion, now, expected) in [
            (hour, HOUR, hour),
            (hour, HOUR * 2, Deletion::At(at(7_200))),
            (hour, Duration::ZERO, Deletion::At(at(0))),
            (Deletion::Due, HOUR * 2, Deletion::Due),
            (Deletion::None, HOUR * 2, Deletion::None),
        ] {
            assert_eq!(deletion.with_overlap(HOUR, now, Some(at(0))), expected, "{deletion:?}");
        }
    }
}
