//! RPCs of actions.

use futures_util::{StreamExt, stream};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codegen::BoxStream;

use super::{HandlerResult, Server, decode, proto, respond};
use crate::framework::action::{DynAction, Progress};
use crate::framework::context::{Context, Reported};
use crate::framework::diagnostic::Diagnostics;
use crate::framework::provider::Provider;

type Event = proto::invoke_action::Event;

pub(super) async fn validate_config<P: Provider>(
    server: &Server<P>,
    request: proto::validate_action_config::Request,
    reported: &Reported,
) -> HandlerResult<proto::validate_action_config::Response> {
    let action = server.action(&request.type_name)?;
    let ty = action.schema().object_type();
    let config = decode("configuration", request.config.as_ref(), &ty)?;
    reported.lock().extend(action.validate(&config));
    Ok(Default::default())
}

pub(super) async fn plan<P: Provider>(
    server: &Server<P>,
    request: proto::plan_action::Request,
    reported: &Reported,
) -> HandlerResult<proto::plan_action::Response> {
    let action = server.action(&request.action_type)?;
    let ty = action.schema().object_type();
    let config = decode("configuration", request.config.as_ref(), &ty)?;
    action.plan(&server.context(reported), &config).await;
    Ok(Default::default())
}

/// Streams the progress while the action runs, and finally its outcome.
pub(super) async fn invoke<P: Provider>(
    server: &Server<P>,
    request: proto::invoke_action::Request,
) -> BoxStream<Event> {
    let (sender, lines) = mpsc::channel(16);
    let reported = Reported::default();
    let action = server.action(&request.action_type);
    let context = server.context(&reported);
    // Runs in its own task, so that the action completes even if the client disconnects.
    let done = tokio::spawn(
        server
            .provider
            .secrets()
            .collecting(async move { run(&*action?, context, request, Progress(sender)).await }),
    );
    let completed = async move {
        let outcome = match done.await {
            Ok(outcome) => Ok(outcome.map(|()| Event::default())),
            Err(panicked) => Err(Box::new(panicked) as _),
        };
        Ok(respond(outcome, "invoke_action", reported.take()).into_inner())
    };
    let lines = ReceiverStream::new(lines).map(|message| Ok(progress(message)));
    Box::pin(lines.chain(stream::once(completed)))
}

async fn run<C>(
    action: &dyn DynAction<C>,
    context: Context<C>,
    request: proto::invoke_action::Request,
    progress: Progress,
) -> Result<(), Diagnostics> {
    let ty = action.schema().object_type();
    let config = decode("configuration", request.config.as_ref(), &ty)?;
    action.invoke(&context, &config, &progress).await;
    Ok(())
}

fn progress(message: String) -> Event {
    use proto::invoke_action::event::{Progress, Type};
    Event {
        r#type: Some(Type::Progress(Progress { message })),
    }
}
