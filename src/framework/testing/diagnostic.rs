//! Diagnostics as Terraform receives them.

use std::fmt;

use crate::framework::{Severity, proto};

/// An error or a warning, as Terraform shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The severity: error or warning.
    pub severity: Severity,
    /// The summary.
    pub summary: String,
    /// The detail.
    pub detail: String,
    /// The attribute that the diagnostic is about, such as `name` or `owner.email`.
    pub attribute: Option<String>,
}

impl Diagnostic {
    /// Creates an error of Terraform itself.
    pub(super) fn error(summary: &str, detail: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            summary: summary.to_owned(),
            detail: detail.into(),
            attribute: None,
        }
    }

    /// Returns whether it is an error.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    pub(super) fn from_proto(diagnostic: proto::Diagnostic) -> Self {
        let severity = match diagnostic.severity() {
            proto::diagnostic::Severity::Warning => Severity::Warning,
            _ => Severity::Error,
        };
        Self {
            severity,
            summary: diagnostic.summary,
            detail: diagnostic.detail,
            attribute: diagnostic.attribute.map(|path| path_text(&path)),
        }
    }
}

/// Shows the summary and the detail.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.summary, self.detail)
    }
}

/// Formats a path in Terraform's notation.
fn path_text(path: &proto::AttributePath) -> String {
    use proto::attribute_path::step::Selector;
    let mut text = String::new();
    for selector in path.steps.iter().filter_map(|step| step.selector.as_ref()) {
        match selector {
            Selector::AttributeName(name) if text.is_empty() => text.push_str(name),
            Selector::AttributeName(name) => text.extend([".", name]),
            Selector::ElementKeyString(key) => text.push_str(&format!("[{key:?}]")),
            Selector::ElementKeyInt(index) => text.push_str(&format!("[{index}]")),
        }
    }
    text
}
