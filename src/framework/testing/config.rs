//! Configurations: what a user writes, as models, values or JSON.

use serde_json::Value as Json;

use super::schema::{ObjectSchema, Result};
use crate::framework::{Model, Value};

/// What is written in a block.
#[derive(Clone, Debug)]
pub struct Config(Form);

#[derive(Clone, Debug)]
enum Form {
    Value(Value),
    Json(Json),
}

/// Something that can be written in a block: a [`Model`], a [`Value`], or JSON such as `json!({ "name": "door" })`.
/// Attributes that are left out are null.
pub trait ToConfig {
    /// The configuration.
    fn to_config(&self) -> Config;
}

impl<M: Model + Clone> ToConfig for M {
    fn to_config(&self) -> Config {
        Config(Form::Value(self.clone().into_value()))
    }
}

impl ToConfig for Value {
    fn to_config(&self) -> Config {
        Config(Form::Value(self.clone()))
    }
}

impl ToConfig for Json {
    fn to_config(&self) -> Config {
        Config(Form::Json(self.clone()))
    }
}

impl ToConfig for Config {
    fn to_config(&self) -> Config {
        self.clone()
    }
}

impl Default for Config {
    fn default() -> Self {
        Self(Form::Json(Json::Object(serde_json::Map::new())))
    }
}

impl Config {
    /// The value that the provider receives.
    pub(super) fn value(&self, schema: &ObjectSchema) -> Result<Value> {
        match &self.0 {
            Form::Value(value) => schema.conform(value),
            Form::Json(json) => schema.conform_json(json),
        }
    }
}
