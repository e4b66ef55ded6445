//! The time limit and the cancellation of one operation.

use std::ops::RangeInclusive;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Bounds one create, read, rotate or revoke operation, including all its requests, waits and
/// retries.
///
/// Cancellation aborts waits and idempotent requests immediately. A non-idempotent request in flight
/// runs to completion, because its answer may contain the only copy of a token; the request timeout
/// bounds it.
#[derive(Clone, Debug)]
pub struct Operation {
    /// The deadline: no wait extends beyond it, and no request starts after it.
    pub deadline: Instant,
    /// Cancelled when the caller no longer needs the result.
    pub cancellation: CancellationToken,
}

/// The time limits of an operation that continues after an interrupt: long enough for one lookup,
/// short enough for a waiting user.
const DETACHED_TIME: RangeInclusive<Duration> = Duration::from_secs(10)..=Duration::from_secs(60);

impl Operation {
    /// Creates an operation that may take `timeout` from now on.
    pub fn new(timeout: Duration, cancellation: CancellationToken) -> Self {
        Self {
            deadline: after(timeout),
            cancellation,
        }
    }

    /// The time until the deadline.
    pub fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Creates an operation that is independent of this one's cancellation and deadline. It serves
    /// to find out the effect of a request whose answer was lost: without it, a created object
    /// would become an orphan.
    #[must_use]
    pub fn detached(&self) -> Self {
        let time = self.remaining().clamp(*DETACHED_TIME.start(), *DETACHED_TIME.end());
        Self::new(time, CancellationToken::new())
    }

    /// Pauses between two requests of one operation.
    ///
    /// # Errors
    ///
    /// Returns [`OutOfTime`] if the operation is cancelled, or the pause would exceed its deadline.
    pub async fn pause(&self, pause: Duration) -> Result<(), OutOfTime> {
        if pause >= self.remaining() {
            return Err(OutOfTime);
        }
        self.wait_until(after(pause)).await.map_err(|Cancelled| OutOfTime)
    }

    /// Waits until `until`, unless the operation is cancelled. The caller has compared `until` with
    /// the deadline.
    pub(crate) async fn wait_until(&self, until: Instant) -> Result<(), Cancelled> {
        tokio::select! {
            biased;
            () = self.cancellation.cancelled() => Err(Cancelled),
            () = tokio::time::sleep_until(until) => Ok(()),
        }
    }
}

/// The operation was cancelled, or its deadline leaves no time for another step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operation was cancelled or has no time left")]
pub struct OutOfTime;

/// The operation was cancelled during a wait.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Cancelled;

/// The instant in `duration` from now, capped at thirty years because `Instant` cannot represent
/// every duration.
pub(crate) fn after(duration: Duration) -> Instant {
    const THIRTY_YEARS: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);
    let now = Instant::now();
    now.checked_add(duration).unwrap_or(now + THIRTY_YEARS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn endless_timeout_does_not_overflow() {
        let operation = Operation::new(Duration::MAX, CancellationToken::new());
        assert_eq!(operation.remaining(), Duration::from_secs(946_080_000));
    }

    #[tokio::test(start_paused = true)]
    async fn pause_beyond_deadline_fails_immediately() {
        for (seconds, expected, waited) in [(9, Ok(()), 9), (10, Err(OutOfTime), 0), (11, Err(OutOfTime), 0)] {
            let operation = Operation::new(Duration::from_secs(10), CancellationToken::new());
            let start = Instant::now();
            assert_eq!(
                operation.pause(Duration::from_secs(seconds)).await,
                expected,
                "{seconds}"
            );
            assert_eq!(start.elapsed(), Duration::from_secs(waited), "{seconds}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn detached_operation_survives_interrupt_and_is_bounded() {
        for (timeout, seconds) in [(0, 10), (30, 30), (3_600, 60)] {
            let operation = Operation::new(Duration::from_secs(timeout), CancellationToken::new());
            operation.cancellation.cancel();
            let detached = operation.detached();
            assert!(!detached.cancellation.is_cancelled());
            assert_eq!(detached.remaining(), Duration::from_secs(seconds));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn cancelled_operation_does_not_wait() {
        let operation = Operation::new(Duration::from_secs(60), CancellationToken::new());
        operation.cancellation.cancel();
        let start = Instant::now();
        assert_eq!(operation.wait_until(operation.deadline).await, Err(Cancelled));
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}
