//! The outcome of a run or a call, with the assertions that tests make about it.

use std::fmt;
use std::ops::Deref;

use super::Diagnostic;
use crate::framework::{Model, Severity, Value};

/// What a run or a call returned, and the diagnostics that it showed.
///
/// Each assertion returns the outcome, so that assertions can be chained. It dereferences to what was returned.
pub struct Outcome<T> {
    /// What was returned.
    pub value: T,
    /// The diagnostics, in order.
    pub diagnostics: Vec<Diagnostic>,
}

impl<T> Outcome<T> {
    pub(super) fn new(value: T, diagnostics: Vec<Diagnostic>) -> Self {
        Self { value, diagnostics }
    }

    /// Whether there is an error among the diagnostics.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }

    /// Whether a diagnostic of this severity has this phrase in its summary or detail.
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
    /// Asserts that there was no error.
    #[track_caller]
    pub fn succeeds(self) -> Self {
        assert!(!self.has_errors(), "it failed: {self:#?}");
        self
    }

    /// Asserts that an error has this phrase.
    #[track_caller]
    pub fn fails(self, phrase: &str) -> Self {
        assert!(
            self.reports(Severity::Error, phrase),
            "no error says {phrase:?}: {self:#?}"
        );
        self
    }

    /// Asserts that a warning has this phrase.
    #[track_caller]
    pub fn warns(self, phrase: &str) -> Self {
        assert!(
            self.reports(Severity::Warning, phrase),
            "no warning says {phrase:?}: {self:#?}"
        );
        self
    }

    /// Asserts that there was neither an error nor a warning.
    #[track_caller]
    pub fn reports_nothing(self) -> Self {
        assert!(self.diagnostics.is_empty(), "it reported something: {self:#?}");
        self
    }
}

impl Outcome<Value> {
    /// The value as a model. It must have succeeded.
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
