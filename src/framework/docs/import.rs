//! The section about importing a resource.

use super::super::schema::{Attribute, Schema};
use super::attribute_description::SchemaUse;
use super::page::code;
use super::reference::attributes;

const BLOCK: &str = "https://developer.hashicorp.com/terraform/language/import";
const COMMAND: &str = "https://developer.hashicorp.com/terraform/cli/commands/import";

/// The examples of importing a resource.
pub(super) struct Import<'a> {
    /// The schema of the identity and an `import` block with one, if the resource has an identity.
    pub(super) by_identity: Option<(&'a Schema, &'a str)>,
    /// An `import` block with an id.
    pub(super) by_id: &'a str,
    /// The command.
    pub(super) command: &'a str,
}

impl Import<'_> {
    pub(super) fn to_markdown(&self) -> String {
        let by_identity = match self.by_identity {
            Some((schema, block)) => by_identity(schema, block),
            None => String::new(),
        };
        let (block, command) = (code("terraform", self.by_id), code("shell", self.command));
        format!(
            "\n## Import\n\n\
             Import is supported using the following syntax:\n\n\
             {by_identity}\
             In Terraform v1.5.0 and later, and in OpenTofu, the [`import` block]({BLOCK}) can be used with the `id` \
             attribute, for example:\n\n\
             {block}\n\
             The [`terraform import` command]({COMMAND}) can be used, for example:\n\n\
             {command}"
        )
    }
}

fn by_identity(schema: &Schema, block: &str) -> String {
    // Lifecycle and rules are irrelevant for an import.
    let bare = schema.attributes.iter().map(|attribute| {
        let Attribute {
            name,
            ty,
            configurability,
            description,
            ..
        } = attribute.clone();
        Attribute::new(name, ty, configurability, description)
    });
    let attributes = attributes(&Schema::new("", bare.collect::<Vec<_>>()), SchemaUse::Other);
    let (block, attributes) = (code("terraform", block), attributes.replace("\n### ", "\n#### "));
    format!(
        "In Terraform and OpenTofu v1.12.0 and later, the [`import` block]({BLOCK}) can be used with the `identity` \
         attribute, for example:\n\n\
         {block}\n\
         ### Identity Schema\n\
         {attributes}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framework::schema::Configurability;
    use crate::framework::types::Type;

    #[test]
    fn import_by_identity_comes_first_with_its_schema() {
        let identity = [
            Attribute::new("name", Type::String, Configurability::Required, "A name.").requires_replace(),
            Attribute::new("shelf", Type::String, Configurability::Optional, "A shelf."),
        ];
        let import = Import {
            by_identity: Some((&Schema::new("", identity), "import {}")),
            by_id: "",
            command: "",
        };
        let expected = "
```terraform
import {}
```

### Identity Schema

#### Required

- `name` (String) A name.

#### Optional

- `shelf` (String) A shelf.

In Terraform v1.5.0 and later, and in OpenTofu, the [`import` block]";
        let text = import.to_markdown();
        assert!(text.contains(expected), "{text}");
    }

    #[test]
    fn import_without_identity_shows_only_id() {
        let import = Import {
            by_identity: None,
            by_id: "import {}",
            command: "terraform import a b\n",
        };
        let text = import.to_markdown();
        assert!(
            text.contains("the `id` attribute") && !text.contains("identity"),
            "{text}"
        );
        assert!(text.ends_with(":\n\n```shell\nterraform import a b\n```\n"), "{text}");
    }
}
