//! The global PAT toggle and the audit log.

use serde_json::{Value, json};
use token_providers::sandbox::striim::{AuditAction, RefusalStatus, Role};

use super::platform::{NOW, Platform, at};

const USER: &str = "user@acme.example";
const STATUS: &str = "/user-token/status";

#[tokio::test]
async fn disabling_revokes_every_pat_and_enabling_restores_none() {
    let platform = Platform::new();
    let pats = [
        platform.user(USER, Role::Regular),
        platform.user("boss@acme.example", Role::Admin),
    ];
    assert_eq!(
        platform.call("GET", STATUS, Value::Null).await.json(),
        json!({ "enabled": true })
    );
    assert_eq!(
        platform.call("PATCH", STATUS, Value::Null).await.json(),
        json!({ "enabled": false })
    );
    assert_eq!(
        platform.call("GET", STATUS, Value::Null).await.json(),
        json!({ "enabled": false })
    );
    assert!(pats.iter().all(|pat| !platform.sandbox.is_live(pat)));
    assert_eq!(
        platform.call("PATCH", STATUS, Value::Null).await.json(),
        json!({ "enabled": true })
    );
    assert!(pats.iter().all(|pat| !platform.sandbox.is_live(pat)));
    assert_eq!(
        platform
            .call("GET", &format!("/user-token?email={USER}"), Value::Null)
            .await
            .code(),
        404
    );
    assert_eq!(
        platform
            .call("POST", "/user-token/rotate", json!({ "email": USER }))
            .await
            .code(),
        200
    );
}

#[tokio::test]
async fn service_accounts_are_unaffected_by_toggle() {
    let platform = Platform::new();
    platform.call("PATCH", STATUS, Value::Null).await;
    assert_eq!(platform.status_with(&platform.admin).await, 200);
}

#[tokio::test]
async fn administrator_who_disables_pats_with_pat_loses_access() {
    let platform = Platform::new();
    let pat = platform.user(USER, Role::Admin);
    assert_eq!(platform.call_as(&pat, "PATCH", STATUS, Value::Null).await.code(), 200);
    assert_eq!(platform.call_as(&pat, "PATCH", STATUS, Value::Null).await.code(), 401);
}

#[tokio::test]
async fn pat_cannot_be_created_or_rotated_while_disabled() {
    for (refused, code) in [
        (RefusalStatus::Conflict, 409),
        (RefusalStatus::BadRequest, 400),
        (RefusalStatus::Forbidden, 403),
    ] {
        let platform = Platform::with(|options| options.pats_disabled = refused);
        platform.sandbox.add_user(USER, Role::Regular);
        platform.call("PATCH", STATUS, Value::Null).await;
        assert_eq!(
            platform
                .call("POST", "/user-token/rotate", json!({ "email": USER }))
                .await
                .code(),
            code
        );
        assert!(platform.sandbox.create_user_token_outside(USER, None).is_err());
        assert!(platform.sandbox.add_user_token(USER, None).is_err());
    }
}

#[tokio::test]
async fn toggle_ignores_body() {
    let platform = Platform::new();
    let sent = platform.call("PATCH", STATUS, json!({ "enabled": true })).await;
    assert_eq!(sent.json(), json!({ "enabled": false }));
}

#[tokio::test]
async fn audit_log_contains_actor_action_target_and_time() {
    use AuditAction::*;
    let platform = Platform::new();
    let user = platform.user(USER, Role::Regular);
    let created = platform.create("ci-pipeline").await;
    let rotated = platform.rotate("ci-pipeline").await;
    platform.delete("ci-pipeline").await;
    platform.call_as(&user, "POST", "/user-token/rotate", json!({})).await;
    platform.call("DELETE", "/user-token?user-id=8510", Value::Null).await;
    platform
        .call("POST", "/user-token/rotate", json!({ "email": USER }))
        .await;
    platform.call("PATCH", STATUS, Value::Null).await;
    platform.call("PATCH", STATUS, Value::Null).await;
    platform.sandbox.delete_outside("terraform").unwrap();

    let log = platform.sandbox.audit();
    assert_eq!(
        log.iter()
            .map(|entry| (entry.actor.as_str(), entry.action, entry.target.as_str()))
            .collect::<Vec<_>>(),
        [
            ("terraform", CreateServiceAccount, "ci-pipeline"),
            ("terraform", RotateServiceAccount, "ci-pipeline"),
            ("terraform", RevokeServiceAccount, "ci-pipeline"),
            (USER, RotatePat, USER),
            ("terraform", RevokePat, USER),
            ("terraform", CreatePat, USER),
            ("terraform", DisablePats, "acme"),
            ("terraform", EnablePats, "acme"),
            ("console", RevokeServiceAccount, "terraform"),
        ]
    );
    assert!(log.iter().all(|entry| entry.at == at(NOW)));
    assert_eq!(log[0].token_id, created.json()["token-id"].as_i64());
    assert_eq!(log[1].token_id, rotated.json()["token-id"].as_i64());
    assert_eq!(log[2].token_id, log[1].token_id);
    assert_eq!(log[6].token_id, None);
}

#[tokio::test]
async fn audit_log_omits_rejected_operations() {
    let platform = Platform::new();
    platform.create("x").await;
    platform.rotate("unknown").await;
    platform.delete("unknown").await;
    assert_eq!(platform.sandbox.audit(), []);
}
