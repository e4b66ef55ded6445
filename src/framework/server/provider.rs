//! RPCs of the provider itself.

use std::collections::{BTreeMap, HashMap};

use super::{HandlerResult, Server, decode, function, proto};
use crate::framework::context::{ClientState, Context, Reported};
use crate::framework::diagnostic::Diagnostic;
use crate::framework::model::read_model;
use crate::framework::private_state::PrivateState;
use crate::framework::provider::Provider;
use crate::framework::schema::Schema;

const CAPABILITIES: proto::ServerCapabilities = proto::ServerCapabilities {
    // Plan destructions, too, so that the plan can contain their warnings.
    plan_destroy: true,
    get_provider_schema_optional: true,
    // Always supported: an unsupported move gets an explanation.
    move_resource_state: true,
    generate_resource_config: true,
};

pub(super) async fn get_metadata<P: Provider>(
    server: &Server<P>,
    _: proto::get_metadata::Request,
    _: &Reported,
) -> HandlerResult<proto::get_metadata::Response> {
    macro_rules! names {
        ($things:ident as $metadata:ident { $name:ident }) => {
            server
                .$things
                .keys()
                .map(|name| proto::get_metadata::$metadata {
                    $name: (*name).to_owned(),
                })
                .collect()
        };
    }
    Ok(proto::get_metadata::Response {
        server_capabilities: Some(CAPABILITIES),
        resources: names!(resources as ResourceMetadata { type_name }),
        data_sources: names!(data_sources as DataSourceMetadata { type_name }),
        ephemeral_resources: names!(ephemeral_resources as EphemeralMetadata { type_name }),
        list_resources: names!(list_resources as ListResourceMetadata { type_name }),
        actions: names!(actions as ActionMetadata { type_name }),
        functions: names!(functions as FunctionMetadata { name }),
        ..Default::default()
    })
}

pub(super) async fn get_provider_schema<P: Provider>(
    server: &Server<P>,
    _: proto::get_provider_schema::Request,
    _: &Reported,
) -> HandlerResult<proto::get_provider_schema::Response> {
    server.check().map_err(|faults| {
        let detail = format!("This is a bug in the provider; please report it.\n\n{faults}");
        Diagnostic::error("Invalid provider schema", detail)
    })?;
    let action_schema = |schema: Schema| proto::ActionSchema {
        schema: Some(schema.to_proto()),
    };
    Ok(proto::get_provider_schema::Response {
        provider: Some(server.provider.schema().to_proto()),
        resource_schemas: each(&server.resources, |resource| resource.schema().to_proto()),
        data_source_schemas: each(&server.data_sources, |source| source.schema().to_proto()),
        ephemeral_resource_schemas: each(&server.ephemeral_resources, |ephemeral| ephemeral.schema().to_proto()),
        list_resource_schemas: each(&server.list_resources, |resource| resource.filter_schema().to_proto()),
        action_schemas: each(&server.actions, |action| action_schema(action.schema())),
        functions: function::signatures(server),
        server_capabilities: Some(CAPABILITIES),
        ..Default::default()
    })
}

fn each<T, S>(things: &BTreeMap<&'static str, T>, schema: impl Fn(&T) -> S) -> HashMap<String, S> {
    things
        .iter()
        .map(|(name, thing)| ((*name).to_owned(), schema(thing)))
        .collect()
}

pub(super) async fn validate_config<P: Provider>(
    server: &Server<P>,
    request: proto::validate_provider_config::Request,
    reported: &Reported,
) -> HandlerResult<proto::validate_provider_config::Response> {
    let schema = server.provider.schema();
    let config = decode(
        "provider's configuration",
        request.config.as_ref(),
        &schema.object_type(),
    )?;
    let mut diagnostics = schema.validate(&config);
    if let Some(config) = diagnostics.ok(read_model("provider configuration", &config)) {
        server.provider.validate(&config, &mut diagnostics);
    }
    reported.lock().extend(diagnostics);
    Ok(Default::default())
}

pub(super) async fn configure<P: Provider>(
    server: &Server<P>,
    request: proto::configure_provider::Request,
    reported: &Reported,
) -> HandlerResult<proto::configure_provider::Response> {
    let ty = server.provider.schema().object_type();
    let config = decode("provider's configuration", request.config.as_ref(), &ty)?;
    let config = read_model("provider configuration", &config)?;
    server.reset_cancellation();
    let context = Context::new(ClientState::Unconfigured, server.run().clone(), PrivateState::default());
    let context = context.reporting_to(reported);
    let configured = server
        .provider
        .configure(&context, config, &request.terraform_version)
        .await?;
    *server.client() = configured.into();
    Ok(Default::default())
}
