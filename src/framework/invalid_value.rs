//! The error of a value that does not fit the Rust type of a field.

use std::fmt;

use super::diagnostic::Diagnostic;
use super::path::AttributePath;
use super::value::Value;

/// A value that does not fit the Rust type of its field. The error contains its location and never
/// the value, which may be a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidValue {
    /// The location of the value.
    pub path: AttributePath,
    problem: Problem,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Problem {
    Null,
    Unknown,
    Integer,
    Type,
}

impl InvalidValue {
    pub(super) fn new(path: &AttributePath, value: &Value) -> Self {
        let problem = match value {
            Value::Null => Problem::Null,
            Value::Unknown => Problem::Unknown,
            // Every number fits `f64` and `Number`, so the field is an `i64`.
            Value::Number(_) => Problem::Integer,
            _ => Problem::Type,
        };
        Self {
            path: path.clone(),
            problem,
        }
    }

    /// Returns whether the value is unknown (known only at apply) where a known one is needed.
    pub fn is_unknown(&self) -> bool {
        self.problem == Problem::Unknown
    }

    /// Returns the problem, such as "must not be null".
    pub fn problem(&self) -> &'static str {
        match self.problem {
            Problem::Null => "must not be null",
            Problem::Unknown => "must be known",
            Problem::Integer => "must be a 64-bit integer",
            Problem::Type => "does not have the type that the provider's schema declares",
        }
    }
}

impl fmt::Display for InvalidValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.path, self.problem())
    }
}

impl std::error::Error for InvalidValue {}

impl From<InvalidValue> for Diagnostic {
    fn from(invalid: InvalidValue) -> Self {
        Self::invalid(invalid.path.clone(), invalid.problem())
    }
}
