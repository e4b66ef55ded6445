//! The testing kit with the real program.

use serde_json::json;
use token_providers::framework::Value;
use token_providers::framework::testing::{Action, PluginProgram, SingleResource, Workspace};

fn program() -> PluginProgram {
    PluginProgram::new(env!("CARGO_BIN_EXE_terraform-provider-striim"))
}

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

#[tokio::test]
async fn workspace_starts_program_with_and_without_tls() {
    for program in [program(), program().without_tls()] {
        let (workspace, arguments) = (Workspace::new(), [text("2027-01-01T00:00:00Z"), text("12h")]);
        let sum = workspace.call_function(program, "duration_add", &arguments).await;
        assert!(sum.succeeds().value == text("2027-01-01T12:00:00Z"));
    }
}

#[tokio::test]
async fn resource_of_program_returns_diagnostics_of_provider() {
    // Port 9 refuses connections.
    let program = program()
        .with("STRIIM_BASE_URL", "http://127.0.0.1:9")
        .with("STRIIM_TOKEN", "AbCdEfGhIjKl.MnOpQrStUvWxYz0123");
    let workspace = Workspace::new().with_provider(json!({ "request_timeout": "1s", "retry_timeout": "1s" }));
    let mut token = SingleResource::of(workspace, "striim_service_account_token");
    let config = json!({ "name": "ci-pipeline", "expires_in": "90d" });
    let run = token.apply(program, Some(&config)).await.fails("");
    assert_eq!(run.action, Action::Create);
    assert!(token.object().is_none());
}

#[tokio::test]
async fn program_that_does_not_start_is_an_error() {
    for path in ["/nonexistent", "/bin/false"] {
        let workspace = Workspace::new();
        let called = workspace
            .call_function(PluginProgram::new(path), "duration_add", &[])
            .await;
        called.fails("Failed to instantiate provider");
    }
}
