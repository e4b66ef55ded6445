//! Values as MessagePack, the default encoding of the protocol (hashicorp/terraform,
//! `docs/plugin-protocol/object-wire-format.md`).

use std::collections::BTreeMap;

use rmpv::Value as Pack;

use super::types::{MAX_DEPTH, Type};
use super::value::{Number, Value};
use super::wire_error::{Result, WireError};

/// Decodes a value of the type `ty`. Members that the object type does not have are errors.
pub(crate) fn decode(mut bytes: &[u8], ty: &Type) -> Result<Value> {
    let pack = rmpv::decode::read_value_with_max_depth(&mut bytes, 2 * MAX_DEPTH)
        .map_err(|_| WireError::new("it is not well-formed MessagePack"))?;
    if !bytes.is_empty() {
        return Err(WireError::new("unexpected bytes after the value"));
    }
    from_pack(pack, ty)
}

/// Encodes a value of the type `ty`.
pub(crate) fn encode(value: &Value, ty: &Type) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    write(&to_pack(value, ty)?, &mut bytes)?;
    Ok(bytes)
}

fn write(pack: &Pack, bytes: &mut Vec<u8>) -> Result<()> {
    rmpv::encode::write_value(bytes, pack).map_err(|_| WireError::new("it cannot be written as MessagePack"))
}

fn from_pack(pack: Pack, ty: &Type) -> Result<Value> {
    Ok(match (pack, ty) {
        (Pack::Nil, _) => Value::Null,
        // Every extension type is an unknown value. Refinements may be ignored.
        (Pack::Ext(..), _) => Value::Unknown,
        (Pack::Boolean(b), Type::Bool) => Value::Bool(b),
        (Pack::Integer(n), Type::Number) => Value::Number(match n.as_i64() {
            Some(n) => Number::Integer(n),
            None => Number::Decimal(n.to_string()),
        }),
        (Pack::F32(n), Type::Number) if n.is_finite() => Value::Number(Number::exactly(n.into())),
        (Pack::F64(n), Type::Number) if n.is_finite() => Value::Number(Number::exactly(n)),
        (Pack::String(text), Type::Number) => {
            let number = text.as_str().and_then(Number::from_decimal);
            Value::Number(number.ok_or_else(|| WireError::expected("a number"))?)
        }
        (Pack::String(text), Type::String) => Value::String(
            text.into_str()
                .ok_or_else(|| WireError::expected("a string in UTF-8"))?,
        ),
        (Pack::Array(elements), Type::List(element) | Type::Set(element)) => {
            let elements = elements.into_iter().enumerate();
            let elements = elements.map(|(i, e)| from_pack(e, element).map_err(|error| error.at(i)));
            let elements: Vec<_> = elements.collect::<Result<_>>()?;
            match ty {
                Type::Set(_) => Value::set(elements),
                _ => Value::List(elements),
            }
        }
        (Pack::Array(elements), Type::Tuple(types)) if elements.len() == types.len() => {
            let elements = elements.into_iter().zip(types).enumerate();
            let elements = elements.map(|(i, (e, ty))| from_pack(e, ty).map_err(|error| error.at(i)));
            Value::List(elements.collect::<Result<_>>()?)
        }
        (Pack::Map(members), Type::Map(element)) => members_of(members, |_| Some(element))?,
        (Pack::Map(members), Type::Object(attributes)) => {
            let Value::Map(mut members) = members_of(members, |name| attributes.get(name))? else {
                return Err(WireError::expected("an object"));
            };
            for name in attributes.keys() {
                members.entry(name.clone()).or_insert(Value::Null);
            }
            Value::Map(members)
        }
        (Pack::Array(pair), Type::Dynamic) => {
            let Ok([Pack::Binary(ty), value]) = <[Pack; 2]>::try_from(pair) else {
                return Err(WireError::expected("a type and a value"));
            };
            let ty = serde_json::from_slice(&ty).ok().and_then(|json| Type::from_json(&json));
            let ty = ty.ok_or_else(|| WireError::expected("a type"))?;
            let value = from_pack(value, &ty)?;
            Value::Dynamic(ty, Box::new(value))
        }
        (_, ty) => return Err(WireError::expected(name_of(ty))),
    })
}

fn members_of<'t>(members: Vec<(Pack, Pack)>, type_of: impl Fn(&str) -> Option<&'t Type>) -> Result<Value>
where
{
    let mut values = BTreeMap::new();
    for (name, value) in members {
        let Pack::String(name) = name else {
            return Err(WireError::expected("names as keys"));
        };
        let name = name.into_str().ok_or_else(|| WireError::expected("names in UTF-8"))?;
        let ty = type_of(&name).ok_or_else(|| WireError::new("the schema has no such attribute").at(&name))?;
        let value = from_pack(value, ty).map_err(|error| error.at(&name))?;
        values.insert(name, value);
    }
    Ok(Value::Map(values))
}

fn to_pack(value: &Value, ty: &Type) -> Result<Pack> {
    Ok(match (value, ty) {
        (Value::Null, _) => Pack::Nil,
        // fixext 1, type 0, one byte: an unknown value without refinements.
        (Value::Unknown, _) => Pack::Ext(0, vec![0]),
        (Value::Bool(b), Type::Bool) => Pack::from(*b),
        (Value::Number(Number::Integer(n)), Type::Number) => Pack::from(*n),
        (Value::Number(Number::Float(n)), Type::Number) if n.is_finite() => Pack::from(*n),
        (Value::Number(Number::Decimal(text)), Type::Number) => Pack::from(text.as_str()),
        (Value::String(text), Type::String) => Pack::from(text.as_str()),
        (Value::List(elements), Type::List(element)) => {
            Pack::Array(elements.iter().map(|e| to_pack(e, element)).collect::<Result<_>>()?)
        }
        (Value::List(elements), Type::Set(element)) => Pack::Array(set_of(elements, element)?),
        (Value::List(elements), Type::Tuple(types)) if elements.len() == types.len() => Pack::Array(
            elements
                .iter()
                .zip(types)
                .map(|(e, ty)| to_pack(e, ty))
                .collect::<Result<_>>()?,
        ),
        (Value::Map(members), Type::Map(element)) => {
            let members = members
                .iter()
                .map(|(name, value)| Ok((Pack::from(name.as_str()), to_pack(value, element)?)));
            Pack::Map(members.collect::<Result<_>>()?)
        }
        (Value::Map(members), Type::Object(attributes)) => {
            // All attributes of the type are written, absent ones as null. Others are errors.
            if let Some(name) = members.keys().find(|name| !attributes.contains_key(*name)) {
                return Err(WireError::new("the schema has no such attribute").at(name));
            }
            let members = attributes.iter().map(|(name, ty)| {
                let member = to_pack(value.get(name), ty).map_err(|error| error.at(name))?;
                Ok((Pack::from(name.as_str()), member))
            });
            Pack::Map(members.collect::<Result<_>>()?)
        }
        (Value::Dynamic(ty, value), Type::Dynamic) => {
            let tag = ty.to_json().to_string().into_bytes();
            Pack::Array(vec![Pack::Binary(tag), to_pack(value, ty)?])
        }
        (_, ty) => return Err(WireError::expected(name_of(ty))),
    })
}

/// Sets are written in the order of their encoded elements, without duplicates.
fn set_of(elements: &[Value], ty: &Type) -> Result<Vec<Pack>> {
    let mut sorted = BTreeMap::new();
    for element in elements {
        let pack = to_pack(element, ty)?;
        let mut bytes = Vec::new();
        write(&pack, &mut bytes)?;
        sorted.insert(bytes, pack);
    }
    Ok(sorted.into_values().collect())
}

fn name_of(ty: &Type) -> &'static str {
    match ty {
        Type::Bool => "a bool",
        Type::Number => "a number",
        Type::String => "a string",
        Type::Dynamic => "a type and a value",
        Type::List(_) => "a list",
        Type::Set(_) => "a set",
        Type::Map(_) => "a map",
        Type::Tuple(_) => "a tuple of the right length",
        Type::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn object(attributes: &[(&str, Type)]) -> Type {
        Type::Object(
            attributes
                .iter()
                .map(|(name, ty)| ((*name).to_owned(), ty.clone()))
                .collect(),
        )
    }

    /// (bytes that Terraform may send, type in the schema, expected value)
    #[test]
    fn decode_reads_every_encoding_of_a_value() {
        let map = |members: &[(&str, Value)]| {
            Value::Map(
                members
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), value.clone()))
                    .collect(),
            )
        };
        let integer = |n| Value::Number(Number::Integer(n));
        let decimal = |text: &str| Value::Number(Number::Decimal(text.into()));
        let cases: Vec<(&[u8], Type, Value)> = vec![
            (b"\xc0", Type::String, Value::Null),
            (b"\xd4\x00\x00", Type::String, Value::Unknown),
            // Extension 12 carries refinements (here: not null). The value is unknown nevertheless.
            (b"\xc7\x03\x0c\x81\x01\xc2", Type::String, Value::Unknown),
            (b"\xc3", Type::Bool, Value::Bool(true)),
            (b"\xa2hi", Type::String, Value::String("hi".into())),
            (b"\x07", Type::Number, integer(7)),
            (b"\xff", Type::Number, integer(-1)),
            (b"\xcb\x40\x1c\x00\x00\x00\x00\x00\x00", Type::Number, integer(7)),
            (
                b"\xcb\x3f\xe0\x00\x00\x00\x00\x00\x00",
                Type::Number,
                Value::Number(Number::Float(0.5)),
            ),
            (b"\xca\x3f\x00\x00\x00", Type::Number, Value::Number(Number::Float(0.5))),
            (b"\xa30.1", Type::Number, decimal("0.1")),
            (b"\xa17", Type::Number, integer(7)),
            (
                b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
                Type::Number,
                decimal("18446744073709551615"),
            ),
            (
                b"\x92\x01\x02",
                Type::List(Box::new(Type::Number)),
                Value::List(vec![integer(1), integer(2)]),
            ),
            (
                b"\x93\x02\x01\x02",
                Type::Set(Box::new(Type::Number)),
                Value::List(vec![integer(1), integer(2)]),
            ),
            (
                b"\x92\x01\xc3",
                Type::Tuple(vec![Type::Number, Type::Bool]),
                Value::List(vec![integer(1), Value::Bool(true)]),
            ),
            (
                b"\x81\xa1k\xa1v",
                Type::Map(Box::new(Type::String)),
                map(&[("k", Value::String("v".into()))]),
            ),
            (
                b"\x81\xa1a\xc3",
                object(&[("a", Type::Bool), ("b", Type::String)]),
                map(&[("a", Value::Bool(true)), ("b", Value::Null)]),
            ),
            (
                b"\x92\xc4\x06\"bool\"\xc2",
                Type::Dynamic,
                Value::Dynamic(Type::Bool, Box::new(Value::Bool(false))),
            ),
        ];
        for (bytes, ty, value) in cases {
            assert!(decode(bytes, &ty).unwrap() == value, "{bytes:x?} as {ty:?}");
        }
    }

    #[test]
    fn decode_reports_path_of_value_that_does_not_fit_schema() {
        let ty = object(&[("names", Type::List(Box::new(Type::String)))]);
        let cases: [(&[u8], &str); 8] = [
            (b"", "not well-formed"),
            (b"\x93\x01", "not well-formed"),
            (b"\xdd\xff\xff\xff\xff", "not well-formed"),
            (b"\xc0\xc0", "unexpected bytes"),
            (b"\x81\xa5names\xc3", "names: expected a list"),
            (b"\x81\xa5names\x91\x01", "names[0]: expected a string"),
            (b"\x81\xa5other\xc0", "other: the schema has no such attribute"),
            (b"\x81\x01\xc0", "expected names as keys"),
        ];
        for (bytes, says) in cases {
            let error = decode(bytes, &ty).unwrap_err().to_string();
            assert!(error.contains(says), "{bytes:x?}: {error}");
        }
        assert!(decode(&[0x91; 10_000], &Type::Dynamic).is_err());
    }

    #[test]
    fn infinite_number_and_tuple_of_other_length_are_errors() {
        let pair = Type::Tuple(vec![Type::Number, Type::Bool]);
        let cases: [(&[u8], &Type, &str); 4] = [
            (b"\xca\x7f\x80\x00\x00", &Type::Number, "expected a number"),
            (
                b"\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00",
                &Type::Number,
                "expected a number",
            ),
            (b"\x91\x01", &pair, "expected a tuple of the right length"),
            (b"\x93\x01\xc3\x01", &pair, "expected a tuple of the right length"),
        ];
        for (bytes, ty, expected) in cases {
            assert_eq!(decode(bytes, ty).unwrap_err().to_string(), expected, "{bytes:x?}");
        }
        let (one, yes) = (Value::Number(Number::Integer(1)), Value::Bool(true));
        let values = [
            (Value::Number(Number::Float(f64::INFINITY)), &Type::Number),
            (Value::List(vec![one.clone()]), &pair),
            (Value::List(vec![one.clone(), yes.clone(), yes.clone()]), &pair),
        ];
        for (value, ty) in values {
            assert!(encode(&value, ty).is_err(), "{value:?}");
        }
        assert_eq!(encode(&Value::List(vec![one, yes]), &pair).unwrap(), b"\x92\x01\xc3");
    }

    #[test]
    fn value_nested_as_deeply_as_a_type_decodes_to_itself() {
        let (mut ty, mut value) = (Type::Bool, Value::Bool(true));
        for _ in 1..MAX_DEPTH {
            value = Value::Dynamic(ty, Box::new(value));
            ty = Type::Dynamic;
        }
        assert!(decode(&encode(&value, &ty).unwrap(), &ty).unwrap() == value);
    }

    #[test]
    fn encode_sorts_set_and_removes_duplicates() {
        let text = |s: &str| Value::String(s.into());
        let set = Value::List(vec![text("b"), text("a"), text("b")]);
        assert_eq!(
            encode(&set, &Type::Set(Box::new(Type::String))).unwrap(),
            b"\x92\xa1a\xa1b"
        );
    }

    #[test]
    fn encode_writes_unknown_as_extension_0() {
        assert_eq!(encode(&Value::Unknown, &Type::String).unwrap(), b"\xd4\x00\x00");
    }

    fn typed_values() -> impl Strategy<Value = (Type, Value)> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(|b| (Type::Bool, Value::Bool(b))),
            any::<i64>().prop_map(|n| (Type::Number, Value::Number(Number::Integer(n)))),
            (-1e300..1e300).prop_map(|n| (Type::Number, Value::Number(Number::exactly(n)))),
            ".*".prop_map(|s| (Type::String, Value::String(s))),
            Just((Type::String, Value::Null)),
            Just((Type::Number, Value::Unknown)),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            let element = inner
                .clone()
                .prop_map(|(ty, value)| (Type::List(Box::new(ty)), Value::List(vec![value])));
            let dynamic = inner.clone().prop_map(|(ty, value)| match value {
                Value::Null => (Type::Dynamic, Value::Null),
                Value::Unknown => (Type::Dynamic, Value::Unknown),
                value => (Type::Dynamic, Value::Dynamic(ty, Box::new(value))),
            });
            let members = prop::collection::btree_map("[a-z]{1,8}", inner, 0..4).prop_map(|members| {
                let types = members
                    .iter()
                    .map(|(name, (ty, _))| (name.clone(), ty.clone()))
                    .collect();
                (
                    Type::Object(types),
                    Value::Map(members.into_iter().map(|(name, (_, value))| (name, value)).collect()),
                )
            });
            prop_oneof![element, dynamic, members]
        })
    }

    proptest! {
        #[test]
        fn encoded_value_decodes_to_itself((ty, value) in typed_values()) {
            let bytes = encode(&value, &ty).unwrap();
            prop_assert!(decode(&bytes, &ty).unwrap() == value);
        }

        #[test]
        fn decode_never_panics(bytes: Vec<u8>, (ty, _) in typed_values()) {
            let _ = decode(&bytes, &ty);
        }
    }
}
