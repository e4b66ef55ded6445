//! The time at which a plan decides whether a rotation is due.
//!
//! Terraform requests every plan twice: in `plan`, and again in `apply`, which may be days later for a
//! saved plan. A token that becomes due in between must not be rotated by the second plan, because
//! the result would be inconsistent with the first one. Both calls receive the private state that
//! the refresh wrote, so the time of the decision is recorded there.
//!
//! A refresh that detects no drift must not change the private state, because `terraform plan
//! -refresh-only` compares it, too. A refresh therefore records the time only if the decision by the
//! state's own declaration has changed since the recorded time. Calls that write the state anyway
//! (create, import, update) always record it.
//!
//! A rotation that becomes due by a new declaration only (a longer `rotate_before`), after the
//! recorded time, is postponed to the next run, with a warning.

use std::mem::discriminant;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::framework::{Diagnostic, Diagnostics, Model, PrivateState};

const DECIDED_AT: &str = "decided_at";

/// The maximum difference between the clocks of two machines.
const SKEW: SignedDuration = SignedDuration::from_hours(1);

/// The maximum delay of a decision without a refresh.
const MAX_DELAY: Duration = Duration::from_secs(24 * 3_600);

/// The delay of a decision without a refresh if the lifetime of the value is not declared.
const DEFAULT_DELAY: Duration = Duration::from_secs(3_600);

/// Records the time of a call that writes the state anyway.
pub(crate) fn record(private: &PrivateState, now: Timestamp) {
    private.set(DECIDED_AT, now.to_string());
}

fn recorded(private: &PrivateState) -> Option<Timestamp> {
    private.get::<String>(DECIDED_AT)?.parse().ok()
}

/// Records the time of a refresh if the decision by the state's own declaration, `decision`, has
/// changed since the recorded time.
pub(crate) fn refresh<D: PartialEq>(private: &PrivateState, now: Timestamp, decision: impl Fn(Timestamp) -> D) {
    let still_holds = |at: Timestamp| at <= now + SKEW && decision(at) == decision(now);
    if !recorded(private).is_some_and(still_holds) {
        record(private, now);
    }
}

/// The time of a plan's decision, and the current time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DecisionTime {
    /// The time of the decision.
    pub(crate) at: Timestamp,
    now: Timestamp,
}

impl DecisionTime {
    /// Determines the time of a decision, which is the same in a plan and in its apply.
    ///
    /// A plan that changes the state uses the recorded time, however old it is, because it is
    /// certainly applied; `records` returns whether a decision by that time changes it. Terraform requests a plan without changes again only if the resource
    /// has conditions. Such a plan decides by a time that lags behind the current one, so that a
    /// token is also rotated by plans that never refresh (`-refresh=false`).
    pub(crate) fn new(
        private: &PrivateState,
        now: Timestamp,
        records: impl FnOnce(Timestamp) -> bool,
        lifetime: Option<Duration>,
    ) -> Self {
        let at = match recorded(private) {
            None => now,
            Some(recorded) if records(recorded) => recorded,
            Some(recorded) => {
                let delay = lifetime.map_or(DEFAULT_DELAY, |lifetime| (lifetime / 10).min(MAX_DELAY));
                let delayed = SignedDuration::try_from(delay).ok();
                let delayed = delayed.and_then(|delay| now.checked_sub(delay).ok());
                delayed.map_or(recorded, |delayed| recorded.max(delayed))
            }
        };
        Self { at, now }
    }

    /// Decides by the recorded time. The result contains the reasons by the current time. A rotation
    /// that is due by the current time only is a warning.
    pub(crate) fn decide<D>(self, what: &str, decide: impl Fn(Timestamp) -> D, diagnostics: &mut Diagnostics) -> D {
        let (decision, by_now) = (decide(self.at), decide(self.now));
        if discriminant(&decision) == discriminant(&by_now) {
            return by_now;
        }
        if self.at < self.now {
            diagnostics.push(postponed(what));
        }
        decision
    }
}

/// Whether the declaration of a plan changes the state.
pub(crate) fn records<M: Model + Clone>(prior: &M, planned: &M) -> bool {
    prior.clone().into_value() != planned.clone().into_value()
}

/// The warning of a plan that postpones a rotation to the next run.
fn postponed(what: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("{what} is due, and the next run changes it"),
        "It became due after the time that the state records, by which this plan decides: because of a new declaration, \
         because a saved plan is applied late, or because the plan was created without a refresh. An apply must do what \
         its plan showed, so this one only records the declaration. Run Terraform again afterwards.",
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
    fn refresh_records_time_only_if_decision_changes() {
        let due_from = |end: Timestamp| move |at: Timestamp| at >= end;
        for (case, recorded_at, now, end, expected) in [
            ("nothing recorded yet", None, 5, 90, 5),
            ("not due then nor now", Some(1), 5, 90, 1),
            ("became due", Some(1), 91, 90, 91),
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
    fn plan_with_changes_decides_by_recorded_time_of_any_age() {
        let private = PrivateState::default();
        assert_eq!(DecisionTime::new(&private, days(5), |_| true, None).at, days(5));
        record(&private, days(1));
        for now in [1, 5, 300] {
            assert_eq!(
                DecisionTime::new(&private, days(now), |at| at == days(1), Some(DAY)).at,
                days(1)
            );
        }
    }

    #[test]
    fn plan_without_changes_lags_behind_current_time() {
        let private = PrivateState::default();
        record(&private, days(1));
        for (lifetime, delay) in [
            (Some(DAY * 90), DAY),
            (Some(HOUR * 20), HOUR * 2),
            (None, HOUR),
            (Some(Duration::MAX), DAY),
        ] {
            let time = DecisionTime::new(&private, days(300), |_| false, lifetime);
            assert_eq!(
                time.at,
                days(300) - SignedDuration::try_from(delay).unwrap(),
                "{lifetime:?}"
            );
        }
        let soon = start() + SignedDuration::from_hours(25);
        assert_eq!(DecisionTime::new(&private, soon, |_| false, Some(DAY * 90)).at, days(1));
    }

    #[test]
    fn rotation_due_by_current_time_only_is_a_warning() {
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
