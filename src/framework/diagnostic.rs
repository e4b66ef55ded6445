//! Diagnostics: the errors and warnings that a provider reports to the user.

use std::fmt::{self, Display};

use super::path::AttributePath;

/// The severity of a diagnostic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The operation fails.
    Error,
    /// The operation continues.
    Warning,
}

/// An error or a warning. It must not contain secrets, because Terraform prints it and CI systems
/// store the output.
///
/// ```
/// use token_providers::framework::Diagnostic;
///
/// let error = Diagnostic::error("Note not found", "There is no note \"todo\". Check the title.").on("links[0].note");
/// assert_eq!(error.attribute.unwrap(), "links[0].note");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The severity: error or warning.
    pub severity: Severity,
    /// A short statement of fact, on one line and without a full stop.
    pub summary: String,
    /// What was attempted, the outcome, and what the user can do.
    pub detail: String,
    /// The attribute that the diagnostic is about.
    pub attribute: Option<AttributePath>,
}

impl Diagnostic {
    /// Creates an error.
    pub fn error(summary: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            summary: summary.into(),
            detail: detail.into(),
            attribute: None,
        }
    }

    /// Creates a warning.
    pub fn warning(summary: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::error(summary, detail).as_warning()
    }

    /// Creates an error on the attribute at `path`. `problem` completes "`<path>`: …", as in "must
    /// not be empty".
    pub fn invalid(path: impl Into<AttributePath>, problem: impl Display) -> Self {
        let path = path.into();
        Self::error(format!("Invalid {path}"), format!("`{path}`: {problem}.")).on(path)
    }

    /// Turns it into a warning, for instance in a plan that predicts an error of the apply.
    #[must_use]
    pub fn as_warning(self) -> Self {
        Self {
            severity: Severity::Warning,
            ..self
        }
    }

    /// Sets the attribute, such as `name`, `vault.path` or `links[1].url`.
    #[must_use]
    pub fn on(mut self, path: impl Into<AttributePath>) -> Self {
        self.attribute = Some(path.into());
        self
    }
}

impl Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.summary, self.detail)
    }
}

/// Converts any error to a [`Diagnostic`] with a summary.
///
/// ```
/// use token_providers::framework::{Diagnostic, OrDiagnostic};
///
/// fn parse(text: &str) -> Result<u16, Diagnostic> {
///     text.parse::<u16>().or_diagnostic("Port cannot be read")
/// }
/// let error = parse("x").unwrap_err();
/// assert_eq!(error.summary, "Port cannot be read");
/// assert_eq!(error.detail, "invalid digit found in string");
/// ```
pub trait OrDiagnostic<T> {
    /// Converts the error to a diagnostic with this summary and, as its detail, the error's
    /// message. The message must not contain secrets.
    ///
    /// # Errors
    /// The converted error.
    fn or_diagnostic(self, summary: impl Into<String>) -> Result<T, Diagnostic>;
}

impl<T, E: Display> OrDiagnostic<T> for Result<T, E> {
    fn or_diagnostic(self, summary: impl Into<String>) -> Result<T, Diagnostic> {
        self.map_err(|error| Diagnostic::error(summary, error.to_string()))
    }
}

/// The diagnostics of one call, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// Adds a diagnostic.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    /// Adds several diagnostics.
    pub fn extend(&mut self, diagnostics: impl IntoIterator<Item = Diagnostic>) {
        self.0.extend(diagnostics);
    }

    /// Returns the value of `result`, or adds its error.
    pub fn ok<T>(&mut self, result: Result<T, impl Into<Diagnostics>>) -> Option<T> {
        result.map_err(|error| self.0.extend(error.into().0)).ok()
    }

    /// Returns whether there is an error among them.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// Returns whether there are no diagnostics.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Iterates over the diagnostics, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.0.iter()
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl Extend<Diagnostic> for Diagnostics {
    fn extend<I: IntoIterator<Item = Diagnostic>>(&mut self, more: I) {
        self.0.extend(more);
    }
}

impl FromIterator<Diagnostic> for Diagnostics {
    fn from_iter<I: IntoIterator<Item = Diagnostic>>(diagnostics: I) -> Self {
        Self(diagnostics.into_iter().collect())
    }
}

/// Converts any error that converts to a [`Diagnostic`], so that `?` works.
impl<E: Into<Diagnostic>> From<E> for Diagnostics {
    fn from(error: E) -> Self {
        Self(vec![error.into()])
    }
}
