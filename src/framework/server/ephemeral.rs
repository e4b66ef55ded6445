//! The calls about ephemeral resources.

use jiff::Timestamp;

use super::{Server, decode, encode, proto};
use crate::framework::context::Context;
use crate::framework::diagnostic::Diagnostics;
use crate::framework::ephemeral_resource::AnyEphemeralResource;
use crate::framework::provider::Provider;

pub(super) async fn validate_config<P: Provider>(
    server: &Server<P>,
    request: proto::validate_ephemeral_resource_config::Request,
    diagnostics: &mut Diagnostics,
) -> Option<proto::validate_ephemeral_resource_config::Response> {
    let ephemeral = server.ephemeral(&request.type_name, diagnostics)?;
    let ty = ephemeral.schema().object_type();
    let config = decode("configuration", request.config.as_ref(), &ty, diagnostics)?;
    ephemeral.validate(&config, diagnostics);
    Some(Default::default())
}

pub(super) async fn open<P: Provider>(
    server: &Server<P>,
    request: proto::open_ephemeral_resource::Request,
    diagnostics: &mut Diagnostics,
) -> Option<proto::open_ephemeral_resource::Response> {
    let ephemeral = server.ephemeral(&request.type_name, diagnostics)?;
    let ty = ephemeral.schema().object_type();
    let config = decode("configuration", request.config.as_ref(), &ty, diagnostics)?;
    let opened = ephemeral.open(&server.context(), &config, diagnostics).await?;
    let result = encode(&opened.result, &ty, diagnostics);
    if diagnostics.has_errors() {
        // Terraform closes only what was opened without an error.
        close_whatever_stops_the_run(&**ephemeral, &opened.private, diagnostics).await;
        return None;
    }
    server.still_open.opened(ephemeral.clone(), opened.private.clone());
    Some(proto::open_ephemeral_resource::Response {
        renew_at: opened.renew_at.map(timestamp),
        result,
        private: Some(opened.private),
        ..Default::default()
    })
}

pub(super) async fn renew<P: Provider>(
    server: &Server<P>,
    request: proto::renew_ephemeral_resource::Request,
    diagnostics: &mut Diagnostics,
) -> Option<proto::renew_ephemeral_resource::Response> {
    let ephemeral = server.ephemeral(&request.type_name, diagnostics)?;
    let private = request.private.unwrap_or_default();
    let renewed = ephemeral.renew(&server.context(), private, diagnostics).await;
    Some(proto::renew_ephemeral_resource::Response {
        renew_at: renewed.renew_at.map(timestamp),
        private: Some(renewed.private),
        ..Default::default()
    })
}

pub(super) async fn close<P: Provider>(
    server: &Server<P>,
    request: proto::close_ephemeral_resource::Request,
    diagnostics: &mut Diagnostics,
) -> Option<proto::close_ephemeral_resource::Response> {
    let ephemeral = server.ephemeral(&request.type_name, diagnostics)?;
    let private = request.private.unwrap_or_default();
    server.still_open.closed(&request.type_name, &private);
    close_whatever_stops_the_run(&**ephemeral, &private, diagnostics).await;
    Some(Default::default())
}

/// What was opened for a run must not outlive it, also where it is interrupted.
async fn close_whatever_stops_the_run(
    ephemeral: &dyn AnyEphemeralResource,
    private: &[u8],
    diagnostics: &mut Diagnostics,
) {
    ephemeral.close(&Context::default(), private, diagnostics).await;
}

fn timestamp(instant: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: instant.as_second(),
        nanos: instant.subsec_nanosecond(),
    }
}
