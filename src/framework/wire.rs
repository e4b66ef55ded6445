//! The protocol's `DynamicValue`: a value whose type the schema tells.

use super::proto;
use super::types::Type;
use super::value::Value;
use super::wire_error::{Result, WireError};
use super::{json, msgpack};

/// Reads a value of type `ty`. Terraform writes null as a value, too: where there is none, a part of the message is missing,
/// and must not be taken for a null that means "delete it".
pub(crate) fn decode(value: Option<&proto::DynamicValue>, ty: &Type) -> Result<Value> {
    match value {
        Some(value) if !value.msgpack.is_empty() => msgpack::decode(&value.msgpack, ty),
        Some(value) if !value.json.is_empty() => json::decode(&value.json, ty),
        _ => Err(WireError::expected("a value, if only null")),
    }
}

/// Writes a value of type `ty`, always as MessagePack.
pub(crate) fn encode(value: &Value, ty: &Type) -> Result<proto::DynamicValue> {
    Ok(proto::DynamicValue {
        msgpack: msgpack::encode(value, ty)?,
        json: Vec::new(),
    })
}
