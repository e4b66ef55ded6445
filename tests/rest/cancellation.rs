//! A cancelled operation ends at once, save for a request whose answer may be the only copy of a token.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::script::{Act, Platform, answer, create, delete, fetch, get, operation};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_wait_ends_at_once() {
    let platform = Platform::new([Act::Answer(429, &[("retry-after", "100")], "")]);
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
async fn a_reading_or_deletion_on_the_wire_ends_at_once() {
    for (request, ambiguous) in [(get(), false), (delete(), true)] {
        let platform = Platform::new([Act::Hang]);
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
async fn a_creation_on_the_wire_is_let_finish_and_its_token_kept() {
    let platform = Platform::new([Act::Late(20 * SECOND, 201, "\"value\"")]);
    let (client, operation) = (platform.client(), operation());
    let request = create();
    let (result, ()) = tokio::join!(fetch(&client, &operation, &request), async {
        sleep(SECOND).await;
        operation.cancellation.cancel();
    });
    assert_eq!(result.unwrap(), "value");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_once_cancelled() {
    let platform = Platform::new([answer(200, "\"value\"")]);
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
    assert!(platform.arrivals().is_empty());
}
