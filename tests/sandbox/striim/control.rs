//! The control API of the Striim sandbox.

use secrecy::ExposeSecret;
use serde_json::{Value, json};
use token_providers::sandbox::striim::Role;

use super::platform::{NOW, Platform, at};

const USER: &str = "user@acme.example";

#[tokio::test]
async fn account_description_omits_values() {
    let platform = Platform::new();
    platform.create("ci-pipeline").await;
    platform.user(USER, Role::Regular);
    let described = platform.control("GET", "", Value::Null).await;
    let account = described.json();
    assert_eq!(
        (&account["account"], &account["now"], &account["pats-enabled"]),
        (&json!("acme"), &json!(NOW), &json!(true))
    );
    assert_eq!(account["quota"], json!({ "limit": 3, "used": 2 }));
    assert_eq!(account["service-accounts"][0]["name"], "ci-pipeline");
    assert_eq!(account["service-accounts"][0]["token"]["live"], true);
    assert_eq!(account["users"][0]["token"], Value::Null);
    assert_eq!(account["users"][1]["token"]["expires-at"], "2026-06-01T00:00:00Z");
    assert_eq!(account["usage"], json!({ "service-account": 1, "personal": 0 }));
    for value in platform.sandbox.issued_values() {
        assert!(!described.text.contains(value.expose_secret()));
    }
}

#[tokio::test]
async fn clock_can_be_moved_by_duration_and_to_instant() {
    for (body, now) in [
        (json!({ "advance": "90d" }), "2026-06-09T06:19:25.758175685Z"),
        (json!({ "advance": "1mo" }), "2026-04-11T06:19:25.758175685Z"),
        (json!({ "advance": "PT1H30M" }), "2026-03-11T07:49:25.758175685Z"),
        (json!({ "now": "2030-01-01T00:00:00Z" }), "2030-01-01T00:00:00Z"),
    ] {
        let platform = Platform::new();
        let clock = platform.sandbox.clock();
        assert_eq!(
            platform.control("POST", "/clock", body).await.json(),
            json!({ "now": now })
        );
        assert_eq!(
            platform.control("GET", "/clock", Value::Null).await.json(),
            json!({ "now": now })
        );
        assert_eq!(clock.now(), at(now), "a shared clock moves as well");
    }
    for invalid in [
        json!({}),
        json!({ "advance": "soon" }),
        json!({ "advance": "99999y" }),
        json!({ "back": "1d" }),
    ] {
        assert_eq!(Platform::new().control("POST", "/clock", invalid).await.code(), 400);
    }
}

#[tokio::test]
async fn rejected_calls_are_counted() {
    let platform = Platform::new();
    platform.list().await;
    platform.list().await;
    platform.rotate("unknown").await;
    platform
        .call_as("nonsense", "DELETE", "/service-account?name=x", Value::Null)
        .await;
    platform.control("GET", "/console/service-accounts", Value::Null).await;
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
async fn audit_log_is_returned() {
    let platform = Platform::new();
    let id = platform.create("ci-pipeline").await.json()["token-id"].clone();
    assert_eq!(
        platform.control("GET", "/audit", Value::Null).await.json(),
        json!([{
            "at": NOW, "actor": "terraform", "action": "create-service-account", "target": "ci-pipeline", "token-id": id,
        }])
    );
}

#[tokio::test]
async fn options_can_be_read_and_changed_individually() {
    let platform = Platform::new();
    let mut options = platform.control("GET", "/options", Value::Null).await.json();
    assert_eq!(
        (&options["quota"], &options["rate-limits"]["issue"]),
        (&json!(3), &json!(10))
    );
    let changed = platform
        .control("PATCH", "/options", json!({ "list": "wrapped", "rate-limits": null }))
        .await
        .json();
    (options["list"], options["rate-limits"]) = (json!("wrapped"), Value::Null);
    assert_eq!(changed, options);
    assert!(platform.list().await.is_object());
    for invalid in [
        json!({ "quotta": 5 }),
        json!({ "quota": -1 }),
        json!({ "list": "paper" }),
        json!(7),
    ] {
        assert_eq!(platform.control("PATCH", "/options", invalid).await.code(), 400);
    }
    assert_eq!(platform.control("GET", "/options", Value::Null).await.json(), options);
}

#[tokio::test]
async fn service_account_can_be_added_regardless_of_rules() {
    let platform = Platform::new();
    for seed in [
        json!({ "name": "expired", "expires-at": "2020-01-01T00:00:00Z" }),
        json!({ "name": "far", "expires-at": "2099-01-01T00:00:00Z", "description": "d" }),
        json!({ "name": "legacy", "token": "a-chosen-value" }),
        json!({ "name": "fourth" }),
    ] {
        let seeded = platform.control("POST", "/service-account", seed.clone()).await;
        assert_eq!(seeded.code(), 200, "{seed}");
        assert_eq!(platform.sandbox.is_live(&seeded.token()), seed["name"] != "expired");
    }
    assert_eq!(platform.status_with("a-chosen-value").await, 200);
    assert_eq!(
        platform.names().await,
        ["expired", "far", "fourth", "legacy", "terraform"]
    );
    assert_eq!(platform.sandbox.audit(), []);
}

#[tokio::test]
async fn user_with_pat_can_be_added() {
    let platform = Platform::new();
    let user = platform
        .control("POST", "/user", json!({ "email": USER, "role": "regular" }))
        .await
        .json();
    assert_eq!(user, json!({ "id": 8510, "email": USER, "role": "regular" }));
    let seed = json!({ "email": USER, "token": "my-own-value" });
    assert_eq!(
        platform.control("POST", "/user-token", seed).await.token(),
        "my-own-value"
    );
    let added = platform
        .call_as("my-own-value", "GET", "/user-token", Value::Null)
        .await
        .json();
    assert_eq!((added["email"].as_str(), added.get("expires-at")), (Some(USER), None));
    assert_eq!(
        platform
            .control("POST", "/user-token", json!({ "email": "unknown@acme.example" }))
            .await
            .code(),
        404
    );
}

#[tokio::test]
async fn console_has_no_authentication_rate_limit_or_call_count() {
    let platform = Platform::new();
    let before = platform.create("ci-pipeline").await.token();
    for _ in 0..20 {
        let name = json!({ "name": "ci-pipeline" });
        assert_eq!(
            platform
                .control("POST", "/console/service-account/rotate", name)
                .await
                .code(),
            200
        );
    }
    assert!(!platform.sandbox.is_live(&before));
    assert_eq!(
        platform
            .control("PATCH", "/console/user-token/status", Value::Null)
            .await
            .json()["enabled"],
        false
    );
    let deleted = platform
        .control("DELETE", "/console/service-account?name=ci-pipeline", Value::Null)
        .await;
    assert_eq!(deleted.code(), 204);
    assert_eq!(platform.names().await, ["terraform"]);
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
async fn console_creates_pat_and_rejects_second() {
    let platform = Platform::new();
    platform.sandbox.add_user(USER, Role::Regular);
    let create = || platform.control("POST", "/console/user-token", json!({ "email": USER }));
    assert!(platform.sandbox.is_live(&create().await.token()));
    assert_eq!(create().await.code(), 409);
    let revoked = platform
        .control("DELETE", &format!("/console/user-token?email={USER}"), Value::Null)
        .await;
    assert_eq!(revoked.code(), 204, "the console identifies users by email");
    let by_api = platform.call("POST", "/user-token", json!({ "email": USER })).await;
    assert_eq!(by_api.code(), 405, "the API has no such endpoint");
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
    assert_eq!(values["admin"], json!(platform.admin));
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
