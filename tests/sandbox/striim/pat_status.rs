//! The toggle that enables or disables all PATs.

use serde_json::{Value, json};
use token_providers::sandbox::striim::{RefusalStatus, Role};

use super::platform::Platform;

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
async fn disabling_pats_with_pat_revokes_that_pat() {
    let platform = Platform::new();
    let pat = platform.user(USER, Role::Admin);
    assert_eq!(platform.call_as(&pat, "PATCH", STATUS, Value::Null).await.code(), 200);
    assert_eq!(platform.call_as(&pat, "PATCH", STATUS, Value::Null).await.code(), 401);
}

#[tokio::test]
async fn pat_cannot_be_created_or_rotated_while_disabled() {
    for (status, code) in [
        (RefusalStatus::Conflict, 409),
        (RefusalStatus::BadRequest, 400),
        (RefusalStatus::Forbidden, 403),
    ] {
        let platform = Platform::with(|options| options.pats_disabled = status);
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
async fn toggle_ignores_body_of_request() {
    let platform = Platform::new();
    let sent = platform.call("PATCH", STATUS, json!({ "enabled": true })).await;
    assert_eq!(sent.json(), json!({ "enabled": false }));
}
