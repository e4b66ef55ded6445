//! The account's rate limits.
//!
//! The document gives requests a minute by kind of operation. It does not say how the minute is measured: here it is the
//! last 60 seconds of the sandbox's clock, sliding. Requests count once they are authenticated, whatever becomes of
//! them; those refused with 429 do not count.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};

use super::options::RateLimits;
use super::refusal::Refusal;

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// A kind of operation that has a limit of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limited {
    Issue,
    Revoke,
    Toggle,
}

/// When the requests of the last minute came.
#[derive(Debug, Default)]
pub(super) struct Limiter {
    issue: VecDeque<Timestamp>,
    revoke: VecDeque<Timestamp>,
    toggle: VecDeque<Timestamp>,
}

impl Limiter {
    /// Counts one more request, or refuses it.
    pub(super) fn admit(&mut self, kind: Limited, limits: RateLimits, now: Timestamp) -> Result<(), Refusal> {
        let (seen, limit) = match kind {
            Limited::Issue => (&mut self.issue, limits.issue),
            Limited::Revoke => (&mut self.revoke, limits.revoke),
            Limited::Toggle => (&mut self.toggle, limits.toggle),
        };
        seen.retain(|&at| now.duration_since(at) < MINUTE);
        if seen.len() < limit {
            seen.push_back(now);
            return Ok(());
        }
        let age = seen
            .front()
            .map_or(SignedDuration::ZERO, |&oldest| now.duration_since(oldest));
        Err(Refusal::TooMany {
            retry_after: MINUTE.saturating_sub(age),
        })
    }
}
