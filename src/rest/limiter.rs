//! Keeps a platform's rate limits on the client side, so that 429 answers stay the exception.
//!
//! The limiter allows at most N requests in *any* window and therefore logs when each was sent. A
//! token bucket (GCRA, as in the governor crate) allows a burst of N and refills meanwhile: nearly
//! 2N requests in the first minute, of which the platform would reject half. With limits of 5 to 30
//! per minute the log stays short.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::operation::{Cancelled, Operation};

/// A limit that a platform documents for a class of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// The name of the class in messages: "creation and rotation".
    pub class: &'static str,
    /// The number of requests of the class that may be sent …
    pub requests: usize,
    /// … in any period of this length.
    pub window: Duration,
}

impl RateLimit {
    /// Allows `requests` in any 60 seconds.
    pub const fn per_minute(class: &'static str, requests: usize) -> Self {
        Self {
            class,
            requests,
            window: Duration::from_secs(60),
        }
    }
}

/// The request logs of all classes of one client.
#[derive(Default)]
pub(crate) struct Limiter(Mutex<HashMap<&'static str, Slots>>);

/// The times at which requests of a class were or will be sent, in ascending order.
type Slots = VecDeque<Instant>;

/// The reason a request gets no turn.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoTurn {
    Cancelled,
    /// The turn comes after the operation's deadline; the wait would be this long.
    WouldWait(Duration),
}

impl Limiter {
    /// Waits for the turn of one request. Requests are served in the order of their arrival.
    pub(crate) async fn turn(&self, limit: &RateLimit, operation: &Operation) -> Result<(), NoTurn> {
        let slot = Reservation::new(self, limit, operation.deadline).map_err(NoTurn::WouldWait)?;
        let wait = slot.at.saturating_duration_since(Instant::now());
        if !wait.is_zero() {
            let seconds = wait.as_secs_f64().ceil();
            tracing::info!(
                "waiting {seconds}s: the platform allows {} requests of {} in {}s",
                limit.requests,
                limit.class,
                limit.window.as_secs()
            );
            operation
                .wait_until(slot.at)
                .await
                .map_err(|Cancelled| NoTurn::Cancelled)?;
        }
        slot.confirm();
        Ok(())
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<&'static str, Slots>> {
        // A log is consistent between any two of its operations, so a panic elsewhere cannot
        // corrupt it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A slot in the log, released on drop unless the request is sent.
struct Reservation<'a> {
    limiter: &'a Limiter,
    class: &'static str,
    at: Instant,
    confirmed: bool,
}

impl<'a> Reservation<'a> {
    /// Reserves the next free slot, or returns the length of the wait if the slot comes after
    /// `deadline`.
    fn new(limiter: &'a Limiter, limit: &RateLimit, deadline: Instant) -> Result<Self, Duration> {
        let now = Instant::now();
        let mut classes = limiter.slots();
        let slots = classes.entry(limit.class).or_default();
        while slots.front().is_some_and(|slot| *slot + limit.window <= now) {
            slots.pop_front();
        }
        // A new request is allowed one window after the N-th last one.
        let free = slots
            .len()
            .checked_sub(limit.requests)
            .and_then(|index| slots.get(index));
        let at = free.map_or(now, |slot| *slot + limit.window).max(now);
        // Keep the order of arrival even after an earlier waiter was cancelled.
        let at = slots.back().map_or(at, |last| at.max(*last));
        if at > deadline {
            return Err(at - now);
        }
        slots.push_back(at);
        Ok(Self {
            limiter,
            class: limit.class,
            at,
            confirmed: false,
        })
    }

    fn confirm(mut self) {
        self.confirmed = true;
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        if self.confirmed {
            return;
        }
        if let Some(slots) = self.limiter.slots().get_mut(self.class)
            && let Some(index) = slots.iter().rposition(|slot| *slot == self.at)
        {
            slots.remove(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio_util::sync::CancellationToken;

    use super::*;

    const LIMIT: RateLimit = RateLimit::per_minute("creation", 10);

    fn operation(seconds: u64) -> Operation {
        Operation::new(Duration::from_secs(seconds), CancellationToken::new())
    }

    #[tokio::test(start_paused = true)]
    async fn burst_of_twenty_five_takes_two_windows_and_exceeds_none() {
        let (limiter, operation, start) = (Limiter::default(), operation(600), Instant::now());
        let mut sent = Vec::new();
        for _ in 0..25 {
            limiter.turn(&LIMIT, &operation).await.unwrap();
            sent.push(start.elapsed().as_secs());
        }
        assert_eq!(sent, [[0; 10].as_slice(), &[60; 10], &[120; 5]].concat());
    }

    #[tokio::test(start_paused = true)]
    async fn window_slides() {
        let (limiter, operation, start) = (Limiter::default(), operation(600), Instant::now());
        for index in 0..20 {
            limiter.turn(&LIMIT, &operation).await.unwrap();
            if index < 10 {
                tokio::time::sleep(Duration::from_secs(3)).await;
            } else {
                // Each request waits for the tenth one before it, and was sent 3s after its
                // predecessor.
                assert_eq!(start.elapsed().as_secs(), 60 + (index - 10) * 3);
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn wait_beyond_deadline_fails_immediately() {
        let (limiter, start) = (Limiter::default(), Instant::now());
        for _ in 0..10 {
            limiter.turn(&LIMIT, &operation(30)).await.unwrap();
        }
        tokio::time::advance(Duration::from_secs(12)).await;
        assert_eq!(
            limiter.turn(&LIMIT, &operation(30)).await,
            Err(NoTurn::WouldWait(Duration::from_secs(48)))
        );
        assert_eq!(start.elapsed(), Duration::from_secs(12));
    }

    #[tokio::test(start_paused = true)]
    async fn classes_do_not_wait_for_each_other() {
        let (limiter, operation, start) = (Limiter::default(), operation(30), Instant::now());
        for _ in 0..10 {
            limiter.turn(&LIMIT, &operation).await.unwrap();
        }
        limiter
            .turn(&RateLimit::per_minute("revocation", 30), &operation)
            .await
            .unwrap();
        assert_eq!(start.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn cancelled_waiter_releases_its_slot() {
        let (limiter, start) = (Limiter::default(), Instant::now());
        let limit = RateLimit::per_minute("toggle", 1);
        limiter.turn(&limit, &operation(600)).await.unwrap();
        let leaving = operation(600);
        tokio::join!(
            async { assert_eq!(limiter.turn(&limit, &leaving).await, Err(NoTurn::Cancelled)) },
            async { leaving.cancellation.cancel() }
        );
        let dropped = operation(600);
        assert!(
            tokio::time::timeout(Duration::from_secs(1), limiter.turn(&limit, &dropped))
                .await
                .is_err()
        );
        limiter.turn(&limit, &operation(600)).await.unwrap();
        assert_eq!(start.elapsed(), Duration::from_secs(60));
    }
}
