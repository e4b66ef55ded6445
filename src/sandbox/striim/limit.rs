//! The account's rate limits.
//!
//! The document limits requests per minute by kind of operation, without a definition of the
//! minute. The sandbox uses a sliding window of 60 seconds of its clock. Every authenticated
//! request counts, successful or not, except those rejected with 429.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};

use super::options::RateLimits;
use super::refusal::Refusal;

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// A kind of operation with its own limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limited {
    Issue,
    Revoke,
    Toggle,
}

/// The times of the last minute's requests.
#[derive(Debug, Default)]
pub(super) struct Limiter {
    issue: VecDeque<Timestamp>,
    revoke: VecDeque<Timestamp>,
    toggle: VecDeque<Timestamp>,
}

impl Limiter {
    /// Counts a request, or rejects it.
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
