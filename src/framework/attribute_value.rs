//! The Rust types that an attribute's value may have.

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

/// A Rust type that a [`Field`] can hold.
///
/// | Rust | Terraform |
/// |---|---|
/// | `String` | `string` |
/// | [`SecretString`] | `string`, sensitive |
/// | `bool` | `bool` |
/// | `i64`, `f64`, [`Number`] | `number` |
/// | `Vec<T>` | `list(…)` |
/// | [`Set<T>`](Set) | `set(…)` |
/// | `BTreeMap<String, T>` | `map(…)` |
/// | a [`Model`](derive@super::Model) | an object whose members are attributes, alone or in a `Vec`, `Set` or `BTreeMap` |
/// | [`Value`], in fact a [`Value::Dynamic`] | `dynamic` |
/// | `Field<T>` in a `Vec`, `Set` or `BTreeMap` | an element that may be null or unknown |
///
/// A collection of plain elements of which one is unknown reads as [`Field::Unknown`]; Terraform still gets the elements
/// that are known. An element that is null is an error, unless the element is a `Field` itself.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the type of an attribute's value",
    note = "a field of a model is a `Field<T>`; the documentation of `AttributeValue` has a table of the types"
)]
pub trait AttributeValue: Sized {
    /// Whether Terraform hides values of this type.
    const SENSITIVE: bool = false;

    /// The type in the schema.
    fn attribute_type() -> AttributeType;

    /// Reads the value at `path`.
    ///
    /// # Errors
    /// If it is of another type, null, or unknown, and the Rust type cannot hold that.
    fn read(value: &Value, path: &AttributePath) -> Result<Self, InvalidValue>;

    /// The value for Terraform.
    fn into_value(self) -> Value;
}

/// Null or unknown wherever a value may be: at an attribute, and within a collection.
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

/// A value of any type: a [`Value::Dynamic`], which brings its type.
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
        // The protocol has no path to an element of a set.
        elements.iter().map(|element| T::read(element, path)).collect()
    }

    fn into_value(self) -> Value {
        Value::set(self.into_iter().map(T::into_value))
    }
}

/// The argument of a nullable parameter of a function.
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
