//! The state of a workspace.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value as Json;

use super::connection::{Before, Identity};
use crate::framework::{Model, Number, Value};

/// A resource in the state.
#[derive(Clone, PartialEq)]
pub struct Object {
    pub(super) type_name: String,
    pub(super) attributes: Attributes,
    pub(super) schema_version: i64,
    pub(super) private: Vec<u8>,
    pub(super) identity: Identity,
    /// The addresses that it depended on when it was last applied.
    pub(super) dependencies: BTreeSet<String>,
    /// Whether the creation failed. The next run replaces it.
    pub is_tainted: bool,
}

/// The attributes of a resource in the state.
#[derive(Clone, PartialEq)]
pub(super) enum Attributes {
    /// As returned by a provider with the current schema.
    Present(Value),
    /// As stored in a state file, possibly by an older schema version.
    Stored(Json),
}

/// All resources of a workspace.
#[derive(Clone, Default)]
pub(super) struct State {
    /// Increased with each change. A plan of another serial is stale.
    pub(super) serial: u64,
    pub(super) objects: BTreeMap<String, Object>,
    /// Objects that replacements with `create_before_destroy` have deposed and not yet destroyed.
    pub(super) deposed: Vec<Deposed>,
}

/// An object that was deposed by a replacement.
#[derive(Clone, PartialEq)]
pub(super) struct Deposed {
    pub(super) address: String,
    pub(super) key: u64,
    pub(super) object: Object,
}

impl Object {
    /// Returns the attributes; null if they are stored as JSON that no provider has upgraded yet.
    pub fn value(&self) -> &Value {
        match &self.attributes {
            Attributes::Present(value) => value,
            Attributes::Stored(_) => &Value::Null,
        }
    }

    /// Returns one attribute.
    pub fn get(&self, attribute: &str) -> &Value {
        self.value().get(attribute)
    }

    /// Converts the attributes to a model.
    ///
    /// # Panics
    ///
    /// If they do not fit the model.
    #[track_caller]
    #[allow(clippy::panic, reason = "an assertion of a test")]
    pub fn model<M: Model>(&self) -> M {
        match M::from_value(self.value()) {
            Ok(model) => model,
            Err(problem) => panic!("the state of a {} does not fit the model: {problem}", self.type_name),
        }
    }

    /// Returns the private state.
    pub fn private(&self) -> &[u8] {
        &self.private
    }

    /// Returns the attributes as in a state file.
    pub fn to_json(&self) -> String {
        match &self.attributes {
            Attributes::Present(value) => {
                let mut json = String::new();
                write_json(value, &mut json);
                json
            }
            Attributes::Stored(json) => json.to_string(),
        }
    }

    pub(super) fn before(&self) -> Before<'_> {
        Before {
            value: self.value(),
            private: &self.private,
            identity: &self.identity,
        }
    }
}

/// Omits the values, which may be secret.
impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Object")
            .field("type_name", &self.type_name)
            .field("value", self.value())
            .field("is_tainted", &self.is_tainted)
            .finish_non_exhaustive()
    }
}

impl State {
    /// Sets or removes an object. Increases the serial if it differs from before.
    pub(super) fn set(&mut self, address: &str, object: Option<Object>) {
        if self.objects.get(address) == object.as_ref() {
            return;
        }
        match object {
            Some(object) => self.objects.insert(address.to_owned(), object),
            None => self.objects.remove(address),
        };
        self.serial += 1;
    }

    /// Deposes the object at this address. Returns the key of the deposed object.
    pub(super) fn depose(&mut self, address: &str) -> Option<u64> {
        let object = self.objects.remove(address)?;
        self.serial += 1;
        let key = self.serial;
        self.deposed.push(Deposed {
            address: address.to_owned(),
            key,
            object,
        });
        Some(key)
    }

    /// Makes the deposed object the current one again, because it was not replaced.
    pub(super) fn restore(&mut self, key: u64) {
        if let Some(deposed) = self.remove_deposed(key) {
            self.objects.insert(deposed.address, deposed.object);
        }
    }

    pub(super) fn deposed(&self, key: u64) -> Option<&Deposed> {
        self.deposed.iter().find(|deposed| deposed.key == key)
    }

    /// Updates or removes a deposed object.
    pub(super) fn set_deposed(&mut self, key: u64, object: Option<Object>) {
        if let Some(deposed) = self.remove_deposed(key)
            && let Some(object) = object
        {
            self.deposed.push(Deposed { object, ..deposed });
        }
    }

    fn remove_deposed(&mut self, key: u64) -> Option<Deposed> {
        let at = self.deposed.iter().position(|deposed| deposed.key == key)?;
        self.serial += 1;
        Some(self.deposed.remove(at))
    }
}

/// Writes a value as in a state file, with exact numbers.
fn write_json(value: &Value, json: &mut String) {
    match value {
        Value::Null | Value::Unknown => json.push_str("null"),
        Value::Bool(truth) => json.push_str(if *truth { "true" } else { "false" }),
        Value::Number(Number::Integer(number)) => json.push_str(&number.to_string()),
        Value::Number(Number::Float(number)) => json.push_str(&Json::from(*number).to_string()),
        Value::Number(Number::Decimal(number)) => json.push_str(number),
        Value::String(text) => json.push_str(&Json::from(text.as_str()).to_string()),
        Value::List(elements) => {
            json.push('[');
            for (index, element) in elements.iter().enumerate() {
                json.push_str(if index == 0 { "" } else { "," });
                write_json(element, json);
            }
            json.push(']');
        }
        Value::Map(members) => {
            json.push('{');
            for (index, (name, member)) in members.iter().enumerate() {
                json.push_str(if index == 0 { "" } else { "," });
                json.push_str(&Json::from(name.as_str()).to_string());
                json.push(':');
                write_json(member, json);
            }
            json.push('}');
        }
        Value::Dynamic(ty, value) => {
            json.push_str(&format!("{{\"type\":{},\"value\":", ty.to_json()));
            write_json(value, json);
            json.push('}');
        }
    }
}
