//! The source of wall-clock time. Timers use tokio's clock instead.
//!
//! # Flow
//! A program reads the machine's clock. Each answer of the platform carries a `Date`
//! ([`Clock::observe`]); from the first one on, [`Clock::now`] is the platform's time, because the
//! platform decides when a token expires.
//!
//! # Guarantees
//! - After an answer, the time is never ahead of the platform's, so that an expiry at the latest
//!   allowed instant is accepted. It lags by at most the answer's delay and the second that `Date`
//!   leaves open.
//! - Setting the machine's clock causes no lasting error: the next answer corrects the offset.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// The clock that every decision is based on. Clones share its correction.
///
/// Programs use [`Clock::system`]; tests and the sandbox use a clock that they set.
#[derive(Clone)]
pub struct Clock(Arc<Shared>);

struct Shared {
    machine: Box<dyn Fn() -> Timestamp + Send + Sync>,
    correction: Mutex<Option<Correction>>,
}

/// The bounds of the offset by which the platform's clock is ahead of the machine's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Correction {
    least: SignedDuration,
    most: SignedDuration,
}

/// The error of the machine's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skew {
    /// The machine's clock is ahead of the platform's by at least this.
    Ahead(SignedDuration),
    /// The machine's clock is behind the platform's by at least this.
    Behind(SignedDuration),
}

impl Clock {
    /// Creates a clock that reads the machine's clock.
    pub fn system() -> Self {
        Self::new(Timestamp::now)
    }

    /// Creates a clock that calls `now` for each reading.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(Shared {
            machine: Box::new(now),
            correction: Mutex::default(),
        }))
    }

    /// The current time of the platform, or of the machine before the first answer.
    pub fn now(&self) -> Timestamp {
        let machine = self.machine();
        match self.correction() {
            Some(Correction { least, .. }) => shifted(machine, least),
            None => machine,
        }
    }

    /// The current time of the machine if it may be right, or else the closest time that the
    /// platform's answers allow.
    ///
    /// Two processes on one machine agree on it to the millisecond, while [`Clock::now`] may lag by
    /// a different fraction of a second in each. It may be ahead of the platform's time.
    pub fn nearest(&self) -> Timestamp {
        let offset = match self.skew() {
            Some(Skew::Ahead(length)) => -length,
            Some(Skew::Behind(length)) => length,
            None => SignedDuration::ZERO,
        };
        shifted(self.machine(), offset)
    }

    /// The current time of the machine, for measuring a request.
    pub fn machine(&self) -> Timestamp {
        (self.0.machine)()
    }

    /// Whether [`Clock::observe`] has been called.
    pub fn is_synchronised(&self) -> bool {
        self.correction().is_some()
    }

    /// Takes the `Date` of an answer. `sent` and `received` are the times, by the machine's clock,
    /// at which the request was sent and the head of the answer was received. `Date` has whole
    /// seconds and lies between them.
    pub fn observe(&self, date: Timestamp, sent: Timestamp, received: Timestamp) {
        if received < sent {
            // The machine's clock was set back in the meantime.
            return;
        }
        let observed = Correction {
            least: date.duration_since(received),
            most: date.duration_since(sent).saturating_add(SignedDuration::from_secs(1)),
        };
        let mut correction = self.0.correction.lock().unwrap_or_else(PoisonError::into_inner);
        let narrowed = correction.and_then(|known| known.narrowed_by(observed));
        *correction = Some(narrowed.unwrap_or(observed));
    }

    /// The proven error of the machine's clock; `None` if it may be right or no answer was
    /// observed.
    pub fn skew(&self) -> Option<Skew> {
        let Correction { least, most } = self.correction()?;
        if most.is_negative() {
            Some(Skew::Ahead(-most))
        } else if least.is_positive() {
            Some(Skew::Behind(least))
        } else {
            None
        }
    }

    fn correction(&self) -> Option<Correction> {
        *self.0.correction.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Correction {
    /// The intersection of two bounds; `None` if they contradict each other, because one of the
    /// clocks was set.
    fn narrowed_by(self, other: Self) -> Option<Self> {
        let (least, most) = (self.least.max(other.least), self.most.min(other.most));
        (least <= most).then_some(Self { least, most })
    }
}

impl Skew {
    /// The length of the error.
    pub fn length(self) -> SignedDuration {
        match self {
            Self::Ahead(length) | Self::Behind(length) => length,
        }
    }
}

/// An instant moved by an offset, saturating at the ends of the range.
fn shifted(instant: Timestamp, by: SignedDuration) -> Timestamp {
    let end = if by.is_negative() {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    };
    instant.checked_add(by).unwrap_or(end)
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn milliseconds(milliseconds: i64) -> Timestamp {
        Timestamp::from_millisecond(milliseconds).unwrap()
    }

    /// A machine's clock that a test can set, in milliseconds.
    fn machine(now: i64) -> (Clock, Arc<Mutex<i64>>) {
        let set = Arc::new(Mutex::new(now));
        let machine = set.clone();
        (Clock::new(move || milliseconds(*machine.lock().unwrap())), set)
    }

    #[test]
    fn now_without_answer_is_time_of_machine() {
        let (clock, _) = machine(5_000);
        assert_eq!(clock.now(), milliseconds(5_000));
        assert!(!clock.is_synchronised() && clock.skew().is_none());
    }

    #[test]
    fn observe_corrects_clones_and_determines_skew() {
        const DAYS: i64 = 40 * 86_400_000;
        for (skew, expected) in [
            (DAYS, Some(true)),
            (7_200_000, Some(true)),
            (5_000, Some(true)),
            (0, None),
            (-5_000, Some(false)),
            (-7_200_000, Some(false)),
            (-DAYS, Some(false)),
        ] {
            let platform = 1_800_000_000_000;
            let (clock, _) = machine(platform + skew);
            let clone = clock.clone();
            let sent = milliseconds(platform + skew - 100);
            clone.observe(milliseconds(platform), sent, clock.machine());
            assert!(clock.is_synchronised());
            assert_eq!(clock.now(), milliseconds(platform), "{skew}");
            let ahead = clock.skew().map(|skew| matches!(skew, Skew::Ahead(_)));
            assert_eq!(ahead, expected, "{skew}");
            let off = clock.skew().map_or(0, |skew| skew.length().as_millis());
            assert!((i128::from(skew.abs()) - off).abs() <= 1_100, "{skew}: {off}");
        }
    }

    #[test]
    fn nearest_is_time_of_machine_where_that_may_be_right() {
        // (error of the machine's clock, error of the nearest time)
        for (skew, expected) in [(0, 0), (700, 700), (5_000, 1_100), (-5_000, 0), (-86_400_000, 0)] {
            let platform = 1_800_000_000_000;
            let (clock, _) = machine(platform + skew);
            assert_eq!(clock.nearest(), clock.machine(), "no answer yet: {skew}");
            clock.observe(
                milliseconds(platform),
                milliseconds(platform + skew - 100),
                clock.machine(),
            );
            assert_eq!(clock.nearest(), milliseconds(platform + expected), "{skew}");
        }
    }

    #[test]
    fn observe_of_slower_answer_keeps_narrower_bound() {
        let (clock, _) = machine(1_000_000);
        // The platform is ahead by 1000s to 1101s, then by 950s to 1011s.
        for (sent, received) in [(900_000, 1_000_000), (990_000, 1_050_000)] {
            clock.observe(milliseconds(2_000_000), milliseconds(sent), milliseconds(received));
            assert_eq!(clock.now(), milliseconds(2_000_000));
        }
    }

    #[test]
    fn observe_after_clock_was_set_replaces_correction() {
        let (clock, set) = machine(1_000_000);
        clock.observe(milliseconds(500_000), clock.machine(), clock.machine());
        assert_eq!(clock.now(), milliseconds(500_000));
        *set.lock().unwrap() = 510_000;
        clock.observe(milliseconds(510_000), clock.machine(), clock.machine());
        assert_eq!(clock.now(), milliseconds(510_000));
        // Set back while a request is in flight: the answer is ignored.
        clock.observe(milliseconds(900_000), milliseconds(2), milliseconds(1));
        assert_eq!(clock.now(), milliseconds(510_000));
    }

    proptest! {
        #[test]
        fn corrected_time_is_never_ahead_and_lags_by_at_most_delay_and_a_second(
            skew in -4_000_000_000_i64..4_000_000_000,
            answers in proptest::collection::vec((0_i64..40_000, 0_i64..40_000, 0_i64..100_000), 1..8),
        ) {
            let mut platform = 1_800_000_000_123;
            let (clock, set) = machine(platform + skew);
            for (there, back, pause) in answers {
                let sent = milliseconds(platform + skew);
                platform += there;
                let date = Timestamp::from_second(milliseconds(platform).as_second()).unwrap();
                platform += back;
                *set.lock().unwrap() = platform + skew;
                clock.observe(date, sent, clock.machine());
                platform += pause;
                *set.lock().unwrap() = platform + skew;
                let lag = milliseconds(platform).duration_since(clock.now());
                prop_assert!(!lag.is_negative(), "{lag:?}");
                prop_assert!(lag <= SignedDuration::from_millis(back + 1_000), "{lag:?}");
                match clock.skew() {
                    Some(Skew::Ahead(length)) => prop_assert!(i128::from(skew) >= length.as_millis()),
                    Some(Skew::Behind(length)) => prop_assert!(i128::from(-skew) >= length.as_millis()),
                    None => {}
                }
            }
        }

        #[test]
        fn observe_never_panics(date: i64, sent: i64, received: i64) {
            let instant = |seed: i64| Timestamp::from_second(seed % 253_402_000_000).unwrap();
            let (clock, _) = machine(1_800_000_000_000);
            clock.observe(instant(date), instant(sent), instant(received));
            clock.now();
            clock.skew();
        }
    }
}
