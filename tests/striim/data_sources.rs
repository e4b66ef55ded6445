//! The data sources that tell of the whole account.

use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;
use token_providers::framework::{Configured, Context, Number, Provider, Value};
use token_providers::rest::Transport;
use token_providers::sandbox::Fault;
use token_providers::sandbox::striim::{AdminToken, Options, Sandbox, Seed};
use token_providers::striim::{Parts, Striim};

type Config = <Striim as Provider>::Config;

/// An account at the beginning of 2026, where nobody but an administrator with a PAT is.
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

/// What a data source comes to, or the errors it tells.
async fn read(sandbox: &Sandbox, data_source: &str, config: &[(&str, Value)]) -> Result<Value, String> {
    let (token, platform) = (sandbox.admin_token(), sandbox.clone());
    let provider = Striim::new(Parts {
        clock: sandbox.clock(),
        environment: Box::new(move |name| match name {
            "STRIIM_ACCOUNT" => Some("acme".to_owned()),
            "STRIIM_TOKEN" => Some(token.expose_secret().to_owned()),
            _ => None,
        }),
        transport: Box::new(move |_| Transport::new(platform.service())),
    });
    let configured = provider
        .configure(&Context::default(), Config::default(), "1.11.4")
        .await;
    let Ok(Configured::Ready(client)) = configured else {
        panic!("the provider is not configured");
    };
    let context = Context::with_client(client);
    let sources = provider.data_sources();
    let source = sources.iter().find(|source| source.type_name() == data_source).unwrap();
    let config = config.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    let config = Value::Map(config.collect());
    let mut diagnostics = source.validate(&config);
    let found = match diagnostics.has_errors() {
        true => None,
        false => source.read(&context, &config).await,
    };
    diagnostics.extend(context.take_diagnostics());
    let told: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
    found.ok_or_else(|| told.join("\n"))
}

async fn tokens(sandbox: &Sandbox, config: &[(&str, Value)]) -> Vec<Value> {
    match read(sandbox, "striim_service_account_tokens", config).await {
        Ok(found) => match found.get("tokens") {
            Value::List(tokens) => tokens.clone(),
            other => panic!("no list: {other:?}"),
        },
        Err(told) => panic!("{told}"),
    }
}

async fn names(sandbox: &Sandbox, config: &[(&str, Value)]) -> Vec<String> {
    let tokens = tokens(sandbox, config).await;
    let names = tokens.iter().map(|token| match token.get("name") {
        Value::String(name) => name.clone(),
        other => panic!("no name: {other:?}"),
    });
    names.collect()
}

#[tokio::test]
async fn every_service_account_is_listed_by_name() {
    let sandbox = sandbox();
    assert!(tokens(&sandbox, &[]).await.is_empty());
    for name in ["deploy", "Audit", "ci-pipeline"] {
        sandbox.add_service_account(name, None);
    }
    assert_eq!(names(&sandbox, &[]).await, ["Audit", "ci-pipeline", "deploy"]);
}

#[tokio::test]
async fn a_token_is_told_of_with_its_end() {
    let sandbox = sandbox();
    sandbox.add_service_account("ci-pipeline", Some(instant("2026-03-01T00:00:00.5Z")));
    sandbox.add_service_account("legacy", None);
    let found = tokens(&sandbox, &[]).await;
    assert!(matches!(found[0].get("token_id"), Value::Number(Number::Integer(_))));
    assert_eq!(*found[0].get("expires_at"), text("2026-03-01T00:00:00Z"));
    assert_eq!(*found[0].get("expired"), Value::Bool(false));
    assert_eq!(*found[0].get("legacy"), Value::Bool(false));
    assert!(found[1].get("expires_at").is_null());
    assert_eq!(*found[1].get("expired"), Value::Bool(false));
    assert_eq!(*found[1].get("legacy"), Value::Bool(true));
}

#[tokio::test]
async fn filters_leave_what_is_asked_for() {
    let sandbox = sandbox();
    sandbox.add_service_account("january", Some(instant("2026-01-31T00:00:00Z")));
    sandbox.add_service_account("june", Some(instant("2026-06-30T00:00:00Z")));
    sandbox.add_service_account("legacy", None);
    sandbox.advance(SignedDuration::from_hours(30 * 24));
    for (config, found) in [
        (vec![("expired", Value::Bool(true))], vec!["january"]),
        (vec![("expired", Value::Bool(false))], vec!["june", "legacy"]),
        (
            vec![("expires_before", text("2026-06-30T01:00:01+01:00"))],
            vec!["january", "june"],
        ),
        (
            vec![("expires_before", text("2026-06-30T01:00:00+01:00"))],
            vec!["january"],
        ),
        (
            vec![
                ("expired", Value::Bool(false)),
                ("expires_before", text("2027-01-01T00:00:00Z")),
            ],
            vec!["june"],
        ),
    ] {
        assert_eq!(names(&sandbox, &config).await, found);
    }
}

#[tokio::test]
async fn a_filter_that_is_no_instant_is_refused() {
    let config = [("expires_before", text("tomorrow"))];
    let told = read(&sandbox(), "striim_service_account_tokens", &config).await;
    let told = told.unwrap_err();
    assert!(
        told.contains("`expires_before`: must be an instant") && told.contains("tomorrow"),
        "{told}"
    );
}

#[tokio::test]
async fn the_status_of_pats_is_told_with_the_account() {
    let sandbox = sandbox();
    for enabled in [true, false] {
        sandbox.fault(
            Fault::answer(200)
                .on("GET", "/user-token/status")
                .body(&format!("{{\"enabled\": {enabled}}}")),
        );
        let status = read(&sandbox, "striim_pat_status", &[]).await.unwrap();
        assert_eq!(*status.get("enabled"), Value::Bool(enabled));
        assert_eq!(*status.get("id"), text("acme"));
    }
}

#[tokio::test]
async fn a_refusal_by_the_platform_is_told() {
    for source in ["striim_service_account_tokens", "striim_pat_status"] {
        let sandbox = sandbox();
        sandbox.fault(Fault::answer(403).times(u32::MAX));
        let told = read(&sandbox, source, &[]).await.unwrap_err();
        assert!(
            told.contains("403") && told.contains("administrator"),
            "{source}: {told}"
        );
    }
}
