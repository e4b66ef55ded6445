//! States as they lie in the state file.

use std::fmt;

use serde_json::Value as Json;

use super::diagnostic::Diagnostic;
use super::json;
use super::model::{Model, read_model};
use super::value::Value;

/// The attributes of a resource as they lie in the state file, by a schema of another version or another type. They may
/// hold secrets, so `Debug` shows nothing of them.
pub struct StoredState(Json);

impl StoredState {
    /// The state with these attributes, for tests.
    pub fn new(attributes: Json) -> Self {
        Self(attributes)
    }

    /// Reads the bytes that Terraform sends.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Diagnostic> {
        let attributes = serde_json::from_slice(bytes).map(Self);
        attributes.map_err(|_| Diagnostic::error("Unreadable state", "The state is not well-formed JSON."))
    }

    /// The attributes.
    pub fn json(&self) -> &Json {
        &self.0
    }

    /// The text at a JSON pointer into the attributes, such as `/name`.
    pub fn text(&self, pointer: &str) -> Option<&str> {
        self.0.pointer(pointer)?.as_str()
    }

    /// Reads the state by a model, such as that of the version that wrote it. Attributes that the model does not have are
    /// ignored, and those that are missing are null.
    ///
    /// # Errors
    /// An attribute has another type.
    pub fn read<M: Model>(&self) -> Result<M, Diagnostic> {
        read_model("state", &self.value(&M::schema().object_type())?)
    }

    /// The value of the type `ty` that the state holds.
    pub(crate) fn value(&self, ty: &super::types::Type) -> Result<Value, Diagnostic> {
        json::from_json(self.0.clone(), ty).map_err(|error| {
            Diagnostic::error(
                "Unreadable state",
                format!("The state does not fit the provider's schema: {error}."),
            )
        })
    }
}

impl fmt::Debug for StoredState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoredState(…)")
    }
}

/// The state of a resource of another type that a `moved` block wants to be taken over.
#[derive(Debug)]
pub struct SourceState<'a> {
    /// The address of the provider that it is of, as `registry.terraform.io/<namespace>/<name>`.
    pub provider: &'a str,
    /// The type of resource that it is of.
    pub type_name: &'a str,
    /// The version of its schema.
    pub schema_version: i64,
    /// Its attributes.
    pub state: StoredState,
}

impl SourceState<'_> {
    /// The text at a JSON pointer into the attributes, such as `/name`.
    pub fn text(&self, pointer: &str) -> Option<&str> {
        self.state.text(pointer)
    }

    /// Why a resource of the type `target` does not take it over, and what to do instead.
    pub fn refused(&self, target: &str, advice: Option<String>) -> Diagnostic {
        let advice = advice.unwrap_or_else(|| {
            "One does not hold what the other needs. Remove the block, and let the plan show what would be destroyed and \
             created instead."
                .to_owned()
        });
        let source = self.type_name;
        Diagnostic::error(
            "Cannot be moved",
            format!("A {source} cannot become a {target} by a `moved` block. {advice}"),
        )
    }
}

/// The error of a state or an identity, the `what`, whose version the provider cannot read.
pub(crate) fn other_version(what: &str, type_name: &str, stored: i64, current: i64) -> Diagnostic {
    let advice = if stored > current {
        "A newer version of the provider wrote it. Use that version, or a newer one: a state cannot be downgraded."
    } else {
        "An older version of the provider wrote it, and this one cannot upgrade it. Apply once with a version in \
         between, as its changelog says."
    };
    Diagnostic::error(
        format!("The {what} has another version"),
        format!(
            "The {what} of this {type_name} has the schema version {stored}, this provider has version {current}. {advice}"
        ),
    )
}
