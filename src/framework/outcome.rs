//! The outcome of an operation on a managed resource: the object that exists afterwards.

use super::diagnostic::{Diagnostic, Diagnostics};

/// The outcome of an operation on a managed resource with the model `M`.
///
/// A success contains the object that exists afterwards. An error that is returned by `?` means
/// that the operation changed nothing. If it did, [`Leaving::leaving`] adds the object that exists
/// after the failure, so that Terraform can record it and no orphan remains.
pub type Outcome<M, T = M> = Result<T, Failed<M>>;

/// A failed operation: its errors, and the object that exists afterwards.
#[derive(Debug)]
pub struct Failed<M> {
    /// The errors. Empty if the operation has already reported them to its context.
    pub diagnostics: Diagnostics,
    /// The object that exists after the failure. `None` if the operation changed nothing.
    pub leaves: Option<M>,
}

impl<M> Failed<M> {
    /// Creates a failure that changed nothing and whose errors have already been reported to the
    /// context.
    pub fn reported() -> Self {
        Self {
            diagnostics: Diagnostics::default(),
            leaves: None,
        }
    }

    /// Sets the object that exists after the failure.
    #[must_use]
    pub fn leaving(self, model: M) -> Self {
        Self {
            leaves: Some(model),
            ..self
        }
    }

    /// Sets the object that exists after the failure, unless it is already set.
    #[must_use]
    pub fn or_leaving(self, model: M) -> Self {
        Self {
            leaves: self.leaves.or(Some(model)),
            ..self
        }
    }
}

impl<M> From<Diagnostics> for Failed<M> {
    fn from(diagnostics: Diagnostics) -> Self {
        Self {
            diagnostics,
            leaves: None,
        }
    }
}

/// Converts any error that converts to a [`Diagnostic`], so that `?` works. The operation changed
/// nothing.
impl<M, E: Into<Diagnostic>> From<E> for Failed<M> {
    fn from(error: E) -> Self {
        Diagnostics::from(error).into()
    }
}

/// Adds to an error the object that exists in spite of it.
///
/// ```
/// use token_providers::framework::{Diagnostic, Leaving, Outcome};
///
/// fn create() -> Outcome<&'static str> {
///     let half = "the object without its value";
///     Err(Diagnostic::error("Value not received", "The connection was closed.")).leaving(half)?;
///     Ok("the object")
/// }
/// assert_eq!(create().unwrap_err().leaves, Some("the object without its value"));
/// ```
pub trait Leaving<T>: Sized {
    /// Adds `model` to the error, as the object that exists after the failure.
    ///
    /// # Errors
    /// The same error, with the object.
    fn leaving<M>(self, model: M) -> Outcome<M, T>;
}

impl<T, E: Into<Diagnostics>> Leaving<T> for Result<T, E> {
    fn leaving<M>(self, model: M) -> Outcome<M, T> {
        self.map_err(|error| Failed::from(error.into()).leaving(model))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn or_leaving_sets_the_object_only_if_it_is_absent() {
        let failed = || Failed::from(Diagnostic::error("Not created", "The platform rejected it."));
        assert_eq!(failed().or_leaving(1).leaves, Some(1));
        assert_eq!(failed().leaving(1).or_leaving(2).leaves, Some(1));
        assert_eq!(failed().leaving(1).leaving(2).leaves, Some(2));
    }
}
