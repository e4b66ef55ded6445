//! The calls about resources that can be listed.

use std::panic::AssertUnwindSafe;

use futures_util::{FutureExt, stream};
use tonic::codegen::BoxStream;

use super::{Server, answer, decode, encode, identity, proto};
use crate::framework::diagnostic::Diagnostics;
use crate::framework::provider::Provider;

type Event = proto::list_resource::Event;

pub(super) async fn validate_config<P: Provider>(
    server: &Server<P>,
    request: proto::validate_list_resource_config::Request,
    diagnostics: &mut Diagnostics,
) -> Option<proto::validate_list_resource_config::Response> {
    let resource = server.listable(&request.type_name, diagnostics)?;
    let ty = resource.filter_schema().object_type();
    let filter = decode("configuration", request.config.as_ref(), &ty, diagnostics)?;
    resource.validate_filter(&filter, diagnostics);
    Some(Default::default())
}

pub(super) async fn list<P: Provider>(server: &Server<P>, request: proto::list_resource::Request) -> BoxStream<Event> {
    let mut diagnostics = Diagnostics::default();
    let found = AssertUnwindSafe(find(server, request, &mut diagnostics))
        .catch_unwind()
        .await;
    let events = answer(found, "list_resource", diagnostics).into_inner();
    Box::pin(stream::iter(events.into_iter().map(Ok)))
}

/// An event for each thing that is found.
async fn find<P: Provider>(
    server: &Server<P>,
    request: proto::list_resource::Request,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<Event>> {
    let resource = server.listable(&request.type_name, diagnostics)?;
    let ty = resource.filter_schema().object_type();
    let filter = decode("configuration", request.config.as_ref(), &ty, diagnostics)?;
    let found = resource.list(&server.context(), &filter, diagnostics).await;
    let limit = usize::try_from(request.limit).unwrap_or_default();
    let schema = resource.schema();
    let events = found.into_iter().take(limit).map(|listed| {
        let object = schema.without_write_only(listed.object);
        let wanted = request.include_resource_object;
        Some(Event {
            identity: identity::of(resource, &object, None, diagnostics),
            display_name: listed.display_name,
            resource_object: wanted
                .then(|| encode(&object, &schema.object_type(), diagnostics))
                .flatten(),
            diagnostic: Vec::new(),
        })
    });
    events.collect()
}
