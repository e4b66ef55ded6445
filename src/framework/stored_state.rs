//! States as they are stored in the state file.

use std::fmt;

use serde_json::Value as Json;

use super::diagnostic::Diagnostic;
use super::json;
use super::model::{Model, read_model};
use super::value::Value;

/// The attributes of a resource as stored in the state file, written by another version of its
/// schema or by another resource type. `Debug` does not show them, because they may contain
/// secrets.
pub struct StoredState(Json);

impl StoredState {
    /// Creates a state from its attributes, for tests.
    pub fn new(attributes: Json) -> Self {
        Self(attributes)
    }

    /// Parses the JSON that Terraform sends.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Diagnostic> {
        let attributes = serde_json::from_slice(bytes).map(Self);
        attributes.map_err(|_| Diagnostic::error("Unreadable state", "The state is not well-formed JSON."))
    }

    /// Returns the attributes as JSON.
    pub fn json(&self) -> &Json {
        &self.0
    }

    /// Returns the string at a JSON pointer such as `/name`.
    pub fn text(&self, pointer: &str) -> Option<&str> {
        self.0.pointer(pointer)?.as_str()
    }

    /// Converts to a model, such as that of the version that wrote the state. Attributes that the
    /// model does not have are dropped, and absent ones are null.
    ///
    /// # Errors
    /// An error on the attribute whose type does not match.
    ///
    /// ```
    /// use token_providers::prelude::*;
    ///
    /// /// A note in version 0 of the schema.
    /// #[derive(Model)]
    /// struct NoteV0 {
    ///     /// The name.
    ///     #[attribute(required)]
    ///     name: Field<String>,
    /// }
    ///
    /// let state = StoredState::new(json!({ "name": "todo", "color": "red" }));
    /// assert_eq!(state.read::<NoteV0>().unwrap().name, Field::from("todo"));
    /// ```
    pub fn read<M: Model>(&self) -> Result<M, Diagnostic> {
        read_model("state", &self.value(&M::schema().object_type())?)
    }

    /// Converts to a value of the type `ty`.
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

/// The state of another resource type that a `moved` block moves to this one.
#[derive(Debug)]
pub struct SourceState<'a> {
    /// The address of the other provider: `registry.terraform.io/<namespace>/<name>`.
    pub provider: &'a str,
    /// The other resource type.
    pub type_name: &'a str,
    /// The version of the other schema.
    pub schema_version: i64,
    /// The attributes.
    pub state: StoredState,
}

impl SourceState<'_> {
    /// Returns the string at a JSON pointer such as `/name`.
    pub fn text(&self, pointer: &str) -> Option<&str> {
        self.state.text(pointer)
    }

    /// Returns the error that a resource of the type `target` cannot accept this state. `advice`
    /// replaces the default instructions.
    pub fn refused(&self, target: &str, advice: Option<String>) -> Diagnostic {
        let advice = advice.unwrap_or_else(|| {
            "Its state does not contain the required values. Remove the `moved` block; the plan then shows what would \
             be destroyed and created instead."
                .to_owned()
        });
        let source = self.type_name;
        Diagnostic::error(
            "Move not supported",
            format!("A {source} cannot become a {target} by a `moved` block. {advice}"),
        )
    }
}

/// Returns the error that the provider cannot read a state or an identity (`what`) of the version
/// `stored`.
pub(crate) fn other_version(what: &str, type_name: &str, stored: i64, current: i64) -> Diagnostic {
    let advice = if stored > current {
        "A newer version of the provider wrote it. Use that version or a later one: states cannot be downgraded."
    } else {
        "An older version of the provider wrote it, and this one cannot upgrade it. Apply once with a version in \
         between, as its changelog says."
    };
    Diagnostic::error(
        format!("Unsupported {what} version"),
        format!(
            "The {what} of this {type_name} has the schema version {stored}; this provider supports version {current}. {advice}"
        ),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn accessors_return_stored_attributes() {
        let attributes = json!({"name": "ci", "id": 7});
        let state = StoredState::decode(attributes.to_string().as_bytes()).unwrap();
        assert_eq!(state.json(), &attributes);
        assert_eq!(format!("{state:?}"), "StoredState(…)");
        let source = SourceState {
            provider: "registry.terraform.io/example/demo",
            type_name: "demo_token",
            schema_version: 1,
            state,
        };
        for (pointer, expected) in [("/name", Some("ci")), ("/id", None), ("/absent", None)] {
            assert_eq!(source.text(pointer), expected, "{pointer}");
        }
        assert!(StoredState::decode(b"{").is_err());
    }

    #[test]
    fn other_version_names_newer_or_older_provider() {
        for (stored, current, expected) in [(3, 2, "A newer version"), (1, 2, "An older version")] {
            let error = other_version("state", "demo_token", stored, current);
            assert!(error.detail.contains(expected), "{stored}: {}", error.detail);
        }
    }
}
