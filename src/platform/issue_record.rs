//! The record of an issued value in the private state: the requested and the granted expiry.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::framework::PrivateState;
use crate::token::{Clock, Expiry, Issued};

/// The record of an issued value in the private state.
///
/// `expires_at` of the state is what the user declared, where Terraform insists on it. The platform
/// may set another expiry, and an apply under `ignore_changes` must keep the former one in the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct IssueRecord {
    /// The instant of the plan that requested the value.
    planned_at: Timestamp,
    /// The requested expiry; `None`: the platform's default.
    asked: Option<Timestamp>,
    /// The expiry that the platform reported; `None` if it reported none.
    expires_at: Option<Timestamp>,
    /// The time after the value was issued, by the platform's clock; `None` if no answer had a `Date`, or an
    /// earlier version of the provider wrote the record.
    #[serde(default)]
    issued_at: Option<Timestamp>,
}

const RECORD: &str = "issued";
const PLANNED_AT: &str = "planned_at";

impl IssueRecord {
    /// Returns the record of the present value; `None` if the value was imported, or issued by an earlier
    /// version of the provider.
    pub(crate) fn read(private: &PrivateState) -> Option<Self> {
        private.get(RECORD)
    }

    /// Records the instant of a plan that requests a value.
    pub(crate) fn plan(private: &PrivateState, now: Timestamp) {
        private.set(PLANNED_AT, now);
    }

    /// Records a value that was just issued.
    pub(crate) fn write(private: &PrivateState, requested: Option<Expiry>, granted: Option<Timestamp>, clock: &Clock) {
        let now = clock.now();
        let record = Self {
            planned_at: private.get(PLANNED_AT).unwrap_or(now),
            asked: requested.map(Expiry::instant),
            expires_at: granted,
            issued_at: clock.is_synchronised().then_some(now),
        };
        private.remove(PLANNED_AT);
        private.set(RECORD, record);
    }

    /// Removes the record of a value that was replaced.
    pub(crate) fn remove(private: &PrivateState) {
        private.remove(RECORD);
    }

    /// Returns the time of the plan and the expiry that the platform reported, if it reported one. Later
    /// plans decide by them about a rotation.
    pub(crate) fn issued(self) -> Option<Issued> {
        let expiry = Expiry::at(self.expires_at?);
        Some(Issued {
            at: self.planned_at,
            expiry,
        })
    }

    /// Returns the expiry that the platform reported, and when the value had been issued.
    pub(crate) fn remote(self) -> (Option<Expiry>, Option<Timestamp>) {
        (self.expires_at.map(Expiry::at), self.issued_at)
    }

    /// Returns the instant of the plan that requested the value.
    pub(crate) fn planned_at(self) -> Timestamp {
        self.planned_at
    }

    /// Whether the state has the requested expiry, and the platform still reports the one that it set
    /// instead.
    pub(crate) fn explains(self, state: Option<Expiry>, remote: Option<Timestamp>) -> bool {
        let at = |instant: Option<Timestamp>| instant.map(Expiry::at);
        let is_unchanged = self.expires_at.is_none() || at(self.expires_at) == at(remote);
        state.is_some() && at(self.asked) == state && is_unchanged
    }
}
