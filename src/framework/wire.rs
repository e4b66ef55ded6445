//! The protocol's `DynamicValue`: a value whose type the schema tells.

use std::fmt;

use super::proto;
use super::types::Type;
use super::value::Value;
use super::{json, msgpack};

/// Why a value could not be read or written, and where in it. Never says what the value was.
#[derive(Debug)]
pub(crate) struct WireError {
    path: String,
    problem: String,
}

pub(crate) type Result<T> = std::result::Result<T, WireError>;

impl WireError {
    pub(crate) fn new(problem: impl Into<String>) -> Self {
        Self {
            path: String::new(),
            problem: problem.into(),
        }
    }

    pub(crate) fn expected(what: &str) -> Self {
        Self::new(format!("expected {what}"))
    }

    /// The same error, seen from the object or list around it.
    pub(crate) fn at(mut self, step: impl Into<Step>) -> Self {
        let step = match step.into() {
            Step::Name(name) if self.path.is_empty() || self.path.starts_with('[') => name,
            Step::Name(name) => name + ".",
            Step::Index(index) if self.path.is_empty() || self.path.starts_with('[') => format!("[{index}]"),
            Step::Index(index) => format!("[{index}]."),
        };
        self.path.insert_str(0, &step);
        self
    }
}

/// One step into a value.
pub(crate) enum Step {
    Name(String),
    Index(usize),
}

impl From<&String> for Step {
    fn from(name: &String) -> Self {
        Self::Name(name.clone())
    }
}

impl From<usize> for Step {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.problem)
    }
}

impl std::error::Error for WireError {}

/// Reads a value of type `ty`; an absent one is null.
pub(crate) fn decode(value: Option<&proto::DynamicValue>, ty: &Type) -> Result<Value> {
    match value {
        Some(value) if !value.msgpack.is_empty() => msgpack::decode(&value.msgpack, ty),
        Some(value) if !value.json.is_empty() => json::decode(&value.json, ty),
        _ => Ok(Value::Null),
    }
}

/// Writes a value of type `ty`, always as MessagePack.
pub(crate) fn encode(value: &Value, ty: &Type) -> Result<proto::DynamicValue> {
    Ok(proto::DynamicValue {
        msgpack: msgpack::encode(value, ty)?,
        json: Vec::new(),
    })
}
