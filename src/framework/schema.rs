//! Schemas: the attributes of a provider, a resource, a data source or another kind of thing.

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

/// The attributes of one kind of thing, with the version that its states carry. A
/// [`Model`](derive@super::Model) derives it.
#[derive(Clone, Debug, Default)]
pub struct Schema {
    /// Raised when the meaning of a stored state changes.
    pub version: i64,
    /// What this is, in Markdown, for the documentation.
    pub description: Cow<'static, str>,
    /// Why it should not be used any more, and what instead.
    pub deprecated: Option<Cow<'static, str>>,
    /// The attributes, in the order of the documentation.
    pub attributes: Vec<Attribute>,
    /// How the attributes go together.
    pub rules: Vec<Rule>,
}

/// One attribute of a [`Schema`].
#[derive(Clone, Debug)]
pub struct Attribute {
    /// The name in the configuration.
    pub name: Cow<'static, str>,
    /// The type of its values.
    pub ty: AttributeType,
    /// Who sets it.
    pub configurability: Configurability,
    /// What it means, in Markdown.
    pub description: Cow<'static, str>,
    /// Whether Terraform hides it in its output.
    pub sensitive: bool,
    /// Whether its value is for the provider only: neither plan nor state ever holds it.
    pub write_only: bool,
    /// Why it should not be set any more, and what to do instead.
    pub deprecated: Option<Cow<'static, str>>,
    /// Which changes of it replace the resource.
    pub requires_replace: RequiresReplace,
    /// Whether an empty text means the same as none.
    pub empty_is_null: bool,
    /// Its value where the user sets none.
    pub default: Option<Value>,
    /// Its planned value in an update where the user sets none.
    pub in_updates: InUpdates,
    /// Whether it is the id of an import.
    pub import_id: bool,
    /// Whether it belongs to the identity of the resource.
    pub identity: bool,
    /// Rules about its value.
    pub validators: Vec<Validator>,
}

/// The type of an attribute's values.
#[derive(Clone, Debug)]
pub enum AttributeType {
    /// A type of Terraform's language.
    Plain(Type),
    /// Objects whose members are attributes of their own, each with its description and its sensitivity.
    Nested {
        /// How many objects there are.
        nesting: Nesting,
        /// The members.
        attributes: Vec<Attribute>,
        /// How the members of one object go together.
        rules: Vec<Rule>,
    },
}

/// How many objects a nested attribute holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nesting {
    /// One.
    Single,
    /// A sequence.
    List,
    /// A sequence without order or repetition.
    Set,
    /// Objects under keys of the user's choice.
    Map,
}

/// Who sets an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Configurability {
    /// The user must.
    Required,
    /// The user may.
    Optional,
    /// The user may, else the provider does.
    OptionalComputed,
    /// The provider does.
    Computed,
}

/// Which changes of an attribute replace the resource.
#[derive(Clone, Default)]
pub enum RequiresReplace {
    /// None.
    #[default]
    Never,
    /// Each.
    Always,
    /// Those from a prior to a planned value for which `condition` holds.
    If {
        /// Takes the prior and the planned value.
        condition: Arc<Condition>,
        /// When it holds, for the documentation, as in "to a shorter one".
        description: Cow<'static, str>,
    },
}

/// Whether a change from a prior to a planned value replaces the resource.
pub(super) type Condition = dyn Fn(&Value, &Value) -> bool + Send + Sync;

/// The planned value of a computed attribute in an update, where the user sets none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InUpdates {
    /// Unknown as soon as anything changes.
    #[default]
    Unknown,
    /// That of the state: it does not change during the life of the resource.
    State,
    /// That of the state, unless [`Resource::plan`](super::Resource::plan) decides otherwise.
    Planned,
}

impl Schema {
    /// Version 0 of a schema.
    pub fn new(description: impl Into<Cow<'static, str>>, attributes: impl Into<Vec<Attribute>>) -> Self {
        Self {
            description: description.into(),
            attributes: attributes.into(),
            ..Self::default()
        }
    }

    /// The same schema with another description of the attribute at `path`, such as `vault.path`: for what a model that
    /// several things share cannot know. A path that leads nowhere changes nothing.
    #[must_use]
    pub fn describe(mut self, path: impl Into<AttributePath>, description: impl Into<Cow<'static, str>>) -> Self {
        if let Some(attribute) = find(&mut self.attributes, path.into().steps()) {
            attribute.description = description.into();
        }
        self
    }

    /// The type of the object that holds the attributes.
    pub fn object_type(&self) -> Type {
        object_type(&self.attributes)
    }

    /// The attributes that belong to the identity of the resource, as a schema; `None` if there are none.
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
    /// An attribute of any type.
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

    /// The same attribute, hidden in Terraform's output.
    #[must_use]
    pub fn sensitive(self) -> Self {
        Self {
            sensitive: true,
            ..self
        }
    }

    /// The same attribute, each change of which replaces the resource.
    #[must_use]
    pub fn requires_replace(self) -> Self {
        Self {
            requires_replace: RequiresReplace::Always,
            ..self
        }
    }

    /// The same optional text, where an empty one means the same as none: neither is a change of the other. The state has
    /// an empty text for both.
    #[must_use]
    pub fn empty_is_null(self) -> Self {
        Self {
            configurability: Configurability::OptionalComputed,
            empty_is_null: true,
            ..self
        }
    }

    /// The same attribute, whose value no plan and no state holds. In every call that brings the configuration, the
    /// resource finds it in its model; what it answers there is dropped. Only for what the user sets (Terraform 1.11).
    #[must_use]
    pub fn write_only(self) -> Self {
        Self {
            write_only: true,
            ..self
        }
    }

    /// The same computed attribute, which does not change during the life of the resource.
    #[must_use]
    pub fn use_state_for_unknown(self) -> Self {
        Self {
            in_updates: InUpdates::State,
            ..self
        }
    }

    /// The same computed attribute, whose changes [`Resource::plan`](super::Resource::plan) decides.
    #[must_use]
    pub fn planned(self) -> Self {
        Self {
            in_updates: InUpdates::Planned,
            ..self
        }
    }

    /// The same attribute, which is the id of an import.
    #[must_use]
    pub fn import_id(self) -> Self {
        Self {
            import_id: true,
            ..self
        }
    }

    /// The same attribute, which belongs to the resource's identity.
    #[must_use]
    pub fn identity(self) -> Self {
        Self { identity: true, ..self }
    }

    /// The same attribute, which should not be set any more; `message` says why, and what to do instead.
    #[must_use]
    pub fn deprecated(self, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            deprecated: Some(message.into()),
            ..self
        }
    }

    /// The same attribute with one more rule about its value.
    #[must_use]
    pub fn validate(mut self, validator: Validator) -> Self {
        self.validators.push(validator);
        self
    }

    /// Whether the provider may set it.
    pub fn is_computed(&self) -> bool {
        matches!(
            self.configurability,
            Configurability::Computed | Configurability::OptionalComputed
        )
    }

    /// Whether the user may set it.
    pub fn is_configurable(&self) -> bool {
        self.configurability != Configurability::Computed
    }

    /// Whether a change of it, or of a member of it, may replace the resource.
    pub(crate) fn may_replace(&self) -> bool {
        let members: &[Self] = match &self.ty {
            AttributeType::Nested { attributes, .. } => attributes,
            AttributeType::Plain(_) => &[],
        };
        !matches!(self.requires_replace, RequiresReplace::Never) || members.iter().any(Self::may_replace)
    }
}

impl AttributeType {
    /// The type of a collection of such values: of nested attributes if they are single objects with attributes, else a
    /// `plain` one.
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

    /// The type of the values.
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
    /// The objects in a value of a nested attribute, each with its path. The protocol has no path to an element of a set.
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

/// The attribute that the names among `steps` lead to.
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

/// Whether this is the name of an attribute or a type.
pub(crate) fn is_name(name: &str) -> bool {
    let is_rest = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(is_rest)
}

#[cfg(test)]
mod tests;
