//! The value of one attribute in a model.

use super::diagnostic::Diagnostic;

/// The value of an attribute: null, unknown or known.
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
    /// Not set (null).
    #[default]
    Null,
    /// Set, but known only at apply.
    Unknown,
    /// Set and known.
    Known(T),
}

/// The error of an operation that needs a value which is null or unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a required value is {}", if self.is_unknown { "known only at apply" } else { "not set" })]
pub struct Missing {
    is_unknown: bool,
}

impl From<Missing> for Diagnostic {
    fn from(missing: Missing) -> Self {
        Self::error(
            "Missing value",
            format!("The operation cannot run, because {missing}. This is a bug in the provider; please report it."),
        )
    }
}

impl<T> Field<T> {
    /// Returns the value.
    ///
    /// # Errors
    /// [`Missing`] if it is null or unknown. Terraform calls create, read, update and delete with
    /// known configurations only, so required attributes always have a value there.
    pub fn get(&self) -> Result<&T, Missing> {
        match self {
            Self::Known(value) => Ok(value),
            Self::Unknown => Err(Missing { is_unknown: true }),
            Self::Null => Err(Missing { is_unknown: false }),
        }
    }

    /// Returns the value, if it is known.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            _ => None,
        }
    }

    /// Returns the value, if it is known.
    pub fn into_known(self) -> Option<T> {
        match self {
            Self::Known(value) => Some(value),
            _ => None,
        }
    }

    /// Returns whether it is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Returns whether it is unknown (known only at apply).
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accessors_distinguish_null_unknown_and_known() {
        let unset: Option<i64> = None;
        // (field, known value, whether it is null and unknown)
        let cases: [(Field<i64>, Option<i64>, [bool; 2]); 6] = [
            (Field::Null, None, [true, false]),
            (Field::Unknown, None, [false, true]),
            (Field::Known(7), Some(7), [false, false]),
            (Field::from(7), Some(7), [false, false]),
            (Field::from(Some(7)), Some(7), [false, false]),
            (Field::from(unset), None, [true, false]),
        ];
        for (field, known, is) in cases {
            assert_eq!(field.known().copied(), known, "{field:?}");
            assert_eq!(field.into_known(), known, "{field:?}");
            assert_eq!(field.get().ok().copied(), known, "{field:?}");
            assert_eq!([field.is_null(), field.is_unknown()], is, "{field:?}");
        }
    }
}
