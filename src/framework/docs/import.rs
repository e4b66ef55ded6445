//! How a resource is imported.

use super::super::schema::{Attribute, Schema};
use super::facts::Use;
use super::page::code;
use super::reference::attributes;

/// The examples of imports.
pub(super) struct Import<'a> {
    /// The schema of the identity and the block with one, if the resource has an identity.
    pub(super) by_identity: Option<(&'a Schema, &'a str)>,
    /// The block with an id.
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
             {by_identity}\
             With an [`import` block](https://developer.hashicorp.com/terraform/language/import) and an id, in Terraform 1.5 and later:\n\n\
             {block}\n\
             With the [command](https://developer.hashicorp.com/terraform/cli/commands/import):\n\n\
             {command}"
        )
    }
}

fn by_identity(schema: &Schema, block: &str) -> String {
    // What a change of an attribute means, and how it goes with others, is no matter of an import.
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
    let attributes = attributes(&Schema::new("", bare.collect::<Vec<_>>()), Use::Other);
    let (block, attributes) = (
        code("terraform", block),
        attributes.replace("\n### ", "\n#### Identity: "),
    );
    format!(
        "With an [`import` block](https://developer.hashicorp.com/terraform/language/import) and an identity, in \
         Terraform 1.12 and later:\n\n\
         {block}{attributes}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framework::schema::Configurability;
    use crate::framework::types::Type;

    #[test]
    fn import_by_identity_comes_first_with_what_it_takes() {
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

#### Identity: Required

- `name` (String) A name.

#### Identity: Optional

- `shelf` (String) A shelf.

With an [`import` block]";
        let text = import.to_markdown();
        assert!(text.contains(expected), "{text}");
    }

    #[test]
    fn import_without_identity_is_by_id_only() {
        let import = Import {
            by_identity: None,
            by_id: "import {}",
            command: "terraform import a b\n",
        };
        let text = import.to_markdown();
        assert!(text.contains("and an id,") && !text.contains("an identity"), "{text}");
        assert!(text.ends_with(":\n\n```shell\nterraform import a b\n```\n"), "{text}");
    }
}
