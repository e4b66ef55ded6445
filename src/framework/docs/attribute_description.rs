//! Descriptions of attributes, completed with constraints from the schema.

use super::super::rule::Rule;
use super::super::schema::{Attribute, AttributeType, Configurability, InUpdates, RequiresReplace};
use super::super::value::{Number, Value};

/// The use of a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SchemaUse {
    /// A managed resource, which is updated and replaced.
    Resource,
    /// Anything else.
    Other,
}

/// Returns the description of an attribute, followed by its validators, default, rules and
/// lifecycle, unless the description already contains them.
pub(super) fn describe(attribute: &Attribute, rules: &[Rule], used: SchemaUse) -> String {
    let mut constraints = Vec::new();
    if attribute.is_configurable() {
        let validators = attribute.validators.iter().map(|validator| validator.description());
        constraints.extend(
            validators
                .filter(|constraint| !contains_choice(&attribute.description, constraint))
                .map(str::to_owned),
        );
        constraints.extend(default(attribute));
        constraints.extend(rules.iter().filter_map(|rule| rule.description(&attribute.name)));
    }
    if used == SchemaUse::Resource {
        constraints.extend(lifecycle(attribute));
    }
    constraints.retain(|constraint| !attribute.description.contains(constraint.as_str()));
    let deprecated = attribute
        .deprecated
        .iter()
        .map(|message| format!("**Deprecated.** {message}"));
    let description = joined(deprecated.chain([attribute.description.trim().to_owned()]));
    let constraints = joined(constraints.into_iter());
    match description.contains('\n') && !constraints.is_empty() {
        // The description may end with a list or a code block.
        true => format!("{description}\n\n{constraints}"),
        false => joined([description, constraints].into_iter()),
    }
}

/// Returns the effect of a change.
fn lifecycle(attribute: &Attribute) -> Option<String> {
    match &attribute.requires_replace {
        RequiresReplace::Always if attribute.is_configurable() => Some("A change forces replacement.".to_owned()),
        RequiresReplace::If { description, .. } => Some(format!("A change {description} forces replacement.")),
        _ if attribute.configurability == Configurability::Computed && attribute.in_updates == InUpdates::State => {
            Some("Unchanged by updates.".to_owned())
        }
        _ => None,
    }
}

/// Returns the default, unless it is in the description or contains a secret.
fn default(attribute: &Attribute) -> Option<String> {
    let value = attribute.default.as_ref().filter(|_| !has_secret(attribute))?;
    let code = match value {
        Value::Null | Value::Unknown => return None,
        Value::String(text) if is_plain(text) => format!("`{text}`"),
        value => format!("`{}`", expression(value)),
    };
    let description = &attribute.description;
    let is_described = description.contains(&code) && description.to_lowercase().contains("default");
    (!is_described).then(|| format!("Default: {code}."))
}

/// Returns whether the description contains all values of a choice, such as "One of `a`, `b`.".
fn contains_choice(description: &str, choice: &str) -> bool {
    let Some(values) = choice.strip_prefix("One of ") else {
        return false;
    };
    let mut values = values.trim_end_matches('.').split(", ");
    values.all(|value| value.starts_with('`') && description.contains(value))
}

fn has_secret(attribute: &Attribute) -> bool {
    let members = match &attribute.ty {
        AttributeType::Nested { attributes, .. } => &**attributes,
        AttributeType::Plain(_) => &[],
    };
    attribute.sensitive || members.iter().any(has_secret)
}

/// Returns whether a string can be shown without quotes.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.trim() == text && !text.contains(|c: char| c.is_control() || c == '`')
}

/// Formats a value in Terraform's language.
fn expression(value: &Value) -> String {
    match value {
        Value::Null | Value::Unknown => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(Number::Integer(number)) => number.to_string(),
        Value::Number(Number::Float(number)) => number.to_string(),
        Value::Number(Number::Decimal(number)) => number.clone(),
        Value::String(text) => quoted(text),
        Value::List(elements) => {
            let elements: Vec<_> = elements.iter().map(expression).collect();
            format!("[{}]", elements.join(", "))
        }
        Value::Map(members) if members.is_empty() => "{}".to_owned(),
        Value::Map(members) => {
            let members = members
                .iter()
                .map(|(name, value)| format!("{} = {}", key(name), expression(value)));
            format!("{{ {} }}", members.collect::<Vec<_>>().join(", "))
        }
        Value::Dynamic(_, value) => expression(value),
    }
}

/// Quotes a string, and escapes backticks, which would end the code span.
fn quoted(text: &str) -> String {
    let json = serde_json::Value::String(text.to_owned()).to_string();
    json.replace('`', "\\u0060").replace("${", "$${").replace("%{", "%%{")
}

/// Formats the key of a map, in quotes unless it is an identifier.
fn key(name: &str) -> String {
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if is_name { name.to_owned() } else { quoted(name) }
}

/// Joins sentences to a paragraph, and adds missing full stops.
fn joined(sentences: impl Iterator<Item = String>) -> String {
    let mut text = String::new();
    for sentence in sentences.filter(|sentence| !sentence.is_empty()) {
        if !text.is_empty() {
            let is_complete = text
                .trim_end_matches(['*', '_', ')', '"'])
                .ends_with(['.', '!', '?', ':']);
            text.push_str(if is_complete { " " } else { ". " });
        }
        text.push_str(&sentence);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framework::types::Type;
    use crate::framework::{Field, Validator};

    type Text = Field<String>;

    fn text(description: &'static str) -> Attribute {
        Attribute::new("a", Type::String, Configurability::Optional, description)
    }

    fn computed() -> Attribute {
        Attribute::new("a", Type::String, Configurability::Computed, "A.")
    }

    fn of(attribute: &Attribute) -> String {
        let rules = [Rule::conflicting(&["a", "b"]), Rule::requires("c", "a")];
        describe(attribute, &rules, SchemaUse::Resource)
    }

    #[test]
    fn description_is_followed_by_constraints() {
        let choice = || Validator::one_of(["a", "b"]);
        let cases = [
            (text("A"), "A. Conflicts with `b`."),
            (text(""), "Conflicts with `b`."),
            (
                text("A (one).").validate(Validator::length(1..=80)),
                "A (one). Length: 1 to 80. Conflicts with `b`.",
            ),
            (
                text("A.").validate(Validator::length(1..)),
                "A. Must not be empty. Conflicts with `b`.",
            ),
            (
                text("**A.**").check::<Text, &str>(|_| Ok(())),
                "**A.** Conflicts with `b`.",
            ),
            (text("A.").validate(choice()), "A. One of `a`, `b`. Conflicts with `b`."),
            (
                text("A.").default_value(Text::from("x")),
                "A. Default: `x`. Conflicts with `b`.",
            ),
            (
                text("A.").requires_replace(),
                "A. Conflicts with `b`. A change forces replacement.",
            ),
            (
                text("A.").requires_replace_if(|_: &Text, _: &Text| true, "to a shorter one"),
                "A. Conflicts with `b`. A change to a shorter one forces replacement.",
            ),
            (
                text("A.").deprecated("Use `b`"),
                "**Deprecated.** Use `b`. A. Conflicts with `b`.",
            ),
            (text("A:\n\n* one"), "A:\n\n* one\n\nConflicts with `b`."),
            (computed(), "A."),
            (computed().use_state_for_unknown(), "A. Unchanged by updates."),
            (computed().planned(), "A."),
            (computed().requires_replace().validate(choice()), "A."),
        ];
        for (attribute, expected) in cases {
            assert_eq!(of(&attribute), expected);
        }
    }

    #[test]
    fn constraint_in_description_is_not_repeated() {
        let description = "`a` (the default) or `b`. Conflicts with `b`. A change forces replacement.";
        let attribute = text(description).default_value(Text::from("a")).requires_replace();
        assert_eq!(of(&attribute.validate(Validator::one_of(["a", "b"]))), description);
        // The description contains neither all values nor a default.
        let attribute = text("Such as `a`. Conflicts with `b`.").default_value(Text::from("a"));
        let attribute = attribute.validate(Validator::one_of(["a", "c"]));
        assert_eq!(
            of(&attribute),
            "Such as `a`. Conflicts with `b`. One of `a`, `c`. Default: `a`."
        );
    }

    #[test]
    fn lifecycle_is_described_for_resources_only() {
        for attribute in [text("A.").requires_replace(), computed().use_state_for_unknown()] {
            assert_eq!(describe(&attribute, &[], SchemaUse::Other), "A.");
        }
    }

    #[test]
    fn default_is_shown_in_terraform_syntax() {
        let text = |text: &str| Value::String(text.to_owned());
        let cases = [
            (text("markdown"), Some("`markdown`")),
            (text("two words"), Some("`two words`")),
            (text(""), Some("`\"\"`")),
            (text("a`b\n${c}"), Some("`\"a\\u0060b\\n$${c}\"`")),
            (Value::Number(Number::Integer(3)), Some("`3`")),
            (Value::Number(Number::Float(0.5)), Some("`0.5`")),
            (Value::Number(Number::Decimal("0.1".to_owned())), Some("`0.1`")),
            (Value::Bool(false), Some("`false`")),
            (Value::List(vec![text("a"), text("b")]), Some("`[\"a\", \"b\"]`")),
            (Value::List(Vec::new()), Some("`[]`")),
            (
                Value::Map([("a".to_owned(), Value::Null)].into()),
                Some("`{ a = null }`"),
            ),
            (Value::Null, None),
        ];
        for (value, expected) in cases {
            let attribute = Attribute {
                default: Some(value),
                ..self::text("")
            };
            let expected = expected.map(|code| format!("Default: {code}."));
            assert_eq!(default(&attribute), expected);
            assert_eq!(default(&attribute.clone().sensitive()), None);
            let outer = Attribute {
                ty: AttributeType::Nested {
                    nesting: crate::framework::Nesting::Single,
                    attributes: vec![self::text("").sensitive()],
                    rules: Vec::new(),
                },
                ..attribute
            };
            assert_eq!(default(&outer), None);
        }
    }
}
