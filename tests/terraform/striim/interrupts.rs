//! Ctrl-C while the provider waits: Terraform exits at once, the state has all results, and the next apply finishes.

use std::time::{Duration, Instant};

use http::Method;
use jiff::SignedDuration;
use serde_json::Value;
use token_providers::sandbox::{Effect, Fault, When};

use super::world::{APPLY, CI, World, ci, many, until};
use crate::support::terraform::{Run, Running};

const CREATE: &str = "/service-account";
const ROTATE: &str = "/service-account/rotate";

/// The time limit of an interrupted run, whose waits would take at least twice as long. Terraform usually exits within a second.
const AT_ONCE: Duration = Duration::from_secs(20);

/// Interrupts a run. Asserts that it exits unfinished within the limit.
async fn interrupted(running: Running) -> Run {
    let start = Instant::now();
    running.interrupt().await.unwrap();
    let run = running.end().await.unwrap();
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "{:?}: {run}",
        start.elapsed()
    );
    assert_eq!(run.code, Some(1), "{run}");
    run
}

fn lasting(days: i64) -> String {
    ci(&format!("expires_in = \"{days}d\""))
}

async fn settled(world: &World) {
    assert_eq!(world.names(), ["ci-pipeline"]);
    assert!(world.accepts(&world.attributes(CI).await["token"]));
    world.plans_nothing().await;
}

#[test]
fn interrupt_stops_the_wait_for_the_rate_limit() {
    World::on_each_version(async |world| {
        world.sandbox.set_options(|options| options.quota = 20);
        world.configure(&many(12, "expires_in = \"90d\""));
        let running = world.workspace.start(&APPLY).unwrap();
        until("ten tokens", || world.names().len() == 10).await;
        interrupted(running).await;
        let made = world.tokens().await;
        let names: Vec<_> = made.iter().map(|(name, _)| name).collect();
        assert_eq!(names, world.names().iter().collect::<Vec<_>>());
        assert!(made.iter().all(|(_, value)| world.accepts(value)));

        // After a minute the rate limit allows more.
        world.sandbox.advance(SignedDuration::from_mins(1));
        world.apply().await;
        assert_eq!(world.names().len(), 12);
        world.plans_nothing().await;
        assert_eq!(world.sandbox.calls("POST", CREATE), 12);
    });
}

#[test]
fn interrupt_stops_the_wait_before_a_repeated_creation() {
    World::on_each_version(async |world| {
        world.configure(&lasting(90));
        let running = world.apply_until_rejected(Method::POST, CREATE, 120).await;
        let run = interrupted(running).await;
        assert!(run.says("Terraform was interrupted"), "{run}");
        assert!(world.attributes(CI).await.is_null() && world.names().is_empty());
        world.apply().await;
        settled(world).await;
    });
}

#[test]
fn interrupt_stops_the_wait_before_a_repeated_rotation() {
    World::on_each_version(async |world| {
        world.configure(&lasting(90));
        world.apply().await;
        let before = world.attributes(CI).await;
        world.configure(&lasting(60));
        let running = world.apply_until_rejected(Method::POST, ROTATE, 120).await;
        interrupted(running).await;
        assert_eq!(world.attributes(CI).await, before);
        assert!(world.accepts(&before["token"]));
        world.apply().await;
        settled(world).await;
    });
}

#[test]
fn interrupt_stops_the_wait_before_a_repeated_revocation() {
    World::on_each_version(async |world| {
        world.configure(&lasting(90));
        world.apply().await;
        let before = world.attributes(CI).await;
        world.configure("");
        let running = world.apply_until_rejected(Method::DELETE, CREATE, 120).await;
        interrupted(running).await;
        assert_eq!(world.attributes(CI).await, before);
        world.apply().await;
        assert!(world.names().is_empty() && !world.accepts(&before["token"]));
    });
}

#[test]
fn interrupted_creation_with_a_lost_answer_is_settled_by_the_next_apply() {
    World::on_each_version(async |world| {
        let impatient = "provider \"striim\" {\n  request_timeout = \"2s\"\n}\n";
        world.configure(&format!("{impatient}{}", lasting(90)));
        let running = world.apply_until_held(Method::POST, CREATE, When::After).await;
        // The request for the list has to wait.
        let unavailable = Fault::answer(503).header("retry-after", "120");
        world.sandbox.fault(unavailable.on("GET", "/service-accounts"));
        let looks = world.sandbox.calls("GET", "/service-accounts");
        until("a look", || world.sandbox.calls("GET", "/service-accounts") > looks).await;
        let run = interrupted(running).await;
        assert!(run.says("may exist") && run.says("the next apply"), "{run}");
        assert_eq!(world.tokens().await, [("ci-pipeline".to_owned(), Value::Null)]);
        world.apply().await;
        settled(world).await;
    });
}

/// The answer may be the only copy of a value.
#[test]
fn interrupt_waits_for_an_answer_in_flight() {
    World::on_each_version(async |world| {
        for (days, path) in [(90, CREATE), (60, ROTATE)] {
            world.configure(&lasting(days));
            let slow = Fault::new(Effect::Delay(SignedDuration::from_millis(1500))).on("POST", path);
            world.sandbox.fault(slow.after());
            let acts = world.sandbox.audit().len();
            let running = world.workspace.start(&APPLY).unwrap();
            until("the value", || world.sandbox.audit().len() > acts).await;
            let start = Instant::now();
            running.interrupt().await.unwrap();
            let run = running.end().await.unwrap();
            assert!(start.elapsed() < AT_ONCE, "{:?}: {run}", start.elapsed());
            settled(world).await;
        }
    });
}
