//! A clock that a test can move.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::token::Clock;

/// A clock at a variable offset from another one.
#[derive(Clone, Debug)]
pub(super) struct MovableClock {
    base: Clock,
    offset: Arc<Mutex<SignedDuration>>,
}

impl MovableClock {
    pub(super) fn new(base: Clock) -> Self {
        Self {
            base,
            offset: Arc::default(),
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        later(self.base.now(), self.ahead())
    }

    /// How far the clock is ahead of the other one.
    pub(super) fn ahead(&self) -> SignedDuration {
        *self.offset.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves the clock forward.
    pub(super) fn advance(&self, by: SignedDuration) {
        let mut offset = self.offset.lock().unwrap_or_else(PoisonError::into_inner);
        *offset = offset.saturating_add(by);
    }

    /// Sets the time; the clock then continues from it.
    pub(super) fn set(&self, now: Timestamp) {
        let mut offset = self.offset.lock().unwrap_or_else(PoisonError::into_inner);
        *offset = now.duration_since(self.base.now());
    }

    /// A clock that follows this one.
    pub(super) fn share(&self) -> Clock {
        let this = self.clone();
        Clock::new(move || this.now())
    }
}

/// The time after this duration, within the range of timestamps.
pub(super) fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(at)
}
