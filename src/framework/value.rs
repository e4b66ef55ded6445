//! Terraform's values.

use std::collections::BTreeMap;
use std::fmt;

use super::types::Type;

/// A value of a configuration, a plan or a state.
///
/// Lists, sets and tuples are [`Value::List`], maps and objects [`Value::Map`]: which of them is meant, the schema tells.
/// A value may be a secret, so `Debug` shows its shape and never its content.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// Not set.
    Null,
    /// Set, but known only at apply.
    Unknown,
    /// A truth value.
    Bool(bool),
    /// A number.
    Number(Number),
    /// Text.
    String(String),
    /// The elements of a list, set or tuple.
    List(Vec<Value>),
    /// The members of a map or object.
    Map(BTreeMap<String, Value>),
    /// A value where the schema says `dynamic`: it brings its type.
    Dynamic(Type, Box<Value>),
}

impl Value {
    /// Whether this is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The member `name` of an object; null if there is none.
    pub fn get(&self, name: &str) -> &Value {
        match self {
            Self::Map(members) => members.get(name).unwrap_or(&Self::Null),
            _ => &Self::Null,
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Unknown => f.write_str("unknown"),
            Self::Bool(_) => f.write_str("bool"),
            Self::Number(_) => f.write_str("number"),
            Self::String(_) => f.write_str("string"),
            Self::List(elements) => f.debug_list().entries(elements).finish(),
            Self::Map(members) => f.debug_map().entries(members).finish(),
            Self::Dynamic(_, value) => value.fmt(f),
        }
    }
}

/// A number, kept as exactly as Terraform sent it.
#[derive(Clone, Debug, PartialEq)]
pub enum Number {
    /// A whole number that fits.
    Integer(i64),
    /// A number that a binary float holds exactly.
    Float(f64),
    /// Any other, in decimal notation, such as `0.1` or `18446744073709551616`.
    Decimal(String),
}

impl Number {
    /// The number of a float: whole ones become integers, so that equal numbers are equal values.
    pub(crate) fn from_f64(float: f64) -> Self {
        const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53
        if float.fract() == 0.0 && float.abs() <= EXACT {
            #[allow(clippy::cast_possible_truncation)] // whole and within i64, as just checked
            return Self::Integer(float as i64);
        }
        Self::Float(float)
    }

    /// Reads decimal notation; `None` if it is not a number.
    pub(crate) fn from_decimal(text: &str) -> Option<Self> {
        if let Ok(integer) = text.parse() {
            return Some(Self::Integer(integer));
        }
        let finite = text.parse::<f64>().is_ok() && text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
        finite.then(|| Self::Decimal(text.to_owned()))
    }
}
