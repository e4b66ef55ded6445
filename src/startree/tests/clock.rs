//! Runs on a machine whose clock is wrong: decisions follow the platform's clock.

use jiff::SignedDuration;
use secrecy::ExposeSecret;
use serde_json::json;

use super::sandbox;
use crate::framework::Value;
use crate::framework::testing::{Configuration, ResourceBlock, RunOptions, RunOutcome, Workspace};
use crate::platform::Runtime;
use crate::platform::testing::variables;
use crate::rest::Transport;
use crate::sandbox::startree::{Options, Sandbox};
use crate::startree::StarTree;
use crate::token::Clock;

const HOUR: i64 = 60 * 60;
const DAY: i64 = 24 * HOUR;
/// Offsets of the clock, in seconds.
const SKEWS: [i64; 4] = [40 * DAY, 2 * HOUR, -2 * HOUR, -40 * DAY];

/// Starts a provider on a machine whose clock is off by `skew` seconds.
fn provider(sandbox: &Sandbox, skew: i64) -> StarTree {
    let (clock, transport) = (sandbox.clock(), sandbox.clone());
    StarTree::new(Runtime {
        clock: Clock::new(move || clock.now() + SignedDuration::from_secs(skew)),
        environment: variables(&[
            ("STARTREE_TOKEN", sandbox.add_administrator().bearer().expose_secret()),
            ("STARTREE_BASE_URL", "http://127.0.0.1"),
        ]),
        transport: Box::new(move |_| Transport::new(transport.service())),
    })
}

fn declared() -> Configuration {
    let token = ResourceBlock::new(json!({ "description": "ci", "rotate_every": "30d" }));
    Configuration::new().with("startree_service_token.this", token)
}

#[tokio::test(start_paused = true)]
async fn wrong_clock_is_reported_and_does_not_rotate() {
    for skew in SKEWS {
        for skip_refresh in [false, true] {
            let (sandbox, workspace) = (sandbox(Options::default()), Workspace::default());
            assert_eq!(
                workspace.apply(|| provider(&sandbox, 0), &declared()).await,
                RunOutcome::Applied
            );
            let tokens = |sandbox: &Sandbox| {
                let tokens = sandbox.tokens().into_iter();
                tokens
                    .filter(|token| token.description.as_deref() == Some("ci"))
                    .map(|token| token.access_key)
                    .collect::<Vec<_>>()
            };
            let before = tokens(&sandbox);
            workspace.take_diagnostics();
            let options = RunOptions {
                skip_refresh,
                ..RunOptions::default()
            };
            let ended = workspace
                .apply_with(|| provider(&sandbox, skew), &declared(), &options)
                .await;
            let reported = workspace.take_diagnostics();
            assert_eq!(ended, RunOutcome::Unchanged, "{skew} {skip_refresh}: {reported:?}");
            assert_eq!(tokens(&sandbox), before);
            assert!(
                reported
                    .iter()
                    .any(|one| one.summary.contains("This machine's clock is")),
                "{skew}: {reported:?}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn wrong_clock_does_not_delete_open_ephemeral_tokens() {
    for skew in SKEWS {
        let sandbox = sandbox(Options::default());
        sandbox.add_role("reader", None);
        let mut opened = Vec::new();
        for skew in [0, skew] {
            let config = json!({ "description_prefix": "run", "roles": ["reader"] });
            let workspace = Workspace::new();
            let start = || provider(&sandbox, skew);
            let run = workspace.open_ephemeral(start, "startree_service_token", config).await;
            opened.push(run.succeeds().value.unwrap());
        }
        let existing: Vec<_> = sandbox.tokens().into_iter().map(|token| token.access_key).collect();
        for (_, opened) in &opened {
            let Value::String(key) = opened.value.get("access_key").clone() else {
                panic!("{skew}: it has no access key");
            };
            assert!(existing.contains(&key), "{skew}");
        }
    }
}
