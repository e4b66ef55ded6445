//! The secrets engine KV version 1, and a cubbyhole: secrets without versions.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::path::names_below;
use super::refusal::Refusal;

/// A store that keeps the last write to each path.
#[derive(Debug, Default)]
pub(super) struct KvV1 {
    secrets: BTreeMap<String, Map<String, Value>>,
}

impl KvV1 {
    pub(super) fn exists(&self, path: &str) -> bool {
        self.secrets.contains_key(path)
    }

    pub(super) fn get(&self, path: &str) -> Option<&Map<String, Value>> {
        self.secrets.get(path)
    }

    pub(super) fn read(&self, path: &str) -> Result<Value, Refusal> {
        let secret = self.get(path).ok_or(Refusal::NotFound(None))?;
        Ok(secret.clone().into())
    }

    pub(super) fn write(&mut self, path: &str, data: Map<String, Value>) {
        self.secrets.insert(path.to_owned(), data);
    }

    pub(super) fn delete(&mut self, path: &str) {
        self.secrets.remove(path);
    }

    pub(super) fn list(&self, folder: &str) -> Result<Value, Refusal> {
        let keys = names_below(self.secrets.keys(), folder);
        if keys.is_empty() {
            return Err(Refusal::NotFound(None));
        }
        Ok(json!({ "keys": keys }))
    }
}
