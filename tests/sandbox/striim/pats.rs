//! Personal access tokens.

use jiff::SignedDuration;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use token_providers::sandbox::striim::{Refusal, Role};

use super::platform::{NOW, Platform, at};

const USER: &str = "user@acme.example";

#[tokio::test]
async fn rotation_invalidates_current_pat_and_issues_another() {
    let platform = Platform::new();
    let old = platform.user(USER, Role::Regular);
    let rotated = platform
        .call_as(&old, "POST", "/user-token/rotate", json!({ "email": USER }))
        .await;
    assert_eq!(
        rotated.json()["expires-at"],
        "2026-03-12T06:19:25Z",
        "the default is one day"
    );
    assert_eq!(rotated.json()["updated-at"], NOW);
    assert!(!platform.sandbox.is_live(&old));
    assert!(platform.sandbox.is_live(&rotated.token()));
}

#[tokio::test]
async fn rotation_without_email_rotates_own_pat() {
    let platform = Platform::new();
    let old = platform.user(USER, Role::Regular);
    let rotated = platform.call_as(&old, "POST", "/user-token/rotate", json!({})).await;
    assert_eq!(rotated.json()["email"], USER);
}

#[tokio::test]
async fn expiry_of_pat_is_at_most_90_days_ahead() {
    for (expires_at, code) in [
        ("2026-06-09T06:19:25Z", 200),
        ("2026-06-09T06:19:26Z", 400),
        ("2026-03-11T06:19:25Z", 400),
        ("2027-02-09T00:00:00Z", 400),
    ] {
        let platform = Platform::new();
        let pat = platform.user(USER, Role::Regular);
        let body = json!({ "email": USER, "expires-at": expires_at });
        let rotated = platform.call_as(&pat, "POST", "/user-token/rotate", body.clone()).await;
        assert_eq!(rotated.code(), code, "{expires_at}");
        assert_eq!(
            platform.sandbox.is_live(&pat),
            code == 400,
            "a rejected rotation does not change the PAT"
        );
        platform
            .sandbox
            .set_options(|options| options.rotation_obeys_maximum = false);
        let rotated = platform.call("POST", "/user-token/rotate", body).await;
        assert_eq!(rotated.code() == 200, at(expires_at) > at(NOW), "{expires_at}");
    }
}

#[tokio::test]
async fn rotation_without_expiry_is_invalid_if_expiry_is_required() {
    let platform = Platform::with(|options| options.pat_expiry_required = true);
    let pat = platform.user(USER, Role::Regular);
    assert_eq!(
        platform
            .call_as(&pat, "POST", "/user-token/rotate", json!({ "email": USER }))
            .await
            .code(),
        400
    );
    assert!(platform.sandbox.is_live(&pat));
}

#[tokio::test]
async fn rotation_of_missing_pat_creates_it_or_is_not_found() {
    for (creates, code) in [(true, 200), (false, 404)] {
        let platform = Platform::with(|options| options.rotation_creates_pat = creates);
        platform.sandbox.add_user(USER, Role::Regular);
        let rotated = platform
            .call("POST", "/user-token/rotate", json!({ "email": USER }))
            .await;
        assert_eq!(rotated.code(), code);
    }
}

#[tokio::test]
async fn token_information_omits_value() {
    let platform = Platform::new();
    let pat = platform.user(USER, Role::Regular);
    let own = platform.call_as(&pat, "GET", "/user-token", Value::Null).await;
    assert_eq!(own.json()["expires-at"], "2026-06-01T00:00:00Z");
    assert_eq!(
        (&own.json()["email"], &own.json()["user-id"]),
        (&json!(USER), &json!(8510))
    );
    assert!(own.json()["token-id"].is_i64() && !own.text.contains(&pat));
    let by_admin = platform
        .call("GET", &format!("/user-token?email={USER}"), Value::Null)
        .await;
    assert_eq!(by_admin.json(), own.json());
}

#[tokio::test]
async fn token_information_of_missing_pat_is_not_found() {
    let platform = Platform::new();
    platform.sandbox.add_user(USER, Role::Regular);
    assert_eq!(
        platform
            .call("GET", &format!("/user-token?email={USER}"), Value::Null)
            .await
            .code(),
        404
    );
    assert_eq!(
        platform.call("GET", "/user-token", Value::Null).await.code(),
        404,
        "a service account has no PAT"
    );
}

#[tokio::test]
async fn revocation_is_immediate_and_permanent() {
    let platform = Platform::new();
    let pat = platform.user(USER, Role::Regular);
    let path = format!("/user-token?email={USER}");
    assert_eq!(platform.call_as(&pat, "DELETE", &path, Value::Null).await.code(), 204);
    assert_eq!(platform.call_as(&pat, "DELETE", &path, Value::Null).await.code(), 401);
    assert_eq!(
        platform
            .call("DELETE", "/user-token?user-id=8510", Value::Null)
            .await
            .code(),
        404
    );
    let new = platform
        .call("POST", "/user-token/rotate", json!({ "email": USER }))
        .await
        .token();
    assert!(platform.sandbox.is_live(&new) && !platform.sandbox.is_live(&pat));
}

#[tokio::test]
async fn administrator_revokes_by_user_id_and_by_email_if_enabled() {
    for (by_email, code) in [(false, 403), (true, 204)] {
        let platform = Platform::with(|options| options.admins_revoke_by_email = by_email);
        platform.user(USER, Role::Regular);
        let revoked = platform
            .call("DELETE", &format!("/user-token?email={USER}"), Value::Null)
            .await;
        assert_eq!(revoked.code(), code);
    }
}

#[tokio::test]
async fn revocation_requires_exactly_one_user() {
    let platform = Platform::new();
    for query in ["", "?user-id=me", "?email=a@b.example&user-id=8509", "?name=me"] {
        assert_eq!(
            platform
                .call("DELETE", &format!("/user-token{query}"), Value::Null)
                .await
                .code(),
            400,
            "{query}"
        );
    }
}

#[tokio::test]
async fn administrator_rotates_pats_of_others_if_enabled() {
    let platform = Platform::with(|options| options.admins_rotate_pats = false);
    let admin = platform.user("boss@acme.example", Role::Admin);
    let pat = platform.user(USER, Role::Regular);
    for bearer in [&platform.admin, &admin] {
        let rotated = platform
            .call_as(bearer, "POST", "/user-token/rotate", json!({ "email": USER }))
            .await;
        assert_eq!(rotated.code(), 403);
    }
    assert!(platform.sandbox.is_live(&pat));
    assert_eq!(
        platform
            .call_as(&admin, "POST", "/user-token/rotate", json!({}))
            .await
            .code(),
        200,
        "the caller's own PAT"
    );
}

#[tokio::test]
async fn second_active_pat_is_a_conflict() {
    let platform = Platform::new();
    platform.user(USER, Role::Regular);
    let second = platform.sandbox.create_user_token_outside(USER, None);
    assert!(matches!(second, Err(Refusal::Conflict(_))));
    platform.sandbox.advance(SignedDuration::from_hours(24 * 90));
    assert!(
        platform.sandbox.create_user_token_outside(USER, None).is_ok(),
        "an expired PAT is not active"
    );
}

#[tokio::test]
async fn legacy_pat_is_valid_until_rotated() {
    let platform = Platform::new();
    platform.sandbox.add_user(USER, Role::Regular);
    let legacy = platform
        .sandbox
        .add_user_token(USER, None)
        .unwrap()
        .expose_secret()
        .to_owned();
    platform.sandbox.advance(SignedDuration::from_hours(24 * 365 * 20));
    let information = platform.call_as(&legacy, "GET", "/user-token", Value::Null).await;
    assert!(information.json().get("expires-at").is_none());
    let rotated = platform.call_as(&legacy, "POST", "/user-token/rotate", json!({})).await;
    assert!(rotated.json()["expires-at"].is_string());
    assert!(!platform.sandbox.is_live(&legacy));
}

#[tokio::test]
async fn expired_pat_is_readable_by_administrators() {
    let platform = Platform::new();
    platform.sandbox.add_user(USER, Role::Regular);
    platform
        .sandbox
        .add_user_token(USER, Some(at("2026-03-01T00:00:00Z")))
        .unwrap();
    let information = platform
        .call("GET", &format!("/user-token?email={USER}"), Value::Null)
        .await;
    assert_eq!(information.json()["expires-at"], "2026-03-01T00:00:00Z");
}
