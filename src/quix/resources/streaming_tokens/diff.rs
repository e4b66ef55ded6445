//! The difference between two reads of an environment's streaming tokens.
//!
//! "Rotating deactivates Token 1, Token 2 takes its place and a new Token 2 is generated." Each
//! value is first token 2, then token 1, then revoked. Two reads therefore show whether there was
//! no rotation, one, or more in between.

use super::fingerprints::Fingerprints;

/// The difference between two tokens and those of an earlier read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Diff {
    /// The tokens are the same.
    Unchanged,
    /// One rotation: token 2 became token 1.
    RotatedOnce,
    /// More than one rotation: token 1 is revoked, and token 2 is not in its place.
    RotatedMore,
    /// The later read is stale: it shows the tokens from before the last rotation.
    Stale,
    /// Token 1 still exists, but the other token changed, or both changed places. No number of
    /// rotations explains this.
    Inconsistent,
}

/// Compares the tokens `now` with those `before`.
pub(super) fn classify(before: &Fingerprints, now: &Fingerprints) -> Diff {
    let exists = |hash: &String| *hash == now.token_1 || *hash == now.token_2;
    if before == now {
        Diff::Unchanged
    } else if before.token_1 == now.token_2 && before.token_2 != now.token_1 {
        Diff::Stale
    } else if exists(&before.token_1) {
        Diff::Inconsistent
    } else if before.token_2 == now.token_1 {
        Diff::RotatedOnce
    } else {
        Diff::RotatedMore
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classify_recognises_rotations_and_stale_reads() {
        let tokens = |[token_1, token_2]: [&str; 2]| Fingerprints {
            token_1: token_1.into(),
            token_2: token_2.into(),
        };
        for (now, expected) in [
            (["a", "b"], Diff::Unchanged),
            (["b", "c"], Diff::RotatedOnce),
            (["c", "d"], Diff::RotatedMore),
            (["c", "b"], Diff::RotatedMore),
            // The platform shows them in another order than before, or replaced one in its place.
            (["b", "a"], Diff::Inconsistent),
            (["a", "c"], Diff::Inconsistent),
            // These are the tokens from before a rotation.
            (["c", "a"], Diff::Stale),
        ] {
            assert_eq!(classify(&tokens(["a", "b"]), &tokens(now)), expected, "{now:?}");
        }
    }
}
