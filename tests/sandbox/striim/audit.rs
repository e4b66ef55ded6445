//! The audit log.

use serde_json::{Value, json};
use token_providers::sandbox::striim::{AuditAction, Role};

use super::platform::{NOW, Platform, at};

const USER: &str = "user@acme.example";
const STATUS: &str = "/user-token/status";

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
