//! Terraform's values.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

use super::types::Type;

/// A value of a configuration, a plan or a state.
///
/// Lists, sets and tuples are [`Value::List`], maps and objects are [`Value::Map`]; the schema
/// distinguishes them. `Debug` shows the structure without the content, which may be a secret.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// Not set.
    Null,
    /// Set, but known only at apply.
    Unknown,
    /// A boolean.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string.
    String(String),
    /// The elements of a list, a set or a tuple.
    List(Vec<Value>),
    /// The members of a map or an object.
    Map(BTreeMap<String, Value>),
    /// A value whose type is `dynamic` in the schema, with its own type.
    Dynamic(Type, Box<Value>),
}

impl Value {
    /// Creates the value of a set: elements are sorted and duplicates of known elements removed, so
    /// that equal sets are equal values.
    pub fn set(elements: impl IntoIterator<Item = Self>) -> Self {
        let mut elements: Vec<_> = elements.into_iter().collect();
        elements.sort_by(Self::compare);
        elements.dedup_by(|one, other| one == other && one.is_wholly_known());
        Self::List(elements)
    }

    /// Returns whether neither the value nor any part of it is unknown.
    pub fn is_wholly_known(&self) -> bool {
        match self {
            Self::Unknown => false,
            Self::List(elements) => elements.iter().all(Self::is_wholly_known),
            Self::Map(members) => members.values().all(Self::is_wholly_known),
            Self::Dynamic(_, value) => value.is_wholly_known(),
            _ => true,
        }
    }

    /// Shows the content in `Debug`, for failed assertions. Do not print it where it may contain a
    /// secret.
    ///
    /// ```
    /// use token_providers::framework::Value;
    ///
    /// let value = Value::String("a".to_owned());
    /// assert_eq!(format!("{value:?}"), "string");
    /// assert_eq!(format!("{:?}", value.revealed()), "\"a\"");
    /// ```
    pub fn revealed(&self) -> impl fmt::Debug {
        Revealed(self)
    }

    /// Defines a total order, for sorting the elements of sets.
    fn compare(&self, other: &Self) -> Ordering {
        let rank = |value: &Self| match value {
            Self::Null => 0,
            Self::Unknown => 1,
            Self::Bool(_) => 2,
            Self::Number(_) => 3,
            Self::String(_) => 4,
            Self::List(_) => 5,
            Self::Map(_) => 6,
            Self::Dynamic(..) => 7,
        };
        match (self, other) {
            (Self::Bool(one), Self::Bool(other)) => one.cmp(other),
            (Self::Number(one), Self::Number(other)) => {
                let by_size = one.to_f64().total_cmp(&other.to_f64());
                by_size.then_with(|| format!("{one:?}").cmp(&format!("{other:?}")))
            }
            (Self::String(one), Self::String(other)) => one.cmp(other),
            (Self::List(one), Self::List(other)) => {
                let elements = one.iter().zip(other).map(|(one, other)| one.compare(other));
                elements
                    .fold(Ordering::Equal, Ordering::then)
                    .then(one.len().cmp(&other.len()))
            }
            (Self::Map(one), Self::Map(other)) => {
                let members = one.iter().zip(other);
                let members = members.map(|((a, one), (b, other))| a.cmp(b).then_with(|| one.compare(other)));
                members
                    .fold(Ordering::Equal, Ordering::then)
                    .then(one.len().cmp(&other.len()))
            }
            (Self::Dynamic(_, one), Self::Dynamic(_, other)) => one.compare(other),
            _ => rank(self).cmp(&rank(other)),
        }
    }

    /// Returns whether it is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Returns the member `name` of an object or a map; null if it has none.
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

struct Revealed<'a>(&'a Value);

impl fmt::Debug for Revealed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Null | Value::Unknown => self.0.fmt(f),
            Value::Bool(value) => value.fmt(f),
            Value::Number(Number::Integer(value)) => value.fmt(f),
            Value::Number(Number::Float(value)) => value.fmt(f),
            Value::Number(Number::Decimal(value)) => f.write_str(value),
            Value::String(value) => value.fmt(f),
            Value::List(elements) => f.debug_list().entries(elements.iter().map(Revealed)).finish(),
            Value::Map(members) => {
                let members = members.iter().map(|(name, value)| (name, Revealed(value)));
                f.debug_map().entries(members).finish()
            }
            Value::Dynamic(_, value) => Revealed(value).fmt(f),
        }
    }
}

/// A number with the precision that Terraform sent.
#[derive(Clone, Debug, PartialEq)]
pub enum Number {
    /// A whole number of 64 bits.
    Integer(i64),
    /// A number that a 64-bit float represents exactly.
    Float(f64),
    /// Any other number in decimal notation, such as `0.1` or `18446744073709551616`.
    Decimal(String),
}

impl Number {
    /// Returns the nearest float.
    pub fn to_f64(&self) -> f64 {
        match self {
            #[allow(clippy::cast_precision_loss)] // the nearest one is asked for
            Self::Integer(number) => *number as f64,
            Self::Float(number) => *number,
            Self::Decimal(number) => number.parse().unwrap_or(f64::NAN),
        }
    }

    /// Converts a float exactly. Whole numbers become integers, so that equal numbers are equal
    /// values.
    pub(crate) fn exactly(float: f64) -> Self {
        const LIMIT: f64 = 9_223_372_036_854_775_808.0; // 2^63
        if float.fract() == 0.0 && (-LIMIT..LIMIT).contains(&float) {
            #[allow(clippy::cast_possible_truncation)] // whole and within i64, as just checked
            return Self::Integer(float as i64);
        }
        Self::Float(float)
    }

    /// Parses decimal notation; `None` if it is not a number.
    pub(crate) fn from_decimal(text: &str) -> Option<Self> {
        if let Ok(integer) = text.parse() {
            return Some(Self::Integer(integer));
        }
        let float = text.parse::<f64>().ok()?;
        let is_number = text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
        // Normalises, so that equal numbers are equal values. Only JSON numbers have an exponent.
        match Self::from(float) {
            _ if !is_number => None,
            number if float.to_string() == text || text.contains(['e', 'E']) && float.is_finite() => Some(number),
            _ => Some(Self::Decimal(text.to_owned())),
        }
    }
}

impl From<i64> for Number {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

/// Converts the shortest decimal notation of the float: `0.1` has no exact float, and Terraform
/// compares exactly.
///
/// ```
/// use token_providers::framework::Number;
///
/// assert_eq!(Number::from(0.1), Number::Decimal("0.1".to_owned()));
/// assert_eq!(Number::from(0.5), Number::Float(0.5));
/// assert_eq!(Number::from(2.0), Number::Integer(2));
/// ```
impl From<f64> for Number {
    fn from(float: f64) -> Self {
        // 1074 decimal places represent any float exactly.
        let exact = format!("{float:.1074}");
        let written = float.to_string();
        match Self::exactly(float) {
            Self::Float(_) if exact.trim_end_matches('0').trim_end_matches('.') != written => Self::Decimal(written),
            number => number,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn integer(n: i64) -> Value {
        Value::Number(Number::Integer(n))
    }

    fn text(text: &str) -> Value {
        Value::String(text.to_owned())
    }

    fn map(name: &str, value: Value) -> Value {
        Value::Map([(name.to_owned(), value)].into())
    }

    fn dynamic(value: bool) -> Value {
        Value::Dynamic(Type::Bool, Box::new(Value::Bool(value)))
    }

    #[test]
    fn set_sorts_values_of_all_types() {
        let ascending = [
            Value::Null,
            Value::Unknown,
            Value::Bool(false),
            Value::Bool(true),
            integer(-1),
            Value::Number(Number::Decimal("0.1".to_owned())),
            Value::Number(Number::Float(0.5)),
            integer(2),
            text("a"),
            text("b"),
            Value::List(vec![]),
            Value::List(vec![integer(1)]),
            Value::List(vec![integer(1), integer(3)]),
            Value::List(vec![integer(2), integer(1)]),
            Value::Map(BTreeMap::new()),
            map("a", integer(1)),
            map("a", integer(2)),
            map("b", integer(1)),
            dynamic(false),
            dynamic(true),
        ];
        for (position, one) in ascending.iter().enumerate() {
            for (other_position, other) in ascending.iter().enumerate() {
                let expected = position.cmp(&other_position);
                assert_eq!(
                    one.compare(other),
                    expected,
                    "{:?} {:?}",
                    one.revealed(),
                    other.revealed()
                );
            }
        }
        assert!(Value::set(ascending.iter().rev().cloned()) == Value::List(ascending.to_vec()));
    }

    #[test]
    fn set_removes_duplicates_of_wholly_known_elements_only() {
        for (element, is_wholly_known) in [
            (Value::Null, true),
            (text("a"), true),
            (Value::List(vec![text("a")]), true),
            (map("a", Value::Null), true),
            (dynamic(true), true),
            (Value::Unknown, false),
            (Value::List(vec![text("a"), Value::Unknown]), false),
            (map("a", Value::Unknown), false),
            (Value::Dynamic(Type::Bool, Box::new(Value::Unknown)), false),
        ] {
            assert_eq!(element.is_wholly_known(), is_wholly_known, "{element:?}");
            let Value::List(elements) = Value::set([element.clone(), element]) else {
                panic!()
            };
            assert_eq!(elements.len(), if is_wholly_known { 1 } else { 2 }, "{elements:?}");
        }
    }

    #[test]
    fn debug_shows_content_only_if_revealed() {
        for (value, hidden, revealed) in [
            (Value::Unknown, "unknown", "unknown"),
            (text("s3cret"), "string", "\"s3cret\""),
            (
                Value::List(vec![integer(7), Value::Null]),
                "[number, null]",
                "[7, null]",
            ),
            (map("a", dynamic(true)), "{\"a\": bool}", "{\"a\": true}"),
        ] {
            assert_eq!(format!("{value:?}"), hidden);
            assert_eq!(format!("{:?}", value.revealed()), revealed);
        }
    }

    #[test]
    fn number_keeps_precision_of_decimal_notation() {
        let decimal = |text: &str| Some(Number::Decimal(text.to_owned()));
        for (text, expected) in [
            ("7", Some(Number::Integer(7))),
            ("-7", Some(Number::Integer(-7))),
            ("0.5", Some(Number::Float(0.5))),
            ("1e3", Some(Number::Integer(1_000))),
            ("5E-1", Some(Number::Float(0.5))),
            ("0.1", decimal("0.1")),
            ("18446744073709551617", decimal("18446744073709551617")),
            ("1e400", decimal("1e400")),
            ("inf", None),
            ("NaN", None),
            ("0x7", None),
            ("", None),
        ] {
            assert_eq!(Number::from_decimal(text), expected, "{text}");
        }
    }

    #[test]
    fn number_from_float_is_exact_or_its_shortest_notation() {
        for (float, expected) in [
            (0.5, Number::Float(0.5)),
            (2.0, Number::Integer(2)),
            (0.1, Number::Decimal("0.1".to_owned())),
            (1e22, Number::Float(1e22)),
        ] {
            assert_eq!(Number::from(float), expected, "{float}");
        }
    }
}
