//! The client-side enforcement of the platform's rate limits.

use std::time::Duration;

use crate::rest::RateLimit;
use tokio::time::Instant;

use super::log::Log;
use super::script::{ScriptedPlatform, Step, answer, create, fetch, operation, operation_with_timeout};

const LIMIT: RateLimit = RateLimit::per_minute("creation", 10);

#[tokio::test(start_paused = true)]
async fn eleventh_creation_waits_for_next_window() {
    let platform = ScriptedPlatform::new((0..25).map(|_| answer(201, "\"value\"")));
    let (client, operation) = (platform.client(), operation());
    let request = create().limit(&LIMIT);
    let mut requests = tokio::task::JoinSet::new();
    for _ in 0..25 {
        let (client, operation, request) = (client.clone(), operation.clone(), request.clone());
        requests.spawn(async move { fetch(&client, &operation, &request).await });
    }
    for result in requests.join_all().await {
        result.unwrap();
    }
    assert_eq!(platform.seconds(), [[0; 10].as_slice(), &[60; 10], &[120; 5]].concat());
}

#[tokio::test(start_paused = true)]
async fn wait_beyond_deadline_fails_immediately_and_uses_no_slot() {
    let platform = ScriptedPlatform::new((0..11).map(|_| answer(201, "\"value\"")));
    let client = platform.client();
    let request = create().limit(&LIMIT);
    for _ in 0..10 {
        fetch(&client, &operation(), &request).await.unwrap();
    }
    let (log, _guard) = Log::capture();
    let start = Instant::now();
    let error = fetch(&client, &operation_with_timeout(20), &request).await.unwrap_err();
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(
        error.to_string(),
        "could not create the thing: the platform's rate limit is exhausted; the next attempt must wait 60s, but retry_timeout \
         leaves 20s"
    );
    assert!(!error.is_ambiguous());
    fetch(&client, &operation(), &request).await.unwrap();
    assert_eq!(platform.seconds().last(), Some(&60));
    let expected = "waiting 60s: the platform allows 10 requests of creation in 60s";
    assert_eq!(log.text().matches(expected).count(), 1, "{}", log.text());
}

#[tokio::test(start_paused = true)]
async fn every_attempt_counts_against_limit() {
    let limited = || Step::Answer(429, &[("retry-after", "1")], "");
    let platform = ScriptedPlatform::new((0..10).map(|_| limited()).chain([answer(201, "\"value\"")]));
    fetch(&platform.client(), &operation(), &create().limit(&LIMIT))
        .await
        .unwrap();
    assert_eq!(platform.seconds(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 60]);
}
