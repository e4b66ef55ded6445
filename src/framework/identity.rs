//! The identity of a managed resource: what distinguishes its object from all others, also beyond one state.

use super::diagnostic::Diagnostic;
use super::model::{Model, read_model};
use super::value::Value;

/// The identity of an object, an object itself. A part that is not known in a plan is unknown; Terraform takes only whole
/// ones.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity(pub(crate) Value);

impl Identity {
    /// The identity that a model holds.
    pub fn of(model: impl Model) -> Self {
        Self(model.into_value())
    }

    /// Reads it by a model.
    ///
    /// # Errors
    /// If an attribute has another type.
    pub fn read<M: Model>(&self) -> Result<M, Diagnostic> {
        read_model("identity", &self.0)
    }

    /// A text of it; `None` if there is none, or it is unknown.
    pub fn text(&self, attribute: &str) -> Option<&str> {
        match self.0.get(attribute) {
            Value::String(text) => Some(text),
            _ => None,
        }
    }
}
