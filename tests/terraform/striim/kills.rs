//! Terraform or the provider is killed in the middle of an operation. The next runs reach exactly the declared tokens, with
//! valid values in the state.

use std::thread;

use http::Method;
use serde_json::{Value, json};
use token_providers::sandbox::When;

use super::world::{CI, USER, World, ci};
use crate::support::terraform::Run;

#[derive(Clone, Copy, Debug)]
enum Victim {
    Terraform,
    Provider,
}

/// Runs `test` for each victim, killed before or after the request takes effect, all concurrently.
fn at_every_moment(test: impl AsyncFn(&World, Victim, When) + Sync) {
    let test = &test;
    thread::scope(|scope| {
        for victim in [Victim::Terraform, Victim::Provider] {
            for when in [When::Before, When::After] {
                scope.spawn(move || {
                    println!("{victim:?} is killed {when:?}");
                    World::on_each_version(async |world| test(world, victim, when).await);
                });
            }
        }
    });
}

/// Runs an apply and kills the victim while a request with this method and path waits for its answer.
async fn apply_killed(world: &World, victim: Victim, when: When, method: Method, path: &str) -> Run {
    let running = world.apply_until_held(method, path, when).await;
    match victim {
        Victim::Terraform => running.kill().await.unwrap(),
        Victim::Provider => running.kill_provider().await.unwrap(),
    }
    let run = running.end().await.unwrap();
    match victim {
        Victim::Terraform => assert_eq!(run.code, None, "{run}"),
        Victim::Provider => assert_eq!(run.code, Some(1), "{run}"),
    }
    run
}

fn lasting(days: i64) -> String {
    ci(&format!("expires_in = \"{days}d\""))
}

/// Asserts that only the declared token exists, its value is valid, and a plan changes nothing. Returns the value.
async fn settled(world: &World) -> Value {
    assert_eq!(world.names(), ["ci-pipeline"]);
    let token = world.attributes(CI).await["token"].clone();
    assert!(world.accepts(&token));
    world.plans_nothing().await;
    token
}

#[test]
fn killed_creation_is_repeated_or_explained_with_both_solutions() {
    at_every_moment(async |world, victim, when| {
        world.configure(&lasting(90));
        apply_killed(world, victim, when, Method::POST, "/service-account").await;
        assert!(world.attributes(CI).await.is_null());
        if when == When::After {
            // The account is an orphan, and its owner is unknown.
            let plan = world.plan().await;
            let run = world.apply_fails().await;
            for run in [&plan.run, &run] {
                for way_out in ["import {", "id = \"ci-pipeline\"", "adopt_existing = true"] {
                    assert!(run.says(way_out), "{run}");
                }
            }
            world.configure(&ci("expires_in = \"90d\"\n  adopt_existing = true"));
        }
        world.apply().await;
        settled(world).await;
    });
}

#[test]
fn killed_creation_with_managed_by_is_repeated_by_the_next_apply() {
    World::on_each_version(async |world| {
        world.set_env("STRIIM_MANAGED_BY", "acme/infra/prod");
        for victim in [Victim::Terraform, Victim::Provider] {
            world.configure(&lasting(90));
            apply_killed(world, victim, When::After, Method::POST, "/service-account").await;
            assert_eq!(world.names(), ["ci-pipeline"]);
            assert!(world.attributes(CI).await.is_null());
            world.apply().await;
            settled(world).await;
            world.destroy().await;
        }
    });
}

#[test]
fn orphan_of_a_killed_creation_can_be_imported_and_rotated() {
    World::on_each_version(async |world| {
        world.configure(&lasting(90));
        apply_killed(world, Victim::Terraform, When::After, Method::POST, "/service-account").await;
        let import = format!("import {{\n  to = {CI}\n  id = \"ci-pipeline\"\n}}\n");
        world.configure(&format!("{}{import}", lasting(90)));
        world.apply().await;
        assert!(world.attributes(CI).await["token"].is_null());
        world.configure(&lasting(60));
        world.apply().await;
        settled(world).await;
    });
}

#[test]
fn provider_sends_no_request_after_terraform_was_killed() {
    World::on_each_version(async |world| {
        world.configure(&lasting(90));
        let running = world.apply_until_rejected(Method::POST, "/service-account", 1).await;
        running.kill().await.unwrap();
        running.end().await.unwrap();
        // These take longer than the interrupted wait.
        world.apply().await;
        settled(world).await;
        assert_eq!(world.sandbox.calls("POST", "/service-account"), 2);
    });
}

#[test]
fn killed_rotation_is_repeated_by_the_next_apply() {
    at_every_moment(async |world, victim, when| {
        world.configure(&lasting(90));
        world.apply().await;
        let first = settled(world).await;
        world.configure(&lasting(60));
        apply_killed(world, victim, when, Method::POST, "/service-account/rotate").await;
        assert_eq!(world.accepts(&first), when == When::Before);

        assert_eq!(world.plan().await.actions(CI), "update");
        world.apply().await;
        assert_ne!(settled(world).await, first);
    });
}

#[test]
fn killed_revocation_is_finished_by_the_next_apply() {
    at_every_moment(async |world, victim, when| {
        world.configure(&lasting(90));
        world.apply().await;
        let value = settled(world).await;
        world.configure("");
        apply_killed(world, victim, when, Method::DELETE, "/service-account").await;
        assert_eq!(world.accepts(&value), when == When::Before);

        world.apply().await;
        assert_eq!((world.names(), world.accepts(&value)), (vec![], false));
        assert_eq!(world.workspace.state().await.unwrap()["values"], json!(null));
    });
}

#[test]
fn killed_rotation_of_a_pair_keeps_a_valid_value() {
    const PAIR: &str = "striim_service_account_token_pair.ci";
    let declared = |release: u32| {
        format!(
            "resource \"striim_service_account_token_pair\" \"ci\" {{\n  name = \"ci\"\n  expires_in = \"90d\"\n  \
             rotation_triggers = {{ release = {release} }}\n}}\n"
        )
    };
    World::on_each_version(async |world| {
        world.set_env("STRIIM_MANAGED_BY", "acme/infra/prod");
        // The first rotation creates the second account, the next ones rotate.
        let issuing = ["/service-account", "/service-account", "/service-account/rotate"];
        for (release, path) in (1..).zip(issuing) {
            let before = world.attributes(PAIR).await["current"]["token"].clone();
            world.configure(&declared(release));
            apply_killed(world, Victim::Terraform, When::After, Method::POST, path).await;
            assert!(
                before.is_null() || world.accepts(&before),
                "the value in use remains valid"
            );
            world.apply().await;
            let pair = world.attributes(PAIR).await;
            assert!(world.accepts(&pair["current"]["token"]));
            assert!(before.is_null() || pair["previous"]["token"] == before && world.accepts(&before));
            world.plans_nothing().await;
        }
        assert_eq!(world.names(), ["ci-a", "ci-b"]);
        world.destroy().await;
        assert!(world.names().is_empty());
    });
}

#[test]
fn killed_rotation_of_a_personal_access_token_is_repeated_by_the_next_apply() {
    const PAT: &str = "striim_personal_access_token.pat";
    World::on_each_version(async |world| {
        world.add_user();
        for days in [30, 60] {
            world.configure(&format!(
                "resource \"striim_personal_access_token\" \"pat\" {{\n  email = {USER:?}\n  expires_in = \"{days}d\"\n}}\n"
            ));
            apply_killed(
                world,
                Victim::Terraform,
                When::After,
                Method::POST,
                "/user-token/rotate",
            )
            .await;
            world.apply().await;
            assert!(world.accepts(&world.attributes(PAT).await["token"]));
            world.plans_nothing().await;
        }
    });
}
