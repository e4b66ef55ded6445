//! Configurations of tests, given as models, values or JSON.

use serde_json::Value as Json;

use super::schema::{ObjectSchema, Result};
use crate::framework::{Model, Value};

/// The content of a block.
#[derive(Clone, Debug)]
pub struct Config(Form);

#[derive(Clone, Debug)]
enum Form {
    Value(Value),
    Json(Json),
}

/// A value that can be the content of a block: a [`Model`], a [`Value`], or JSON such as `json!({
/// "name": "door" })`. Absent attributes are null.
pub trait ToConfig {
    /// Returns the content.
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
    /// Returns the value that the provider receives.
    pub(super) fn value(&self, schema: &ObjectSchema) -> Result<Value> {
        match &self.0 {
            Form::Value(value) => schema.conform(value),
            Form::Json(json) => schema.conform_json(json),
        }
    }
}
