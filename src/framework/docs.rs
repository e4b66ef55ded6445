//! Documentation: a provider's schemas and examples as pages of the Terraform registry.
//!
//! The registry prescribes the layout of the pages. The layout of the examples is that of HashiCorp's own generator,
//! tfplugindocs: `provider/provider.tf`, `resources/<type>/resource.tf` and so on, each type under its full name.

use super::function::Signature;
use super::provider::Provider;
use super::schema::{Attribute, AttributeType, Configurability, Nesting, RequiresReplace, Schema};
use super::types::Type;

/// One page of the documentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Where it belongs, as `resources/pat_status.md`.
    pub path: String,
    /// Its text, in Markdown.
    pub text: String,
}

/// The pages of the provider `name`. `example` reads one file of the examples.
///
/// # Errors
///
/// The first error of `example`: nothing goes without its example.
pub fn pages<P: Provider, E>(
    name: &str,
    provider: &P,
    example: impl Fn(&str) -> Result<String, E>,
) -> Result<Vec<Page>, E> {
    // The registry names a page after its type, without the provider's name.
    let path = |folder: &str, ty: &str| {
        let short = ty.strip_prefix(name).and_then(|rest| rest.strip_prefix('_'));
        format!("{folder}/{}.md", short.unwrap_or(ty))
    };
    let title = format!("{name} Provider");
    let mut pages = vec![Page {
        path: "index.md".to_owned(),
        text: schema_page(&title, &title, &provider.schema(), &example("provider/provider.tf")?),
    }];
    for source in provider.data_sources() {
        let ty = source.type_name();
        let usage = example(&format!("data-sources/{ty}/data-source.tf"))?;
        let title = format!("{ty} Data Source - {name}");
        pages.push(Page {
            path: path("data-sources", ty),
            text: schema_page(&title, &format!("{ty} (Data Source)"), &source.schema(), &usage),
        });
    }
    for ephemeral in provider.ephemeral_resources() {
        let ty = ephemeral.type_name();
        let usage = example(&format!("ephemeral-resources/{ty}/ephemeral-resource.tf"))?;
        let title = format!("{ty} Ephemeral Resource - {name}");
        pages.push(Page {
            path: path("ephemeral-resources", ty),
            text: schema_page(
                &title,
                &format!("{ty} (Ephemeral Resource)"),
                &ephemeral.schema(),
                &usage,
            ),
        });
    }
    for resource in provider.list_resources() {
        let ty = resource.type_name();
        let usage = example(&format!("list-resources/{ty}/list-resource.tfquery.hcl"))?;
        let title = format!("{ty} List Resource - {name}");
        pages.push(Page {
            path: path("list-resources", ty),
            text: schema_page(
                &title,
                &format!("{ty} (List Resource)"),
                &resource.filter_schema(),
                &usage,
            ),
        });
    }
    for action in provider.actions() {
        let ty = action.type_name();
        let usage = example(&format!("actions/{ty}/action.tf"))?;
        let title = format!("{ty} Action - {name}");
        pages.push(Page {
            path: path("actions", ty),
            text: schema_page(&title, &format!("{ty} (Action)"), &action.schema(), &usage),
        });
    }
    for function in provider.functions() {
        let called = function.name();
        let signature = function.signature();
        let usage = example(&format!("functions/{called}/function.tf"))?;
        pages.push(Page {
            path: format!("functions/{called}.md"),
            text: page(
                &format!("{called} Function - {name}"),
                &format!("{called} (Function)"),
                signature.description,
                &usage,
                &call(&format!("provider::{name}::{called}"), &signature),
            ),
        });
    }
    for resource in provider.resources() {
        let ty = resource.type_name();
        let file = |name: &str| example(&format!("resources/{ty}/{name}"));
        let title = format!("{ty} Resource - {name}");
        let body = schema_page(
            &title,
            &format!("{ty} (Resource)"),
            &resource.schema(),
            &file("resource.tf")?,
        );
        let identity = match resource.identity_schema() {
            Some(schema) => import_by_identity(&file("import-by-identity.tf")?, &schema),
            None => String::new(),
        };
        pages.push(Page {
            path: path("resources", ty),
            text: body + &import(&identity, &file("import-by-string.tf")?, &file("import.sh")?),
        });
    }
    Ok(pages)
}

fn schema_page(title: &str, heading: &str, schema: &Schema, usage: &str) -> String {
    let reference = format!("## Schema\n{}", attributes(schema));
    page(title, heading, &schema.description, usage, &reference)
}

fn page(title: &str, heading: &str, description: &str, usage: &str, reference: &str) -> String {
    let summary = summary(description);
    let usage = code("terraform", usage);
    format!(
        "---\n\
         # Made from the schema and the examples. Change those, then run `UPDATE_DOCS=1 cargo test --test docs`.\n\
         page_title: \"{title}\"\n\
         description: |-\n  \
           {summary}\n\
         ---\n\n\
         # {heading}\n\n\
         {description}\n\n\
         ## Example Usage\n\n\
         {usage}\n\
         {reference}"
    )
}

/// The first paragraph as plain text, for search engines and the registry's own search.
fn summary(description: &str) -> String {
    let paragraph = description.split("\n\n").next().unwrap_or_default();
    paragraph.replace(['`', '*'], "").replace('\n', " ")
}

/// The attributes by who sets them, in the order of the schema.
fn attributes(schema: &Schema) -> String {
    let sections: [(&str, &[Configurability]); 3] = [
        ("Required", &[Configurability::Required]),
        (
            "Optional",
            &[Configurability::Optional, Configurability::OptionalComputed],
        ),
        ("Read-Only", &[Configurability::Computed]),
    ];
    let mut text = String::new();
    for (heading, configurabilities) in sections {
        let mut lines = schema
            .attributes
            .iter()
            .filter(|attribute| configurabilities.contains(&attribute.configurability))
            .map(line)
            .peekable();
        if lines.peek().is_some() {
            text.push_str(&format!("\n### {heading}\n\n"));
            text.extend(lines);
        }
    }
    text
}

fn line(attribute: &Attribute) -> String {
    let Attribute { name, description, .. } = attribute;
    let ty = attribute_type_name(&attribute.ty);
    let sensitive = if attribute.sensitive { ", Sensitive" } else { "" };
    let write_only = if attribute.write_only { ", Write-only" } else { "" };
    let replaces = match &attribute.requires_replace {
        RequiresReplace::Always if attribute.is_configurable() => " A change forces replacement.".to_owned(),
        RequiresReplace::If { description, .. } => format!(" A change {description} forces replacement."),
        _ => String::new(),
    };
    let members: &[Attribute] = match &attribute.ty {
        AttributeType::Nested { attributes, .. } => attributes,
        AttributeType::Plain(_) => &[],
    };
    let members = members.iter().map(line).map(|line| format!("  {line}"));
    format!(
        "- `{name}` ({ty}{sensitive}{write_only}) {description}{replaces}\n{}",
        members.collect::<String>()
    )
}

/// How a function is called, `function` being its full name.
fn call(function: &str, signature: &Signature) -> String {
    let parameters = signature.parameters.iter();
    let names: Vec<_> = parameters.clone().map(|parameter| parameter.name).collect();
    let lines = parameters.zip(1..).map(|(parameter, number)| {
        let (name, ty, description) = (parameter.name, type_name(&parameter.ty), parameter.description);
        let nullable = if parameter.nullable { ", may be null" } else { "" };
        format!("{number}. `{name}` ({ty}{nullable}) {description}\n")
    });
    let (names, lines) = (names.join(", "), lines.collect::<String>());
    let returns = type_name(&signature.returns);
    format!(
        "## Signature\n\n\
         `{function}({names})` gives a {returns}. Functions of providers need Terraform 1.8 or later.\n\n\
         ### Arguments\n\n\
         {lines}"
    )
}

fn attribute_type_name(ty: &AttributeType) -> String {
    let nesting = match ty {
        AttributeType::Plain(ty) => return type_name(ty),
        AttributeType::Nested { nesting, .. } => nesting,
    };
    match nesting {
        Nesting::Single => "Object".to_owned(),
        Nesting::List => "List of Object".to_owned(),
        Nesting::Set => "Set of Object".to_owned(),
        Nesting::Map => "Map of Object".to_owned(),
    }
}

fn type_name(ty: &Type) -> String {
    match ty {
        Type::Bool => "Boolean".to_owned(),
        Type::Number => "Number".to_owned(),
        Type::String => "String".to_owned(),
        Type::Dynamic => "Dynamic".to_owned(),
        Type::List(element) => format!("List of {}", type_name(element)),
        Type::Set(element) => format!("Set of {}", type_name(element)),
        Type::Map(element) => format!("Map of {}", type_name(element)),
        Type::Tuple(_) => "Tuple".to_owned(),
        Type::Object(_) => "Object".to_owned(),
    }
}

fn import_by_identity(block: &str, schema: &Schema) -> String {
    let block = code("terraform", block);
    format!(
        "With an [`import` block](https://developer.hashicorp.com/terraform/language/import) and an identity, in \
         Terraform 1.12 and later:\n\n\
         {block}{}\n",
        attributes(schema).replace("\n### ", "\n#### Identity: ")
    )
}

/// `by_identity` is what is said of imports by identity, if there are any.
fn import(by_identity: &str, block: &str, command: &str) -> String {
    let (block, command) = (code("terraform", block), code("shell", command));
    format!(
        "\n## Import\n\n\
         {by_identity}\
         With an [`import` block](https://developer.hashicorp.com/terraform/language/import) and an id, in Terraform 1.5 and later:\n\n\
         {block}\n\
         With the [command](https://developer.hashicorp.com/terraform/cli/commands/import):\n\n\
         {command}"
    )
}

fn code(language: &str, text: &str) -> String {
    format!("```{language}\n{}\n```\n", text.trim_end())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use secrecy::SecretString;

    use super::*;
    use crate::framework::field::Field;
    use crate::framework::function::Parameter;
    use crate::framework::model::Model;

    fn attribute(name: &'static str, configurability: Configurability, description: &'static str) -> Attribute {
        Attribute::new(name, Type::String, configurability, description)
    }

    #[test]
    fn attributes_stand_under_who_sets_them_with_what_to_beware_of() {
        #[derive(Model)]
        struct Documented {
            /// A name.
            #[attribute(required, requires_replace)]
            name: Field<String>,
            /// A value.
            #[attribute(computed)]
            value: Field<SecretString>,
            /// An end.
            #[attribute(optional, computed)]
            end: Field<i64>,
            /// Labels.
            #[attribute(optional)]
            labels: Field<BTreeMap<String, String>>,
            /// A lock.
            #[attribute(optional, write_only)]
            lock: Field<SecretString>,
            /// A key.
            #[attribute(computed)]
            key: Field<Key>,
        }
        #[derive(Model)]
        struct Key {
            /// A secret.
            #[attribute(computed)]
            secret: Field<SecretString>,
        }
        let expected = "
### Required

- `name` (String) A name. A change forces replacement.

### Optional

- `end` (Number) An end.
- `labels` (Map of String) Labels.
- `lock` (String, Sensitive, Write-only) A lock.

### Read-Only

- `value` (String, Sensitive) A value.
- `key` (Object) A key.
  - `secret` (String, Sensitive) A secret.
";
        assert_eq!(attributes(&Documented::schema()), expected);
    }

    #[test]
    fn a_section_without_attributes_is_left_out() {
        let schema = Schema::new("", [attribute("name", Configurability::Optional, "A name.")]);
        assert_eq!(attributes(&schema), "\n### Optional\n\n- `name` (String) A name.\n");
    }

    #[test]
    fn a_function_is_shown_with_its_arguments_in_order() {
        let signature = Signature {
            summary: "",
            description: "",
            parameters: vec![
                Parameter::new("text", Type::String, "A text."),
                Parameter::new("times", Type::Number, "How often.").nullable(),
            ],
            returns: Type::String,
        };
        let expected = "\
## Signature

`provider::demo::repeat(text, times)` gives a String. Functions of providers need Terraform 1.8 or later.

### Arguments

1. `text` (String) A text.
2. `times` (Number, may be null) How often.
";
        assert_eq!(call("provider::demo::repeat", &signature), expected);
    }

    #[test]
    fn an_import_by_identity_comes_first_with_what_it_takes() {
        let identity = [
            attribute("name", Configurability::Required, "A name."),
            attribute("shelf", Configurability::Optional, "A shelf."),
        ];
        let page = import(&import_by_identity("import {}", &Schema::new("", identity)), "", "");
        let expected = "
```terraform
import {}
```

#### Identity: Required

- `name` (String) A name.

#### Identity: Optional

- `shelf` (String) A shelf.

With an [`import` block]";
        assert!(page.contains(expected), "{page}");
    }

    #[test]
    fn the_summary_is_the_first_paragraph_without_markup() {
        assert_eq!(summary("A `token`\nthat **ends**.\n\nMore."), "A token that ends.");
    }
}
