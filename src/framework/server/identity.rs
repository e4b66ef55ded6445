//! The identities of managed resources, and the calls about them.

use super::{Server, encode, proto};
use crate::framework::diagnostic::{Diagnostic, Diagnostics};
use crate::framework::json;
use crate::framework::provider::Provider;
use crate::framework::resource::AnyResource;
use crate::framework::schema::Attribute;
use crate::framework::value::Value;

pub(super) async fn get_schemas<P: Provider>(
    server: &Server<P>,
    _: proto::get_resource_identity_schemas::Request,
    _: &mut Diagnostics,
) -> Option<proto::get_resource_identity_schemas::Response> {
    let schemas = server.resources.iter().filter_map(|(name, resource)| {
        let schema = resource.identity_schema()?;
        Some(((*name).to_owned(), schema.to_identity_proto()))
    });
    Some(proto::get_resource_identity_schemas::Response {
        identity_schemas: schemas.collect(),
        ..Default::default()
    })
}

pub(super) async fn upgrade<P: Provider>(
    server: &Server<P>,
    request: proto::upgrade_resource_identity::Request,
    diagnostics: &mut Diagnostics,
) -> Option<proto::upgrade_resource_identity::Response> {
    let type_name = request.type_name;
    let schema = server.resource(&type_name, diagnostics)?.identity_schema()?;
    if request.version != schema.version {
        diagnostics.push(Diagnostic::error(
            "Identity of another version",
            format!(
                "The identity of this {type_name} has schema version {}, this provider knows version {}. \
                 Use the version of the provider that wrote the state, or a newer one.",
                request.version, schema.version
            ),
        ));
        return None;
    }
    let ty = schema.object_type();
    let identity = json::decode(&request.raw_identity.unwrap_or_default().json, &ty).map_err(|error| {
        Diagnostic::error(
            "Unreadable identity",
            format!("The identity of this {type_name} does not fit the provider's schema: {error}."),
        )
    });
    let identity = diagnostics.ok(identity)?;
    Some(proto::upgrade_resource_identity::Response {
        upgraded_identity: Some(data(encode(&identity, &ty, diagnostics)?)),
        ..Default::default()
    })
}

/// The identity of what `state` describes, if it describes something that has one. Where not all of it is known, it is
/// `present`, what Terraform has of it: it takes only whole ones (1.15 cannot show a plan with an unknown in one).
pub(super) fn of(
    resource: &(impl AnyResource + ?Sized),
    state: &Value,
    present: Option<proto::ResourceIdentityData>,
    diagnostics: &mut Diagnostics,
) -> Option<proto::ResourceIdentityData> {
    if state.is_null() {
        return None;
    }
    let schema = resource.identity_schema()?;
    let identity = resource.identity(state)?;
    let is_unknown = |attribute: &Attribute| *identity.get(attribute.name) == Value::Unknown;
    if schema.attributes.iter().any(is_unknown) {
        return present;
    }
    encode(&identity, &schema.object_type(), diagnostics).map(data)
}

fn data(value: proto::DynamicValue) -> proto::ResourceIdentityData {
    proto::ResourceIdentityData {
        identity_data: Some(value),
    }
}
