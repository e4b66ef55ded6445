//! Terraform's types and their JSON notation.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

/// A type of Terraform's type system.
///
/// The plugin protocol writes it as JSON: `"string"`, `["list","number"]`,
/// `["object",{"name":"string"}]` (hashicorp/terraform,
/// `docs/plugin-protocol/object-wire-format.md`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// `true` or `false`.
    Bool,
    /// A number of any size and precision.
    Number,
    /// Unicode text.
    String,
    /// A value of any type, which is sent with its type.
    Dynamic,
    /// An ordered sequence of values of one type.
    List(Box<Type>),
    /// An unordered collection of distinct values of one type.
    Set(Box<Type>),
    /// Values of one type by key.
    Map(Box<Type>),
    /// A sequence of fixed length, each element with its own type.
    Tuple(Vec<Type>),
    /// Named attributes, each with its own type.
    Object(BTreeMap<String, Type>),
}

/// The greatest nesting depth that is accepted: more than any schema needs, and safe for the stack.
pub(crate) const MAX_DEPTH: usize = 64;

impl Type {
    /// Creates an object type with these attributes.
    pub fn object<'a>(attributes: impl IntoIterator<Item = (&'a str, Self)>) -> Self {
        let attributes = attributes.into_iter();
        Self::Object(attributes.map(|(name, ty)| (name.to_owned(), ty)).collect())
    }

    /// Returns the JSON notation.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Bool => json!("bool"),
            Self::Number => json!("number"),
            Self::String => json!("string"),
            Self::Dynamic => json!("dynamic"),
            Self::List(element) => json!(["list", element.to_json()]),
            Self::Set(element) => json!(["set", element.to_json()]),
            Self::Map(element) => json!(["map", element.to_json()]),
            Self::Tuple(types) => json!(["tuple", types.iter().map(Self::to_json).collect::<Vec<_>>()]),
            Self::Object(attributes) => {
                let attributes: BTreeMap<_, _> = attributes.iter().map(|(name, ty)| (name, ty.to_json())).collect();
                json!(["object", attributes])
            }
        }
    }

    /// Parses the JSON notation; `None` if it is not a type.
    pub fn from_json(json: &Json) -> Option<Self> {
        Self::from_json_within(json, MAX_DEPTH)
    }

    fn from_json_within(json: &Json, depth: usize) -> Option<Self> {
        let depth = depth.checked_sub(1)?;
        if let Some(name) = json.as_str() {
            return match name {
                "bool" => Some(Self::Bool),
                "number" => Some(Self::Number),
                "string" => Some(Self::String),
                "dynamic" => Some(Self::Dynamic),
                _ => None,
            };
        }
        // An object type may have a third element, the names of its optional attributes. It is
        // ignored, as values do not depend on it.
        let [kind, argument, ..] = json.as_array()?.as_slice() else {
            return None;
        };
        let element = || Self::from_json_within(argument, depth).map(Box::new);
        match kind.as_str()? {
            "list" => element().map(Self::List),
            "set" => element().map(Self::Set),
            "map" => element().map(Self::Map),
            "tuple" => {
                let types = argument.as_array()?.iter().map(|ty| Self::from_json_within(ty, depth));
                types.collect::<Option<_>>().map(Self::Tuple)
            }
            "object" => {
                let attributes = argument.as_object()?.iter();
                let attributes = attributes.map(|(name, ty)| Some((name.clone(), Self::from_json_within(ty, depth)?)));
                attributes.collect::<Option<_>>().map(Self::Object)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn type_converts_to_json_and_back() {
        let object = Type::Object(BTreeMap::from([("a".into(), Type::Bool), ("b".into(), Type::Dynamic)]));
        let cases = [
            (Type::Bool, r#""bool""#),
            (Type::Number, r#""number""#),
            (Type::List(Box::new(Type::String)), r#"["list","string"]"#),
            (Type::Set(Box::new(Type::Number)), r#"["set","number"]"#),
            (Type::Map(Box::new(Type::String)), r#"["map","string"]"#),
            (
                Type::Tuple(vec![Type::String, Type::Bool]),
                r#"["tuple",["string","bool"]]"#,
            ),
            (object, r#"["object",{"a":"bool","b":"dynamic"}]"#),
        ];
        for (ty, text) in cases {
            assert_eq!(ty.to_json().to_string(), text);
            assert_eq!(Type::from_json(&serde_json::from_str(text).unwrap()), Some(ty));
        }
    }

    #[test]
    fn from_json_rejects_invalid_type() {
        let nested = "[\"list\",".repeat(100) + "\"string\"" + &"]".repeat(100);
        for text in [
            "null",
            "1",
            r#""strin""#,
            "[]",
            r#"["list"]"#,
            r#"["heap","string"]"#,
            r#"["object",[]]"#,
            &nested,
        ] {
            assert_eq!(Type::from_json(&serde_json::from_str(text).unwrap()), None, "{text}");
        }
    }
}
