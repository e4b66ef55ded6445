//! One operation of a user, with all its waiting and retrying.

use std::ops::RangeInclusive;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Bounds everything that one create, read, rotate or revoke does: its requests, its waits, its retries.
///
/// Cancelling ends waits and repeatable requests at once. A request that must not be repeated and is already on the
/// wire is let finish, for its answer may be the only copy of a token; the request timeout bounds it.
#[derive(Clone, Debug)]
pub struct Operation {
    /// No wait goes beyond this instant, and no request starts after it.
    pub deadline: Instant,
    /// Cancelled when whoever asked for the operation no longer wants it.
    pub cancellation: CancellationToken,
}

/// How long a look may take that goes on after an interrupt: long enough for one, and no longer than a person waits.
const LOOK: RangeInclusive<Duration> = Duration::from_secs(10)..=Duration::from_secs(60);

impl Operation {
    /// An operation that may take `timeout` from now on.
    pub fn new(timeout: Duration, cancellation: CancellationToken) -> Self {
        Self {
            deadline: after(timeout),
            cancellation,
        }
    }

    /// How long the operation may still take.
    pub fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// One that neither an interrupt nor the end of this one ends: for the look at what became of a request whose answer
    /// was lost. What was made would be orphaned without it.
    #[must_use]
    pub fn uninterrupted(&self) -> Self {
        let time = self.remaining().clamp(*LOOK.start(), *LOOK.end());
        Self::new(time, CancellationToken::new())
    }

    /// Waits between two requests of one operation.
    ///
    /// # Errors
    ///
    /// If the operation is cancelled, or would be over before the wait is.
    pub async fn pause(&self, pause: Duration) -> Result<(), Over> {
        if pause >= self.remaining() {
            return Err(Over);
        }
        self.wait_until(after(pause)).await.map_err(|Cancelled| Over)
    }

    /// Waits, unless cancelled before or meanwhile. The caller has compared `until` with the deadline.
    pub(crate) async fn wait_until(&self, until: Instant) -> Result<(), Cancelled> {
        tokio::select! {
            biased;
            () = self.cancellation.cancelled() => Err(Cancelled),
            () = tokio::time::sleep_until(until) => Ok(()),
        }
    }
}

/// The operation has no time left for another step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operation is over")]
pub struct Over;

/// The operation was cancelled while it waited.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Cancelled;

/// The instant in `duration` from now; a duration beyond what the machine can count ends in thirty years.
pub(crate) fn after(duration: Duration) -> Instant {
    const THIRTY_YEARS: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);
    let now = Instant::now();
    now.checked_add(duration).unwrap_or(now + THIRTY_YEARS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_endless_timeout_is_not_an_overflow() {
        let operation = Operation::new(Duration::MAX, CancellationToken::new());
        assert!(operation.remaining() > Duration::from_secs(60 * 60));
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_goes_on_after_an_interrupt_and_is_bounded() {
        for (timeout, seconds) in [(0, 10), (30, 30), (3_600, 60)] {
            let operation = Operation::new(Duration::from_secs(timeout), CancellationToken::new());
            operation.cancellation.cancel();
            let look = operation.uninterrupted();
            assert!(!look.cancellation.is_cancelled());
            assert_eq!(look.remaining(), Duration::from_secs(seconds));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_cancelled_operation_does_not_wait() {
        let operation = Operation::new(Duration::from_secs(60), CancellationToken::new());
        operation.cancellation.cancel();
        let start = Instant::now();
        assert_eq!(operation.wait_until(operation.deadline).await, Err(Cancelled));
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}
