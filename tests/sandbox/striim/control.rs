//! Changes of Striim's sandbox outside its API.

use secrecy::ExposeSecret;
use serde_json::{Value, json};
use token_providers::sandbox::striim::Role;

use super::platform::{Platform, at};

const USER: &str = "user@acme.example";

#[tokio::test]
async fn rejected_calls_are_counted() {
    let platform = Platform::new();
    platform.list().await;
    platform.list().await;
    platform.rotate("unknown").await;
    platform
        .call_as("nonsense", "DELETE", "/service-account?name=x", Value::Null)
        .await;
    assert_eq!(platform.sandbox.calls("GET", "/service-accounts"), 2);
    assert_eq!(platform.sandbox.calls("POST", "/service-accounts"), 0);
    assert_eq!(
        platform.control("GET", "/calls", Value::Null).await.json(),
        json!({ "GET /service-accounts": 2, "POST /service-account/rotate": 1, "DELETE /service-account": 1 })
    );
    assert_eq!(platform.control("DELETE", "/calls", Value::Null).await.code(), 204);
    assert_eq!(platform.sandbox.calls("GET", "/service-accounts"), 0);
}

#[tokio::test]
async fn nested_options_are_replaced() {
    let platform = Platform::new();
    let changed = platform
        .control("PATCH", "/options", json!({ "list": "wrapped", "rate-limits": null }))
        .await
        .json();
    assert_eq!(
        (&changed["list"], &changed["rate-limits"]),
        (&json!("wrapped"), &Value::Null)
    );
    assert!(platform.list().await.is_object());
    let invalid = platform.control("PATCH", "/options", json!({ "quota": -1 })).await;
    assert_eq!(invalid.code(), 400);
}

#[tokio::test]
async fn seed_adds_service_accounts_and_users_regardless_of_rules() {
    let platform = Platform::new();
    let seed = json!({
        "service-accounts": [
            { "name": "expired", "token": { "expires-at": "2020-01-01T00:00:00Z" } },
            { "name": "far", "description": "d", "token": { "expires-in": "10y", "token-id": 7 } },
            { "name": "legacy", "token": { "value": "a-chosen-value" } },
            { "name": "fourth" },
        ],
        "users": [
            { "email": USER, "token": { "value": "my-own-value" } },
            { "email": "ann@acme.example", "role": "admin" },
        ],
    });
    assert_eq!(platform.control("POST", "/seed", seed).await.code(), 204);
    assert_eq!(platform.status_with("a-chosen-value").await, 200);
    let list = platform.list().await;
    let names: Vec<_> = list.as_array().unwrap().iter().map(|row| &row["name"]).collect();
    assert_eq!(names, ["expired", "far", "fourth", "legacy", "terraform"]);
    assert_eq!(
        (&list[1]["token-id"], &list[1]["expires-at"]),
        (&json!(7), &json!("2036-03-11T06:19:25.758175685Z"))
    );
    let own = platform
        .call_as("my-own-value", "GET", "/user-token", Value::Null)
        .await
        .json();
    assert_eq!(
        (&own["email"], &own["user-id"], own.get("expires-at")),
        (&json!(USER), &json!(8510), None)
    );
    assert_eq!(platform.sandbox.audit(), []);
    let twice = json!({ "service-accounts": [{ "name": "fourth", "token": { "value": "another-value" } }] });
    platform.control("POST", "/seed", twice).await;
    assert_eq!(platform.status_with("another-value").await, 200, "it is replaced");
}

#[tokio::test]
async fn console_creates_pat_and_rejects_second() {
    let platform = Platform::new();
    platform.sandbox.add_user(USER, Role::Regular);
    let body = || json!({ "kind": "personal-access-token", "email": USER });
    let created = platform.control("POST", "/tokens", body()).await.json();
    assert!(platform.sandbox.is_live(created["value"].as_str().unwrap()));
    assert_eq!(platform.control("POST", "/tokens", body()).await.code(), 409);
    platform.sandbox.revoke_user_token_outside(USER).unwrap();
    let by_api = platform.call("POST", "/user-token", json!({ "email": USER })).await;
    assert_eq!(by_api.code(), 405, "the API has no such endpoint");
}

#[tokio::test]
async fn console_has_no_rate_limit_or_call_count() {
    let platform = Platform::new();
    let before = platform.create("ci-pipeline").await.token();
    for _ in 0..20 {
        platform.sandbox.rotate_outside("ci-pipeline").unwrap();
        platform.control("GET", "/tokens", Value::Null).await;
    }
    assert!(!platform.sandbox.is_live(&before));
    assert_eq!(platform.sandbox.calls("POST", "/service-account/rotate"), 0);
    assert!(
        platform
            .sandbox
            .audit()
            .iter()
            .skip(1)
            .all(|entry| entry.actor == "console")
    );
}

#[tokio::test]
async fn rotate_outside_keeps_expiry_and_records_values() {
    let platform = Platform::new();
    let expiry = at("2026-05-01T00:00:00Z");
    let before = platform.sandbox.add_service_account("ci-pipeline", Some(expiry));
    let after = platform.sandbox.rotate_outside("ci-pipeline").unwrap();
    let account = platform
        .sandbox
        .service_accounts()
        .into_iter()
        .find(|found| found.name == "ci-pipeline")
        .unwrap();
    assert_eq!(account.token.expires_at, Some(expiry));
    assert!(!platform.sandbox.is_live(before.expose_secret()) && platform.sandbox.is_live(after.expose_secret()));
    platform.sandbox.delete_outside("ci-pipeline").unwrap();
    assert!(platform.sandbox.rotate_outside("ci-pipeline").is_err());
    let values = platform.control("GET", "/values", Value::Null).await.json();
    let issued = [&platform.admin, before.expose_secret(), after.expose_secret()];
    assert_eq!(values["issued"], json!(issued));
}

#[tokio::test]
async fn debug_output_omits_values() {
    let platform = Platform::new();
    platform.create("ci-pipeline").await;
    let printed = format!("{:?} {:?}", platform.sandbox, platform.sandbox.service_accounts());
    for value in platform.sandbox.issued_values() {
        assert!(!printed.contains(value.expose_secret()));
    }
}
