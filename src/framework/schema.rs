//! Schemas: the attributes of a provider, a resource, a data source, an action and so on.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::{self, Debug};
use std::sync::Arc;

use super::path::{AttributePath, PathStep};
use super::rule::Rule;
use super::types::Type;
use super::validator::Validator;
use super::value::Value;

mod check;
mod to_proto;

/// The attributes of a provider, a resource, a data source, an action and so on. A
/// [`Model`](derive@super::Model) derives it.
#[derive(Clone, Debug, Default)]
pub struct Schema {
    /// The version of the schema. Increase it when stored states need an upgrade.
    pub version: i64,
    /// The description, in Markdown, for the documentation.
    pub description: Cow<'static, str>,
    /// The deprecation message: the reason, and the replacement.
    pub deprecated: Option<Cow<'static, str>>,
    /// The attributes, in the order of the documentation.
    pub attributes: Vec<Attribute>,
    /// Rules about combinations of the attributes.
    pub rules: Vec<Rule>,
}

/// One attribute of a [`Schema`].
#[derive(Clone, Debug)]
pub struct Attribute {
    /// The name in the configuration.
    pub name: Cow<'static, str>,
    /// The type of its values.
    pub ty: AttributeType,
    /// Whether the user or the provider sets it.
    pub configurability: Configurability,
    /// The description, in Markdown.
    pub description: Cow<'static, str>,
    /// Whether Terraform hides the value in its output.
    pub sensitive: bool,
    /// Whether the value is only passed to the provider and never stored in a plan or state.
    pub write_only: bool,
    /// The deprecation message: the reason, and the replacement.
    pub deprecated: Option<Cow<'static, str>>,
    /// The changes that replace the resource.
    pub requires_replace: RequiresReplace,
    /// Whether an empty string is equivalent to null.
    pub empty_is_null: bool,
    /// The value that is used where the configuration has none.
    pub default: Option<Value>,
    /// The planned value in an update where the configuration has none.
    pub in_updates: InUpdates,
    /// Whether the attribute is the id of `terraform import`.
    pub import_id: bool,
    /// Whether the attribute is part of the resource identity.
    pub identity: bool,
    /// Rules about its value.
    pub validators: Vec<Validator>,
}

/// The type of an attribute's values.
#[derive(Clone, Debug)]
pub enum AttributeType {
    /// A type of Terraform's type system.
    Plain(Type),
    /// A nested attribute: objects whose members are attributes with their own description and
    /// sensitivity.
    Nested {
        /// The arrangement of the objects.
        nesting: Nesting,
        /// The members of each object.
        attributes: Vec<Attribute>,
        /// Rules about combinations of the members of one object.
        rules: Vec<Rule>,
    },
}

/// The arrangement of the objects of a nested attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nesting {
    /// A single object.
    Single,
    /// A list of objects.
    List,
    /// A set of objects.
    Set,
    /// A map of objects, by keys that the user chooses.
    Map,
}

/// Whether the user or the provider sets an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Configurability {
    /// The user must set it.
    Required,
    /// The user may set it.
    Optional,
    /// The user may set it; otherwise the provider does.
    OptionalComputed,
    /// The provider sets it.
    Computed,
}

/// The changes of an attribute that replace the resource.
#[derive(Clone, Default)]
pub enum RequiresReplace {
    /// No change.
    #[default]
    Never,
    /// Every change.
    Always,
    /// The changes for which `condition` returns true.
    If {
        /// Takes the prior and the planned value.
        condition: Arc<Condition>,
        /// The condition in words, for the documentation, as in "to a shorter one".
        description: Cow<'static, str>,
    },
}

/// Returns whether a change from the prior to the planned value replaces the resource.
pub(super) type Condition = dyn Fn(&Value, &Value) -> bool + Send + Sync;

/// The planned value of a computed attribute in an update, where the configuration has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InUpdates {
    /// Unknown as soon as any attribute changes.
    #[default]
    Unknown,
    /// The value of the state: it never changes during the life of the resource.
    State,
    /// The value of the state, unless [`Resource::plan`](super::Resource::plan) changes it.
    Planned,
}

impl Schema {
    /// Creates a schema of version 0.
    pub fn new(description: impl Into<Cow<'static, str>>, attributes: impl Into<Vec<Attribute>>) -> Self {
        Self {
            description: description.into(),
            attributes: attributes.into(),
            ..Self::default()
        }
    }

    /// Replaces the description of the attribute at `path`, such as `vault.path`. For models that
    /// several resources share and that need a more specific text. A path to no attribute changes
    /// nothing.
    ///
    /// ```
    /// use token_providers::framework::{Attribute, Configurability, Schema, Type};
    ///
    /// let title = Attribute::new("title", Type::String, Configurability::Required, "The title.");
    /// let schema = Schema::new("A note.", [title]).describe("title", "The title of the note.");
    /// assert_eq!(schema.attributes[0].description, "The title of the note.");
    /// ```
    #[must_use]
    pub fn describe(mut self, path: impl Into<AttributePath>, description: impl Into<Cow<'static, str>>) -> Self {
        if let Some(attribute) = find(&mut self.attributes, path.into().steps()) {
            attribute.description = description.into();
        }
        self
    }

    /// Returns the type of an object with these attributes.
    pub fn object_type(&self) -> Type {
        object_type(&self.attributes)
    }

    /// Returns the identity attributes as a schema of its own; `None` if there are none.
    pub fn identity(&self) -> Option<Self> {
        let attributes = self.attributes.iter().filter(|attribute| attribute.identity);
        let attributes: Vec<_> = attributes
            .map(|attribute| {
                let Attribute {
                    name, ty, description, ..
                } = attribute.clone();
                Attribute::new(name, ty, Configurability::Required, description).identity()
            })
            .collect();
        (!attributes.is_empty()).then(|| Self {
            attributes,
            ..Self::default()
        })
    }
}

impl Attribute {
    /// Creates an attribute of the type `ty`.
    pub fn new(
        name: impl Into<Cow<'static, str>>,
        ty: impl Into<AttributeType>,
        configurability: Configurability,
        description: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            name: name.into(),
            ty: ty.into(),
            configurability,
            description: description.into(),
            sensitive: false,
            write_only: false,
            deprecated: None,
            requires_replace: RequiresReplace::Never,
            empty_is_null: false,
            default: None,
            in_updates: InUpdates::Unknown,
            import_id: false,
            identity: false,
            validators: Vec::new(),
        }
    }

    /// Hides the value in Terraform's output.
    #[must_use]
    pub fn sensitive(self) -> Self {
        Self {
            sensitive: true,
            ..self
        }
    }

    /// Makes every change replace the resource.
    #[must_use]
    pub fn requires_replace(self) -> Self {
        Self {
            requires_replace: RequiresReplace::Always,
            ..self
        }
    }

    /// Makes an empty string equivalent to null: a change from one to the other is no difference.
    /// The state has an empty string for both.
    #[must_use]
    pub fn empty_is_null(self) -> Self {
        Self {
            configurability: Configurability::OptionalComputed,
            empty_is_null: true,
            ..self
        }
    }

    /// Makes the attribute write-only: no plan and no state holds the value. The resource finds it
    /// in its model in every call that includes the configuration; a value that it returns is
    /// dropped. Only for attributes that the user sets. Needs Terraform 1.11.
    #[must_use]
    pub fn write_only(self) -> Self {
        Self {
            write_only: true,
            ..self
        }
    }

    /// Keeps the value of the state in updates: it never changes during the life of the resource.
    #[must_use]
    pub fn use_state_for_unknown(self) -> Self {
        Self {
            in_updates: InUpdates::State,
            ..self
        }
    }

    /// Keeps the value of the state in updates, unless [`Resource::plan`](super::Resource::plan)
    /// changes it.
    #[must_use]
    pub fn planned(self) -> Self {
        Self {
            in_updates: InUpdates::Planned,
            ..self
        }
    }

    /// Makes this attribute the id of `terraform import`.
    #[must_use]
    pub fn import_id(self) -> Self {
        Self {
            import_id: true,
            ..self
        }
    }

    /// Makes this attribute part of the resource identity.
    #[must_use]
    pub fn identity(self) -> Self {
        Self { identity: true, ..self }
    }

    /// Deprecates the attribute. `message` gives the reason and the replacement.
    #[must_use]
    pub fn deprecated(self, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            deprecated: Some(message.into()),
            ..self
        }
    }

    /// Adds a rule about the value.
    #[must_use]
    pub fn validate(mut self, validator: Validator) -> Self {
        self.validators.push(validator);
        self
    }

    /// Returns whether the provider may set the value.
    pub fn is_computed(&self) -> bool {
        matches!(
            self.configurability,
            Configurability::Computed | Configurability::OptionalComputed
        )
    }

    /// Returns whether the user may set the value.
    pub fn is_configurable(&self) -> bool {
        self.configurability != Configurability::Computed
    }

    /// Returns whether a change of it, or of one of its members, may replace the resource.
    pub(crate) fn may_replace(&self) -> bool {
        let members: &[Self] = match &self.ty {
            AttributeType::Nested { attributes, .. } => attributes,
            AttributeType::Plain(_) => &[],
        };
        !matches!(self.requires_replace, RequiresReplace::Never) || members.iter().any(Self::may_replace)
    }
}

impl AttributeType {
    /// Returns the type of a collection of such values: a nested attribute if the values are single
    /// objects of a nested attribute, otherwise a `plain` collection.
    pub(crate) fn collected(self, collection: Nesting, plain: impl FnOnce(Box<Type>) -> Type) -> Self {
        match self {
            Self::Nested {
                nesting: Nesting::Single,
                attributes,
                rules,
            } => Self::Nested {
                nesting: collection,
                attributes,
                rules,
            },
            other => Self::Plain(plain(Box::new(other.to_type()))),
        }
    }

    /// Returns the type of the values.
    pub fn to_type(&self) -> Type {
        match self {
            Self::Plain(ty) => ty.clone(),
            Self::Nested {
                nesting, attributes, ..
            } => {
                let object = object_type(attributes);
                match nesting {
                    Nesting::Single => object,
                    Nesting::List => Type::List(Box::new(object)),
                    Nesting::Set => Type::Set(Box::new(object)),
                    Nesting::Map => Type::Map(Box::new(object)),
                }
            }
        }
    }
}

impl From<Type> for AttributeType {
    fn from(ty: Type) -> Self {
        Self::Plain(ty)
    }
}

impl Nesting {
    /// Returns the objects of a nested attribute's value with their paths. The protocol cannot
    /// address an element of a set, so these have the path of the set.
    pub(crate) fn objects<'a>(self, value: &'a Value, path: &AttributePath) -> Vec<(AttributePath, &'a Value)> {
        match (self, value) {
            (Self::Single, object @ Value::Map(_)) => vec![(path.clone(), object)],
            (Self::List, Value::List(objects)) => {
                let objects = objects.iter().enumerate();
                objects.map(|(i, object)| (path.index(i), object)).collect()
            }
            (Self::Set, Value::List(objects)) => objects.iter().map(|object| (path.clone(), object)).collect(),
            (Self::Map, Value::Map(objects)) => {
                let objects = objects.iter();
                objects.map(|(key, object)| (path.key(key), object)).collect()
            }
            _ => Vec::new(),
        }
    }
}

impl Debug for RequiresReplace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => f.write_str("Never"),
            Self::Always => f.write_str("Always"),
            Self::If { description, .. } => f.debug_tuple("If").field(description).finish(),
        }
    }
}

fn object_type(attributes: &[Attribute]) -> Type {
    let attributes = attributes.iter();
    Type::Object(
        attributes
            .map(|attribute| (attribute.name.clone().into_owned(), attribute.ty.to_type()))
            .collect::<BTreeMap<_, _>>(),
    )
}

/// Finds the attribute at a path.
fn find<'a>(attributes: &'a mut [Attribute], steps: &[PathStep]) -> Option<&'a mut Attribute> {
    let (PathStep::Attribute(name), rest) = steps.split_first()? else {
        return None;
    };
    let attribute = attributes.iter_mut().find(|attribute| attribute.name == *name)?;
    if rest.is_empty() {
        return Some(attribute);
    }
    match &mut attribute.ty {
        AttributeType::Nested { attributes, .. } => find(attributes, rest),
        AttributeType::Plain(_) => None,
    }
}

/// Returns whether `name` is valid as the name of an attribute or a type.
pub(crate) fn is_name(name: &str) -> bool {
    let is_rest = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(is_rest)
}

#[cfg(test)]
mod tests;
