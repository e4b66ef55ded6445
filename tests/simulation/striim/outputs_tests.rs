//! The search for values finds them.

use super::outputs::Outputs;

const VALUE: &str = "AbCdEfGhIjKl.MnOpQrStUvWxYz0123";

/// The line that shows a part of the value.
async fn found(show: impl FnOnce(&Outputs)) -> Option<String> {
    let outputs = Outputs::new();
    show(&outputs);
    outputs.search(&[VALUE.into()]).await.1
}

#[tokio::test]
async fn value_is_found_in_every_output() {
    assert!(
        found(|outputs| outputs.record(format!("error: {VALUE}")))
            .await
            .is_some()
    );
    assert!(
        found(|outputs| outputs.show(&format!("GET /x?token={VALUE}")))
            .await
            .is_some()
    );
    let logged = found(|_| tracing::trace!(target: "token_providers::rest", token = VALUE)).await;
    assert!(logged.is_some_and(|line| line.contains("token=")));
    let begun = found(|_| drop(tracing::info_span!(target: "token_providers::rest", "request", token = VALUE))).await;
    assert!(begun.is_some());
    assert!(found(|outputs| outputs.show("nothing")).await.is_none());
}

#[tokio::test]
async fn half_a_value_is_found() {
    assert!(found(|outputs| outputs.show(&VALUE[..20])).await.is_some());
    assert!(found(|outputs| outputs.show(&VALUE[10..])).await.is_some());
}
