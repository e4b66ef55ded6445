//! The data sources that describe the whole account.

use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;
use serde_json::{Value as Json, json};
use token_providers::framework::testing::{Outcome, Workspace};
use token_providers::framework::{Number, Value};
use token_providers::rest::Transport;
use token_providers::sandbox::Fault;
use token_providers::sandbox::striim::{AdminToken, Options, Sandbox, Seed};
use token_providers::striim::{Runtime, Striim};

const TOKENS: &str = "striim_service_account_tokens";

/// An account at the beginning of 2026, whose only user is an administrator with a PAT.
fn sandbox() -> Sandbox {
    let seed = Seed {
        admin: AdminToken::Personal,
        now: Some(instant("2026-01-01T00:00:00Z")),
        ..Seed::default()
    };
    Sandbox::seeded(seed, Options::default())
}

fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

async fn read(sandbox: &Sandbox, data_source: &str, config: &Json) -> Outcome<Value> {
    let provider = || {
        let (token, platform) = (sandbox.admin_token(), sandbox.clone());
        Striim::new(Runtime {
            clock: sandbox.clock(),
            environment: Box::new(move |name| match name {
                "STRIIM_ACCOUNT" => Some("acme".to_owned()),
                "STRIIM_TOKEN" => Some(token.expose_secret().to_owned()),
                _ => None,
            }),
            transport: Box::new(move |_| Transport::new(platform.service())),
        })
    };
    let workspace = Workspace::new();
    workspace.read_data_source(provider, data_source, config.clone()).await
}

async fn tokens(sandbox: &Sandbox, config: &Json) -> Vec<Value> {
    let found = read(sandbox, TOKENS, config).await.succeeds();
    match found.get("tokens") {
        Value::List(tokens) => tokens.clone(),
        other => panic!("no list: {other:?}"),
    }
}

async fn names(sandbox: &Sandbox, config: &Json) -> Vec<String> {
    let tokens = tokens(sandbox, config).await;
    let names = tokens.iter().map(|token| match token.get("name") {
        Value::String(name) => name.clone(),
        other => panic!("no name: {other:?}"),
    });
    names.collect()
}

#[tokio::test]
async fn service_accounts_are_listed_by_name() {
    let sandbox = sandbox();
    assert!(tokens(&sandbox, &json!({})).await.is_empty());
    for name in ["deploy", "Audit", "ci-pipeline"] {
        sandbox.add_service_account(name, None);
    }
    assert_eq!(names(&sandbox, &json!({})).await, ["Audit", "ci-pipeline", "deploy"]);
}

#[tokio::test]
async fn token_is_listed_with_its_expiry() {
    let sandbox = sandbox();
    sandbox.add_service_account("ci-pipeline", Some(instant("2026-03-01T00:00:00.5Z")));
    sandbox.add_service_account("legacy", None);
    let found = tokens(&sandbox, &json!({})).await;
    assert!(matches!(found[0].get("token_id"), Value::Number(Number::Integer(_))));
    assert_eq!(*found[0].get("expires_at"), text("2026-03-01T00:00:00Z"));
    assert_eq!(*found[0].get("expired"), Value::Bool(false));
    assert_eq!(*found[0].get("legacy"), Value::Bool(false));
    assert!(found[1].get("expires_at").is_null());
    assert_eq!(*found[1].get("expired"), Value::Bool(false));
    assert_eq!(*found[1].get("legacy"), Value::Bool(true));
}

#[tokio::test]
async fn filters_select_tokens() {
    let sandbox = sandbox();
    sandbox.add_service_account("january", Some(instant("2026-01-31T00:00:00Z")));
    sandbox.add_service_account("june", Some(instant("2026-06-30T00:00:00Z")));
    sandbox.add_service_account("legacy", None);
    sandbox.advance(SignedDuration::from_hours(30 * 24));
    for (config, found) in [
        (json!({ "expired": true }), vec!["january"]),
        (json!({ "expired": false }), vec!["june", "legacy"]),
        (
            json!({ "expires_before": "2026-06-30T01:00:01+01:00" }),
            vec!["january", "june"],
        ),
        (
            json!({ "expires_before": "2026-06-30T01:00:00+01:00" }),
            vec!["january"],
        ),
        (
            json!({ "expired": false, "expires_before": "2027-01-01T00:00:00Z" }),
            vec!["june"],
        ),
    ] {
        assert_eq!(names(&sandbox, &config).await, found);
    }
}

#[tokio::test]
async fn invalid_expiry_filter_is_rejected() {
    let read = read(&sandbox(), TOKENS, &json!({ "expires_before": "tomorrow" })).await;
    read.fails("`expires_before`: must be an instant").fails("tomorrow");
}

#[tokio::test]
async fn pat_status_reports_whether_pats_are_enabled_and_the_account() {
    let sandbox = sandbox();
    for enabled in [true, false] {
        sandbox.fault(
            Fault::answer(200)
                .on("GET", "/user-token/status")
                .body(&format!("{{\"enabled\": {enabled}}}")),
        );
        let status = read(&sandbox, "striim_pat_status", &json!({})).await.succeeds();
        assert_eq!(*status.get("enabled"), Value::Bool(enabled));
        assert_eq!(*status.get("id"), text("acme"));
    }
}

#[tokio::test]
async fn rejection_by_the_platform_is_reported() {
    for source in [TOKENS, "striim_pat_status"] {
        let sandbox = sandbox();
        sandbox.fault(Fault::answer(403).times(u32::MAX));
        let read = read(&sandbox, source, &json!({})).await;
        read.fails("403").fails("administrator");
    }
}
