//! Authentication and the permissions of roles.

use axum::body::Body;
use axum::http::Request;
use jiff::SignedDuration;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use token_providers::sandbox::striim::Role;

use super::platform::Platform;

const OWN: &str = "me@acme.example";
const OTHER: &str = "other@acme.example";

/// The rows of the document's table of roles, then those that its API reference adds.
#[tokio::test]
async fn permissions_match_table_of_roles() {
    let body = |email: &str| json!({ "email": email });
    let name = || json!({ "name": "ci-pipeline" });
    for (operation, method, path, body, regular, admin) in [
        (
            "rotate own PAT",
            "POST",
            "/user-token/rotate".to_owned(),
            body(OWN),
            200,
            200,
        ),
        (
            "revoke own PAT",
            "DELETE",
            format!("/user-token?email={OWN}"),
            Value::Null,
            204,
            204,
        ),
        (
            "revoke own PAT by id",
            "DELETE",
            "/user-token?user-id=8510".to_owned(),
            Value::Null,
            204,
            204,
        ),
        (
            "revoke another's PAT",
            "DELETE",
            "/user-token?user-id=8511".to_owned(),
            Value::Null,
            403,
            204,
        ),
        (
            "create a service account",
            "POST",
            "/service-account".to_owned(),
            json!({ "name": "new" }),
            403,
            200,
        ),
        (
            "rotate a service account",
            "POST",
            "/service-account/rotate".to_owned(),
            name(),
            403,
            200,
        ),
        (
            "revoke a service account",
            "DELETE",
            "/service-account?name=ci-pipeline".to_owned(),
            Value::Null,
            403,
            204,
        ),
        (
            "toggle PATs",
            "PATCH",
            "/user-token/status".to_owned(),
            Value::Null,
            403,
            200,
        ),
        (
            "check the PAT status",
            "GET",
            "/user-token/status".to_owned(),
            Value::Null,
            403,
            200,
        ),
        (
            "list service accounts",
            "GET",
            "/service-accounts".to_owned(),
            Value::Null,
            403,
            200,
        ),
        ("read own PAT", "GET", "/user-token".to_owned(), Value::Null, 200, 200),
        (
            "read own PAT by email",
            "GET",
            format!("/user-token?email={OWN}"),
            Value::Null,
            200,
            200,
        ),
        (
            "read another's PAT",
            "GET",
            format!("/user-token?email={OTHER}"),
            Value::Null,
            403,
            200,
        ),
        (
            "rotate another's PAT",
            "POST",
            "/user-token/rotate".to_owned(),
            body(OTHER),
            403,
            200,
        ),
        (
            "unknown user",
            "GET",
            "/user-token?email=unknown@acme.example".to_owned(),
            Value::Null,
            403,
            404,
        ),
        (
            "unknown user's id",
            "DELETE",
            "/user-token?user-id=1".to_owned(),
            Value::Null,
            403,
            404,
        ),
    ] {
        for (role, code) in [(Role::Regular, regular), (Role::Admin, admin)] {
            let platform = Platform::new();
            let own = platform.user(OWN, role);
            platform.user(OTHER, Role::Regular);
            platform.create("ci-pipeline").await;
            let before = platform.sandbox.audit().len();
            let answer = platform.call_as(&own, method, &path, body.clone()).await;
            assert_eq!(answer.code(), code, "{operation} as {role:?}: {answer:?}");
            if code >= 400 {
                assert_eq!(
                    platform.sandbox.audit().len(),
                    before,
                    "{operation} as {role:?} changed something"
                );
            }
        }
    }
}

#[tokio::test]
async fn pat_has_current_permissions_of_its_user() {
    let platform = Platform::new();
    let pat = platform.user(OWN, Role::Regular);
    assert_eq!(platform.status_with(&pat).await, 403);
    platform.sandbox.add_user(OWN, Role::Admin);
    assert_eq!(platform.status_with(&pat).await, 200);
}

#[tokio::test]
async fn missing_and_invalid_tokens_are_rejected() {
    let platform = Platform::new();
    for header in [
        None,
        Some(""),
        Some("Bearer"),
        Some("Bearer "),
        Some("Bearer unknown"),
        Some("Basic YTpi"),
    ] {
        let mut request = Request::get("/api/v1/service-accounts");
        if let Some(header) = header {
            request = request.header("authorization", header);
        }
        let answer = platform.try_send(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(answer.code(), 401, "{header:?}");
    }
    let bare = Request::get("/api/v1/service-accounts").header("authorization", &platform.admin);
    assert_eq!(
        platform
            .try_send(bare.body(Body::empty()).unwrap())
            .await
            .unwrap()
            .code(),
        401,
        "without the scheme"
    );
    let expiring = platform.user(OWN, Role::Admin);
    platform.sandbox.advance(SignedDuration::from_hours(24 * 90));
    assert_eq!(platform.status_with(&expiring).await, 401, "expired");
}

#[tokio::test]
async fn token_is_checked_before_path_and_body() {
    let platform = Platform::new();
    let invalid = json!({ "nonsense": true });
    assert_eq!(
        platform
            .call_as("revoked", "POST", "/service-account", invalid.clone())
            .await
            .code(),
        401
    );
    assert_eq!(
        platform.call_as("revoked", "GET", "/nowhere", Value::Null).await.code(),
        401
    );
    assert_eq!(platform.call("POST", "/service-account", invalid).await.code(), 400);
    assert_eq!(platform.call("GET", "/nowhere", Value::Null).await.code(), 404);
}

#[tokio::test]
async fn token_of_other_account_is_forbidden() {
    let platform = Platform::new();
    let foreign = platform.sandbox.foreign_token().expose_secret().to_owned();
    for (method, path) in [
        ("GET", "/service-accounts"),
        ("GET", "/user-token"),
        ("PATCH", "/user-token/status"),
    ] {
        assert_eq!(platform.call_as(&foreign, method, path, Value::Null).await.code(), 403);
    }
    assert!(!platform.sandbox.is_live(&foreign));
}
