//! Models: the Rust struct behind a schema, one field an attribute.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};

use super::diagnostic::{Diagnostic, Diagnostics};
use super::value::{Number, Value};
use crate::redaction::KnownSecrets;

/// An attribute's value: not set, not known yet, or known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Field<T> {
    /// Not set.
    #[default]
    Null,
    /// Set, but known only at apply.
    Unknown,
    /// Set and known.
    Known(T),
}

impl<T> Field<T> {
    /// The value, if it is set and known.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            _ => None,
        }
    }

    /// The value, if it is set and known.
    pub fn into_known(self) -> Option<T> {
        match self {
            Self::Known(value) => Some(value),
            _ => None,
        }
    }

    /// Whether it is not set.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Whether it is set but not known yet.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown)
    }
}

impl<T> From<T> for Field<T> {
    fn from(value: T) -> Self {
        Self::Known(value)
    }
}

impl From<&str> for Field<String> {
    fn from(value: &str) -> Self {
        Self::Known(value.to_owned())
    }
}

impl<T> From<Option<T>> for Field<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Self::Known)
    }
}

/// A struct whose fields are a schema's attributes. Made by the macro `model!`.
pub trait Model: Sized + Send + Sync + 'static {
    /// Reads an object of the schema's type.
    #[doc(hidden)]
    fn from_value(value: &Value) -> Result<Self, String>;

    /// The object of the schema's type.
    #[doc(hidden)]
    fn into_value(self) -> Value;
}

/// Reads the model of `what`, the type of a resource or data source; a failure becomes an error.
pub(crate) fn read_model<M: Model>(what: &str, value: &Value, diagnostics: &mut Diagnostics) -> Option<M> {
    let model = M::from_value(value);
    diagnostics.ok(model.map_err(|problem| Diagnostic::error(format!("Unreadable {what}"), problem)))
}

/// A type that a [`Field`] can hold.
#[doc(hidden)]
pub trait FieldType: Sized {
    fn from_value(value: &Value) -> Option<Self>;
    fn into_value(self) -> Value;
}

/// Null or unknown wherever a value may be: at an attribute, and within a map.
impl<T: FieldType> FieldType for Field<T> {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(Self::Null),
            Value::Unknown => Some(Self::Unknown),
            value => T::from_value(value).map(Self::Known),
        }
    }

    fn into_value(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Unknown => Value::Unknown,
            Self::Known(value) => value.into_value(),
        }
    }
}

impl FieldType for String {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(text.clone()),
            _ => None,
        }
    }

    fn into_value(self) -> Value {
        Value::String(self)
    }
}

impl FieldType for SecretString {
    fn from_value(value: &Value) -> Option<Self> {
        let secret = String::from_value(value).map(Self::from)?;
        KnownSecrets::learn(&secret);
        Some(secret)
    }

    fn into_value(self) -> Value {
        KnownSecrets::learn(&self);
        Value::String(self.expose_secret().to_owned())
    }
}

impl FieldType for bool {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Bool(b) => Some(*b),
            _ => None,
        }
    }

    fn into_value(self) -> Value {
        Value::Bool(self)
    }
}

impl FieldType for i64 {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Number(Number::Integer(n)) => Some(*n),
            _ => None,
        }
    }

    fn into_value(self) -> Value {
        Value::Number(Number::Integer(self))
    }
}

impl<T: FieldType> FieldType for BTreeMap<String, T> {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Map(members) => members
                .iter()
                .map(|(name, member)| Some((name.clone(), T::from_value(member)?)))
                .collect(),
            _ => None,
        }
    }

    fn into_value(self) -> Value {
        Value::Map(
            self.into_iter()
                .map(|(name, member)| (name, member.into_value()))
                .collect(),
        )
    }
}

impl<T: FieldType> FieldType for Vec<T> {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::List(elements) => elements.iter().map(T::from_value).collect(),
            _ => None,
        }
    }

    fn into_value(self) -> Value {
        Value::List(self.into_iter().map(T::into_value).collect())
    }
}

/// An object within a model is a model itself.
impl<M: Model> FieldType for M {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Map(_) => Model::from_value(value).ok(),
            _ => None,
        }
    }

    fn into_value(self) -> Value {
        Model::into_value(self)
    }
}

/// Declares a [`Model`]: a struct of [`Field`]s, each named as its attribute.
///
/// ```
/// use token_providers::framework::{model, Field};
///
/// model! {
///     /// A door of the house.
///     pub struct Door {
///         name: String,
///         open: bool,
///     }
/// }
///
/// let door = Door { name: "front".into(), open: Field::Unknown };
/// assert!(door.open.is_unknown());
/// ```
#[macro_export]
#[doc(hidden)]
macro_rules! __model {
    ($(#[$meta:meta])* $vis:vis struct $name:ident { $($(#[$field_meta:meta])* $field:ident: $ty:ty,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default)]
        $vis struct $name {
            $($(#[$field_meta])* $vis $field: $crate::framework::Field<$ty>,)*
        }

        impl $crate::framework::Model for $name {
            #[allow(unused_variables)] // a model may have no fields
            fn from_value(value: &$crate::framework::Value) -> ::std::result::Result<Self, ::std::string::String> {
                Ok(Self {
                    $($field: {
                        let name = stringify!($field).trim_start_matches("r#");
                        $crate::framework::FieldType::from_value(value.get(name))
                            .ok_or_else(|| format!("{name}: its type is not that of the provider"))?
                    },)*
                })
            }

            fn into_value(self) -> $crate::framework::Value {
                $crate::framework::Value::Map(
                    [$((stringify!($field).trim_start_matches("r#").to_owned(), $crate::framework::FieldType::into_value(self.$field)),)*].into(),
                )
            }
        }
    };
}

#[doc(inline)]
pub use crate::__model as model;

#[cfg(test)]
mod tests {
    use super::*;

    model! {
        struct House {
            doors: Vec<Door>,
        }
    }

    model! {
        struct Door {
            name: String,
            open: bool,
        }
    }

    fn object(members: &[(&str, Value)]) -> Value {
        Value::Map(
            members
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect(),
        )
    }

    #[test]
    fn a_model_may_hold_a_list_of_models() {
        let front = object(&[("name", Value::String("front".into())), ("open", Value::Unknown)]);
        let value = object(&[("doors", Value::List(vec![front]))]);
        let house = <House as Model>::from_value(&value).unwrap();
        let doors = house.doors.known().unwrap();
        assert_eq!(doors[0].name.known().unwrap(), "front");
        assert!(doors[0].open.is_unknown());
        assert!(Model::into_value(house) == value);
    }

    #[test]
    fn what_does_not_fit_is_an_error_that_says_where() {
        let misfit = object(&[("name", Value::Bool(true))]);
        for doors in [
            Value::Bool(true),
            Value::List(vec![Value::Null]),
            Value::List(vec![misfit]),
        ] {
            let problem = <House as Model>::from_value(&object(&[("doors", doors)])).unwrap_err();
            assert!(problem.starts_with("doors: "), "{problem}");
        }
    }
}
