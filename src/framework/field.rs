//! The value of one attribute.

use super::diagnostic::Diagnostic;

/// An attribute's value: not set, not known yet, or known.
///
/// ```
/// use token_providers::framework::Field;
///
/// let title = Field::from("todo");
/// assert_eq!(title.known().map(String::as_str), Some("todo"));
/// assert!(Field::<i64>::Unknown.get().is_err());
/// ```
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

/// A value that an operation needs is not set, or known only at apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a value that is needed is {}", if self.is_unknown { "known only at apply" } else { "not set" })]
pub struct Missing {
    is_unknown: bool,
}

impl From<Missing> for Diagnostic {
    fn from(missing: Missing) -> Self {
        Self::error(
            "Value missing",
            format!("The operation cannot run, because {missing}. This is a bug in the provider; please report it."),
        )
    }
}

impl<T> Field<T> {
    /// The value.
    ///
    /// # Errors
    /// [`Missing`] if it is not set or not known. Terraform calls create, update, read and delete with known
    /// configurations only, so this is for values that are required.
    pub fn get(&self) -> Result<&T, Missing> {
        match self {
            Self::Known(value) => Ok(value),
            Self::Unknown => Err(Missing { is_unknown: true }),
            Self::Null => Err(Missing { is_unknown: false }),
        }
    }

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
