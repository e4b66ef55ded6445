//! RPCs of data sources.

use super::{HandlerResult, Server, decode, encode, proto};
use crate::framework::context::Reported;
use crate::framework::provider::Provider;

pub(super) async fn validate_config<P: Provider>(
    server: &Server<P>,
    request: proto::validate_data_resource_config::Request,
    reported: &Reported,
) -> HandlerResult<proto::validate_data_resource_config::Response> {
    let source = server.data_source(&request.type_name)?;
    let config = decode("configuration", request.config.as_ref(), &source.schema().object_type())?;
    reported.lock().extend(source.validate(&config));
    Ok(Default::default())
}

pub(super) async fn read<P: Provider>(
    server: &Server<P>,
    request: proto::read_data_source::Request,
    reported: &Reported,
) -> HandlerResult<proto::read_data_source::Response> {
    let source = server.data_source(&request.type_name)?;
    let ty = source.schema().object_type();
    let config = decode("configuration", request.config.as_ref(), &ty)?;
    let Some(found) = source.read(&server.context(reported), &config).await else {
        return Ok(Default::default());
    };
    Ok(proto::read_data_source::Response {
        state: Some(encode(&found, &ty)?),
        ..Default::default()
    })
}
