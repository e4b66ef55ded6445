//! What this plan does with names that only one thing can have: roles, policies, assignments, attachments.
//!
//! Terraform plans each resource by itself. That two resources want one name, or that a replacement wants one that is taken,
//! shows only together. A replacement would delete the present thing and then fail to create the next one.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::framework::{Context, Diagnostic};

/// The key in the private state, by which the second plan call of a replacement knows that it is one.
const PLANNED: &str = "planned";

/// The names that this process has planned, of one kind of thing.
#[derive(Default)]
pub(super) struct PlannedNames(Mutex<Names>);

#[derive(Default)]
struct Names {
    /// A resource of this state has it.
    in_state: BTreeSet<String>,
    /// A resource has it and keeps it.
    kept: BTreeSet<String>,
    /// A resource is to get it.
    claimed: BTreeSet<String>,
    /// A resource loses it.
    released: BTreeSet<String>,
}

/// What a plan call found out about a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Planned {
    /// Nothing is in the way, or nothing is known to be.
    Free,
    /// Another resource of this plan has it, too.
    Twice,
    /// It is not free if the platform lists it; for a replacement that is an error.
    FreeUnlessListed { replaces: bool },
    /// Another resource of this state has it, and may release it in this run, before or after.
    InState,
}

impl PlannedNames {
    /// A resource that the state has under this name is refreshed.
    pub(super) fn refreshed(&self, name: &str) {
        self.lock().in_state.insert(name.to_owned());
    }

    /// Whether a resource of the state has this name.
    pub(super) fn is_in_state(&self, name: &str) -> bool {
        self.lock().in_state.contains(name)
    }

    /// What was planned under this name is being applied.
    pub(super) fn applied(&self, name: &str) {
        self.lock().claimed.remove(name);
    }

    /// A resource is to be destroyed.
    pub(super) fn destroyed(&self, name: &str) {
        let mut names = self.lock();
        names.kept.remove(name);
        names.released.insert(name.to_owned());
    }

    /// A resource is planned: it had the name `prior`, if it was there, and gets the name `planned`.
    pub(super) fn plan(&self, context: &Context, prior: Option<&str>, planned: &str) -> Planned {
        let mut names = self.lock();
        let owned = || planned.to_owned();
        let Some(prior) = prior else {
            // The second call of a replacement finds what the first one left.
            if let Some(replaced) = context.private.get::<String>(PLANNED) {
                context.private.remove(PLANNED);
                names.kept.remove(&replaced);
                names.released.insert(replaced);
                names.claimed.insert(owned());
                return Planned::Free;
            }
            let is_new = names.claimed.insert(owned());
            return match (
                is_new && !names.kept.contains(planned),
                names.in_state.contains(planned),
            ) {
                (false, _) => Planned::Twice,
                (true, true) => Planned::InState,
                (true, false) => Planned::FreeUnlessListed { replaces: false },
            };
        };
        context.private.set(PLANNED, prior);
        if prior == planned {
            names.kept.insert(owned());
            return match names.claimed.contains(planned) {
                true => Planned::Twice,
                false => Planned::Free,
            };
        }
        names.released.insert(prior.to_owned());
        let is_new = names.claimed.insert(owned());
        match (
            is_new && !names.kept.contains(planned),
            names.released.contains(planned),
        ) {
            (false, _) => Planned::Twice,
            (true, true) => Planned::Free,
            (true, false) if names.in_state.contains(planned) => Planned::InState,
            (true, false) => Planned::FreeUnlessListed { replaces: true },
        }
    }

    fn lock(&self) -> MutexGuard<'_, Names> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The error where two resources of a plan want one name.
pub(super) fn twice(what: &str) -> Diagnostic {
    Diagnostic::error(
        format!("{what} is declared twice"),
        "Two resources of this plan stand for the same thing. Applied, one of them would fail, or each would undo what the \
         other does. Declare it once; a resource whose address changed needs a `moved` block.",
    )
}

/// The warning where a name is that of a resource of the state.
pub(super) fn in_state(what: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("{what} exists already, as a resource of this state"),
        "A creation fails while it is there. Where it is the same resource, which is replaced because it is tainted, it is \
         destroyed first. Where another resource is destroyed or renamed in the same run, Terraform does that before or \
         after the creation, in no given order. If only the address of the resource changed, add a `moved` block.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plans these, each `(prior, planned)`, as resources of one process, and answers what the last one found.
    fn last(plans: &[(Option<&str>, &str)]) -> Planned {
        let names = PlannedNames::default();
        let planned = plans
            .iter()
            .map(|(prior, planned)| names.plan(&Context::default(), *prior, planned));
        planned.last().unwrap()
    }

    #[test]
    fn one_name_for_two_resources_is_found_whichever_is_planned_last() {
        let (create, rename) = ((None, "a"), (Some("b"), "a"));
        let keep = (Some("a"), "a");
        for plans in [
            [create, create],
            [keep, create],
            [create, keep],
            [rename, create],
            [keep, rename],
            [rename, keep],
        ] {
            assert_eq!(last(&plans), Planned::Twice, "{plans:?}");
        }
        assert_eq!(last(&[create]), Planned::FreeUnlessListed { replaces: false });
        assert_eq!(last(&[rename]), Planned::FreeUnlessListed { replaces: true });
        assert_eq!(last(&[(Some("a"), "b"), rename]), Planned::Free, "names are swapped");
    }

    #[test]
    fn replacement_of_a_resource_is_not_taken_for_a_second_one() {
        let names = PlannedNames::default();
        for planned in ["a", "b"] {
            let context = Context::default();
            names.refreshed("a");
            names.plan(&context, Some("a"), planned);
            assert_eq!(names.plan(&context, None, planned), Planned::Free);
        }
    }

    #[test]
    fn name_of_a_destroyed_or_tainted_resource_of_the_state_is_no_error() {
        let names = PlannedNames::default();
        names.refreshed("a");
        names.destroyed("a");
        assert_eq!(names.plan(&Context::default(), None, "a"), Planned::InState);
    }
}
