//! The statuses of personal access tokens that the resources of a run declare, checked against each
//! other.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// The status that each resource declares, by the number of the resource.
#[derive(Default)]
pub(in crate::striim) struct PlannedPatStatuses(Mutex<BTreeMap<String, DeclaredStatus>>);

/// The status that a resource declares.
#[derive(Clone, Copy)]
pub(in crate::striim) struct DeclaredStatus {
    pub(in crate::striim) enabled: bool,
    /// Whether the plan of a creation declares it. The apply plans a creation again, under another
    /// number; within a file of `terraform test` with a `provider` block, by the same connection.
    pub(in crate::striim) is_planned_creation: bool,
}

/// A conflict between two resources for the same account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::striim) enum Conflict {
    /// They declare opposite statuses.
    Opposite,
    /// They declare the same status.
    Duplicate,
}

impl PlannedPatStatuses {
    /// Records what a resource declares; returns a conflict with another resource.
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

    /// Removes what a resource declared.
    pub(in crate::striim) fn release(&self, instance: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(instance);
    }

    /// Records that a resource was created with this status. The plans of its creation no longer count.
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
