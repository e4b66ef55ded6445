//! The names in this plan that only one object can have: of roles, policies, assignments and
//! attachments.
//!
//! Terraform plans each resource by itself. Only together the resources show that two of them
//! declare one name, or that a replacement gets a name that is taken: it would delete the existing
//! object and then fail to create the new one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::api::Name;
use crate::framework::{Change, Diagnostic, Field, Model, PrivateState, Value};
use crate::platform::declarations::{Duplicate, may_be_equal};

/// The key in the private state by which the second plan call of a replacement recognises the
/// replacement.
const PLANNED: &str = "planned";

/// The names in this plan, by kind of object.
#[derive(Default)]
pub(super) struct PlannedObjects {
    pub(super) roles: PlannedNames,
    pub(super) policies: PlannedNames,
    pub(super) assignments: PlannedNames,
    pub(super) attachments: PlannedNames,
}

/// The names in this plan of one kind of object.
#[derive(Default)]
pub(super) struct PlannedNames(Mutex<Names>);

#[derive(Default)]
struct Names {
    /// Names of resources in the state.
    in_state: BTreeSet<String>,
    /// Names of resources that keep them.
    kept: BTreeSet<String>,
    /// Names that resources get, with the configuration of each.
    claimed: BTreeMap<String, Value>,
    /// Names that resources give up.
    released: BTreeSet<String>,
}

/// Whether a planned name is available.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Availability {
    /// The name is available, as far as the plan shows.
    Free,
    /// Another resource of this plan has the name, or may have it.
    DeclaredTwice(Duplicate),
    /// The name is available unless the platform lists it. For a replacement, a listed name is an
    /// error.
    FreeUnlessListed { is_replacement: bool },
    /// Another resource in this state has the name. It may give it up in this run, before or after
    /// it is needed.
    InState,
}

impl PlannedNames {
    /// Records the refresh of a resource with this name.
    pub(super) fn refreshed(&self, name: &str) {
        self.lock().in_state.insert(name.to_owned());
    }

    /// Returns whether a resource in the state has this name.
    fn is_in_state(&self, name: &str) -> bool {
        self.lock().in_state.contains(name)
    }

    /// Records that the planned resource with this name is being applied.
    pub(super) fn applied(&self, name: &str) {
        self.lock().claimed.remove(name);
    }

    /// Records that the plan destroys the resource with this name.
    pub(super) fn destroyed(&self, name: &str) {
        let mut names = self.lock();
        names.kept.remove(name);
        names.released.insert(name.to_owned());
    }

    /// Records the plan of a resource, whose name is `prior` in the state and `planned` in the
    /// plan.
    pub(super) fn plan(
        &self,
        private: &PrivateState,
        prior: Option<&str>,
        planned: &str,
        config: &Value,
    ) -> Availability {
        let mut names = self.lock();
        let owned = || planned.to_owned();
        let Some(prior) = prior else {
            // The second plan call of a replacement has the private state that the first one wrote.
            if let Some(replaced) = private.get::<String>(PLANNED) {
                private.remove(PLANNED);
                names.kept.remove(&replaced);
                names.released.insert(replaced);
                names.claimed.insert(owned(), config.clone());
                return Availability::Free;
            }
            let twin = names.claim(planned, config);
            return match (twin, names.in_state.contains(planned)) {
                (Some(twin), _) => Availability::DeclaredTwice(twin),
                (None, true) => Availability::InState,
                (None, false) => Availability::FreeUnlessListed { is_replacement: false },
            };
        };
        private.set(PLANNED, prior);
        if prior == planned {
            names.kept.insert(owned());
            return match names.claimed.contains_key(planned) {
                true => Availability::DeclaredTwice(Duplicate::Certain),
                false => Availability::Free,
            };
        }
        names.released.insert(prior.to_owned());
        let twin = names.claim(planned, config);
        match (twin, names.released.contains(planned)) {
            (Some(twin), _) => Availability::DeclaredTwice(twin),
            (None, true) => Availability::Free,
            (None, false) if names.in_state.contains(planned) => Availability::InState,
            (None, false) => Availability::FreeUnlessListed { is_replacement: true },
        }
    }

    /// Plans the name of a role or a policy (`kind`), and returns the problem to report if the name
    /// is not available. `is_listed` asks the platform; its errors are ignored here: apply reports
    /// them.
    pub(super) async fn check<M: Model + Clone>(
        &self,
        private: &PrivateState,
        (kind, name): (&str, &Name),
        change: &Change<M>,
        prior: Option<&Field<String>>,
        is_listed: impl Future<Output = Result<bool, Diagnostic>>,
    ) -> Option<Diagnostic> {
        let title = format!("The {kind} {:?}", name.as_str());
        let prior = prior.and_then(Field::known).map(String::as_str);
        let problem = match self.plan(private, prior, name.as_str(), &change.config.clone().into_value()) {
            Availability::Free => return None,
            Availability::DeclaredTwice(twin) => twin.report(declared_twice(&title)),
            Availability::InState => in_state(&title),
            Availability::FreeUnlessListed { is_replacement } => match is_listed.await {
                // The resource may have been refreshed while the platform was asked.
                Ok(true) if self.is_in_state(name.as_str()) => in_state(&title),
                Ok(true) => exists_in_plan(kind, name, is_replacement),
                Ok(false) | Err(_) => return None,
            },
        };
        Some(problem.on("name"))
    }

    fn lock(&self) -> MutexGuard<'_, Names> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Names {
    /// Records a resource that gets the name, and returns whether another one has or gets it. One
    /// process may plan the same creation twice, with the same configuration.
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

/// The error where two resources of a plan declare the same object.
pub(super) fn declared_twice(title: &str) -> Diagnostic {
    Diagnostic::error(
        format!("{title} is declared twice"),
        "Two resources in this plan declare the same object. When applied, one of them fails, or each undoes the other's \
         changes. Declare it once. If the address of the resource changed, add a `moved` block.",
    )
}

/// The error where a role or a policy with the name exists; `kind` is "role" or "policy".
pub(super) fn already_exists(kind: &str, name: &Name) -> Diagnostic {
    let name = name.as_str();
    Diagnostic::error(
        format!("The {kind} {name:?} already exists"),
        format!(
            "This resource did not create it and does not change it. To manage it here, import it:\n\n  import {{\n    to = \
             startree_{kind}.<name>\n    id = {name:?}\n  }}\n\nOr choose another name."
        ),
    )
    .on("name")
}

/// The diagnostic of a plan that creates an object whose name is taken: an error if the replaced
/// object would be deleted before the creation fails, otherwise a warning.
fn exists_in_plan(kind: &str, name: &Name, is_replacement: bool) -> Diagnostic {
    let mut problem = already_exists(kind, name);
    if !is_replacement {
        problem
            .detail
            .push_str("\n\nIf it still exists at apply, the creation fails.");
        return problem.as_warning();
    }
    let note = format!("\n\nThe apply would delete the {kind} to be replaced before it fails.");
    problem.detail.push_str(&note);
    problem
}

/// The warning where another resource in the state has the name.
fn in_state(title: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("{title} already exists, as a resource in this state"),
        "The creation fails while it exists. If it is this resource, replaced because it is tainted, it is destroyed first. \
         If another resource is destroyed or renamed in the same run, Terraform does that before or after the creation, in \
         no guaranteed order. If only the address of the resource changed, add a `moved` block.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plans resources, each `(prior, planned)`, in one process, and returns the availability of
    /// the last name.
    fn last(plans: &[(Option<&str>, &str)]) -> Availability {
        let names = PlannedNames::default();
        let planned = plans
            .iter()
            .map(|(prior, planned)| names.plan(&PrivateState::default(), *prior, planned, &Value::Null));
        planned.last().unwrap()
    }

    #[test]
    fn name_declared_twice_is_found_in_either_order() {
        let (create, rename) = ((None, "a"), (Some("b"), "a"));
        let keep = (Some("a"), "a");
        for plans in [[keep, create], [create, keep], [keep, rename], [rename, keep]] {
            assert_eq!(
                last(&plans),
                Availability::DeclaredTwice(Duplicate::Certain),
                "{plans:?}"
            );
        }
        for plans in [[create, create], [rename, create]] {
            assert_eq!(
                last(&plans),
                Availability::DeclaredTwice(Duplicate::Possible),
                "{plans:?}"
            );
        }
        assert_eq!(
            last(&[create]),
            Availability::FreeUnlessListed { is_replacement: false }
        );
        assert_eq!(last(&[rename]), Availability::FreeUnlessListed { is_replacement: true });
        assert_eq!(
            last(&[(Some("a"), "b"), rename]),
            Availability::Free,
            "names are swapped"
        );
    }

    #[test]
    fn second_plan_call_of_a_replacement_declares_no_duplicate() {
        let names = PlannedNames::default();
        for planned in ["a", "b"] {
            let private = PrivateState::default();
            names.refreshed("a");
            names.plan(&private, Some("a"), planned, &Value::Null);
            assert_eq!(names.plan(&private, None, planned, &Value::Null), Availability::Free);
        }
    }

    #[test]
    fn name_of_a_destroyed_resource_in_the_state_is_only_a_warning() {
        let names = PlannedNames::default();
        names.refreshed("a");
        names.destroyed("a");
        assert_eq!(
            names.plan(&PrivateState::default(), None, "a", &Value::Null),
            Availability::InState
        );
    }
}
