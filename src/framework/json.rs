//! Values as JSON: in the state file, and as the protocol's alternative to MessagePack
//! (hashicorp/terraform, `docs/plugin-protocol/object-wire-format.md`).

use serde_json::Value as Json;

use super::types::Type;
use super::value::{Number, Value};
use super::wire_error::{Result, WireError};

/// Decodes a value of the type `ty`. Unknown members of objects are dropped: an older or newer
/// version of the provider may have written the state.
pub(crate) fn decode(bytes: &[u8], ty: &Type) -> Result<Value> {
    let json = serde_json::from_slice(bytes).map_err(|_| WireError::new("it is not well-formed JSON"))?;
    from_json(json, ty)
}

/// Converts parsed JSON to a value of the type `ty`, as [`decode`] does.
pub(crate) fn from_json(json: Json, ty: &Type) -> Result<Value> {
    Ok(match (json, ty) {
        (Json::Null, _) => Value::Null,
        (Json::Bool(b), Type::Bool) => Value::Bool(b),
        (Json::Number(n), Type::Number) => {
            let number = Number::from_decimal(&n.to_string());
            Value::Number(number.ok_or_else(|| WireError::expected("a number"))?)
        }
        (Json::String(text), Type::String) => Value::String(text),
        (Json::Array(elements), Type::List(element) | Type::Set(element)) => {
            let elements = elements.into_iter().enumerate();
            let elements = elements.map(|(i, e)| from_json(e, element).map_err(|error| error.at(i)));
            let elements: Vec<_> = elements.collect::<Result<_>>()?;
            match ty {
                Type::Set(_) => Value::set(elements),
                _ => Value::List(elements),
            }
        }
        (Json::Array(elements), Type::Tuple(types)) if elements.len() == types.len() => {
            let elements = elements.into_iter().zip(types).enumerate();
            let elements = elements.map(|(i, (e, ty))| from_json(e, ty).map_err(|error| error.at(i)));
            Value::List(elements.collect::<Result<_>>()?)
        }
        (Json::Object(members), Type::Map(element)) => {
            let members = members.into_iter();
            let members = members.map(|(name, value)| {
                let value = from_json(value, element).map_err(|error| error.at(&name))?;
                Ok((name, value))
            });
            Value::Map(members.collect::<Result<_>>()?)
        }
        (Json::Object(mut members), Type::Object(attributes)) => {
            let attributes = attributes.iter().map(|(name, ty)| {
                let member = members.remove(name).unwrap_or(Json::Null);
                Ok((name.clone(), from_json(member, ty).map_err(|error| error.at(name))?))
            });
            Value::Map(attributes.collect::<Result<_>>()?)
        }
        (Json::Object(mut members), Type::Dynamic) => {
            let ty = members.get("type").and_then(Type::from_json);
            let ty = ty.ok_or_else(|| WireError::expected("a type and a value"))?;
            let value = from_json(members.remove("value").unwrap_or(Json::Null), &ty)?;
            Value::Dynamic(ty, Box::new(value))
        }
        _ => return Err(WireError::new("its type does not match the schema")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decode_reads_state_and_drops_unknown_members() {
        let ty = Type::Object(
            [
                ("name", Type::String),
                ("id", Type::Number),
                ("tags", Type::Map(Box::new(Type::String))),
            ]
            .map(|(name, ty)| (name.to_owned(), ty))
            .into(),
        );
        let state = decode(br#"{"name":"ci","id":9121,"gone":[1]}"#, &ty).unwrap();
        assert!(*state.get("name") == Value::String("ci".into()));
        assert!(*state.get("id") == Value::Number(Number::Integer(9121)));
        assert!(state.get("tags").is_null());
        assert!(state.get("gone").is_null());
    }

    #[test]
    fn decode_keeps_precision_of_numbers() {
        for (json, number) in [("0.1", Number::Decimal("0.1".into())), ("-3", Number::Integer(-3))] {
            assert!(
                decode(json.as_bytes(), &Type::Number).unwrap() == Value::Number(number),
                "{json}"
            );
        }
    }

    /// (JSON, type in the schema, expected value; `None` for an error)
    #[test]
    fn decode_reads_every_type() {
        let integer = |n| Value::Number(Number::Integer(n));
        let boolean = || Box::new(Type::Bool);
        let pair = || Type::Tuple(vec![Type::Number, Type::Bool]);
        let cases = [
            ("null", Type::Bool, Some(Value::Null)),
            ("true", Type::Bool, Some(Value::Bool(true))),
            (
                "[2,1,2]",
                Type::List(Box::new(Type::Number)),
                Some(Value::List([2, 1, 2].map(integer).into())),
            ),
            (
                "[2,1,2]",
                Type::Set(Box::new(Type::Number)),
                Some(Value::List([1, 2].map(integer).into())),
            ),
            (
                "[1,true]",
                pair(),
                Some(Value::List(vec![integer(1), Value::Bool(true)])),
            ),
            ("[1]", pair(), None),
            ("[1,true,1]", pair(), None),
            (
                r#"{"a":true}"#,
                Type::Map(boolean()),
                Some(Value::Map([("a".to_owned(), Value::Bool(true))].into())),
            ),
            (r#"{"a":1}"#, Type::Map(boolean()), None),
            (
                r#"{"type":"bool","value":true}"#,
                Type::Dynamic,
                Some(Value::Dynamic(Type::Bool, Box::new(Value::Bool(true)))),
            ),
            (r#"{"type":"bool","value":1}"#, Type::Dynamic, None),
            (r#"{"value":true}"#, Type::Dynamic, None),
        ];
        for (json, ty, expected) in cases {
            assert_eq!(decode(json.as_bytes(), &ty).ok(), expected, "{json} as {ty:?}");
        }
    }

    #[test]
    fn decode_rejects_malformed_json_and_other_types() {
        let deep = "[".repeat(100_000);
        for json in ["", "{", "3", "[]", r#"{"name":3}"#, deep.as_str()] {
            let ty = Type::Object([("name".to_owned(), Type::String)].into());
            assert!(decode(json.as_bytes(), &ty).is_err());
        }
    }
}
