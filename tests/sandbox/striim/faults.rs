//! Fault injection.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use jiff::SignedDuration;
use serde_json::{Value, json};
use token_providers::sandbox::{Effect, Fault};
use tokio::time::{Instant, timeout};
use tower::ServiceExt;

use super::platform::Platform;

fn creation(platform: &Platform) -> Request<Body> {
    let bearer = format!("Bearer {}", platform.admin);
    let body = Body::from(r#"{"name": "ci-pipeline"}"#);
    Request::post("/api/v1/service-account")
        .header("authorization", bearer)
        .body(body)
        .unwrap()
}

#[tokio::test]
async fn answer_fault_replaces_answer_before_or_after_execution() {
    for (fault, executed) in [(Fault::answer(503), false), (Fault::answer(503).after(), true)] {
        let platform = Platform::new();
        platform.sandbox.fault(fault.header("retry-after", "7").body("busy"));
        let answer = platform.create("ci-pipeline").await;
        assert_eq!((answer.code(), answer.text.as_str()), (503, "busy"));
        assert_eq!(answer.headers["retry-after"], "7");
        assert_eq!(platform.sandbox.calls("POST", "/service-account"), 1);
        assert_eq!(platform.names().await.contains(&"ci-pipeline".to_owned()), executed);
    }
}

#[tokio::test]
async fn cut_fault_closes_connection_before_or_after_execution() {
    for (fault, executed) in [
        (Fault::new(Effect::Cut), false),
        (Fault::new(Effect::Cut).after(), true),
    ] {
        let platform = Platform::new();
        platform.sandbox.fault(fault.clone());
        assert!(platform.try_send(creation(&platform)).await.is_err());
        assert_eq!(platform.sandbox.service_accounts().len() == 2, executed);
        platform.sandbox.fault(fault);
        let answer = platform.sandbox.router().oneshot(creation(&platform)).await.unwrap();
        assert!(
            axum::body::to_bytes(answer.into_body(), 1 << 20).await.is_err(),
            "the router's body fails"
        );
    }
}

#[tokio::test]
async fn truncate_fault_cuts_answer_after_execution() {
    let platform = Platform::new();
    platform.sandbox.fault(Fault::new(Effect::Truncate));
    let answer = platform.sandbox.service().oneshot(creation(&platform)).await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    assert!(axum::body::to_bytes(answer.into_body(), 1 << 20).await.is_err());
    assert_eq!(platform.sandbox.service_accounts().len(), 2, "the request was executed");
}

#[tokio::test(start_paused = true)]
async fn delay_fault_delays_answer() {
    for fault in [
        Fault::new(Effect::Delay(SignedDuration::from_secs(20))),
        Fault::new(Effect::Delay(SignedDuration::from_secs(20))).after(),
    ] {
        let platform = Platform::new();
        platform.sandbox.fault(fault.clone());
        let start = Instant::now();
        assert!(
            timeout(Duration::from_secs(19), platform.try_send(creation(&platform)))
                .await
                .is_err()
        );
        let executed = platform.sandbox.service_accounts().len() == 2;
        assert_eq!(executed, fault.when == token_providers::sandbox::When::After);
        platform.sandbox.fault(fault);
        assert_eq!(platform.call("GET", "/service-accounts", Value::Null).await.code(), 200);
        assert_eq!(start.elapsed().as_secs(), 39);
    }
}

#[tokio::test(start_paused = true)]
async fn hang_fault_sends_no_answer() {
    let platform = Platform::new();
    platform.sandbox.fault(Fault::new(Effect::Hang).after());
    assert!(
        timeout(Duration::from_secs(3000), platform.try_send(creation(&platform)))
            .await
            .is_err()
    );
    assert_eq!(platform.sandbox.service_accounts().len(), 2, "the request was executed");
    platform.sandbox.fault(Fault::new(Effect::Hang));
    assert!(
        platform.try_send(creation(&platform)).await.is_err(),
        "after an hour the connection is closed"
    );
}

#[tokio::test]
async fn fault_affects_configured_number_of_matching_requests() {
    let platform = Platform::new();
    platform.sandbox.fault(
        Fault::answer(500)
            .on("post", "/service-account/rotate")
            .skip(1)
            .times(2),
    );
    let mut codes = Vec::new();
    for _ in 0..4 {
        codes.push(platform.rotate("terraform-x").await.code());
        assert_eq!(platform.status_with(&platform.admin).await, 200, "another path");
    }
    assert_eq!(codes, [404, 500, 500, 404]);
}

#[tokio::test]
async fn faults_apply_in_order_and_not_to_control_api() {
    let platform = Platform::new();
    platform.sandbox.fault(Fault::answer(500));
    platform.sandbox.fault(Fault::answer(502));
    assert_eq!(platform.control("GET", "", Value::Null).await.code(), 200);
    let codes = [
        platform.status_with("").await,
        platform.status_with("").await,
        platform.status_with(&platform.admin).await,
    ];
    assert_eq!(codes, [500, 502, 200], "faults precede authentication");
}

#[tokio::test]
async fn faults_can_be_added_listed_and_removed_over_http() {
    let platform = Platform::new();
    let fault = json!({
        "method": "POST", "path": "/service-account", "skip": 0, "times": 2, "when": "after",
        "effect": { "answer": { "status": 502, "headers": { "server": "proxy" }, "body": "<html>" } },
    });
    assert_eq!(platform.control("POST", "/faults", fault.clone()).await.code(), 204);
    for effect in [
        json!("cut"),
        json!("truncate"),
        json!("hang"),
        json!({ "delay": "PT5S" }),
    ] {
        assert_eq!(
            platform
                .control("POST", "/faults", json!({ "effect": effect }))
                .await
                .code(),
            204
        );
    }
    let listed = platform.control("GET", "/faults", Value::Null).await.json();
    assert_eq!((&listed[0], listed.as_array().unwrap().len()), (&fault, 5));
    let answer = platform.create("ci-pipeline").await;
    assert_eq!((answer.code(), answer.text.as_str()), (502, "<html>"));
    platform.control("DELETE", "/faults", Value::Null).await;
    assert_eq!(platform.names().await, ["ci-pipeline", "terraform"]);
    for invalid in [
        json!({}),
        json!({ "effect": "explode" }),
        json!({ "effect": "cut", "often": true }),
    ] {
        assert_eq!(platform.control("POST", "/faults", invalid).await.code(), 400);
    }
}

#[tokio::test]
async fn fault_with_invalid_http_answer_is_rejected() {
    let platform = Platform::new();
    for answer in [
        json!({ "status": 9 }),
        json!({ "status": 200, "headers": { "a b": "c" } }),
    ] {
        let fault = json!({ "effect": { "answer": answer } });
        assert_eq!(platform.control("POST", "/faults", fault).await.code(), 400);
    }
    platform.sandbox.fault(Fault::answer(9));
    assert_eq!(platform.status_with(&platform.admin).await, 500);
}
