//! Many resources in one run, and two concurrent runs in one account: nothing is created twice or lost.

use std::collections::BTreeSet;

use http::Method;
use jiff::SignedDuration;
use serde_json::Value;
use token_providers::sandbox::{Effect, Fault};

use super::world::{APPLY, World, ci, many, token, tokens_of};
use crate::support::terraform::Workspace;

const PATCH: (&str, &str) = ("PATCH", "/user-token/status");

fn pats(enabled: bool) -> String {
    format!("resource \"striim_pat_status\" \"this\" {{\n  enabled = {enabled}\n}}\n")
}

async fn pats_enabled(world: &World) -> Value {
    world.outside(Method::GET, "/user-token/status", Value::Null).await["enabled"].take()
}

/// Asserts that the states have each account once, with its own valid value.
async fn assert_each_account_once(world: &World, workspaces: &[&Workspace]) {
    let mut tokens = Vec::new();
    for workspace in workspaces {
        tokens.extend(tokens_of(workspace).await);
    }
    tokens.sort_by(|one, other| one.0.cmp(&other.0));
    let names: Vec<_> = tokens.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(names, world.names());
    let values: BTreeSet<_> = tokens.iter().map(|(_, value)| value.as_str().unwrap()).collect();
    assert_eq!(values.len(), tokens.len());
    assert!(tokens.iter().all(|(_, value)| world.accepts(value)));
}

#[test]
fn three_tokens_are_created_rotated_and_revoked_concurrently() {
    World::on_each_version(async |world| {
        // The provider's own token counts, too.
        world.sandbox.set_options(|options| options.quota = 4);
        for days in [90, 60] {
            world.configure(&many(3, &format!("expires_in = \"{days}d\"")));
            world.apply().await;
            assert_eq!(world.names().len(), 3);
            assert_each_account_once(world, &[&world.workspace]).await;
            world.plans_nothing().await;
        }
        world.destroy().await;
        assert!(world.names().is_empty());
        assert_eq!(world.changes(), 9);
    });
}

#[test]
fn parallelism_does_not_change_the_result() {
    for parallelism in ["-parallelism=1", "-parallelism=50"] {
        World::on_each_version(async |world| {
            world.sandbox.set_options(|options| options.quota = 20);
            world.configure(&format!("{}{}", many(10, "expires_in = \"90d\""), pats(false)));
            let run = async |command| {
                let arguments = [command, "-no-color", "-auto-approve", parallelism];
                world.workspace.run(&arguments).await.unwrap().success().unwrap()
            };
            run("apply").await;
            assert_eq!(world.names().len(), 10);
            assert_each_account_once(world, &[&world.workspace]).await;
            assert_eq!(pats_enabled(world).await, false);
            world.plans_nothing().await;
            run("destroy").await;
            assert!(world.names().is_empty());
            assert_eq!(world.changes(), 20);
        });
    }
}

#[test]
fn two_runs_in_one_account_create_their_tokens() {
    World::on_each_version(async |world| {
        world.sandbox.set_options(|options| options.quota = 20);
        let declared = |prefix: &str, arguments: &str| -> String {
            let tokens = (1..=4).map(|number| token(&format!("{prefix}-{number}"), arguments));
            tokens.collect()
        };
        world.configure(&declared("ours", "expires_in = \"90d\""));
        let other = world.other_workspace(&declared("theirs", "expires_in = \"90d\""));
        let (ours, theirs) = tokio::join!(world.workspace.apply(), other.apply());
        ours.unwrap().success().unwrap();
        theirs.unwrap().success().unwrap();
        assert_eq!(world.names().len(), 8);
        assert_each_account_once(world, &[&world.workspace, &other]).await;
        world.plans_nothing().await;
        assert_eq!(other.plan().await.unwrap().code, Some(0));
    });
}

/// Both read that PATs are enabled before either toggles them, so the second toggle reverts the first.
#[test]
fn two_concurrent_runs_that_disable_pats_leave_them_disabled() {
    World::on_each_version(async |world| {
        world.configure(&pats(false));
        let other = world.other_workspace(&pats(false));
        let toggles = || world.sandbox.calls(PATCH.0, PATCH.1);
        let mut have_met = false;
        // On a busy machine one run may finish before the other starts.
        for seconds in [2, 8, 30] {
            if pats_enabled(world).await == false {
                world.outside(Method::PATCH, PATCH.1, Value::Null).await;
            }
            let slow = Fault::new(Effect::Delay(SignedDuration::from_secs(seconds)));
            world.sandbox.fault(slow.on(PATCH.0, PATCH.1).times(2));
            let before = toggles();
            let (ours, theirs) = tokio::join!(world.workspace.apply(), other.apply());
            ours.unwrap().success().unwrap();
            theirs.unwrap().success().unwrap();
            assert_eq!(pats_enabled(world).await, false);
            have_met = toggles() - before > 1;
            if have_met {
                break;
            }
            world.control(Method::DELETE, "/faults", Value::Null).await;
            world.sandbox.advance(SignedDuration::from_mins(1));
        }
        assert!(have_met);
        world.plans_nothing().await;
        assert_eq!(other.plan().await.unwrap().code, Some(0));
    });
}

#[test]
fn one_of_two_runs_that_create_the_same_token_fails() {
    World::on_each_version(async |world| {
        let slow = Effect::Delay(SignedDuration::from_millis(2500));
        world
            .sandbox
            .fault(Fault::new(slow).on("POST", "/service-account").times(2));
        world.configure(&ci("expires_in = \"90d\""));
        let other = world.other_workspace(&ci("expires_in = \"90d\""));
        let (ours, theirs) = (world.workspace.start(&APPLY), other.start(&APPLY));
        let (ours, theirs) = tokio::join!(ours.unwrap().end(), theirs.unwrap().end());
        let (ours, theirs) = (ours.unwrap(), theirs.unwrap());
        let failed = match (ours.code, theirs.code) {
            (Some(0), Some(1)) => theirs,
            (Some(1), Some(0)) => ours,
            _ => panic!("{ours}\n{theirs}"),
        };
        assert!(failed.says("409") && failed.says("adopt_existing = true"), "{failed}");
        assert_each_account_once(world, &[&world.workspace, &other]).await;
    });
}
