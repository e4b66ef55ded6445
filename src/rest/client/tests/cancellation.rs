//! Cancellation stops an operation immediately, unless the answer in flight may be the only copy of
//! a token.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::script::{ScriptedPlatform, Step, answer, create, delete, fetch, get, operation};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn cancelled_wait_returns_immediately() {
    let platform = ScriptedPlatform::new([Step::Answer(429, &[("retry-after", "100")], "")]);
    let (client, operation, start) = (platform.client(), operation(), Instant::now());
    let request = create();
    let (result, ()) = tokio::join!(fetch(&client, &operation, &request), async {
        sleep(SECOND).await;
        operation.cancellation.cancel();
    });
    let error = result.unwrap_err();
    assert_eq!(start.elapsed(), SECOND);
    assert!(error.is_cancelled() && !error.is_ambiguous());
}

#[tokio::test(start_paused = true)]
async fn cancelled_read_or_deletion_in_flight_returns_immediately() {
    for (request, ambiguous) in [(get(), false), (delete(), true)] {
        let platform = ScriptedPlatform::new([Step::Hang]);
        let (client, operation, start) = (platform.client(), operation(), Instant::now());
        let (result, ()) = tokio::join!(fetch(&client, &operation, &request), async {
            sleep(SECOND).await;
            operation.cancellation.cancel();
        });
        let error = result.unwrap_err();
        assert_eq!(start.elapsed(), SECOND);
        assert!(error.is_cancelled());
        assert_eq!(error.is_ambiguous(), ambiguous);
    }
}

#[tokio::test(start_paused = true)]
async fn cancelled_creation_in_flight_completes_and_returns_token() {
    let platform = ScriptedPlatform::new([Step::Late(20 * SECOND, 201, "\"value\"")]);
    let (client, operation) = (platform.client(), operation());
    let request = create();
    let (result, ()) = tokio::join!(fetch(&client, &operation, &request), async {
        sleep(SECOND).await;
        operation.cancellation.cancel();
    });
    assert_eq!(result.unwrap(), "value");
}

#[tokio::test(start_paused = true)]
async fn cancelled_operation_sends_nothing() {
    let platform = ScriptedPlatform::new([answer(200, "\"value\"")]);
    let operation = operation();
    operation.cancellation.cancel();
    for request in [get(), delete(), create()] {
        assert!(
            fetch(&platform.client(), &operation, &request)
                .await
                .unwrap_err()
                .is_cancelled()
        );
    }
    assert!(platform.requests().is_empty());
}
