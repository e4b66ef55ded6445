//! Rate limits by the sandbox's clock.

use jiff::SignedDuration;
use serde_json::{Value, json};
use token_providers::sandbox::striim::RateLimits;

use super::platform::Platform;

#[tokio::test]
async fn each_kind_of_operation_has_limit_per_minute() {
    let body = json!({ "name": "unknown" });
    for (method, path, body, limit) in [
        ("POST", "/service-account/rotate", body, 10),
        ("POST", "/user-token/rotate", json!({}), 10),
        ("DELETE", "/service-account?name=unknown", Value::Null, 30),
        ("DELETE", "/user-token?user-id=1", Value::Null, 30),
        ("PATCH", "/user-token/status", Value::Null, 5),
    ] {
        let platform = Platform::new();
        for _ in 0..limit {
            assert_ne!(
                platform.call(method, path, body.clone()).await.code(),
                429,
                "{method} {path}"
            );
        }
        let rejected = platform.call(method, path, body.clone()).await;
        assert_eq!(rejected.code(), 429, "{method} {path}");
        assert_eq!(rejected.headers.get("retry-after"), None);
        platform.sandbox.advance(SignedDuration::from_secs(60));
        assert_ne!(
            platform.call(method, path, body).await.code(),
            429,
            "{method} {path} a minute later"
        );
    }
}

#[tokio::test]
async fn creations_and_rotations_of_both_token_types_share_limit() {
    let platform = Platform::new();
    for _ in 0..5 {
        platform.rotate("unknown").await;
        platform.call("POST", "/user-token/rotate", json!({})).await;
    }
    assert_eq!(platform.create("ci-pipeline").await.code(), 429);
    assert_eq!(
        platform.delete("terraform").await.code(),
        204,
        "revocations have a separate limit"
    );
}

#[tokio::test]
async fn reads_have_no_limit() {
    let platform = Platform::new();
    for _ in 0..100 {
        assert_eq!(platform.status_with(&platform.admin).await, 200);
    }
}

#[tokio::test]
async fn window_is_sliding() {
    let platform = Platform::new();
    for _ in 0..10 {
        platform.rotate("unknown").await;
        platform.sandbox.advance(SignedDuration::from_secs(5));
    }
    // 50 s after the first request, which leaves the window in 10 s; the second leaves it 5 s
    // later.
    assert_eq!(platform.rotate("unknown").await.code(), 429);
    platform.sandbox.advance(SignedDuration::from_secs(10));
    assert_eq!(platform.rotate("unknown").await.code(), 404);
    assert_eq!(platform.rotate("unknown").await.code(), 429);
}

#[tokio::test]
async fn retry_after_is_sent_if_enabled_and_is_accurate() {
    let platform = Platform::with(|options| options.retry_after = true);
    for _ in 0..5 {
        platform.call("PATCH", "/user-token/status", Value::Null).await;
    }
    platform.sandbox.advance(SignedDuration::from_millis(18_500));
    let rejected = platform.call("PATCH", "/user-token/status", Value::Null).await;
    assert_eq!(rejected.headers["retry-after"], "42");
    platform.sandbox.advance(SignedDuration::from_secs(42));
    assert_eq!(
        platform.call("PATCH", "/user-token/status", Value::Null).await.code(),
        200
    );
}

#[tokio::test]
async fn unauthenticated_requests_do_not_count_against_limits() {
    let platform = Platform::new();
    for _ in 0..20 {
        platform
            .call_as("nonsense", "POST", "/service-account", Value::Null)
            .await;
    }
    assert_eq!(platform.create("ci-pipeline").await.code(), 200);
}

#[tokio::test]
async fn limits_can_be_changed_and_disabled() {
    let platform = Platform::with(|options| {
        options.rate_limits = Some(RateLimits {
            issue: 1,
            ..RateLimits::default()
        })
    });
    assert_eq!(platform.rotate("unknown").await.code(), 404);
    assert_eq!(platform.rotate("unknown").await.code(), 429);
    platform.sandbox.set_options(|options| options.rate_limits = None);
    for _ in 0..50 {
        assert_eq!(platform.rotate("unknown").await.code(), 404);
    }
}
