//! Retries: for which failures, and after which delay.

use std::time::Duration;

use crate::rest::Kind;
use http::StatusCode;
use tokio::time::Instant;

use super::script::{ScriptedPlatform, Step, answer, create, delete, fetch, get, operation, operation_with_timeout};

#[tokio::test(start_paused = true)]
async fn creation_waits_for_retry_after_of_429() {
    let limited = || Step::Answer(429, &[("retry-after", "17")], "");
    let platform = ScriptedPlatform::new([limited(), limited(), answer(201, "\"value\"")]);
    assert_eq!(
        fetch(&platform.client(), &operation(), &create()).await.unwrap(),
        "value"
    );
    assert_eq!(platform.seconds(), [0, 17, 34]);
}

#[tokio::test(start_paused = true)]
async fn status_429_without_retry_after_is_retried_with_backoff() {
    let limited = || answer(429, "slow down");
    let platform = ScriptedPlatform::new([limited(), limited(), limited(), limited(), answer(201, "\"value\"")]);
    fetch(&platform.client(), &operation(), &create()).await.unwrap();
    let at: Vec<_> = platform
        .requests()
        .iter()
        .map(|received| received.at.as_millis())
        .collect();
    for (pair, base) in at.windows(2).zip([1000, 2000, 4000, 8000]) {
        assert!((base..=2 * base + 1).contains(&(pair[1] - pair[0])), "{at:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn status_429_beyond_deadline_fails_immediately_with_numbers() {
    let platform = ScriptedPlatform::new([Step::Answer(
        429,
        &[("retry-after", "48")],
        "{\"message\":\"slow down\"}",
    )]);
    let start = Instant::now();
    let error = fetch(&platform.client(), &operation_with_timeout(20), &create())
        .await
        .unwrap_err();
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(
        error.to_string(),
        "could not create the thing: the platform answered 429 Too Many Requests: slow down; the next attempt must wait 48s, but \
         retry_timeout leaves 20s"
    );
    assert_eq!(error.status(), Some(StatusCode::TOO_MANY_REQUESTS));
    assert!(!error.is_ambiguous(), "a rejected request was not executed");
}

#[tokio::test(start_paused = true)]
async fn ambiguous_failure_is_retried_only_where_safe() {
    for step in [
        || answer(500, ""),
        || answer(502, ""),
        || answer(503, ""),
        || answer(504, ""),
        || Step::Cut,
        || Step::CutBody(200),
        || Step::Hang,
        || Step::HangBody(200),
        || answer(200, "<html>"),
    ] {
        for request in [get(), delete()] {
            let platform = ScriptedPlatform::new([step(), step(), answer(200, "\"value\"")]);
            assert_eq!(
                fetch(&platform.client(), &operation(), &request).await.unwrap(),
                "value"
            );
            assert_eq!(platform.requests().len(), 3);
        }
        let platform = ScriptedPlatform::new([step()]);
        let error = fetch(&platform.client(), &operation(), &create()).await.unwrap_err();
        assert_eq!(platform.requests().len(), 1, "{error}");
        assert!(error.is_ambiguous(), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn failed_connection_is_retried_for_every_request() {
    for request in [get(), delete(), create()] {
        let platform = ScriptedPlatform::new([Step::Refuse, Step::Refuse, answer(200, "\"value\"")]);
        assert_eq!(
            fetch(&platform.client(), &operation(), &request).await.unwrap(),
            "value"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn unreachable_host_fails_within_half_a_minute() {
    let platform = ScriptedPlatform::new((0..5).map(|_| Step::Refuse));
    let start = Instant::now();
    let error = fetch(&platform.client(), &operation(), &create()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "could not create the thing: no connection to api.example.com: connection refused"
    );
    assert!(!error.is_ambiguous());
    assert!(start.elapsed() <= Duration::from_secs(30));
}

#[tokio::test(start_paused = true)]
async fn client_errors_are_not_retried() {
    for status in [400, 401, 403, 404, 409, 422] {
        for request in [get(), delete(), create()] {
            let platform = ScriptedPlatform::new([answer(status, "{\"message\":\"no\"}")]);
            let error = fetch(&platform.client(), &operation(), &request).await.unwrap_err();
            assert_eq!(error.status().map(|status| status.as_u16()), Some(status));
            assert_eq!(error.platform_message(), Some("no"));
            assert_eq!(error.is_not_found(), status == 404);
            assert!(!error.is_ambiguous(), "{error}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn deletion_remains_ambiguous_after_retry() {
    let platform = ScriptedPlatform::new([Step::Cut, answer(403, "")]);
    let error = platform.client().send(&operation(), &delete()).await.unwrap_err();
    assert_eq!(error.status(), Some(StatusCode::FORBIDDEN));
    assert!(error.is_ambiguous());
}

#[tokio::test(start_paused = true)]
async fn read_is_never_ambiguous() {
    let platform = ScriptedPlatform::new((0..7).map(|_| Step::Cut));
    assert!(
        !fetch(&platform.client(), &operation(), &get())
            .await
            .unwrap_err()
            .is_ambiguous()
    );
}

#[tokio::test(start_paused = true)]
async fn retry_after_deadline_is_not_started() {
    for seconds in [1, 5, 20, 45] {
        let platform = ScriptedPlatform::new((0..7).map(|_| Step::Hang));
        let start = Instant::now();
        let error = fetch(&platform.client(), &operation_with_timeout(seconds), &get())
            .await
            .unwrap_err();
        assert!(
            start.elapsed() <= Duration::from_secs(seconds),
            "{seconds}: {:?}",
            start.elapsed()
        );
        assert!(error.to_string().contains("no answer within"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_after_deadline() {
    let platform = ScriptedPlatform::new([]);
    let error = fetch(&platform.client(), &operation_with_timeout(0), &get())
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "could not read the thing: retry_timeout has elapsed");
}

#[tokio::test(start_paused = true)]
async fn creation_may_use_its_request_timeout_beyond_deadline() {
    let platform = ScriptedPlatform::new([Step::Late(Duration::from_secs(25), 201, "\"value\"")]);
    assert_eq!(
        fetch(&platform.client(), &operation_with_timeout(10), &create())
            .await
            .unwrap(),
        "value"
    );
}

#[tokio::test(start_paused = true)]
async fn request_fails_at_request_timeout() {
    for step in [Step::Hang, Step::HangBody(200), Step::HangBody(500)] {
        let platform = ScriptedPlatform::new([step]);
        let start = Instant::now();
        let error = fetch(&platform.client(), &operation(), &create()).await.unwrap_err();
        assert_eq!(start.elapsed(), Duration::from_secs(30), "{error}");
        let is_status = error.status() == Some(StatusCode::INTERNAL_SERVER_ERROR);
        assert!(
            is_status || *error.kind() == Kind::Timeout(Duration::from_secs(30)),
            "{error}"
        );
    }
}
