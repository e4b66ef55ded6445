//! The outcome of an operation on a managed resource: what exists after it.

use super::diagnostic::{Diagnostic, Diagnostics};

/// The outcome of an operation on a managed resource whose model is `M`.
///
/// A success carries what exists afterwards. A failure by `?` means that the operation changed nothing; with
/// [`Leaving::leaving`] it carries what exists in spite of it, so that a half-finished operation loses nothing.
pub type Outcome<M, T = M> = Result<T, Failed<M>>;

/// A failed operation: what it reports, and what exists after it.
#[derive(Debug)]
pub struct Failed<M> {
    /// The errors; empty if the operation has reported them to its context already.
    pub diagnostics: Diagnostics,
    /// What exists now; `None`: the same as before the operation, which for a creation is nothing.
    pub leaves: Option<M>,
}

impl<M> Failed<M> {
    /// A failure whose errors were reported to the context already, and that changed nothing.
    pub fn reported() -> Self {
        Self {
            diagnostics: Diagnostics::default(),
            leaves: None,
        }
    }

    /// The same failure, after which this exists.
    #[must_use]
    pub fn leaving(self, model: M) -> Self {
        Self {
            leaves: Some(model),
            ..self
        }
    }

    /// The same failure, after which this exists, unless it says already what does.
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

/// Any error that becomes a [`Diagnostic`] fails an operation by `?`.
impl<M, E: Into<Diagnostic>> From<E> for Failed<M> {
    fn from(error: E) -> Self {
        Diagnostics::from(error).into()
    }
}

/// Adds to a failure what exists after it.
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
    /// The success; a failure becomes one after which `model` exists.
    ///
    /// # Errors
    /// The same as before.
    fn leaving<M>(self, model: M) -> Outcome<M, T>;
}

impl<T, E: Into<Diagnostics>> Leaving<T> for Result<T, E> {
    fn leaving<M>(self, model: M) -> Outcome<M, T> {
        self.map_err(|error| Failed::from(error.into()).leaving(model))
    }
}
