//! The values of an object that Terraform shows.

use super::schema::ObjectSchema;
use crate::framework::{Number, Value};

/// Returns the values of all attributes that are not sensitive.
pub(super) fn visible_text(schema: &ObjectSchema, object: &Value) -> String {
    let mut text = String::new();
    write_object(schema, object, &mut text);
    text
}

fn write_object(schema: &ObjectSchema, object: &Value, text: &mut String) {
    for (name, attribute) in schema.attributes.iter().filter(|(_, attribute)| !attribute.sensitive) {
        let value = object.get(name);
        match &attribute.nested {
            Some(nested) => {
                for object in nested.objects(value) {
                    write_object(&nested.object, object, text);
                }
            }
            None => write_value(value, text),
        }
    }
}

fn write_value(value: &Value, text: &mut String) {
    match value {
        Value::String(string) => text.extend([string, " "]),
        Value::Number(Number::Decimal(number)) => text.extend([number, " "]),
        Value::Number(Number::Integer(number)) => text.push_str(&format!("{number} ")),
        Value::Number(Number::Float(number)) => text.push_str(&format!("{number} ")),
        Value::List(elements) => elements.iter().for_each(|element| write_value(element, text)),
        Value::Map(members) => {
            for (name, member) in members {
                text.extend([name, " "]);
                write_value(member, text);
            }
        }
        Value::Dynamic(_, value) => write_value(value, text),
        Value::Null | Value::Unknown | Value::Bool(_) => {}
    }
}
