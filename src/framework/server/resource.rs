//! The calls about managed resources.

use super::{Server, decode, encode, proto};
use crate::framework::diagnostic::{Diagnostic, Diagnostics};
use crate::framework::json;
use crate::framework::provider::Provider;
use crate::framework::value::Value;

pub(super) async fn validate_config<P: Provider>(
    server: &Server<P>,
    request: proto::validate_resource_config::Request,
    diagnostics: &mut Diagnostics,
) -> Option<proto::validate_resource_config::Response> {
    let resource = server.resource(&request.type_name, diagnostics)?;
    let config = decode(
        "configuration",
        request.config.as_ref(),
        &resource.schema().object_type(),
        diagnostics,
    )?;
    resource.validate(&config, diagnostics);
    Some(Default::default())
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
    let upgraded = encode(&state, &ty, diagnostics)?;
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
    let ty = resource.schema().object_type();
    let state = decode("state", request.current_state.as_ref(), &ty, diagnostics)?;
    let state = if state.is_null() {
        state
    } else {
        resource.read(&server.context(), state, diagnostics).await
    };
    let new_state = encode(&state, &ty, diagnostics)?;
    Some(proto::read_resource::Response {
        new_state: Some(new_state),
        private: request.private,
        ..Default::default()
    })
}

pub(super) async fn plan<P: Provider>(
    server: &Server<P>,
    request: proto::plan_resource_change::Request,
    diagnostics: &mut Diagnostics,
) -> Option<proto::plan_resource_change::Response> {
    let resource = server.resource(&request.type_name, diagnostics)?;
    let ty = resource.schema().object_type();
    let config = decode("configuration", request.config.as_ref(), &ty, diagnostics)?;
    let prior = decode("prior state", request.prior_state.as_ref(), &ty, diagnostics)?;
    let proposed = decode("proposed state", request.proposed_new_state.as_ref(), &ty, diagnostics)?;
    let plan = resource
        .plan(&server.context(), &config, &prior, proposed, diagnostics)
        .await?;
    let planned_state = encode(&plan.planned, &ty, diagnostics)?;
    Some(proto::plan_resource_change::Response {
        planned_state: Some(planned_state),
        requires_replace: plan.replaces.into_iter().map(super::path).collect(),
        planned_private: request.prior_private,
        ..Default::default()
    })
}

pub(super) async fn apply<P: Provider>(
    server: &Server<P>,
    request: proto::apply_resource_change::Request,
    diagnostics: &mut Diagnostics,
) -> Option<proto::apply_resource_change::Response> {
    let resource = server.resource(&request.type_name, diagnostics)?;
    let ty = resource.schema().object_type();
    let prior = decode("prior state", request.prior_state.as_ref(), &ty, diagnostics)?;
    let planned = decode("planned state", request.planned_state.as_ref(), &ty, diagnostics)?;
    let state = resource.apply(&server.context(), prior, planned, diagnostics).await;
    let new_state = encode(&state, &ty, diagnostics)?;
    Some(proto::apply_resource_change::Response {
        new_state: Some(new_state),
        private: request.planned_private,
        ..Default::default()
    })
}

pub(super) async fn import_state<P: Provider>(
    server: &Server<P>,
    request: proto::import_resource_state::Request,
    diagnostics: &mut Diagnostics,
) -> Option<proto::import_resource_state::Response> {
    let resource = server.resource(&request.type_name, diagnostics)?;
    let found: Value = resource.import(&server.context(), &request.id, diagnostics).await?;
    let state = encode(&found, &resource.schema().object_type(), diagnostics)?;
    let imported = proto::import_resource_state::ImportedResource {
        type_name: request.type_name,
        state: Some(state),
        ..Default::default()
    };
    Some(proto::import_resource_state::Response {
        imported_resources: vec![imported],
        ..Default::default()
    })
}
