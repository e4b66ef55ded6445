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
        let offset = *self.offset.lock().unwrap_or_else(PoisonError::into_inner);
        // The time saturates at the ends of the range.
        let end = if offset.is_negative() {
            Timestamp::MIN
        } else {
            Timestamp::MAX
        };
        self.base.now().checked_add(offset).unwrap_or(end)
    }

    pub(super) fn advance(&self, by: SignedDuration) {
        let mut offset = self.offset.lock().unwrap_or_else(PoisonError::into_inner);
        *offset = offset.saturating_add(by);
    }

    pub(super) fn set(&self, now: Timestamp) {
        let mut offset = self.offset.lock().unwrap_or_else(PoisonError::into_inner);
        *offset = now.duration_since(self.base.now());
    }

    pub(super) fn share(&self) -> Clock {
        let this = self.clone();
        Clock::new(move || this.now())
    }
}
