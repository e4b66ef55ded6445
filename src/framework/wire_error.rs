//! The error of encoding or decoding a value.

use std::fmt;

/// An error of encoding or decoding a value, with the path to it. It never contains the value.
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

    /// Prepends a step to the path: an attribute, a key or an index.
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

/// One step of a path.
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
