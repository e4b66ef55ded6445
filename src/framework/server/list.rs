//! RPCs of resources that can be listed.

use std::panic::AssertUnwindSafe;

use futures_util::{FutureExt, stream};
use tonic::codegen::BoxStream;

use super::{HandlerResult, Server, decode, encode, identity, proto, respond};
use crate::framework::context::Reported;
use crate::framework::provider::Provider;

type Event = proto::list_resource::Event;

pub(super) async fn validate_config<P: Provider>(
    server: &Server<P>,
    request: proto::validate_list_resource_config::Request,
    reported: &Reported,
) -> HandlerResult<proto::validate_list_resource_config::Response> {
    let resource = server.listable(&request.type_name)?;
    let ty = resource.filter_schema().object_type();
    let filter = decode("configuration", request.config.as_ref(), &ty)?;
    reported.lock().extend(resource.validate_filter(&filter));
    Ok(Default::default())
}

pub(super) async fn list<P: Provider>(server: &Server<P>, request: proto::list_resource::Request) -> BoxStream<Event> {
    let reported = Reported::default();
    let found = AssertUnwindSafe(find(server, request, &reported)).catch_unwind().await;
    let events = respond(found, "list_resource", reported.take()).into_inner();
    Box::pin(stream::iter(events.into_iter().map(Ok)))
}

/// Returns an event for each object that was found.
async fn find<P: Provider>(
    server: &Server<P>,
    request: proto::list_resource::Request,
    reported: &Reported,
) -> HandlerResult<Vec<Event>> {
    let resource = server.listable(&request.type_name)?;
    let ty = resource.filter_schema().object_type();
    let filter = decode("configuration", request.config.as_ref(), &ty)?;
    let context = server.context(reported);
    let found = resource.list(&context, &filter).await;
    let limit = usize::try_from(request.limit).unwrap_or_default();
    let schema = resource.schema();
    let events = found.into_iter().take(limit).map(|item| {
        let object = schema.without_write_only(item.object);
        let wanted = request.include_resource_object;
        Ok(Event {
            identity: identity::of(resource, &context, &object, None)?,
            display_name: item.display_name,
            resource_object: wanted.then(|| encode(&object, &schema.object_type())).transpose()?,
            diagnostic: Vec::new(),
        })
    });
    events.collect()
}
