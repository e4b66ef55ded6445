//! What became of an environment's two streaming tokens since they were seen.
//!
//! "Rotating deactivates Token 1, Token 2 takes its place and a new Token 2 is generated." So each value passes through both
//! slots and then ends, and two looks tell how often it happened in between, up to two.

use secrecy::{ExposeSecret, SecretString};

use super::api::StreamingTokens;

/// What became of two tokens since they were seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Since {
    /// They are as they were.
    Unchanged,
    /// They were rotated once: what was token 2 is token 1 now.
    Rotated,
    /// Token 1 has ended, and what was token 2 is not in its place: they were rotated more than once.
    RotatedMore,
    /// They are as they were before the last rotation: the reader has not seen it yet.
    Earlier,
    /// Token 1 is still there, but not all is as it was. No rotation leads there.
    Otherwise,
}

/// What became of the tokens seen `before`.
pub(super) fn since(before: &StreamingTokens, now: &StreamingTokens) -> Since {
    let is = |a: &SecretString, b: &SecretString| a.expose_secret() == b.expose_secret();
    let is_there = |token| is(token, &now.token_1) || is(token, &now.token_2);
    if before == now {
        Since::Unchanged
    } else if is(&before.token_1, &now.token_2) && !is(&before.token_2, &now.token_1) {
        Since::Earlier
    } else if is_there(&before.token_1) {
        Since::Otherwise
    } else if is(&before.token_2, &now.token_1) {
        Since::Rotated
    } else {
        Since::RotatedMore
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_looks_tell_what_happened_between_them() {
        let tokens = |[token_1, token_2]: [&str; 2]| StreamingTokens {
            token_1: token_1.into(),
            token_2: token_2.into(),
        };
        for (now, expected) in [
            (["a", "b"], Since::Unchanged),
            (["b", "c"], Since::Rotated),
            (["c", "d"], Since::RotatedMore),
            (["c", "b"], Since::RotatedMore),
            // The platform tells them in another order than before, or one was replaced by itself.
            (["b", "a"], Since::Otherwise),
            (["a", "c"], Since::Otherwise),
            // A rotation leads from here to what was seen before.
            (["c", "a"], Since::Earlier),
        ] {
            assert_eq!(since(&tokens(["a", "b"]), &tokens(now)), expected, "{now:?}");
        }
    }
}
