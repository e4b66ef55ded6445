//! Detects two resources that declare the same object.
//!
//! Terraform plans each resource separately and does not pass its address. One process may plan the
//! same creation twice: `terraform test` may plan and apply with one configured provider. Two
//! creations with the same configuration are therefore one resource planned twice, or two resources
//! (a forgotten `each.key`); two creations with different configurations are certainly two
//! resources.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::framework::{Diagnostic, Model, Value};

/// The declarations of a process, by the identity of the object.
#[derive(Default)]
pub(crate) struct Declarations(Mutex<BTreeMap<String, Declaration>>);

/// The declaration of an object by a resource.
#[derive(Clone)]
pub(crate) struct Declaration {
    /// Whether the state contains the object.
    pub(crate) is_present: bool,
    pub(crate) config: Value,
}

/// Creates the declaration of an object that is in the state or not.
pub(crate) fn declaration<M: Model + Clone>(is_present: bool, config: &M) -> Declaration {
    Declaration {
        is_present,
        config: config.clone().into_value(),
    }
}

/// Whether two resources declare an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Duplicate {
    /// Two resources declare it, or one was planned twice.
    Possible,
    /// Two resources declare it.
    Certain,
}

impl Duplicate {
    /// Returns the error, as a warning if it is not certain.
    pub(crate) fn report(self, error: Diagnostic) -> Diagnostic {
        match self {
            Self::Certain => error,
            Self::Possible => {
                let mut warning = error.as_warning();
                warning.detail.push_str(
                    " The apply of the second one would fail. (If `terraform test` plans and applies with one provider \
                     process, this may be a single resource that is planned twice; then ignore this warning.)",
                );
                warning
            }
        }
    }
}

impl Declarations {
    /// Records a declaration. Returns whether another resource has declared the object before.
    pub(crate) fn declare(&self, object: &str, declaration: Declaration) -> Option<Duplicate> {
        let earlier = self.lock().insert(object.to_owned(), declaration.clone())?;
        let is_same = may_be_equal(&earlier.config, &declaration.config);
        match (earlier.is_present, declaration.is_present) {
            (true, true) if is_same => None,
            (false, false) if is_same => Some(Duplicate::Possible),
            _ => Some(Duplicate::Certain),
        }
    }

    /// Removes the declaration of an object, because it was applied or is replaced.
    pub(crate) fn release(&self, object: &str) {
        self.lock().remove(object);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Declaration>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether two values may be equal. An unknown value may equal any other.
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

    /// (whether the object of each of two declarations is in the state, second description, expected
    /// duplicate)
    #[test]
    fn second_declaration_is_duplicate_unless_it_may_be_first_planned_again() {
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
            let duplicate = declarations.declare("ci", declaration(present[1], second));
            assert_eq!(duplicate, expected, "{present:?}");
            declarations.release("ci");
            assert_eq!(declarations.declare("ci", declaration(false, text("CI"))), None);
        }
    }
}
