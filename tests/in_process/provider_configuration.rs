//! Invalid `provider` blocks.

use serde_json::{Value as Json, json};
use token_providers::framework::testing::{Start, Workspace};
use token_providers::neuroio::NeuroIo;
use token_providers::platform::Runtime;
use token_providers::quix::Quix;

/// Asserts that the block with one of these arguments is an error on that argument with this phrase.
async fn rejects(provider: impl Start + Clone, data_source: &str, rows: &[(&str, &str, &str)]) {
    for (argument, value, phrase) in rows {
        let block = Json::from_iter([(*argument, *value)]);
        let workspace = Workspace::new().with_provider(block);
        let run = workspace
            .read_data_source(provider.clone(), data_source, json!({}))
            .await;
        let run = run.fails(phrase);
        assert_eq!(run.diagnostics[0].attribute.as_deref(), Some(*argument), "{run:?}");
    }
}

fn runtime(variables: &'static [(&str, &str)]) -> Runtime {
    Runtime {
        environment: Box::new(|name| {
            let variable = variables.iter().find(|(variable, _)| *variable == name);
            variable.map(|(_, value)| (*value).to_owned())
        }),
        ..Runtime::default()
    }
}

#[tokio::test]
async fn invalid_argument_of_neuroio_is_reported_on_it() {
    let provider = || NeuroIo::new(runtime(&[("NEUROIO_API_TOKEN", "token")]));
    let rows = [
        ("base_url", "http://api.neuroio.com", "must start with https://"),
        ("retry_timeout", "soon", "must be a duration"),
        (
            "api_token",
            "a b",
            "contains characters that are invalid in an HTTP header",
        ),
    ];
    rejects(provider, "neuroio_stream_tokens", &rows).await;
}

#[tokio::test]
async fn invalid_argument_of_quix_is_reported_on_it() {
    let variables = &[
        ("Quix__Portal__Api", "https://portal-api.example.com"),
        ("Quix__Sdk__Token", "token"),
    ];
    let provider = || Quix::new(runtime(variables));
    let rows = [
        (
            "portal_api",
            "http://portal-api.example.com",
            "must start with https://",
        ),
        ("token", "a b", "contains characters that are invalid in an HTTP header"),
        ("streaming_tokens_path", "/tokens", "`{workspaceId}` stands for it"),
        (
            "streaming_tokens_path",
            "https://example.com/{workspaceId}",
            "beginning with a slash",
        ),
        (
            "rotate_streaming_tokens_path",
            "DELETE /{workspaceId}",
            "with no other method",
        ),
    ];
    rejects(provider, "quix_workspaces", &rows).await;
}
