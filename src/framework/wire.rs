//! Conversion between values and the protocol's `DynamicValue`, by the type that the schema
//! declares.

use super::proto;
use super::types::Type;
use super::value::Value;
use super::wire_error::{Result, WireError};
use super::{json, msgpack};

/// Decodes a value of the type `ty`. Terraform encodes null explicitly, so an absent value means
/// that a part of the message is missing. It is an error, and not a null, which could mean "delete
/// it".
pub(crate) fn decode(value: Option<&proto::DynamicValue>, ty: &Type) -> Result<Value> {
    match value {
        Some(value) if !value.msgpack.is_empty() => msgpack::decode(&value.msgpack, ty),
        Some(value) if !value.json.is_empty() => json::decode(&value.json, ty),
        _ => Err(WireError::expected("a value (null is a value, too)")),
    }
}

/// Encodes a value of the type `ty` as MessagePack.
pub(crate) fn encode(value: &Value, ty: &Type) -> Result<proto::DynamicValue> {
    Ok(proto::DynamicValue {
        msgpack: msgpack::encode(value, ty)?,
        json: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(msgpack: &[u8], json: &[u8]) -> proto::DynamicValue {
        proto::DynamicValue {
            msgpack: msgpack.to_vec(),
            json: json.to_vec(),
        }
    }

    #[test]
    fn decode_prefers_messagepack_and_rejects_absent_value() {
        for (msgpack, json) in [(&b"\xc3"[..], &b""[..]), (b"", b"true"), (b"\xc3", b"false")] {
            let value = decode(Some(&sent(msgpack, json)), &Type::Bool);
            assert_eq!(value.ok(), Some(Value::Bool(true)), "{msgpack:x?} {json:x?}");
        }
        for absent in [None, Some(&sent(b"", b""))] {
            let error = decode(absent, &Type::Bool).unwrap_err().to_string();
            assert!(error.contains("null is a value, too"), "{error}");
        }
    }

    #[test]
    fn encode_writes_messagepack_only() {
        assert_eq!(encode(&Value::Bool(true), &Type::Bool).unwrap(), sent(b"\xc3", b""));
    }
}
