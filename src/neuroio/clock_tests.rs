//! Runs on a machine whose clock is wrong: what is decided follows the platform's.

use jiff::SignedDuration;
use secrecy::ExposeSecret;

use super::provider::NeuroIo;
use super::stream_token::StreamToken;
use super::testing::sandbox;
use crate::framework::testing::{Configuration, ResourceBlock, RunOptions, RunOutcome, Workspace};
use crate::framework::{Model, Resource, Value};
use crate::platform::Parts;
use crate::platform::testing::variables;
use crate::rest::Transport;
use crate::sandbox::neuroio::{Options, Realm, Sandbox};
use crate::token::Clock;

const DAY: i64 = 24 * 60 * 60;

/// A provider on a machine whose clock is off by so many seconds.
fn provider(sandbox: &Sandbox, skew: i64) -> NeuroIo {
    let (clock, transport) = (sandbox.clock(), sandbox.clone());
    NeuroIo::new(Parts {
        clock: Clock::new(move || clock.now() + SignedDuration::from_secs(skew)),
        environment: variables(&[("NEUROIO_API_TOKEN", sandbox.api_token(&Realm::Account).expose_secret())]),
        transport: Box::new(move |_| Transport::new(transport.service())),
    })
}

#[tokio::test(start_paused = true)]
async fn wrong_clock_recreates_no_temporary_token_and_is_reported() {
    for skew in [4_000 * DAY, 40 * DAY, -40 * DAY] {
        for skip_refresh in [false, true] {
            let (sandbox, workspace) = (sandbox(Options::default()), Workspace::default());
            let config = Value::Map([("permanent".to_owned(), Value::Bool(false))].into());
            let config = <StreamToken as Resource>::Model::from_value(&config).unwrap();
            let declared =
                Configuration::from_iter([("neuroio_stream_token.this".to_owned(), ResourceBlock::new(config))]);
            let applied = workspace.apply(|| provider(&sandbox, 0), &declared).await;
            assert_eq!(applied, RunOutcome::Applied, "{:?}", workspace.take_diagnostics());
            workspace.take_diagnostics();
            let options = RunOptions {
                skip_refresh,
                ..RunOptions::default()
            };
            let ended = workspace
                .apply_with(|| provider(&sandbox, skew), &declared, &options)
                .await;
            let told = workspace.take_diagnostics();
            assert_eq!(ended, RunOutcome::Unchanged, "{skew} {skip_refresh}: {told:?}");
            assert!(
                told.iter().any(|told| told.summary.contains("This machine's clock is")),
                "{skew}: {told:?}"
            );
        }
    }
}
