use futures_util::StreamExt as _;

use super::*;
use crate::framework::server::proto::invoke_action::event;
use crate::framework::{Action, Progress};

/// Shakes a box.
impl Action for Toys {
    type Config = Model;
    type Client = ();

    const TYPE: &'static str = "toy_shake";

    fn validate(&self, config: &Model, diagnostics: &mut Diagnostics) {
        check_size(config, diagnostics);
    }

    async fn plan(&self, context: &Context<()>, config: &Model) -> Result<(), Diagnostics> {
        if config.size.is_unknown() {
            context.report(Diagnostic::warning("Mind your head", "It may be a large one."));
        }
        Ok(())
    }

    async fn invoke(&self, context: &Context<()>, config: Model, progress: &Progress) -> Result<(), Diagnostics> {
        progress.send("shaking").await;
        match config.name.known().map(String::as_str) {
            Some("panic") => panic!("s3cret"),
            Some("wait") => {
                self.waiting.notify_one();
                context.cancellation.cancelled().await;
                self.closed.lock().unwrap().push("shaken".to_owned());
                self.waiting.notify_one();
            }
            Some("gone") => Err(Diagnostic::error("Gone", "There is nothing to shake."))?,
            _ => progress.send("shaken").await,
        }
        Ok(())
    }
}

fn shake(type_name: &str, name: &str) -> Request<proto::invoke_action::Request> {
    Request::new(proto::invoke_action::Request {
        action_type: type_name.into(),
        config: sent(toy(name, Field::Null, Field::Null)),
        client_capabilities: None,
    })
}

/// Returns the progress of an action, line by line, and its final diagnostics.
async fn outcome(type_name: &str, name: &str) -> (Vec<String>, Vec<proto::Diagnostic>) {
    let events = server()
        .invoke_action(shake(type_name, name))
        .await
        .unwrap()
        .into_inner();
    let mut events: Vec<_> = events.map(|event| event.unwrap().r#type.unwrap()).collect().await;
    let Some(event::Type::Completed(completed)) = events.pop() else {
        panic!("the last event is not the completion: {events:?}");
    };
    let lines = events.into_iter().map(|event| match event {
        event::Type::Progress(progress) => progress.message,
        event::Type::Completed(_) => panic!("completion before the last event"),
    });
    (lines.collect(), completed.diagnostics)
}

#[tokio::test]
async fn action_streams_progress_and_then_completion() {
    let (lines, diagnostics) = outcome("toy_shake", "a").await;
    assert_eq!(lines, ["shaking", "shaken"]);
    assert_eq!(diagnostics, []);
}

#[tokio::test]
async fn failed_or_panicking_action_reports_error_at_completion() {
    for (type_name, name, says) in [
        ("toy_shake", "gone", "nothing to shake"),
        ("toy_shake", "panic", "invoke_action panicked"),
        ("toy_shape", "a", "\"toy_shape\""),
    ] {
        let (_, diagnostics) = outcome(type_name, name).await;
        let [error] = &diagnostics[..] else {
            panic!("{name}: {diagnostics:?}");
        };
        assert!(
            error.detail.contains(says) && !error.detail.contains("s3cret"),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn action_completes_after_client_disconnects() {
    let toys = Toys::default();
    let server = Server::new(toys.clone());
    let events = server.invoke_action(shake("toy_shake", "wait")).await.unwrap();
    toys.waiting.notified().await;
    drop(events);
    server.stop_provider(Request::new(Default::default())).await.unwrap();
    toys.waiting.notified().await;
    assert_eq!(*toys.closed.lock().unwrap(), ["shaken"]);
}

#[tokio::test]
async fn action_is_validated_and_planned_with_unknown_values() {
    let server = server();
    let request = proto::validate_action_config::Request {
        type_name: "toy_shake".into(),
        config: sent(toy("a", Field::from(-1), Field::Null)),
    };
    let validated = server
        .validate_action_config(Request::new(request))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(validated.diagnostics[0].attribute, Some(path("size")));
    let request = proto::plan_action::Request {
        action_type: "toy_shake".into(),
        config: sent(toy("a", Field::Unknown, Field::Null)),
        client_capabilities: None,
    };
    let planned = server.plan_action(Request::new(request)).await.unwrap().into_inner();
    assert_eq!(planned.diagnostics[0].summary, "Mind your head");
}
