//! Identities of managed resources, and their RPCs.

use super::{HandlerResult, Server, encode, proto};
use crate::framework::context::{Context, Reported};
use crate::framework::diagnostic::Diagnostic;
use crate::framework::provider::Provider;
use crate::framework::resource::DynResource;
use crate::framework::stored_state::StoredState;
use crate::framework::value::Value;

pub(super) async fn get_schemas<P: Provider>(
    server: &Server<P>,
    _: proto::get_resource_identity_schemas::Request,
    _: &Reported,
) -> HandlerResult<proto::get_resource_identity_schemas::Response> {
    let schemas = server.resources.iter().filter_map(|(name, resource)| {
        let schema = resource.identity_schema()?;
        Some(((*name).to_owned(), schema.to_identity_proto()))
    });
    Ok(proto::get_resource_identity_schemas::Response {
        identity_schemas: schemas.collect(),
        ..Default::default()
    })
}

pub(super) async fn upgrade<P: Provider>(
    server: &Server<P>,
    request: proto::upgrade_resource_identity::Request,
    _: &Reported,
) -> HandlerResult<proto::upgrade_resource_identity::Response> {
    let resource = server.resource(&request.type_name)?;
    let stored = StoredState::decode(&request.raw_identity.unwrap_or_default().json)?;
    let identity = resource.upgrade_identity(request.version, &stored)?;
    let ty = resource.identity_schema().unwrap_or_default().object_type();
    Ok(proto::upgrade_resource_identity::Response {
        upgraded_identity: Some(data(encode(&identity.0, &ty)?)),
        ..Default::default()
    })
}

/// Returns the identity of the object in `state`, if it has one. If a part of it is unknown,
/// returns `present`, the identity that Terraform already has: Terraform accepts only known
/// identities (1.15 cannot show a plan with a partly unknown one).
pub(super) fn of<C>(
    resource: &(impl DynResource<C> + ?Sized),
    context: &Context<C>,
    state: &Value,
    present: Option<proto::ResourceIdentityData>,
) -> Result<Option<proto::ResourceIdentityData>, Diagnostic> {
    if state.is_null() {
        return Ok(None);
    }
    let schema = resource.identity_schema();
    let Some((schema, identity)) = schema.zip(resource.identity(context, state)) else {
        return Ok(None);
    };
    if !identity.0.is_wholly_known() {
        return Ok(present);
    }
    encode(&identity.0, &schema.object_type()).map(data).map(Some)
}

fn data(value: proto::DynamicValue) -> proto::ResourceIdentityData {
    proto::ResourceIdentityData {
        identity_data: Some(value),
    }
}
