//! The calls about actions.

use futures_util::{StreamExt, stream};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codegen::BoxStream;

use super::{Server, answer, decode, proto};
use crate::framework::action::{AnyAction, Progress};
use crate::framework::context::Context;
use crate::framework::diagnostic::Diagnostics;
use crate::framework::provider::Provider;

type Event = proto::invoke_action::Event;

pub(super) async fn validate_config<P: Provider>(
    server: &Server<P>,
    request: proto::validate_action_config::Request,
    diagnostics: &mut Diagnostics,
) -> Option<proto::validate_action_config::Response> {
    let action = server.action(&request.type_name, diagnostics)?;
    let ty = action.schema().object_type();
    let config = decode("configuration", request.config.as_ref(), &ty, diagnostics)?;
    action.validate(&config, diagnostics);
    Some(Default::default())
}

pub(super) async fn plan<P: Provider>(
    server: &Server<P>,
    request: proto::plan_action::Request,
    diagnostics: &mut Diagnostics,
) -> Option<proto::plan_action::Response> {
    let action = server.action(&request.action_type, diagnostics)?;
    let ty = action.schema().object_type();
    let config = decode("configuration", request.config.as_ref(), &ty, diagnostics)?;
    action.plan(&server.context(), &config, diagnostics).await;
    Some(Default::default())
}

/// Tells the progress while the action goes on, and in the end what came of it.
pub(super) async fn invoke<P: Provider>(
    server: &Server<P>,
    request: proto::invoke_action::Request,
) -> BoxStream<Event> {
    let (sender, lines) = mpsc::channel(16);
    let mut diagnostics = Diagnostics::default();
    let action = server.action(&request.action_type, &mut diagnostics);
    let context = server.context();
    // A task of its own: half an action is worse than one whose end nobody hears of.
    let done = tokio::spawn(server.provider.secrets().collecting(async move {
        if let Some(action) = action {
            run(&*action, context, request, Progress(sender), &mut diagnostics).await;
        }
        diagnostics
    }));
    let completed = async {
        let (outcome, diagnostics) = match done.await {
            Ok(diagnostics) => (Ok(None), diagnostics),
            Err(panicked) => (Err(Box::new(panicked) as _), Diagnostics::default()),
        };
        Ok(answer(outcome, "invoke_action", diagnostics).into_inner())
    };
    let lines = ReceiverStream::new(lines).map(|message| Ok(progress(message)));
    Box::pin(lines.chain(stream::once(completed)))
}

async fn run(
    action: &dyn AnyAction,
    context: Context,
    request: proto::invoke_action::Request,
    progress: Progress,
    diagnostics: &mut Diagnostics,
) {
    let ty = action.schema().object_type();
    if let Some(config) = decode("configuration", request.config.as_ref(), &ty, diagnostics) {
        action.invoke(&context, &config, &progress, diagnostics).await;
    }
}

fn progress(message: String) -> Event {
    use proto::invoke_action::event::{Progress, Type};
    Event {
        r#type: Some(Type::Progress(Progress { message })),
    }
}
