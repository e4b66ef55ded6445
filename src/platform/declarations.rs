//! Which things the resources of a configuration declare, so that a plan can report two resources for one thing.
//!
//! Terraform plans each resource by a call of its own and does not say which one it is. The same creation may be planned
//! twice by one process: `terraform test` may plan and apply with one configured provider. So two creations with the same
//! configuration may be one resource, or two with a forgotten `each.key`; two that differ are certainly two.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::framework::{Diagnostic, Model, Value};

/// What resources declare, by what identifies the thing.
#[derive(Default)]
pub(crate) struct Declarations(Mutex<BTreeMap<String, Declaration>>);

/// How a resource declares a thing.
#[derive(Clone)]
pub(crate) struct Declaration {
    /// Whether the state has it already.
    pub(crate) is_present: bool,
    pub(crate) config: Value,
}

/// A declaration by this configuration, of a thing that the state has or has not.
pub(crate) fn declaration<M: Model + Clone>(is_present: bool, config: &M) -> Declaration {
    Declaration {
        is_present,
        config: config.clone().into_value(),
    }
}

/// Whether a thing has two resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Duplicate {
    /// Another resource declares it, or the same one was planned again.
    Possible,
    Certain,
}

impl Duplicate {
    /// The error, or the warning where it is not certain.
    pub(crate) fn report(self, error: Diagnostic) -> Diagnostic {
        match self {
            Self::Certain => error,
            Self::Possible => {
                let mut warning = error.as_warning();
                warning.detail.push_str(
                    " The apply would fail at the second one. (Where `terraform test` plans and applies with one provider \
                     process, a single resource may be planned twice; then there is nothing to do.)",
                );
                warning
            }
        }
    }
}

impl Declarations {
    /// Notes a declaration; answers whether another one of the same thing was noted before.
    pub(crate) fn declare(&self, thing: &str, declaration: Declaration) -> Option<Duplicate> {
        let earlier = self.lock().insert(thing.to_owned(), declaration.clone())?;
        let is_same = may_be_equal(&earlier.config, &declaration.config);
        match (earlier.is_present, declaration.is_present) {
            (true, true) if is_same => None,
            (false, false) if is_same => Some(Duplicate::Possible),
            _ => Some(Duplicate::Certain),
        }
    }

    /// Forgets the declaration of a thing: it was applied, or the resource is replaced.
    pub(crate) fn release(&self, thing: &str) {
        self.lock().remove(thing);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Declaration>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether two values may be one: what is unknown may be anything.
pub(crate) fn may_be_equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Unknown, _) | (_, Value::Unknown) => true,
        (Value::Map(one), Value::Map(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(name, value)| other.get(name).is_some_and(|other| may_be_equal(value, other)))
        }
        (Value::List(one), Value::List(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| may_be_equal(one, other))
        }
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declaration(is_present: bool, description: Value) -> Declaration {
        Declaration {
            is_present,
            config: Value::Map([("description".to_owned(), description)].into()),
        }
    }

    /// (whether each of two declarations is of a present thing, whether their configurations differ, the judgement)
    #[test]
    fn second_declaration_is_another_resource_unless_it_may_be_the_first_planned_again() {
        let text = |text: &str| Value::String(text.to_owned());
        for (present, second, expected) in [
            ([false, false], text("CI"), Some(Duplicate::Possible)),
            ([false, false], Value::Unknown, Some(Duplicate::Possible)),
            ([false, false], text("CD"), Some(Duplicate::Certain)),
            ([true, true], text("CI"), None),
            ([true, true], text("CD"), Some(Duplicate::Certain)),
            ([true, false], text("CI"), Some(Duplicate::Certain)),
            ([false, true], text("CI"), Some(Duplicate::Certain)),
        ] {
            let declarations = Declarations::default();
            assert_eq!(declarations.declare("ci", declaration(present[0], text("CI"))), None);
            assert_eq!(declarations.declare("other", declaration(false, text("CI"))), None);
            let twin = declarations.declare("ci", declaration(present[1], second));
            assert_eq!(twin, expected, "{present:?}");
            declarations.release("ci");
            assert_eq!(declarations.declare("ci", declaration(false, text("CI"))), None);
        }
    }
}
