//! Rate limits: waits are logged, and a wait beyond the timeout fails at once.
//!
//! Tests without Terraform, whose clock cannot be moved, show that all requests succeed in the end (`tests/rest/striim.rs`).

use std::time::Duration;

use jiff::SignedDuration;

use super::world::{APPLY, World, many, until};

/// Two tokens more than the rate limit allows in a minute, within the quota.
fn declare_twelve(world: &World, provider: &str) {
    world.sandbox.set_options(|options| options.quota = 20);
    let tokens = many(12, "expires_in = \"90d\"");
    world.configure(&format!("provider \"striim\" {{\n  {provider}\n}}\n{tokens}"));
}

#[test]
fn wait_beyond_retry_timeout_fails_at_once_and_the_next_apply_finishes() {
    World::on_each_version(async |world| {
        declare_twelve(world, "retry_timeout = \"10s\"");
        let run = world.apply_fails().await;
        assert!(run.took < Duration::from_secs(30), "{:?}: {run}", run.took);
        for phrase in [
            "the next attempt must wait",
            "60s",
            "ten creations and rotations",
            "`retry_timeout`",
        ] {
            assert!(run.says(phrase), "nothing is said of {phrase:?}: {run}");
        }
        assert_eq!(run.text().matches("Error:").count(), 2, "{run}");
        assert_eq!(world.tokens().await.len(), 10);
        assert_eq!(world.sandbox.calls("POST", "/service-account"), 10, "none is wasted");

        world.sandbox.advance(SignedDuration::from_mins(1));
        world.apply().await;
        assert_eq!(world.names().len(), 12);
        world.plans_nothing().await;
    });
}

#[test]
fn log_shows_waits_for_the_rate_limit() {
    World::on_each_version(async |world| {
        world.set_env("TF_LOG", "INFO");
        declare_twelve(world, "");
        let running = world.workspace.start(&APPLY).unwrap();
        let waits = |log: &str| {
            log.matches("the platform allows 10 requests of token creation and rotation")
                .count()
        };
        until("ten tokens", || world.names().len() == 10).await;
        until("two waits", || waits(&world.log()) == 2).await;
        running.interrupt().await.unwrap();
        running.end().await.unwrap();
        assert_eq!(world.tokens().await.len(), 10);
    });
}
