//! Validators: rules about the value of one attribute.

use std::borrow::Cow;
use std::fmt::{self, Debug, Display};
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use super::types::Type;
use super::value::{Number, Value};

pub(super) type Check = dyn Fn(&Value) -> Result<(), String> + Send + Sync;

/// A rule about the value of an attribute, with a description for the documentation.
///
/// Null and unknown values are not checked. Error messages must not contain the value, which may be
/// a secret.
///
/// ```
/// use token_providers::framework::Validator;
///
/// let even = Validator::new("An even number.", |n: &i64| if n % 2 == 0 { Ok(()) } else { Err("must be even") });
/// assert_eq!(even.description(), "An even number.");
/// ```
#[derive(Clone)]
pub struct Validator {
    description: Cow<'static, str>,
    subject: Subject,
    check: Arc<Check>,
}

/// The values that a validator checks.
#[derive(Clone)]
enum Subject {
    /// Values of this type.
    Values(Type),
    /// Strings and collections.
    Lengths,
    /// Values of this type, directly or as elements of a collection.
    Elements(Type),
}

impl Validator {
    /// Creates a validator of values of the type `ty`.
    pub(super) fn of_type(description: Cow<'static, str>, ty: Type, check: Arc<Check>) -> Self {
        Self {
            description,
            subject: Subject::Values(ty),
            check,
        }
    }

    /// Restricts the length of a string, in characters, or of a collection, in elements.
    pub fn length(range: impl RangeBounds<usize>) -> Self {
        let allowed = described(&range);
        let bounds = (range.start_bound().cloned(), range.end_bound().cloned());
        let must_not_be_empty = bounds == (Bound::Included(1), Bound::Unbounded);
        let check = move |value: &Value| {
            let (length, unit) = match value {
                Value::String(text) => (text.chars().count(), "characters"),
                Value::List(elements) => (elements.len(), "elements"),
                Value::Map(members) => (members.len(), "elements"),
                _ => return Ok(()),
            };
            if bounds.contains(&length) {
                return Ok(());
            }
            if length == 0 && must_not_be_empty {
                return Err("must not be empty".to_owned());
            }
            Err(format!("must have {allowed} {unit}, not {length}"))
        };
        let description = match must_not_be_empty {
            true => "Must not be empty.".into(),
            false => format!("Length: {}.", described(&range)).into(),
        };
        Self {
            description,
            subject: Subject::Lengths,
            check: Arc::new(check),
        }
    }

    /// Restricts a number, or each element of a collection of numbers.
    pub fn range(range: impl RangeBounds<i64>) -> Self {
        let allowed = described(&range);
        let bounds = (range.start_bound().cloned(), range.end_bound().cloned());
        let is_in_range = move |number: &Number| match number {
            Number::Integer(number) => bounds.contains(number),
            // A fraction is in range if the whole numbers on both sides of it are.
            #[allow(clippy::cast_possible_truncation)] // a float beyond all integers is out of every range
            number => {
                let float = number.to_f64();
                bounds.contains(&(float.floor() as i64)) && bounds.contains(&(float.ceil() as i64))
            }
        };
        let check = move |value: &Value| match value {
            Value::Number(number) if !is_in_range(number) => Err(format!("must be {allowed}")),
            _ => Ok(()),
        };
        Self {
            description: format!("Range: {}.", described(&range)).into(),
            subject: Subject::Elements(Type::Number),
            check: Arc::new(move |value| each(value, &check)),
        }
    }

    /// Restricts a string, or each element of a collection of strings, to `texts`.
    pub fn one_of<const N: usize>(texts: [&'static str; N]) -> Self {
        let listed: Vec<_> = texts.iter().map(|text| format!("`{text}`")).collect();
        let listed = listed.join(", ");
        let description = format!("One of {listed}.");
        let check = move |value: &Value| match value {
            Value::String(text) if !texts.contains(&text.as_str()) => Err(format!("must be one of {listed}")),
            _ => Ok(()),
        };
        Self {
            description: description.into(),
            subject: Subject::Elements(Type::String),
            check: Arc::new(move |value| each(value, &check)),
        }
    }

    /// Returns the description for the documentation; may be empty.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Returns whether it checks values of the type `ty`. Values of other types are ignored.
    pub(crate) fn is_for(&self, ty: &Type) -> bool {
        match (&self.subject, ty) {
            (Subject::Values(subject), ty) => subject == ty,
            (Subject::Lengths, ty) => matches!(ty, Type::String | Type::List(_) | Type::Set(_) | Type::Map(_)),
            (Subject::Elements(subject), Type::List(ty) | Type::Set(ty) | Type::Map(ty)) => *subject == **ty,
            (Subject::Elements(subject), ty) => subject == ty,
        }
    }

    /// Returns the reason why `value` is invalid, or `None`.
    pub(crate) fn problem(&self, value: &Value) -> Option<String> {
        match value {
            Value::Null | Value::Unknown => None,
            value => (self.check)(value).err(),
        }
    }
}

/// Applies `check` to a value, or to each element of a collection.
fn each(value: &Value, check: &impl Fn(&Value) -> Result<(), String>) -> Result<(), String> {
    match value {
        Value::List(elements) => elements.iter().try_for_each(check),
        Value::Map(members) => members.values().try_for_each(check),
        value => check(value),
    }
}

impl Debug for Validator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Validator").field(&self.description).finish()
    }
}

/// Formats a range in words, such as "3 to 30" or "at most 255".
fn described<T: Display + Copy + PartialEq + Step>(range: &impl RangeBounds<T>) -> String {
    let least = match range.start_bound() {
        Bound::Included(least) => Some(*least),
        Bound::Excluded(least) => Some(least.after()),
        Bound::Unbounded => None,
    };
    let most = match range.end_bound() {
        Bound::Included(most) => Some(*most),
        Bound::Excluded(most) => Some(most.before()),
        Bound::Unbounded => None,
    };
    match (least, most) {
        (Some(least), Some(most)) if least == most => format!("exactly {least}"),
        (Some(least), Some(most)) => format!("{least} to {most}"),
        (Some(least), None) => format!("at least {least}"),
        (None, Some(most)) => format!("at most {most}"),
        (None, None) => "any".to_owned(),
    }
}

/// An integer type, so that exclusive bounds can be described as inclusive ones.
trait Step {
    fn after(&self) -> Self;
    fn before(&self) -> Self;
}

macro_rules! steps {
    ($($ty:ty)*) => {
        $(impl Step for $ty {
            fn after(&self) -> Self {
                self.saturating_add(1)
            }

            fn before(&self) -> Self {
                self.saturating_sub(1)
            }
        })*
    };
}

steps! { i64 usize }

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::String(text.to_owned())
    }

    fn number(number: i64) -> Value {
        Value::Number(Number::Integer(number))
    }

    #[test]
    fn validator_reports_invalid_value_without_quoting_it() {
        let long = "ä".repeat(31);
        let cases = [
            (
                Validator::length(3..=30),
                text("ab"),
                Some("must have 3 to 30 characters, not 2"),
            ),
            (
                Validator::length(3..=30),
                text(&long),
                Some("must have 3 to 30 characters, not 31"),
            ),
            (Validator::length(3..=30), text("äöü"), None),
            (
                Validator::length(..=2),
                Value::List(vec![Value::Null; 3]),
                Some("must have at most 2 elements, not 3"),
            ),
            (
                Validator::length(2..),
                Value::Map([("k".to_owned(), Value::Null)].into()),
                Some("must have at least 2 elements, not 1"),
            ),
            (
                Validator::length(3..=3),
                text(""),
                Some("must have exactly 3 characters, not 0"),
            ),
            (Validator::length(1..), text(""), Some("must not be empty")),
            (Validator::range(1..10), number(10), Some("must be 1 to 9")),
            (Validator::range(1..10), number(9), None),
            (Validator::range(1..), Value::Number(Number::Float(1.5)), None),
            (
                Validator::range(1..),
                Value::Number(Number::Float(0.5)),
                Some("must be at least 1"),
            ),
            (
                Validator::range(1..10),
                Value::Number(Number::Float(9.5)),
                Some("must be 1 to 9"),
            ),
            (Validator::range(1..), Value::Number(Number::from(f64::MAX)), None),
            (
                Validator::range(..1),
                Value::Number(Number::from(f64::MAX)),
                Some("must be at most 0"),
            ),
            (
                Validator::range(1..),
                Value::List(vec![number(1), number(0)]),
                Some("must be at least 1"),
            ),
            (
                Validator::one_of(["a"]),
                Value::List(vec![text("a"), text("b")]),
                Some("must be one of `a`"),
            ),
            (
                Validator::one_of(["a"]),
                Value::Map([("k".to_owned(), Value::Unknown)].into()),
                None,
            ),
            (
                Validator::one_of(["a", "b"]),
                text("c"),
                Some("must be one of `a`, `b`"),
            ),
            (Validator::one_of(["a", "b"]), text("a"), None),
        ];
        for (validator, value, expected) in cases {
            assert_eq!(validator.problem(&value).as_deref(), expected, "{validator:?}");
            for absent in [Value::Null, Value::Unknown] {
                assert_eq!(validator.problem(&absent), None);
            }
        }
    }

    #[test]
    fn description_names_allowed_values() {
        for (validator, expected) in [
            (Validator::length(3..=30), "Length: 3 to 30."),
            (Validator::length(..3), "Length: at most 2."),
            (Validator::length(1..), "Must not be empty."),
            (Validator::range(1..), "Range: at least 1."),
            (Validator::range(7..8), "Range: exactly 7."),
            (Validator::one_of(["a", "b"]), "One of `a`, `b`."),
            (
                Validator::new("An even number.", |_: &i64| Ok::<(), String>(())),
                "An even number.",
            ),
        ] {
            assert_eq!(validator.description(), expected);
        }
    }

    #[test]
    fn validator_ignores_other_type_and_partly_unknown_value() {
        let never = Validator::new("", |_: &Vec<String>| Err("never"));
        assert_eq!(never.problem(&Value::List(vec![text("a")])).as_deref(), Some("never"));
        for value in [text("a"), Value::List(vec![Value::Unknown])] {
            assert_eq!(never.problem(&value), None);
        }
    }
}
