//! The instant by which a plan decides what time has made due.
//!
//! Terraform asks for every plan twice: in the plan, and again in the apply, which for a saved plan may be days later. A
//! token that falls due in between must not be rotated by the second answer, because the first one promised otherwise.
//! Both calls get the private state that the refresh left, so the instant of the decision is recorded there.
//!
//! A refresh that found nothing new must leave the private state as it is: `terraform plan -refresh-only` compares it, too.
//! So a refresh records the instant only when the decision by the state's own declaration has changed since the recorded
//! one. Whatever writes the state in any case (create, import, update) records it as well.
//!
//! What only a new declaration makes due (a longer `rotate_before`) and the recorded instant does not know yet is decided
//! one run later, with a warning.

use std::mem::discriminant;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::framework::{Diagnostic, Diagnostics, Model, PrivateState};

const DECIDED_AT: &str = "decided_at";

/// How far the clocks of two machines may be apart.
const SKEW: SignedDuration = SignedDuration::from_hours(1);

/// How late a plan without a refresh may decide at most.
const MAX_DELAY: Duration = Duration::from_secs(24 * 3_600);

/// The same, where the value's lifetime is not declared.
const DEFAULT_DELAY: Duration = Duration::from_secs(3_600);

/// Records the instant of a call that writes the state in any case.
pub(crate) fn record(private: &PrivateState, now: Timestamp) {
    private.set(DECIDED_AT, now.to_string());
}

fn recorded(private: &PrivateState) -> Option<Timestamp> {
    private.get::<String>(DECIDED_AT)?.parse().ok()
}

/// Records the instant of a refresh if it matters: `decision` is the one by the state's own declaration.
pub(crate) fn refresh<D: PartialEq>(private: &PrivateState, now: Timestamp, decision: impl Fn(Timestamp) -> D) {
    let still_holds = |at: Timestamp| at <= now + SKEW && decision(at) == decision(now);
    if !recorded(private).is_some_and(still_holds) {
        record(private, now);
    }
}

/// The instant of a plan's decision, and the true time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DecisionTime {
    /// The instant to decide by.
    pub(crate) at: Timestamp,
    now: Timestamp,
}

impl DecisionTime {
    /// The instant for a plan: the same in the plan and in its apply.
    ///
    /// A plan that `records` something is always applied as planned, however old the recorded instant is. One without any
    /// difference comes again in the apply only where the resource has conditions; it follows the time at a distance, so
    /// that a value is rotated by plans that never refresh (`-refresh=false`), too.
    pub(crate) fn new(private: &PrivateState, now: Timestamp, records: bool, lifetime: Option<Duration>) -> Self {
        let at = match recorded(private) {
            None => now,
            Some(recorded) if records => recorded,
            Some(recorded) => {
                let delay = lifetime.map_or(DEFAULT_DELAY, |lifetime| (lifetime / 10).min(MAX_DELAY));
                let delayed = SignedDuration::try_from(delay).ok();
                let delayed = delayed.and_then(|delay| now.checked_sub(delay).ok());
                delayed.map_or(recorded, |delayed| recorded.max(delayed))
            }
        };
        Self { at, now }
    }

    /// Decides. The reasons in the result are those of the true time; what only that makes due is a warning.
    pub(crate) fn decide<D>(self, what: &str, decide: impl Fn(Timestamp) -> D, diagnostics: &mut Diagnostics) -> D {
        let (decision, by_now) = (decide(self.at), decide(self.now));
        if discriminant(&decision) == discriminant(&by_now) {
            return by_now;
        }
        if self.at < self.now {
            diagnostics.push(due(what));
        }
        decision
    }
}

/// Whether a plan changes what the state records.
pub(crate) fn records<M: Model + Clone>(prior: &M, planned: &M) -> bool {
    prior.clone().into_value() != planned.clone().into_value()
}

/// The warning of a plan that leaves to the next one what has fallen due.
fn due(what: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("{what} is due, and the next run changes it"),
        "It fell due after the instant by which this plan decides, the last one that the state records: by a declaration \
         that is new in this plan, because a saved plan is applied late, or because the plan was made without a refresh. \
         Terraform insists that an apply does what its plan showed, so this one only records what is declared. Run again \
         afterwards.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);
    const DAY: Duration = Duration::from_secs(24 * 3_600);

    fn start() -> Timestamp {
        "2027-01-01T00:00:00Z".parse().unwrap()
    }

    fn days(days: i64) -> Timestamp {
        start() + SignedDuration::from_hours(24 * days)
    }

    #[test]
    fn refresh_records_only_what_changes_the_decision() {
        let due_from = |end: Timestamp| move |at: Timestamp| at >= end;
        for (case, recorded_at, now, end, expected) in [
            ("nothing recorded yet", None, 5, 90, 5),
            ("not due then nor now", Some(1), 5, 90, 1),
            ("fallen due", Some(1), 91, 90, 91),
            ("due then and now", Some(91), 95, 90, 91),
            ("no longer due", Some(91), 95, 180, 91),
            ("recorded by a clock that was ahead", Some(40), 5, 90, 5),
        ] {
            let private = PrivateState::default();
            if let Some(at) = recorded_at {
                record(&private, days(at));
            }
            refresh(&private, days(now), due_from(days(end)));
            assert_eq!(recorded(&private), Some(days(expected)), "{case}");
        }
    }

    #[test]
    fn plan_that_records_something_decides_by_the_recorded_instant_however_old() {
        let private = PrivateState::default();
        assert_eq!(DecisionTime::new(&private, days(5), true, None).at, days(5));
        record(&private, days(1));
        for now in [1, 5, 300] {
            assert_eq!(DecisionTime::new(&private, days(now), true, Some(DAY)).at, days(1));
        }
    }

    #[test]
    fn plan_without_a_difference_follows_the_time_at_a_distance() {
        let private = PrivateState::default();
        record(&private, days(1));
        for (lifetime, delay) in [
            (Some(DAY * 90), DAY),
            (Some(HOUR * 20), HOUR * 2),
            (None, HOUR),
            (Some(Duration::MAX), DAY),
        ] {
            let time = DecisionTime::new(&private, days(300), false, lifetime);
            assert_eq!(
                time.at,
                days(300) - SignedDuration::try_from(delay).unwrap(),
                "{lifetime:?}"
            );
        }
        let soon = start() + SignedDuration::from_hours(25);
        assert_eq!(DecisionTime::new(&private, soon, false, Some(DAY * 90)).at, days(1));
    }

    #[test]
    fn what_only_the_true_time_makes_due_is_a_warning() {
        #[derive(Debug, PartialEq)]
        enum Decision {
            Keep,
            Rotate(Timestamp),
        }
        let decide = |at: Timestamp| {
            if at >= days(10) {
                Decision::Rotate(at)
            } else {
                Decision::Keep
            }
        };
        for (at, now, expected, warnings) in [
            (1, 5, Decision::Keep, 0),
            (1, 12, Decision::Keep, 1),
            (11, 12, Decision::Rotate(days(12)), 0),
        ] {
            let (time, mut diagnostics) = (
                DecisionTime {
                    at: days(at),
                    now: days(now),
                },
                Diagnostics::default(),
            );
            assert_eq!(time.decide("The token", decide, &mut diagnostics), expected);
            assert_eq!(diagnostics.iter().count(), warnings, "{at} {now}");
        }
    }
}
