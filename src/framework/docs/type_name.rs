//! Names of types in the documentation.

use super::super::schema::{AttributeType, Nesting};
use super::super::types::Type;

/// Returns the type of an attribute, as in "List of String".
pub(super) fn of_attribute(ty: &AttributeType) -> String {
    let nesting = match ty {
        AttributeType::Plain(ty) => return title(ty),
        AttributeType::Nested { nesting, .. } => nesting,
    };
    let name = match nesting {
        Nesting::Single => "Attributes",
        Nesting::List => "Attributes List",
        Nesting::Set => "Attributes Set",
        Nesting::Map => "Attributes Map",
    };
    name.to_owned()
}

/// Returns a type, as in "List of Boolean".
pub(super) fn title(ty: &Type) -> String {
    match ty {
        Type::Bool => "Boolean".to_owned(),
        Type::Number => "Number".to_owned(),
        Type::String => "String".to_owned(),
        Type::Dynamic => "Dynamic".to_owned(),
        Type::List(element) => format!("List of {}", title(element)),
        Type::Set(element) => format!("Set of {}", title(element)),
        Type::Map(element) => format!("Map of {}", title(element)),
        Type::Tuple(_) => "Tuple".to_owned(),
        Type::Object(_) => "Object".to_owned(),
    }
}

/// A type as in the signature of a function: "list of bool".
pub(super) fn in_signature(ty: &Type) -> String {
    match ty {
        Type::Bool => "bool".to_owned(),
        Type::Number => "number".to_owned(),
        Type::String => "string".to_owned(),
        Type::Dynamic => "dynamic".to_owned(),
        Type::List(element) => format!("list of {}", in_signature(element)),
        Type::Set(element) => format!("set of {}", in_signature(element)),
        Type::Map(element) => format!("map of {}", in_signature(element)),
        Type::Tuple(_) => "tuple".to_owned(),
        Type::Object(_) => "object".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn type_names_match_those_of_registry() {
        let object = || Type::object([("a", Type::String)]);
        let cases = [
            (Type::Bool, "Boolean", "bool"),
            (Type::List(Box::new(Type::Number)), "List of Number", "list of number"),
            (Type::Set(Box::new(object())), "Set of Object", "set of object"),
            (
                Type::Map(Box::new(Type::Set(Box::new(Type::String)))),
                "Map of Set of String",
                "map of set of string",
            ),
            (Type::Tuple(vec![Type::Dynamic]), "Tuple", "tuple"),
            (Type::Dynamic, "Dynamic", "dynamic"),
        ];
        for (ty, in_title, in_a_signature) in cases {
            assert_eq!((&*title(&ty), &*in_signature(&ty)), (in_title, in_a_signature));
        }
        let cases = [
            (Nesting::Single, "Attributes"),
            (Nesting::List, "Attributes List"),
            (Nesting::Set, "Attributes Set"),
            (Nesting::Map, "Attributes Map"),
        ];
        for (nesting, expected) in cases {
            let ty = AttributeType::Nested {
                nesting,
                attributes: Vec::new(),
                rules: Vec::new(),
            };
            assert_eq!(of_attribute(&ty), expected);
        }
    }
}
