//! The identity of a managed resource, which distinguishes its object from all others, in any
//! state.

use super::diagnostic::Diagnostic;
use super::model::{Model, read_model};
use super::value::Value;

/// The identity of an object: an object with the identity attributes. In a plan, attributes may be
/// unknown; the framework sends only known identities to Terraform.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity(pub(crate) Value);

impl Identity {
    /// Creates the identity from a model.
    pub fn of(model: impl Model) -> Self {
        Self(model.into_value())
    }

    /// Converts to a model.
    ///
    /// # Errors
    /// An error on the attribute whose type does not match.
    pub fn read<M: Model>(&self) -> Result<M, Diagnostic> {
        read_model("identity", &self.0)
    }

    /// Returns a string attribute; `None` if it is null, unknown or absent.
    pub fn text(&self, attribute: &str) -> Option<&str> {
        match self.0.get(attribute) {
            Value::String(text) => Some(text),
            _ => None,
        }
    }
}
