//! The account's rate limits.
//!
//! The document limits requests per minute by kind of operation, without a definition of the
//! minute. The sandbox uses a sliding window of 60 seconds by its clock. Every authenticated
//! request counts, successful or not, except those rejected with 429.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};

use super::options::RateLimits;
use super::refusal::Refusal;

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// A kind of operation that has its own limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LimitedOperation {
    /// The creation or rotation of a token.
    Issue,
    /// The revocation of a token.
    Revoke,
    /// The toggle of PATs.
    Toggle,
}

/// The times of the requests within the last minute.
#[derive(Debug, Default)]
pub(super) struct RateLimiter {
    issue: VecDeque<Timestamp>,
    revoke: VecDeque<Timestamp>,
    toggle: VecDeque<Timestamp>,
}

impl RateLimiter {
    /// Counts a request, or rejects it.
    pub(super) fn admit(
        &mut self,
        operation: LimitedOperation,
        limits: RateLimits,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let (admitted, limit) = match operation {
            LimitedOperation::Issue => (&mut self.issue, limits.issue),
            LimitedOperation::Revoke => (&mut self.revoke, limits.revoke),
            LimitedOperation::Toggle => (&mut self.toggle, limits.toggle),
        };
        admitted.retain(|&at| now.duration_since(at) < MINUTE);
        if admitted.len() < limit {
            admitted.push_back(now);
            return Ok(());
        }
        let age = admitted
            .front()
            .map_or(SignedDuration::ZERO, |&oldest| now.duration_since(oldest));
        Err(Refusal::TooMany {
            retry_after: MINUTE.saturating_sub(age),
        })
    }
}
