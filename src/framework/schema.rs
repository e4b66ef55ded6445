//! Schemas: what a provider, a resource or a data source can be told and can tell.

use std::borrow::Cow;

use super::proto;
use super::types::Type;
use super::value::Value;

/// The attributes of one kind of thing, with the version that its states carry.
#[derive(Clone, Debug)]
pub struct Schema {
    /// Raised when the meaning of a stored state changes.
    pub version: i64,
    /// What this is, in Markdown, for the documentation.
    pub description: &'static str,
    /// The attributes, in the order of the documentation.
    pub attributes: Vec<Attribute>,
}

/// One attribute of a [`Schema`].
#[derive(Clone, Debug)]
pub struct Attribute {
    /// The name in the configuration.
    pub name: &'static str,
    /// The type of its values.
    pub ty: Type,
    /// Who sets it.
    pub presence: Presence,
    /// What it means, in Markdown.
    pub description: Cow<'static, str>,
    /// Whether Terraform hides it in its output.
    pub sensitive: bool,
    /// Whether a change ends the resource and makes a new one.
    pub replaces: bool,
    /// Whether an empty text means the same as none.
    pub empty_is_none: bool,
    /// Whether its value is for the provider only: neither plan nor state ever holds it.
    pub write_only: bool,
    /// The members of an object that are attributes of their own, each with its description; empty for other types.
    pub members: Vec<Attribute>,
}

/// Who sets an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// The user must.
    Required,
    /// The user may.
    Optional,
    /// The user may, else the provider does.
    OptionalComputed,
    /// The provider does.
    Computed,
}

impl Schema {
    /// Version 0 of a schema.
    pub fn new(description: &'static str, attributes: impl Into<Vec<Attribute>>) -> Self {
        Self {
            version: 0,
            description,
            attributes: attributes.into(),
        }
    }

    /// The type of the object that holds the attributes.
    pub fn object_type(&self) -> Type {
        object_type(&self.attributes)
    }

    /// `value` with what is write-only taken from `config`, the only one that has it.
    pub(crate) fn with_write_only(&self, mut value: Value, config: &Value) -> Value {
        if let Value::Map(members) = &mut value {
            for attribute in self.write_only() {
                members.insert(attribute.name.to_owned(), config.get(attribute.name).clone());
            }
        }
        value
    }

    /// `value` without what is write-only.
    pub(crate) fn without_write_only(&self, value: Value) -> Value {
        self.with_write_only(value, &Value::Null)
    }

    pub(crate) fn write_only(&self) -> impl Iterator<Item = &Attribute> {
        self.attributes.iter().filter(|attribute| attribute.write_only)
    }

    /// The schema of an identity: what is required is so for an import, as is what is optional.
    pub(crate) fn to_identity_proto(&self) -> proto::ResourceIdentitySchema {
        use proto::resource_identity_schema::IdentityAttribute;
        let attributes = self.attributes.iter().map(|attribute| IdentityAttribute {
            name: attribute.name.to_owned(),
            r#type: attribute.ty.to_json().to_string().into_bytes(),
            required_for_import: attribute.presence == Presence::Required,
            optional_for_import: attribute.presence == Presence::Optional,
            description: attribute.description.clone().into_owned(),
        });
        proto::ResourceIdentitySchema {
            version: self.version,
            identity_attributes: attributes.collect(),
        }
    }

    pub(crate) fn to_proto(&self) -> proto::Schema {
        let block = proto::schema::Block {
            version: self.version,
            attributes: self.attributes.iter().map(Attribute::to_proto).collect(),
            description: self.description.to_owned(),
            description_kind: proto::StringKind::Markdown.into(),
            ..Default::default()
        };
        proto::Schema {
            version: self.version,
            block: Some(block),
        }
    }
}

impl Attribute {
    /// An attribute that the user must set.
    pub fn required(name: &'static str, ty: Type, description: impl Into<Cow<'static, str>>) -> Self {
        Self {
            name,
            ty,
            presence: Presence::Required,
            description: description.into(),
            sensitive: false,
            replaces: false,
            empty_is_none: false,
            write_only: false,
            members: Vec::new(),
        }
    }

    /// An attribute that the user may set.
    pub fn optional(name: &'static str, ty: Type, description: impl Into<Cow<'static, str>>) -> Self {
        Self {
            presence: Presence::Optional,
            ..Self::required(name, ty, description)
        }
    }

    /// An attribute that the user may set, and that the provider sets otherwise.
    pub fn optional_computed(name: &'static str, ty: Type, description: impl Into<Cow<'static, str>>) -> Self {
        Self {
            presence: Presence::OptionalComputed,
            ..Self::required(name, ty, description)
        }
    }

    /// An attribute that the provider sets.
    pub fn computed(name: &'static str, ty: Type, description: impl Into<Cow<'static, str>>) -> Self {
        Self {
            presence: Presence::Computed,
            ..Self::required(name, ty, description)
        }
    }

    /// An object that the provider sets, whose members are attributes.
    pub fn computed_object(
        name: &'static str,
        members: impl Into<Vec<Attribute>>,
        description: impl Into<Cow<'static, str>>,
    ) -> Self {
        let members = members.into();
        Self {
            members: members.clone(),
            ..Self::computed(name, object_type(&members), description)
        }
    }

    /// An object that the user may set, whose members are attributes.
    pub fn optional_object(
        name: &'static str,
        members: impl Into<Vec<Attribute>>,
        description: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            presence: Presence::Optional,
            ..Self::computed_object(name, members, description)
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

    /// The same attribute, whose change makes a new resource.
    #[must_use]
    pub fn replaces(self) -> Self {
        Self { replaces: true, ..self }
    }

    /// The same optional text, where an empty one means the same as none: neither is a change of the other. The state has
    /// an empty text for both.
    #[must_use]
    pub fn empty_is_none(self) -> Self {
        Self {
            presence: Presence::OptionalComputed,
            empty_is_none: true,
            ..self
        }
    }

    /// The same attribute, whose value no plan and no state holds. In every call that brings the configuration, the
    /// resource finds it in its model; what it answers there is dropped. Only at the top of a resource's schema, and only
    /// for what the user sets (Terraform 1.11).
    #[must_use]
    pub fn write_only(self) -> Self {
        Self {
            write_only: true,
            ..self
        }
    }

    /// Whether the provider may set it.
    pub fn is_computed(&self) -> bool {
        matches!(self.presence, Presence::Computed | Presence::OptionalComputed)
    }

    fn to_proto(&self) -> proto::schema::Attribute {
        // Either a type, or members that tell it.
        let (ty, nested_type) = if self.members.is_empty() {
            (self.ty.to_json().to_string().into_bytes(), None)
        } else {
            let nested = proto::schema::Object {
                attributes: self.members.iter().map(Attribute::to_proto).collect(),
                nesting: proto::schema::object::NestingMode::Single.into(),
                ..Default::default()
            };
            (Vec::new(), Some(nested))
        };
        proto::schema::Attribute {
            name: self.name.to_owned(),
            r#type: ty,
            nested_type,
            description: self.description.clone().into_owned(),
            description_kind: proto::StringKind::Markdown.into(),
            required: self.presence == Presence::Required,
            optional: matches!(self.presence, Presence::Optional | Presence::OptionalComputed),
            computed: self.is_computed(),
            sensitive: self.sensitive,
            write_only: self.write_only,
            ..Default::default()
        }
    }
}

fn object_type(attributes: &[Attribute]) -> Type {
    let attributes = attributes.iter();
    Type::Object(
        attributes
            .map(|attribute| (attribute.name.to_owned(), attribute.ty.clone()))
            .collect(),
    )
}
