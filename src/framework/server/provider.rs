//! The calls about the provider itself.

use std::collections::HashMap;

use super::{Server, decode, function, proto};
use crate::framework::diagnostic::Diagnostics;
use crate::framework::model::read_model;
use crate::framework::provider::Provider;

const CAPABILITIES: proto::ServerCapabilities = proto::ServerCapabilities {
    // A destruction is planned too, so that the plan can say what will die.
    plan_destroy: true,
    get_provider_schema_optional: true,
    move_resource_state: false,
    generate_resource_config: false,
};

pub(super) async fn get_metadata<P: Provider>(
    server: &Server<P>,
    _: proto::get_metadata::Request,
    _: &mut Diagnostics,
) -> Option<proto::get_metadata::Response> {
    use proto::get_metadata::{DataSourceMetadata, FunctionMetadata, ResourceMetadata};
    let resources = server.resources.keys().map(|name| ResourceMetadata {
        type_name: (*name).to_owned(),
    });
    let data_sources = server.data_sources.keys().map(|name| DataSourceMetadata {
        type_name: (*name).to_owned(),
    });
    let functions = server.functions.keys().map(|name| FunctionMetadata {
        name: (*name).to_owned(),
    });
    Some(proto::get_metadata::Response {
        server_capabilities: Some(CAPABILITIES),
        resources: resources.collect(),
        data_sources: data_sources.collect(),
        functions: functions.collect(),
        ..Default::default()
    })
}

pub(super) async fn get_provider_schema<P: Provider>(
    server: &Server<P>,
    _: proto::get_provider_schema::Request,
    _: &mut Diagnostics,
) -> Option<proto::get_provider_schema::Response> {
    let resources = server
        .resources
        .iter()
        .map(|(name, resource)| ((*name).to_owned(), resource.schema().to_proto()));
    let sources = server
        .data_sources
        .iter()
        .map(|(name, source)| ((*name).to_owned(), source.schema().to_proto()));
    Some(proto::get_provider_schema::Response {
        provider: Some(server.provider.schema().to_proto()),
        resource_schemas: resources.collect::<HashMap<_, _>>(),
        data_source_schemas: sources.collect::<HashMap<_, _>>(),
        functions: function::signatures(server),
        server_capabilities: Some(CAPABILITIES),
        ..Default::default()
    })
}

pub(super) async fn validate_config<P: Provider>(
    server: &Server<P>,
    request: proto::validate_provider_config::Request,
    diagnostics: &mut Diagnostics,
) -> Option<proto::validate_provider_config::Response> {
    let config = config(server, request.config.as_ref(), diagnostics)?;
    server.provider.validate(&config, diagnostics);
    Some(Default::default())
}

pub(super) async fn configure<P: Provider>(
    server: &Server<P>,
    request: proto::configure_provider::Request,
    diagnostics: &mut Diagnostics,
) -> Option<proto::configure_provider::Response> {
    let config = config(server, request.config.as_ref(), diagnostics)?;
    server.begin();
    server
        .provider
        .configure(config, &request.terraform_version, diagnostics)
        .await;
    Some(Default::default())
}

fn config<P: Provider>(
    server: &Server<P>,
    config: Option<&proto::DynamicValue>,
    diagnostics: &mut Diagnostics,
) -> Option<P::Config> {
    let config = decode(
        "provider's configuration",
        config,
        &server.provider.schema().object_type(),
        diagnostics,
    )?;
    read_model("provider configuration", &config, diagnostics)
}
