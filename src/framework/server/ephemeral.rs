//! RPCs of ephemeral resources.

use jiff::Timestamp;

use super::{HandlerResult, Server, decode, encode, proto};
use crate::framework::context::Reported;
use crate::framework::provider::Provider;

pub(super) async fn validate_config<P: Provider>(
    server: &Server<P>,
    request: proto::validate_ephemeral_resource_config::Request,
    reported: &Reported,
) -> HandlerResult<proto::validate_ephemeral_resource_config::Response> {
    let ephemeral = server.ephemeral(&request.type_name)?;
    let ty = ephemeral.schema().object_type();
    let config = decode("configuration", request.config.as_ref(), &ty)?;
    reported.lock().extend(ephemeral.validate(&config));
    Ok(Default::default())
}

pub(super) async fn open<P: Provider>(
    server: &Server<P>,
    request: proto::open_ephemeral_resource::Request,
    reported: &Reported,
) -> HandlerResult<proto::open_ephemeral_resource::Response> {
    let ephemeral = server.ephemeral(&request.type_name)?;
    let ty = ephemeral.schema().object_type();
    let config = decode("configuration", request.config.as_ref(), &ty)?;
    let context = server.context(reported);
    let Some(opened) = ephemeral.open(&context, &config).await else {
        return Ok(Default::default());
    };
    let result = encode(&opened.result, &ty);
    let result = reported.lock().ok(result);
    if context.has_errors() {
        // Terraform does not close a resource whose opening reported an error.
        ephemeral.close(&context.detached(), &opened.private).await;
        return Ok(Default::default());
    }
    let close = server.context(&Reported::default()).detached();
    server
        .open_ephemerals
        .opened(ephemeral.clone(), close, opened.private.clone());
    Ok(proto::open_ephemeral_resource::Response {
        renew_at: opened.renew_at.map(timestamp),
        result,
        private: Some(opened.private),
        ..Default::default()
    })
}

pub(super) async fn renew<P: Provider>(
    server: &Server<P>,
    request: proto::renew_ephemeral_resource::Request,
    reported: &Reported,
) -> HandlerResult<proto::renew_ephemeral_resource::Response> {
    let ephemeral = server.ephemeral(&request.type_name)?;
    let private = request.private.unwrap_or_default();
    let Some(renewed) = ephemeral.renew(&server.context(reported), private).await else {
        return Ok(Default::default());
    };
    Ok(proto::renew_ephemeral_resource::Response {
        renew_at: renewed.renew_at.map(timestamp),
        private: Some(renewed.private),
        ..Default::default()
    })
}

/// Closes an ephemeral resource, even if the run is interrupted.
pub(super) async fn close<P: Provider>(
    server: &Server<P>,
    request: proto::close_ephemeral_resource::Request,
    reported: &Reported,
) -> HandlerResult<proto::close_ephemeral_resource::Response> {
    let ephemeral = server.ephemeral(&request.type_name)?;
    let private = request.private.unwrap_or_default();
    server.open_ephemerals.closed(&request.type_name, &private);
    ephemeral.close(&server.context(reported).detached(), &private).await;
    Ok(Default::default())
}

fn timestamp(instant: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: instant.as_second(),
        nanos: instant.subsec_nanosecond(),
    }
}
