//! A record in the private state that connects the plan calls of a replacement.
//!
//! For a replacement, Terraform calls the plan twice: first with the state, and then without it, as for a
//! creation. It drops the warnings of the second call, so the first one checks the creation, too. A
//! replacement that the user requests (`-replace`) is unknown to the provider in the first call: the
//! second one recognises it by the record. The deletion in the apply receives what the last call recorded.

use serde::{Deserialize, Serialize};

use crate::framework::PrivateState;

const KEY: &str = "planned";

/// The record of the plan calls.
#[derive(Serialize, Deserialize)]
struct Planned {
    /// The names of the resource in the state; empty if there is none.
    names: Vec<String>,
    /// The name of the replacement. A service account's was not taken during the plan.
    successor: Option<String>,
}

/// Records, in a plan call with a state, the present names of the resource and the free name of its
/// replacement.
pub(super) fn record(private: &PrivateState, names: &[&str], successor: Option<&str>) {
    let planned = Planned {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        successor: successor.map(str::to_owned),
    };
    private.set(KEY, planned);
}

/// Records, in a plan call without a state, the name of the resource that will be created.
pub(super) fn record_creation(private: &PrivateState, name: Option<&str>) {
    let planned = Planned {
        names: replaced_names(private),
        successor: name.map(str::to_owned),
    };
    private.set(KEY, planned);
}

/// Returns the names of the resource that a planned creation replaces; empty if it is no replacement.
pub(super) fn replaced_names(private: &PrivateState) -> Vec<String> {
    private
        .get(KEY)
        .map(|planned: Planned| planned.names)
        .unwrap_or_default()
}

/// Returns the name of the resource that will be created after a deletion: that of a service account must
/// still be free, and the personal access token of the same user is kept.
pub(super) fn replacement_name(private: &PrivateState) -> Option<String> {
    private.get(KEY).and_then(|planned: Planned| planned.successor)
}

/// Removes the record of an earlier plan call.
pub(super) fn clear(private: &PrivateState) {
    private.remove(KEY);
}
