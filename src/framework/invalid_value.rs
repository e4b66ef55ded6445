//! Values that do not fit the Rust type of a field.

use std::fmt;

use super::diagnostic::Diagnostic;
use super::path::AttributePath;
use super::value::Value;

/// A value that a model cannot hold, and where it is. It does not say what the value was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidValue {
    /// Where it is.
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
            // Every other type of number holds each of them.
            Value::Number(_) => Problem::Integer,
            _ => Problem::Type,
        };
        Self {
            path: path.clone(),
            problem,
        }
    }

    /// Whether a value is known only at apply that has to be known.
    pub fn is_unknown(&self) -> bool {
        self.problem == Problem::Unknown
    }

    /// What is wrong with it.
    pub fn problem(&self) -> &'static str {
        match self.problem {
            Problem::Null => "must not be null",
            Problem::Unknown => "must be known",
            Problem::Integer => "must be a whole number of at most 64 bits",
            Problem::Type => "has a type that is not that of the provider's schema",
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
