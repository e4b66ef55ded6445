//! Rust types for the values of attributes.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};

use super::field::Field;
use super::invalid_value::InvalidValue;
use super::path::AttributePath;
use super::schema::{AttributeType, Nesting};
use super::set::Set;
use super::types::Type;
use super::value::{Number, Value};
use crate::redaction::KnownSecrets;

/// A Rust type for the value of an attribute, held by a [`Field`].
///
/// | Rust | Terraform |
/// |---|---|
/// | `String` | `string` |
/// | [`SecretString`] | `string`, sensitive |
/// | `bool` | `bool` |
/// | `i64`, `f64`, [`Number`] | `number`; an `i64` accepts only whole numbers |
/// | `Vec<T>` | `list(…)` |
/// | [`Set<T>`](Set) | `set(…)` |
/// | `BTreeMap<String, T>` | `map(…)` |
/// | a [`Model`](derive@super::Model) | a nested attribute, single or in a `Vec`, `Set` or `BTreeMap` | |
/// | [`Value`], which is a [`Value::Dynamic`] | `dynamic` |
/// | `Field<T>` in a `Vec`, `Set` or `BTreeMap` | an element that may be null or unknown |
///
/// A collection with an unknown element reads as [`Field::Unknown`], unless its elements are
/// `Field`s. A null element is an error, unless the elements are `Field`s. Terraform receives the
/// known elements in either case.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a type of attribute values",
    note = "a field of a model is a `Field<T>`; the documentation of `AttributeValue` lists the possible `T`"
)]
pub trait AttributeValue: Sized {
    /// Whether Terraform hides values of this type in its output.
    const SENSITIVE: bool = false;

    /// Returns the type that the schema declares.
    fn attribute_type() -> AttributeType;

    /// Converts from Terraform's value. `path` is its location, for errors.
    ///
    /// # Errors
    /// [`InvalidValue`] if the value has another type, or is null or unknown and the Rust type has
    /// no such value.
    fn read(value: &Value, path: &AttributePath) -> Result<Self, InvalidValue>;

    /// Converts to Terraform's value.
    fn into_value(self) -> Value;
}

/// An attribute or an element of a collection that may be null or unknown.
impl<T: AttributeValue> AttributeValue for Field<T> {
    const SENSITIVE: bool = T::SENSITIVE;

    fn attribute_type() -> AttributeType {
        T::attribute_type()
    }

    fn read(value: &Value, path: &AttributePath) -> Result<Self, InvalidValue> {
        match value {
            Value::Null => Ok(Self::Null),
            Value::Unknown => Ok(Self::Unknown),
            value => match T::read(value, path) {
                Err(invalid) if invalid.is_unknown() => Ok(Self::Unknown),
                read => read.map(Self::Known),
            },
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

macro_rules! plain {
    ($($rust:ty: $ty:ident, $pattern:pat => $read:expr, $write:expr;)*) => {
        $(impl AttributeValue for $rust {
            fn attribute_type() -> AttributeType {
                AttributeType::Plain(Type::$ty)
            }

            fn read(value: &Value, path: &AttributePath) -> Result<Self, InvalidValue> {
                match value {
                    $pattern => Ok($read),
                    value => Err(InvalidValue::new(path, value)),
                }
            }

            fn into_value(self) -> Value {
                let write: fn(Self) -> Value = $write;
                write(self)
            }
        })*
    };
}

plain! {
    String: String, Value::String(text) => text.clone(), Value::String;
    bool: Bool, Value::Bool(b) => *b, Value::Bool;
    i64: Number, Value::Number(Number::Integer(n)) => *n, |n| Value::Number(Number::Integer(n));
    f64: Number, Value::Number(n) => n.to_f64(), |n| Value::Number(Number::from(n));
    Number: Number, Value::Number(n) => n.clone(), Value::Number;
}

impl AttributeValue for SecretString {
    const SENSITIVE: bool = true;

    fn attribute_type() -> AttributeType {
        AttributeType::Plain(Type::String)
    }

    fn read(value: &Value, path: &AttributePath) -> Result<Self, InvalidValue> {
        let secret = String::read(value, path).map(Self::from)?;
        KnownSecrets::learn(&secret);
        Ok(secret)
    }

    fn into_value(self) -> Value {
        KnownSecrets::learn(&self);
        Value::String(self.expose_secret().to_owned())
    }
}

/// A value of the type `dynamic`: a [`Value::Dynamic`], which includes its type.
impl AttributeValue for Value {
    fn attribute_type() -> AttributeType {
        AttributeType::Plain(Type::Dynamic)
    }

    fn read(value: &Value, _: &AttributePath) -> Result<Self, InvalidValue> {
        Ok(value.clone())
    }

    fn into_value(self) -> Value {
        self
    }
}

impl<T: AttributeValue> AttributeValue for BTreeMap<String, T> {
    const SENSITIVE: bool = T::SENSITIVE;

    fn attribute_type() -> AttributeType {
        T::attribute_type().collected(Nesting::Map, Type::Map)
    }

    fn read(value: &Value, path: &AttributePath) -> Result<Self, InvalidValue> {
        let Value::Map(members) = value else {
            return Err(InvalidValue::new(path, value));
        };
        let members = members.iter();
        members
            .map(|(name, member)| Ok((name.clone(), T::read(member, &path.key(name))?)))
            .collect()
    }

    fn into_value(self) -> Value {
        let members = self.into_iter();
        Value::Map(members.map(|(name, member)| (name, member.into_value())).collect())
    }
}

impl<T: AttributeValue> AttributeValue for Vec<T> {
    const SENSITIVE: bool = T::SENSITIVE;

    fn attribute_type() -> AttributeType {
        T::attribute_type().collected(Nesting::List, Type::List)
    }

    fn read(value: &Value, path: &AttributePath) -> Result<Self, InvalidValue> {
        let Value::List(elements) = value else {
            return Err(InvalidValue::new(path, value));
        };
        let elements = elements.iter().enumerate();
        elements.map(|(i, element)| T::read(element, &path.index(i))).collect()
    }

    fn into_value(self) -> Value {
        Value::List(self.into_iter().map(T::into_value).collect())
    }
}

impl<T: AttributeValue> AttributeValue for Set<T> {
    const SENSITIVE: bool = T::SENSITIVE;

    fn attribute_type() -> AttributeType {
        T::attribute_type().collected(Nesting::Set, Type::Set)
    }

    fn read(value: &Value, path: &AttributePath) -> Result<Self, InvalidValue> {
        let Value::List(elements) = value else {
            return Err(InvalidValue::new(path, value));
        };
        // The protocol cannot address an element of a set.
        elements.iter().map(|element| T::read(element, path)).collect()
    }

    fn into_value(self) -> Value {
        Value::set(self.into_iter().map(T::into_value))
    }
}

/// A nullable argument of a function.
impl<T: AttributeValue> AttributeValue for Option<T> {
    const SENSITIVE: bool = T::SENSITIVE;

    fn attribute_type() -> AttributeType {
        T::attribute_type()
    }

    fn read(value: &Value, path: &AttributePath) -> Result<Self, InvalidValue> {
        match value {
            Value::Null => Ok(None),
            value => T::read(value, path).map(Some),
        }
    }

    fn into_value(self) -> Value {
        self.map_or(Value::Null, T::into_value)
    }
}

#[cfg(test)]
mod tests;
