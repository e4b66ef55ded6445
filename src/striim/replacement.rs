//! What the plan calls about one resource leave for the calls that follow, in its private state.
//!
//! For a replacement Terraform calls the plan twice: with the state, and without it, as for a creation. Warnings of the
//! second call are dropped, so the first one reports what the creation will meet. Terraform decides by itself on a
//! replacement that the user wants (`-replace`): the second call learns of it by what the first one has left here. The
//! deletion in the apply finds it, too; the creation does not.

use serde::{Deserialize, Serialize};

use crate::framework::PrivateState;

const KEY: &str = "planned";

/// What a plan call leaves.
#[derive(Serialize, Deserialize)]
struct Planned {
    /// The names that the resource has had until now.
    names: Vec<String>,
    /// The name that its replacement is to have, which was free.
    successor: Option<String>,
}

/// Notes what names the resource has, and what free name its replacement is to have.
pub(super) fn note(private: &PrivateState, names: &[&str], successor: Option<&str>) {
    let planned = Planned {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        successor: successor.map(str::to_owned),
    };
    private.set(KEY, planned);
}

/// The names that the planned creation takes the place of; none if it is not a replacement.
pub(super) fn replaced(private: &PrivateState) -> Vec<String> {
    private
        .get(KEY)
        .map(|planned: Planned| planned.names)
        .unwrap_or_default()
}

/// The name that must be free for the replacement of what is to be deleted, as it was in the plan.
pub(super) fn successor(private: &PrivateState) -> Option<String> {
    private.get(KEY).and_then(|planned: Planned| planned.successor)
}

/// Removes the note: it is about one plan.
pub(super) fn forget(private: &PrivateState) {
    private.remove(KEY);
}
