//! The configuration of a workspace: its `resource`, `moved` and `import` blocks.

use std::collections::{BTreeMap, BTreeSet};

use super::config::{Config, ToConfig};
use super::schema::{ObjectSchema, Result};
use super::state::Object;
use crate::framework::Value;

/// The configuration of a workspace.
#[derive(Clone, Debug, Default)]
pub struct Configuration {
    /// The `resource` blocks, by address.
    pub resources: BTreeMap<String, ResourceBlock>,
    /// The `moved` blocks, as pairs of old and new address.
    pub moved: Vec<(String, String)>,
    /// The `import` blocks: ids by the address to import to.
    pub imports: BTreeMap<String, String>,
}

impl Configuration {
    /// Creates an empty configuration.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a resource at an address such as `notes_note.todo`.
    #[must_use]
    pub fn with(mut self, address: &str, block: ResourceBlock) -> Self {
        self.resources.insert(address.to_owned(), block);
        self
    }

    /// Adds a `moved` block.
    #[must_use]
    pub fn moved(mut self, from: &str, to: &str) -> Self {
        self.moved.push((from.to_owned(), to.to_owned()));
        self
    }

    /// Adds an `import` block. It has no effect if the state already contains the address.
    #[must_use]
    pub fn import(mut self, to: &str, id: &str) -> Self {
        self.imports.insert(to.to_owned(), id.to_owned());
        self
    }

    /// Returns whether the resource has `create_before_destroy`, or inherits it from a resource
    /// that depends on it.
    pub(super) fn creates_before_destroy(&self, address: &str) -> bool {
        let declared = self.resources.get(address);
        let mut referring = self
            .resources
            .iter()
            .filter(|(_, other)| other.dependencies().contains(address));
        declared.is_some_and(|declared| declared.lifecycle.create_before_destroy)
            || referring.any(|(other, _)| self.creates_before_destroy(other))
    }
}

impl FromIterator<(String, ResourceBlock)> for Configuration {
    fn from_iter<I: IntoIterator<Item = (String, ResourceBlock)>>(blocks: I) -> Self {
        Self {
            resources: blocks.into_iter().collect(),
            ..Self::default()
        }
    }
}

impl Extend<(String, ResourceBlock)> for Configuration {
    fn extend<I: IntoIterator<Item = (String, ResourceBlock)>>(&mut self, blocks: I) {
        self.resources.extend(blocks);
    }
}

/// A `resource` block.
#[derive(Clone, Debug, Default)]
pub struct ResourceBlock {
    config: Config,
    /// References by attribute path: the address and the attribute of another resource.
    references: BTreeMap<String, (String, String)>,
    depends_on: BTreeSet<String>,
    pub(super) lifecycle: Lifecycle,
}

/// A `lifecycle` block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Lifecycle {
    pub(super) create_before_destroy: bool,
    pub(super) ignore_changes: IgnoreChanges,
}

/// `ignore_changes`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum IgnoreChanges {
    #[default]
    Nothing,
    Attributes(Vec<String>),
    All,
}

impl ResourceBlock {
    /// Creates a block with this content.
    pub fn new(config: impl ToConfig) -> Self {
        Self {
            config: config.to_config(),
            ..Self::default()
        }
    }

    pub(super) fn with_config(self, config: &impl ToConfig) -> Self {
        Self {
            config: config.to_config(),
            ..self
        }
    }

    /// Adds a reference, `<attribute> = <address>.<of>`. The attribute may be nested in a
    /// configured object: `owner.email`.
    #[must_use]
    pub fn referring(mut self, attribute: &str, address: &str, of: &str) -> Self {
        let reference = (address.to_owned(), of.to_owned());
        self.references.insert(attribute.to_owned(), reference);
        self
    }

    /// Adds `depends_on = [<address>]`.
    #[must_use]
    pub fn depends_on(mut self, address: &str) -> Self {
        self.depends_on.insert(address.to_owned());
        self
    }

    /// Adds `lifecycle { create_before_destroy = true }`.
    #[must_use]
    pub fn create_before_destroy(mut self) -> Self {
        self.lifecycle.create_before_destroy = true;
        self
    }

    /// Adds `lifecycle { ignore_changes = [<attributes>] }`.
    #[must_use]
    pub fn ignore_changes(mut self, attributes: &[&str]) -> Self {
        let attributes = attributes.iter().map(|attribute| (*attribute).to_owned());
        self.lifecycle.ignore_changes = IgnoreChanges::Attributes(attributes.collect());
        self
    }

    /// Adds `lifecycle { ignore_changes = all }`.
    #[must_use]
    pub fn ignore_all_changes(mut self) -> Self {
        self.lifecycle.ignore_changes = IgnoreChanges::All;
        self
    }

    /// Returns the addresses that it refers to or depends on.
    pub(super) fn dependencies(&self) -> BTreeSet<String> {
        let references = self.references.values().map(|(address, _)| address);
        references.chain(&self.depends_on).cloned().collect()
    }

    /// Returns the configuration. `object_at` returns the current or planned objects of other
    /// addresses.
    pub(super) fn config(&self, schema: &ObjectSchema, object_at: impl Fn(&str) -> Option<Value>) -> Result<Value> {
        let mut config = self.config.value(schema)?;
        for (attribute, (address, of)) in &self.references {
            let value = object_at(address).map_or(Value::Unknown, |object| object.get(of).clone());
            set(&mut config, attribute, value);
        }
        Ok(config)
    }
}

impl IgnoreChanges {
    /// Returns the configuration that the provider receives, with the prior values of ignored
    /// attributes.
    pub(super) fn apply(&self, schema: &ObjectSchema, config: Value, prior: Option<&Object>) -> Value {
        let (Some(prior), Value::Map(mut members)) = (prior, config.clone()) else {
            return config;
        };
        for (name, attribute) in &schema.attributes {
            let is_ignored = match self {
                Self::Nothing => false,
                Self::Attributes(ignored) => ignored.contains(name),
                // Computed attributes are not ignored.
                Self::All => !attribute.is_read_only(),
            };
            if is_ignored {
                members.insert(name.clone(), configurable(attribute, prior.get(name)));
            }
        }
        Value::Map(members)
    }
}

/// Sets the attribute at a path such as `owner.email`, if the object that contains it exists.
fn set(object: &mut Value, path: &str, value: Value) {
    let Value::Map(members) = object else { return };
    match path.split_once('.') {
        Some((name, path)) => {
            if let Some(nested) = members.get_mut(name) {
                set(nested, path, value);
            }
        }
        None => {
            members.insert(path.to_owned(), value);
        }
    }
}

/// Returns a value of the state without computed attributes.
fn configurable(schema: &super::AttributeSchema, value: &Value) -> Value {
    let Some(nested) = &schema.nested else {
        return value.clone();
    };
    let object = |value: &Value| match value {
        Value::Map(members) => {
            let members = members.iter().map(|(name, value)| {
                let value = match nested.object.attributes.get(name) {
                    Some(attribute) if attribute.is_read_only() => Value::Null,
                    Some(attribute) => configurable(attribute, value),
                    None => value.clone(),
                };
                (name.clone(), value)
            });
            Value::Map(members.collect())
        }
        value => value.clone(),
    };
    match (nested.mode, value) {
        (super::NestingMode::Single, value) => object(value),
        (_, Value::List(elements)) => Value::List(elements.iter().map(object).collect()),
        (_, Value::Map(members)) => Value::Map(
            members
                .iter()
                .map(|(key, value)| (key.clone(), object(value)))
                .collect(),
        ),
        (_, value) => value.clone(),
    }
}

/// Returns the resource type of an address.
pub(super) fn type_of(address: &str) -> &str {
    address.split_once('.').map_or(address, |(type_name, _)| type_name)
}
