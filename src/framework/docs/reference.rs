//! The reference of a schema: its attributes, followed by those of nested attributes.

use std::borrow::Cow;

use super::super::rule::Rule;
use super::super::schema::{Attribute, AttributeType, Configurability, Schema};
use super::super::types::Type;
use super::attribute_description::{SchemaUse, describe};
use super::page::item;
use super::type_name;

/// The attributes of one object.
struct Object<'a> {
    /// The path to the object, outermost first.
    path: &'a [&'a str],
    attributes: &'a [Attribute],
    rules: &'a [Rule],
    used: SchemaUse,
}

const GROUPS: [(&str, &[Configurability]); 3] = [
    ("Required", &[Configurability::Required]),
    (
        "Optional",
        &[Configurability::Optional, Configurability::OptionalComputed],
    ),
    ("Read-Only", &[Configurability::Computed]),
];

/// Returns the section `## Schema`.
pub(super) fn reference(schema: &Schema, used: SchemaUse) -> String {
    format!("## Schema\n{}", attributes(schema, used))
}

/// Returns the attributes, grouped into required, optional and read-only, in the order of the
/// schema.
pub(super) fn attributes(schema: &Schema, used: SchemaUse) -> String {
    let object = Object {
        path: &[],
        attributes: &schema.attributes,
        rules: &schema.rules,
        used,
    };
    object.to_markdown()
}

impl Object<'_> {
    fn to_markdown(&self) -> String {
        let rules = self.rules.iter().filter_map(Rule::object_description);
        let mut text: String = rules.map(|description| format!("\n{description}\n")).collect();
        let mut nested = String::new();
        for (group, configurabilities) in GROUPS {
            let attributes = self.attributes.iter();
            let mut attributes = attributes
                .filter(|attribute| configurabilities.contains(&attribute.configurability))
                .peekable();
            if attributes.peek().is_none() {
                continue;
            }
            text.push_str(&match self.path {
                [] => format!("\n### {group}\n\n"),
                _ => format!("\n{group}:\n\n"),
            });
            for attribute in attributes {
                text.push_str(&self.line(attribute));
                nested.push_str(&self.section(attribute).unwrap_or_default());
            }
        }
        text + &nested
    }

    fn line(&self, attribute: &Attribute) -> String {
        let Attribute { name, .. } = attribute;
        let ty = type_name::of_attribute(&attribute.ty);
        let sensitive = if attribute.sensitive { ", Sensitive" } else { "" };
        let write_only = if attribute.write_only { ", Write-only" } else { "" };
        let mut text = format!("`{name}` ({ty}{sensitive}{write_only})");
        let description = describe(attribute, self.rules, self.used);
        if !description.is_empty() {
            text.push(' ');
            text.push_str(&description);
        }
        if members(attribute).is_some() {
            let anchor = anchor(&self.path_to(attribute));
            text.push_str(&format!(" (see [below for nested schema](#{anchor}))"));
        }
        item("-", &text)
    }

    /// Returns the section about the members of a nested attribute.
    fn section(&self, attribute: &Attribute) -> Option<String> {
        let (attributes, rules) = members(attribute)?;
        let path = self.path_to(attribute);
        let object = Object {
            path: &path,
            attributes: &attributes,
            rules,
            used: self.used,
        };
        let (anchor, title, members) = (anchor(&path), path.join("."), object.to_markdown());
        Some(format!(
            "\n<a id=\"{anchor}\"></a>\n### Nested Schema for `{title}`\n{members}"
        ))
    }

    fn path_to<'a>(&'a self, attribute: &'a Attribute) -> Vec<&'a str> {
        self.path.iter().copied().chain([&*attribute.name]).collect()
    }
}

/// Returns the members of the objects in an attribute, if it contains objects.
fn members(attribute: &Attribute) -> Option<(Cow<'_, [Attribute]>, &[Rule])> {
    let (members, rules): (Cow<'_, [Attribute]>, &[Rule]) = match &attribute.ty {
        AttributeType::Nested { attributes, rules, .. } => (attributes.into(), rules),
        AttributeType::Plain(ty) => {
            let members = object_within(ty)?.iter();
            let members =
                members.map(|(name, ty)| Attribute::new(name.clone(), ty.clone(), attribute.configurability, ""));
            (members.collect(), &[])
        }
    };
    (!members.is_empty()).then_some((members, rules))
}

/// Returns the members of an object type, or of the objects in a collection type.
fn object_within(ty: &Type) -> Option<&std::collections::BTreeMap<String, Type>> {
    match ty {
        Type::Object(members) => Some(members),
        Type::List(element) | Type::Set(element) | Type::Map(element) => object_within(element),
        Type::Bool | Type::Number | Type::String | Type::Dynamic | Type::Tuple(_) => None,
    }
}

/// Returns the anchor of the section about a nested attribute.
fn anchor(path: &[&str]) -> String {
    format!("nestedatt--{}", path.join("--"))
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;
    use crate::framework::{Field, Model, Set};

    #[derive(Model, Clone, Debug, Default)]
    #[model(rule = Rule::new("Nothing may be empty.", |_| None))]
    struct Note {
        /// A name.
        #[attribute(required, requires_replace)]
        name: Field<String>,
        /// A value.
        #[attribute(computed)]
        value: Field<SecretString>,
        /// A number.
        #[attribute(optional, computed)]
        end: Field<i64>,
        /// A lock.
        #[attribute(optional, write_only)]
        lock: Field<SecretString>,
        /// A vault.
        #[attribute(optional)]
        vault: Field<Vault>,
        /// Links.
        #[attribute(computed)]
        links: Field<Vec<Link>>,
    }

    #[derive(Model, Clone, Debug, Default)]
    #[model(conflicting("path", "auth"))]
    struct Vault {
        /// A path.
        #[attribute(required)]
        path: Field<String>,
        /// The login methods.
        #[attribute(optional)]
        auth: Field<Set<Auth>>,
    }

    #[derive(Model, Clone, Debug, Default)]
    struct Auth {
        /// A role.
        #[attribute(optional)]
        role: Field<String>,
        /// A lease.
        #[attribute(computed)]
        lease: Field<String>,
    }

    #[derive(Model, Clone, Debug, Default)]
    struct Link {
        /// The target.
        #[attribute(computed)]
        url: Field<String>,
    }

    #[test]
    fn attributes_are_grouped_and_followed_by_nested_schemas() {
        let expected = "\
## Schema

Nothing may be empty.

### Required

- `name` (String) A name. A change forces replacement.

### Optional

- `end` (Number) A number.
- `lock` (String, Sensitive, Write-only) A lock.
- `vault` (Attributes) A vault. (see [below for nested schema](#nestedatt--vault))

### Read-Only

- `value` (String, Sensitive) A value.
- `links` (Attributes List) Links. (see [below for nested schema](#nestedatt--links))

<a id=\"nestedatt--vault\"></a>
### Nested Schema for `vault`

Required:

- `path` (String) A path. Conflicts with `auth`.

Optional:

- `auth` (Attributes Set) The login methods. Conflicts with `path`. (see [below for nested schema](#nestedatt--vault--auth))

<a id=\"nestedatt--vault--auth\"></a>
### Nested Schema for `vault.auth`

Optional:

- `role` (String) A role.

Read-Only:

- `lease` (String) A lease.

<a id=\"nestedatt--links\"></a>
### Nested Schema for `links`

Read-Only:

- `url` (String) The target.
";
        assert_eq!(reference(&Note::schema(), SchemaUse::Resource), expected);
    }

    #[test]
    fn members_of_plain_objects_have_a_nested_schema() {
        let object = Type::object([("id", Type::String), ("is_active", Type::Bool)]);
        let tokens = Type::List(Box::new(object));
        let schema = Schema::new("", [Attribute::new("tokens", tokens, Configurability::Computed, "")]);
        let expected = "
### Read-Only

- `tokens` (List of Object) (see [below for nested schema](#nestedatt--tokens))

<a id=\"nestedatt--tokens\"></a>
### Nested Schema for `tokens`

Read-Only:

- `id` (String)
- `is_active` (Boolean)
";
        assert_eq!(attributes(&schema, SchemaUse::Other), expected);
    }

    #[test]
    fn empty_group_is_omitted() {
        let name = Attribute::new("name", Type::String, Configurability::Optional, "A name.");
        let cases = [
            (Schema::new("", [name]), "\n### Optional\n\n- `name` (String) A name.\n"),
            (Schema::new("", []), ""),
        ];
        for (schema, expected) in cases {
            assert_eq!(attributes(&schema, SchemaUse::Resource), expected);
        }
    }
}
