//! Runs on a machine with a wrong clock: expiry is decided by the platform's clock.

use jiff::SignedDuration;
use serde_json::json;

use super::{provider, provider_at, sandbox};
use crate::framework::testing::{RunOptions, SingleResource};
use crate::sandbox::neuroio::{Options, Realm};
use crate::token::Clock;

const DAY: i64 = 24 * 60 * 60;

#[tokio::test(start_paused = true)]
async fn wrong_clock_replaces_no_temporary_token_and_is_reported() {
    for skew in [4_000 * DAY, 40 * DAY, -40 * DAY] {
        for skip_refresh in [false, true] {
            let sandbox = sandbox(Options::default());
            let mut token = SingleResource::new("neuroio_stream_token");
            let config = json!({ "permanent": false });
            token.apply(provider(&sandbox), Some(&config)).await.succeeds();
            let clock = sandbox.clock();
            let clock = Clock::new(move || clock.now() + SignedDuration::from_secs(skew));
            let skewed = provider_at(&sandbox, &sandbox.add_api_token(&Realm::Account), clock);
            let options = RunOptions {
                skip_refresh,
                ..RunOptions::default()
            };
            let run = token.apply_with(skewed, Some(&config), &options).await;
            run.changes_nothing().warns("This machine's clock is");
        }
    }
}
