//! What this plan does with names that only one thing can have: roles, policies, assignments, attachments.
//!
//! Terraform plans each resource by itself. That two resources want one name, or that a replacement wants one that is taken,
//! shows only together. A replacement would delete the present thing and then fail to create the next one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::api::Name;
use super::connection::Context;
use crate::framework::{Change, Diagnostic, Field, Model, Value};
use crate::platform::declarations::{Duplicate, may_be_equal};

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
    /// A resource with this configuration is to get it.
    claimed: BTreeMap<String, Value>,
    /// A resource loses it.
    released: BTreeSet<String>,
}

/// What a plan call found out about a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Planned {
    /// The name is free, as far as is known.
    Free,
    /// Another resource of this plan has it, too, or may have it.
    Twice(Duplicate),
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
    fn is_in_state(&self, name: &str) -> bool {
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
    pub(super) fn plan(&self, context: &Context, prior: Option<&str>, planned: &str, config: &Value) -> Planned {
        let mut names = self.lock();
        let owned = || planned.to_owned();
        let Some(prior) = prior else {
            // The second call of a replacement finds what the first one left.
            if let Some(replaced) = context.private.get::<String>(PLANNED) {
                context.private.remove(PLANNED);
                names.kept.remove(&replaced);
                names.released.insert(replaced);
                names.claimed.insert(owned(), config.clone());
                return Planned::Free;
            }
            let twin = names.claim(planned, config);
            return match (twin, names.in_state.contains(planned)) {
                (Some(twin), _) => Planned::Twice(twin),
                (None, true) => Planned::InState,
                (None, false) => Planned::FreeUnlessListed { replaces: false },
            };
        };
        context.private.set(PLANNED, prior);
        if prior == planned {
            names.kept.insert(owned());
            return match names.claimed.contains_key(planned) {
                true => Planned::Twice(Duplicate::Certain),
                false => Planned::Free,
            };
        }
        names.released.insert(prior.to_owned());
        let twin = names.claim(planned, config);
        match (twin, names.released.contains(planned)) {
            (Some(twin), _) => Planned::Twice(twin),
            (None, true) => Planned::Free,
            (None, false) if names.in_state.contains(planned) => Planned::InState,
            (None, false) => Planned::FreeUnlessListed { replaces: true },
        }
    }

    /// Reports in a plan that a role or a policy, as `kind` says, has a name that is not free. `is_listed` asks the platform; its
    /// errors are ignored here: apply reports them.
    pub(super) async fn report<M: Model + Clone>(
        &self,
        context: &Context,
        (kind, name): (&str, &Name),
        change: &Change<M>,
        prior: Option<&Field<String>>,
        is_listed: impl Future<Output = Result<bool, Diagnostic>>,
    ) {
        let what = format!("The {kind} {:?}", name.as_str());
        let prior = prior.and_then(Field::known).map(String::as_str);
        let problem = match self.plan(context, prior, name.as_str(), &change.config.clone().into_value()) {
            Planned::Free => return,
            Planned::Twice(twin) => twin.report(twice(&what)),
            Planned::InState => in_state(&what),
            Planned::FreeUnlessListed { replaces } => match is_listed.await {
                // It may have been refreshed meanwhile.
                Ok(true) if self.is_in_state(name.as_str()) => in_state(&what),
                Ok(true) => taken_in_plan(kind, name, replaces),
                Ok(false) | Err(_) => return,
            },
        };
        context.report(problem.on("name"));
    }

    fn lock(&self) -> MutexGuard<'_, Names> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Names {
    /// Notes a resource that is to get the name; answers whether another one has it or gets it, too. The same creation may be
    /// planned twice by one process, with the same configuration.
    fn claim(&mut self, name: &str, config: &Value) -> Option<Duplicate> {
        let earlier = self.claimed.insert(name.to_owned(), config.clone());
        match earlier {
            _ if self.kept.contains(name) => Some(Duplicate::Certain),
            Some(earlier) if may_be_equal(&earlier, config) => Some(Duplicate::Possible),
            Some(_) => Some(Duplicate::Certain),
            None => None,
        }
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

/// The error where something of that name exists already; `kind` is "role" or "policy".
pub(super) fn taken(kind: &str, name: &Name) -> Diagnostic {
    let name = name.as_str();
    Diagnostic::error(
        format!("The {kind} {name:?} exists already"),
        format!(
            "It was not made by this resource, and is left as it is. To manage it here, import it:\n\n  import {{\n    to = \
             startree_{kind}.<name>\n    id = {name:?}\n  }}\n\nOr choose another name."
        ),
    )
    .on("name")
}

/// The same in a plan: an error where the present thing would be deleted before the creation fails.
fn taken_in_plan(kind: &str, name: &Name, replaces: bool) -> Diagnostic {
    let mut problem = taken(kind, name);
    if !replaces {
        problem
            .detail
            .push_str("\n\nUnless it is gone by then, the creation fails.");
        return problem.as_warning();
    }
    let note = format!("\n\nThe {kind} that is to be replaced would be deleted before that shows.");
    problem.detail.push_str(&note);
    problem
}

/// The warning where a name is that of a resource of the state.
fn in_state(what: &str) -> Diagnostic {
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
            .map(|(prior, planned)| names.plan(&Context::default(), *prior, planned, &Value::Null));
        planned.last().unwrap()
    }

    #[test]
    fn one_name_for_two_resources_is_found_whichever_is_planned_last() {
        let (create, rename) = ((None, "a"), (Some("b"), "a"));
        let keep = (Some("a"), "a");
        for plans in [[keep, create], [create, keep], [keep, rename], [rename, keep]] {
            assert_eq!(last(&plans), Planned::Twice(Duplicate::Certain), "{plans:?}");
        }
        for plans in [[create, create], [rename, create]] {
            assert_eq!(last(&plans), Planned::Twice(Duplicate::Possible), "{plans:?}");
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
            names.plan(&context, Some("a"), planned, &Value::Null);
            assert_eq!(names.plan(&context, None, planned, &Value::Null), Planned::Free);
        }
    }

    #[test]
    fn name_of_a_destroyed_or_tainted_resource_of_the_state_is_no_error() {
        let names = PlannedNames::default();
        names.refreshed("a");
        names.destroyed("a");
        assert_eq!(
            names.plan(&Context::default(), None, "a", &Value::Null),
            Planned::InState
        );
    }
}
