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
