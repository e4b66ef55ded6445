//! The calls about managed resources.

use serde_json::Value as Json;

use super::{Server, decode, encode, identity, proto};
use crate::framework::diagnostic::{Diagnostic, Diagnostics};
use crate::framework::json;
use crate::framework::provider::Provider;
use crate::framework::resource::MovedState;
use crate::framework::schema::{Presence, Schema};
use crate::framework::value::Value;

pub(super) async fn validate_config<P: Provider>(
    server: &Server<P>,
    request: proto::validate_resource_config::Request,
    diagnostics: &mut Diagnostics,
) -> Option<proto::validate_resource_config::Response> {
    let resource = server.resource(&request.type_name, diagnostics)?;
    let schema = resource.schema();
    let config = decode(
        "configuration",
        request.config.as_ref(),
        &schema.object_type(),
        diagnostics,
    )?;
    if !request
        .client_capabilities
        .unwrap_or_default()
        .write_only_attributes_allowed
    {
        for attribute in schema
            .write_only()
            .filter(|attribute| !config.get(attribute.name).is_null())
        {
            diagnostics.push(needs_newer_terraform(attribute.name));
        }
    }
    resource.validate(&config, diagnostics);
    Some(Default::default())
}

fn needs_newer_terraform(attribute: &'static str) -> Diagnostic {
    let detail = format!(
        "`{attribute}` is write-only: its value is to be in no plan and no state. That needs Terraform 1.11 or later; this \
         one would store it. Leave the argument out, or use a newer Terraform."
    );
    Diagnostic::error("Terraform is too old for a write-only argument", detail).on(attribute)
}

/// Writes the state of an answer.
fn encode_state(state: Value, schema: &Schema, diagnostics: &mut Diagnostics) -> Option<proto::DynamicValue> {
    encode(&schema.without_write_only(state), &schema.object_type(), diagnostics)
}

pub(super) async fn upgrade_state<P: Provider>(
    server: &Server<P>,
    request: proto::upgrade_resource_state::Request,
    diagnostics: &mut Diagnostics,
) -> Option<proto::upgrade_resource_state::Response> {
    let schema = server.resource(&request.type_name, diagnostics)?.schema();
    if request.version != schema.version {
        diagnostics.push(Diagnostic::error(
            "State of another version",
            format!(
                "The state of this {} has schema version {}, this provider knows version {}. \
                 Use the version of the provider that wrote the state, or a newer one.",
                request.type_name, request.version, schema.version
            ),
        ));
        return None;
    }
    let ty = schema.object_type();
    let state = json::decode(&request.raw_state.unwrap_or_default().json, &ty).map_err(|error| {
        Diagnostic::error(
            "Unreadable state",
            format!(
                "The state of this {} does not fit the provider's schema: {error}.",
                request.type_name
            ),
        )
    });
    let state = diagnostics.ok(state)?;
    let upgraded = encode_state(state, &schema, diagnostics)?;
    Some(proto::upgrade_resource_state::Response {
        upgraded_state: Some(upgraded),
        ..Default::default()
    })
}

pub(super) async fn read<P: Provider>(
    server: &Server<P>,
    request: proto::read_resource::Request,
    diagnostics: &mut Diagnostics,
) -> Option<proto::read_resource::Response> {
    let resource = server.resource(&request.type_name, diagnostics)?;
    let schema = resource.schema();
    let state = request.current_state.as_ref();
    let state = decode("state", state, &schema.object_type(), diagnostics)?;
    let context = server.context_with(&request.private);
    let state = if state.is_null() {
        state
    } else {
        resource.read(&context, state, diagnostics).await
    };
    Some(proto::read_resource::Response {
        new_identity: identity::of(resource, &state, request.current_identity, diagnostics),
        new_state: Some(encode_state(state, &schema, diagnostics)?),
        private: context.private.encode(),
        ..Default::default()
    })
}

pub(super) async fn plan<P: Provider>(
    server: &Server<P>,
    request: proto::plan_resource_change::Request,
    diagnostics: &mut Diagnostics,
) -> Option<proto::plan_resource_change::Response> {
    let resource = server.resource(&request.type_name, diagnostics)?;
    let schema = resource.schema();
    let ty = schema.object_type();
    let config = decode("configuration", request.config.as_ref(), &ty, diagnostics)?;
    let prior = decode("prior state", request.prior_state.as_ref(), &ty, diagnostics)?;
    let proposed = decode("proposed state", request.proposed_new_state.as_ref(), &ty, diagnostics)?;
    let context = server.context_with(&request.prior_private);
    let plan = resource.plan(&context, &config, &prior, proposed, diagnostics).await?;
    // With a replacement comes the identity of what is replaced.
    let present = request.prior_identity.filter(|_| !prior.is_null());
    Some(proto::plan_resource_change::Response {
        planned_identity: identity::of(resource, &plan.planned, present, diagnostics),
        planned_state: Some(encode_state(plan.planned, &schema, diagnostics)?),
        requires_replace: plan.replaces.into_iter().map(super::path).collect(),
        planned_private: context.private.encode(),
        ..Default::default()
    })
}

pub(super) async fn apply<P: Provider>(
    server: &Server<P>,
    request: proto::apply_resource_change::Request,
    diagnostics: &mut Diagnostics,
) -> Option<proto::apply_resource_change::Response> {
    let resource = server.resource(&request.type_name, diagnostics)?;
    let schema = resource.schema();
    let ty = schema.object_type();
    let prior = decode("prior state", request.prior_state.as_ref(), &ty, diagnostics)?;
    let planned = decode("planned state", request.planned_state.as_ref(), &ty, diagnostics)?;
    let config = decode("configuration", request.config.as_ref(), &ty, diagnostics)?;
    let planned = schema.with_write_only(planned, &config);
    let context = server.context_with(&request.planned_private);
    let state = resource.apply(&context, prior, planned, diagnostics).await;
    Some(proto::apply_resource_change::Response {
        new_identity: identity::of(resource, &state, request.planned_identity, diagnostics),
        new_state: Some(encode_state(state, &schema, diagnostics)?),
        private: context.private.encode(),
        ..Default::default()
    })
}

pub(super) async fn import_state<P: Provider>(
    server: &Server<P>,
    request: proto::import_resource_state::Request,
    diagnostics: &mut Diagnostics,
) -> Option<proto::import_resource_state::Response> {
    let resource = server.resource(&request.type_name, diagnostics)?;
    let id = match (request.identity, resource.identity_schema()) {
        (Some(identity), Some(schema)) => {
            let ty = schema.object_type();
            let identity = decode("identity", identity.identity_data.as_ref(), &ty, diagnostics)?;
            resource.import_id(&identity, diagnostics)?
        }
        _ => request.id,
    };
    let context = server.context();
    let found = resource.import(&context, &id, diagnostics).await?;
    let imported = proto::import_resource_state::ImportedResource {
        type_name: request.type_name,
        identity: identity::of(resource, &found, None, diagnostics),
        state: Some(encode_state(found, &resource.schema(), diagnostics)?),
        private: context.private.encode(),
    };
    Some(proto::import_resource_state::Response {
        imported_resources: vec![imported],
        ..Default::default()
    })
}

pub(super) async fn move_state<P: Provider>(
    server: &Server<P>,
    request: proto::move_resource_state::Request,
    diagnostics: &mut Diagnostics,
) -> Option<proto::move_resource_state::Response> {
    let resource = server.resource(&request.target_type_name, diagnostics)?;
    let state = request.source_state.unwrap_or_default();
    let attributes = serde_json::from_slice::<Json>(&state.json).map_err(|_| {
        let detail = format!(
            "The state of the {} to move is not well-formed JSON.",
            request.source_type_name
        );
        Diagnostic::error("Unreadable state", detail)
    });
    let from = MovedState {
        provider: &request.source_provider_address,
        type_name: &request.source_type_name,
        schema_version: request.source_schema_version,
        attributes: &diagnostics.ok(attributes)?,
    };
    let state = resource.take_over(&from, diagnostics)?;
    Some(proto::move_resource_state::Response {
        target_identity: identity::of(resource, &state, None, diagnostics),
        target_state: Some(encode_state(state, &resource.schema(), diagnostics)?),
        ..Default::default()
    })
}

/// What a user could have written to have this state: all that a user may set, as it is.
pub(super) async fn generate_config<P: Provider>(
    server: &Server<P>,
    request: proto::generate_resource_config::Request,
    diagnostics: &mut Diagnostics,
) -> Option<proto::generate_resource_config::Response> {
    let schema = server.resource(&request.type_name, diagnostics)?.schema();
    let mut config = decode("state", request.state.as_ref(), &schema.object_type(), diagnostics)?;
    if let Value::Map(members) = &mut config {
        for attribute in schema.attributes.iter().filter(|a| a.presence == Presence::Computed) {
            members.insert(attribute.name.to_owned(), Value::Null);
        }
    }
    Some(proto::generate_resource_config::Response {
        config: Some(encode_state(config, &schema, diagnostics)?),
        ..Default::default()
    })
}
