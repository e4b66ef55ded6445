//! The calls about data sources.

use super::{Server, decode, encode, proto};
use crate::framework::diagnostic::Diagnostics;
use crate::framework::provider::Provider;

pub(super) async fn validate_config<P: Provider>(
    server: &Server<P>,
    request: proto::validate_data_resource_config::Request,
    diagnostics: &mut Diagnostics,
) -> Option<proto::validate_data_resource_config::Response> {
    let source = server.data_source(&request.type_name, diagnostics)?;
    let config = decode(
        "configuration",
        request.config.as_ref(),
        &source.schema().object_type(),
        diagnostics,
    )?;
    source.validate(&config, diagnostics);
    Some(Default::default())
}

pub(super) async fn read<P: Provider>(
    server: &Server<P>,
    request: proto::read_data_source::Request,
    diagnostics: &mut Diagnostics,
) -> Option<proto::read_data_source::Response> {
    let source = server.data_source(&request.type_name, diagnostics)?;
    let ty = source.schema().object_type();
    let config = decode("configuration", request.config.as_ref(), &ty, diagnostics)?;
    let found = source.read(&server.context(), &config, diagnostics).await?;
    let state = encode(&found, &ty, diagnostics)?;
    Some(proto::read_data_source::Response {
        state: Some(state),
        ..Default::default()
    })
}
