//! The declared statuses of personal access tokens, to detect resources of a run that contradict each
//! other.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// The status that each resource declares, by the random number in its private state.
#[derive(Default)]
pub(in crate::striim) struct PlannedPatStatuses(Mutex<BTreeMap<String, DeclaredStatus>>);

/// The status that a resource declares.
#[derive(Clone, Copy)]
pub(in crate::striim) struct DeclaredStatus {
    pub(in crate::striim) enabled: bool,
    /// Whether the plan of a creation declares the status. The apply plans the creation again under another
    /// number, and in a `terraform test` file with a `provider` block it does so on the same connection: two
    /// such declarations may be of one resource.
    pub(in crate::striim) is_planned_creation: bool,
}

/// A conflict between two resources for the same account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::striim) enum Conflict {
    /// The resources declare opposite statuses.
    Opposite,
    /// The resources declare the same status.
    Duplicate,
}

impl PlannedPatStatuses {
    /// Records the status that a resource declares. Returns the conflict with another resource, if any.
    pub(in crate::striim) fn declare(&self, instance: &str, declared: DeclaredStatus) -> Option<Conflict> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(instance.to_owned(), declared);
        let others = || {
            all.iter()
                .filter(|(other, _)| *other != instance)
                .map(|(_, other)| other)
        };
        if others().any(|other| other.enabled != declared.enabled) {
            return Some(Conflict::Opposite);
        }
        let may_be_the_same = |other: &DeclaredStatus| other.is_planned_creation && declared.is_planned_creation;
        others()
            .any(|other| !may_be_the_same(other))
            .then_some(Conflict::Duplicate)
    }

    /// Removes the declaration of a resource.
    pub(in crate::striim) fn release(&self, instance: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(instance);
    }

    /// Records that a resource was created with this status, and drops the declarations of its plans.
    pub(in crate::striim) fn created(&self, instance: &str, enabled: bool) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, other| !(other.is_planned_creation && other.enabled == enabled));
        let created = DeclaredStatus {
            enabled,
            is_planned_creation: false,
        };
        all.insert(instance.to_owned(), created);
    }
}
