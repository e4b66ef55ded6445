//! The outcome of a run or a call, with assertions for tests.

use std::fmt;
use std::ops::Deref;

use super::Diagnostic;
use crate::framework::{Model, Severity, Value};

/// The result of a run or a call, and its diagnostics.
///
/// Assertions return the outcome, so they can be chained. It dereferences to the result.
pub struct Outcome<T> {
    /// The result.
    pub value: T,
    /// The diagnostics, in order.
    pub diagnostics: Vec<Diagnostic>,
}

impl<T> Outcome<T> {
    pub(super) fn new(value: T, diagnostics: Vec<Diagnostic>) -> Self {
        Self { value, diagnostics }
    }

    /// Returns whether there is an error.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }

    /// Returns whether a diagnostic of this severity contains the phrase in its summary or detail.
    pub fn reports(&self, severity: Severity, phrase: &str) -> bool {
        let of_severity = self.diagnostics.iter().filter(|shown| shown.severity == severity);
        of_severity.map(ToString::to_string).any(|text| text.contains(phrase))
    }

    pub(super) fn map<U>(self, with: impl FnOnce(T) -> U) -> Outcome<U> {
        Outcome::new(with(self.value), self.diagnostics)
    }
}

/// Assertions.
impl<T: fmt::Debug> Outcome<T> {
    /// Asserts that no error was reported.
    #[track_caller]
    pub fn succeeds(self) -> Self {
        assert!(!self.has_errors(), "it failed: {self:#?}");
        self
    }

    /// Asserts that an error contains the phrase.
    #[track_caller]
    pub fn fails(self, phrase: &str) -> Self {
        assert!(
            self.reports(Severity::Error, phrase),
            "no error says {phrase:?}: {self:#?}"
        );
        self
    }

    /// Asserts that a warning contains the phrase.
    #[track_caller]
    pub fn warns(self, phrase: &str) -> Self {
        assert!(
            self.reports(Severity::Warning, phrase),
            "no warning says {phrase:?}: {self:#?}"
        );
        self
    }

    /// Asserts that no diagnostic was reported.
    #[track_caller]
    pub fn reports_nothing(self) -> Self {
        assert!(self.diagnostics.is_empty(), "it reported something: {self:#?}");
        self
    }
}

impl Outcome<Value> {
    /// Converts the value to a model. Panics if there is an error.
    #[track_caller]
    #[allow(clippy::panic, reason = "an assertion of a test")]
    pub fn model<M: Model>(self) -> M {
        match M::from_value(&self.succeeds().value) {
            Ok(model) => model,
            Err(problem) => panic!("the value does not fit the model: {problem}"),
        }
    }
}

impl<T> Deref for Outcome<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Outcome<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let diagnostics: Vec<_> = self.diagnostics.iter().map(ToString::to_string).collect();
        f.debug_struct("Outcome")
            .field("value", &self.value)
            .field("diagnostics", &diagnostics)
            .finish()
    }
}
