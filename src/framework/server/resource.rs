//! RPCs of managed resources.

use super::{HandlerResult, Server, decode, encode, identity, proto};
use crate::framework::context::Reported;
use crate::framework::diagnostic::Diagnostic;
use crate::framework::identity::Identity;
use crate::framework::path::AttributePath;
use crate::framework::provider::Provider;
use crate::framework::schema::Schema;
use crate::framework::stored_state::{SourceState, StoredState};
use crate::framework::value::Value;

pub(super) async fn validate_config<P: Provider>(
    server: &Server<P>,
    request: proto::validate_resource_config::Request,
    reported: &Reported,
) -> HandlerResult<proto::validate_resource_config::Response> {
    let resource = server.resource(&request.type_name)?;
    let schema = resource.schema();
    let config = decode("configuration", request.config.as_ref(), &schema.object_type())?;
    let capabilities = request.client_capabilities.unwrap_or_default();
    if !capabilities.write_only_attributes_allowed {
        let refused = schema.write_only_set(&config).into_iter().map(needs_newer_terraform);
        reported.lock().extend(refused);
    }
    reported.lock().extend(resource.validate(&config));
    Ok(Default::default())
}

fn needs_newer_terraform(attribute: AttributePath) -> Diagnostic {
    let detail = format!(
        "`{attribute}` is write-only: its value must not be stored in plans and states. This version of Terraform would \
         store it. Use Terraform 1.11 or later, or remove the argument."
    );
    Diagnostic::error("Write-only argument not supported", detail).on(attribute)
}

/// Encodes a state for a response.
fn encode_state(state: Value, schema: &Schema) -> Result<proto::DynamicValue, Diagnostic> {
    encode(&schema.without_write_only(state), &schema.object_type())
}

pub(super) async fn upgrade_state<P: Provider>(
    server: &Server<P>,
    request: proto::upgrade_resource_state::Request,
    _: &Reported,
) -> HandlerResult<proto::upgrade_resource_state::Response> {
    let resource = server.resource(&request.type_name)?;
    let stored = StoredState::decode(&request.raw_state.unwrap_or_default().json)?;
    let state = resource.upgrade(request.version, &stored)?;
    Ok(proto::upgrade_resource_state::Response {
        upgraded_state: Some(encode_state(state, &resource.schema())?),
        ..Default::default()
    })
}

pub(super) async fn read<P: Provider>(
    server: &Server<P>,
    request: proto::read_resource::Request,
    reported: &Reported,
) -> HandlerResult<proto::read_resource::Response> {
    let resource = server.resource(&request.type_name)?;
    let schema = resource.schema();
    let state = decode("state", request.current_state.as_ref(), &schema.object_type())?;
    let context = server.context_with(&request.private, reported);
    let state = match state.is_null() {
        true => state,
        false => resource.read(&context, state).await,
    };
    Ok(proto::read_resource::Response {
        new_identity: identity::of(resource, &context, &state, request.current_identity)?,
        new_state: Some(encode_state(state, &schema)?),
        private: context.private.encode(),
        ..Default::default()
    })
}

pub(super) async fn plan<P: Provider>(
    server: &Server<P>,
    request: proto::plan_resource_change::Request,
    reported: &Reported,
) -> HandlerResult<proto::plan_resource_change::Response> {
    let resource = server.resource(&request.type_name)?;
    let schema = resource.schema();
    let ty = schema.object_type();
    let config = decode("configuration", request.config.as_ref(), &ty)?;
    let prior = decode("prior state", request.prior_state.as_ref(), &ty)?;
    let proposed = decode("proposed state", request.proposed_new_state.as_ref(), &ty)?;
    let context = server.context_with(&request.prior_private, reported);
    let Some(plan) = resource.plan(&context, &config, &prior, proposed).await else {
        return Ok(Default::default());
    };
    // In a replacement, Terraform sends the identity of the old object.
    let present = request.prior_identity.filter(|_| !prior.is_null());
    Ok(proto::plan_resource_change::Response {
        planned_identity: identity::of(resource, &context, &plan.planned, present)?,
        planned_state: Some(encode_state(plan.planned, &schema)?),
        requires_replace: plan.requires_replace.iter().map(AttributePath::to_proto).collect(),
        planned_private: context.private.encode(),
        ..Default::default()
    })
}

pub(super) async fn apply<P: Provider>(
    server: &Server<P>,
    request: proto::apply_resource_change::Request,
    reported: &Reported,
) -> HandlerResult<proto::apply_resource_change::Response> {
    let resource = server.resource(&request.type_name)?;
    let schema = resource.schema();
    let ty = schema.object_type();
    let prior = decode("prior state", request.prior_state.as_ref(), &ty)?;
    let planned = decode("planned state", request.planned_state.as_ref(), &ty)?;
    let config = decode("configuration", request.config.as_ref(), &ty)?;
    let planned = schema.with_write_only(planned, &config);
    let context = server.context_with(&request.planned_private, reported);
    let state = resource.apply(&context, prior, planned).await;
    // The state must be saved even if its identity cannot be encoded.
    let new_identity = identity::of(resource, &context, &state, request.planned_identity);
    Ok(proto::apply_resource_change::Response {
        new_identity: reported.lock().ok(new_identity).flatten(),
        new_state: Some(encode_state(state, &schema)?),
        private: context.private.encode(),
        ..Default::default()
    })
}

pub(super) async fn import_state<P: Provider>(
    server: &Server<P>,
    request: proto::import_resource_state::Request,
    reported: &Reported,
) -> HandlerResult<proto::import_resource_state::Response> {
    let resource = server.resource(&request.type_name)?;
    let context = server.context_with(&[], reported);
    let id = match (request.identity, resource.identity_schema()) {
        (Some(identity), Some(schema)) => {
            let identity = decode("identity", identity.identity_data.as_ref(), &schema.object_type())?;
            resource.import_id(&context, &Identity(identity))?
        }
        _ => request.id,
    };
    let Some(found) = resource.import(&context, &id).await else {
        return Ok(Default::default());
    };
    let imported = proto::import_resource_state::ImportedResource {
        type_name: request.type_name,
        identity: identity::of(resource, &context, &found, None)?,
        state: Some(encode_state(found, &resource.schema())?),
        private: context.private.encode(),
    };
    Ok(proto::import_resource_state::Response {
        imported_resources: vec![imported],
        ..Default::default()
    })
}

pub(super) async fn move_state<P: Provider>(
    server: &Server<P>,
    request: proto::move_resource_state::Request,
    reported: &Reported,
) -> HandlerResult<proto::move_resource_state::Response> {
    let resource = server.resource(&request.target_type_name)?;
    let from = SourceState {
        provider: &request.source_provider_address,
        type_name: &request.source_type_name,
        schema_version: request.source_schema_version,
        state: StoredState::decode(&request.source_state.unwrap_or_default().json)?,
    };
    let state = resource.move_state(&from)?;
    let context = server.context(reported);
    Ok(proto::move_resource_state::Response {
        target_identity: identity::of(resource, &context, &state, None)?,
        target_state: Some(encode_state(state, &resource.schema())?),
        ..Default::default()
    })
}

/// Returns the configuration of an existing object: the values of the attributes that the user may
/// set.
pub(super) async fn generate_config<P: Provider>(
    server: &Server<P>,
    request: proto::generate_resource_config::Request,
    _: &Reported,
) -> HandlerResult<proto::generate_resource_config::Response> {
    let schema = server.resource(&request.type_name)?.schema();
    let state = decode("state", request.state.as_ref(), &schema.object_type())?;
    Ok(proto::generate_resource_config::Response {
        config: Some(encode_state(schema.without_computed(state), &schema)?),
        ..Default::default()
    })
}
