//! What happened to an environment's two streaming tokens between two readings.
//!
//! "Rotating deactivates Token 1, Token 2 takes its place and a new Token 2 is generated." So each value passes through both
//! slots and is then revoked, and two readings show how often that happened in between, up to two.

use secrecy::{ExposeSecret, SecretString};

use crate::quix::api::StreamingTokens;

/// How two tokens differ from those of an earlier reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Diff {
    /// They are the same.
    Unchanged,
    /// They were rotated once: what was token 2 is token 1 now.
    RotatedOnce,
    /// Token 1 was revoked, and what was token 2 is not in its place: they were rotated more than once.
    RotatedMore,
    /// They are those from before the last rotation: the reader lags behind.
    Stale,
    /// Token 1 is still there, but another token changed or both changed places. No rotation leads there.
    Inconsistent,
}

/// How the tokens `now` differ from those `before`.
pub(super) fn classify(before: &StreamingTokens, now: &StreamingTokens) -> Diff {
    let is = |a: &SecretString, b: &SecretString| a.expose_secret() == b.expose_secret();
    let is_there = |token| is(token, &now.token_1) || is(token, &now.token_2);
    if before == now {
        Diff::Unchanged
    } else if is(&before.token_1, &now.token_2) && !is(&before.token_2, &now.token_1) {
        Diff::Stale
    } else if is_there(&before.token_1) {
        Diff::Inconsistent
    } else if is(&before.token_2, &now.token_1) {
        Diff::RotatedOnce
    } else {
        Diff::RotatedMore
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classify_two_readings_returns_what_happened_in_between() {
        let tokens = |[token_1, token_2]: [&str; 2]| StreamingTokens {
            token_1: token_1.into(),
            token_2: token_2.into(),
        };
        for (now, expected) in [
            (["a", "b"], Diff::Unchanged),
            (["b", "c"], Diff::RotatedOnce),
            (["c", "d"], Diff::RotatedMore),
            (["c", "b"], Diff::RotatedMore),
            // The platform shows them in another order than before, or one was replaced by itself.
            (["b", "a"], Diff::Inconsistent),
            (["a", "c"], Diff::Inconsistent),
            // A rotation leads from here to what was seen before.
            (["c", "a"], Diff::Stale),
        ] {
            assert_eq!(classify(&tokens(["a", "b"]), &tokens(now)), expected, "{now:?}");
        }
    }
}
