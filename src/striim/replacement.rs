//! What the plan calls for a resource record in its private state for the calls that follow.
//!
//! For a replacement Terraform calls the plan twice: with the state, and without it, as for a creation.
//! It drops the warnings of the second call, so the first one checks the creation, too. Terraform itself
//! decides on a replacement that the user requests (`-replace`): the record of the first call shows that
//! to the second. The deletion in the apply has the record, too; the creation does not.

use serde::{Deserialize, Serialize};

use crate::framework::PrivateState;

const KEY: &str = "planned";

/// The record of a plan call.
#[derive(Serialize, Deserialize)]
struct Planned {
    /// The present names of the resource.
    names: Vec<String>,
    /// The name of its replacement, which was free in the plan.
    successor: Option<String>,
}

/// Records the present names of a resource, and the free name of its replacement.
pub(super) fn record(private: &PrivateState, names: &[&str], successor: Option<&str>) {
    let planned = Planned {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        successor: successor.map(str::to_owned),
    };
    private.set(KEY, planned);
}

/// Returns the names of the resource that a planned creation replaces; none if it replaces none.
pub(super) fn replaced_names(private: &PrivateState) -> Vec<String> {
    private
        .get(KEY)
        .map(|planned: Planned| planned.names)
        .unwrap_or_default()
}

/// Returns the name that must still be free for the replacement of a resource that is to be deleted.
pub(super) fn replacement_name(private: &PrivateState) -> Option<String> {
    private.get(KEY).and_then(|planned: Planned| planned.successor)
}

/// Removes the record after its plan.
pub(super) fn clear(private: &PrivateState) {
    private.remove(KEY);
}
