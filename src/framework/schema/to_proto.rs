//! Conversion of schemas to the messages of the plugin protocol.

use super::{Attribute, AttributeType, Configurability, Nesting, Schema};
use crate::framework::proto;

impl Schema {
    /// Converts the schema of an identity. Required and optional attributes are so for an import.
    pub(crate) fn to_identity_proto(&self) -> proto::ResourceIdentitySchema {
        use proto::resource_identity_schema::IdentityAttribute;
        let attributes = self.attributes.iter().map(|attribute| IdentityAttribute {
            name: attribute.name.clone().into_owned(),
            r#type: attribute.ty.to_type().to_json().to_string().into_bytes(),
            required_for_import: attribute.configurability == Configurability::Required,
            optional_for_import: attribute.configurability == Configurability::Optional,
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
            description: self.description.clone().into_owned(),
            description_kind: proto::StringKind::Markdown.into(),
            deprecated: self.deprecated.is_some(),
            ..Default::default()
        };
        proto::Schema {
            version: self.version,
            block: Some(block),
        }
    }
}

impl Attribute {
    fn to_proto(&self) -> proto::schema::Attribute {
        let (ty, nested_type) = match &self.ty {
            AttributeType::Plain(ty) => (ty.to_json().to_string().into_bytes(), None),
            AttributeType::Nested {
                nesting, attributes, ..
            } => {
                let nested = proto::schema::Object {
                    attributes: attributes.iter().map(Attribute::to_proto).collect(),
                    nesting: nesting.to_proto().into(),
                    ..Default::default()
                };
                (Vec::new(), Some(nested))
            }
        };
        proto::schema::Attribute {
            name: self.name.clone().into_owned(),
            r#type: ty,
            nested_type,
            description: self.description.clone().into_owned(),
            description_kind: proto::StringKind::Markdown.into(),
            required: self.configurability == Configurability::Required,
            optional: matches!(
                self.configurability,
                Configurability::Optional | Configurability::OptionalComputed
            ),
            computed: self.is_computed(),
            sensitive: self.sensitive,
            write_only: self.write_only,
            deprecated: self.deprecated.is_some(),
            ..Default::default()
        }
    }
}

impl Nesting {
    fn to_proto(self) -> proto::schema::object::NestingMode {
        use proto::schema::object::NestingMode;
        match self {
            Self::Single => NestingMode::Single,
            Self::List => NestingMode::List,
            Self::Set => NestingMode::Set,
            Self::Map => NestingMode::Map,
        }
    }
}
