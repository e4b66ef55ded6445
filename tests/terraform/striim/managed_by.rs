//! What a run that was killed left behind is known by the mark of the provider's `managed_by`.

use http::Method;
use serde_json::json;

use super::world::{CI, World, ci, warnings};

const MINE: &str = "acme/infra/prod";

/// As a run that was killed before its state was written leaves it: made, and in no state.
async fn left_over(world: &World, description: &str) -> serde_json::Value {
    let account = json!({"name": "ci-pipeline", "description": description});
    world.outside(Method::POST, "/service-account", account).await["token"].take()
}

/// The description that the platform keeps.
async fn description(world: &World) -> serde_json::Value {
    let accounts = world.outside(Method::GET, "/service-accounts", json!(null)).await;
    let accounts = accounts.as_array().unwrap();
    let account = accounts.iter().find(|account| account["name"] == "ci-pipeline");
    account.unwrap()["description"].clone()
}

fn pair() -> String {
    "resource \"striim_service_account_token_pair\" \"ci\" {\n  name = \"ci\"\n  expires_in = \"60d\"\n}\n".to_owned()
}

#[test]
fn a_description_bears_the_mark_on_the_platform_only() {
    World::on_each_version(async |world| {
        world.set_env("STRIIM_MANAGED_BY", MINE);
        world.configure(&ci("description = \"CI\""));
        world.apply().await;
        assert_eq!(description(world).await, "CI [managed by acme/infra/prod]");
        assert_eq!(world.attributes(CI).await["description"], "CI");
        world.plans_nothing().await;

        // Another mark, or none, is no reason to replace what is there.
        world.set_env("STRIIM_MANAGED_BY", "acme/infra/test");
        world.plans_nothing().await;
        world.unset_env("STRIIM_MANAGED_BY");
        world.plans_nothing().await;
    });
}

#[test]
fn what_a_killed_run_left_is_made_anew_whatever_was_declared_then() {
    for declared in ["", "description = \"CI\"", "description = \"Of another commit\""] {
        World::on_each_version(async |world| {
            let value = left_over(world, "CI [managed by acme/infra/prod]").await;
            world.set_env("STRIIM_MANAGED_BY", MINE);
            world.configure(&ci(declared));
            let plan = world.plan().await;
            assert_eq!(plan.actions(CI), "create");
            assert!(plan.run.says("is recreated") && plan.run.says(MINE), "{}", plan.run);
            assert!(world.lets_in(&value));
            world.apply().await;
            assert!(!world.lets_in(&value));
            assert!(world.lets_in(&world.attributes(CI).await["token"]));
            assert_eq!(world.names(), ["ci-pipeline"]);
            world.plans_nothing().await;
        });
    }
}

#[test]
fn a_pair_that_was_left_is_made_anew_too() {
    World::on_each_version(async |world| {
        for name in ["ci-a", "ci-b"] {
            let account = json!({"name": name, "description": "[managed by acme/infra/prod]"});
            world.outside(Method::POST, "/service-account", account).await;
        }
        world.set_env("STRIIM_MANAGED_BY", MINE);
        world.configure(&pair());
        let plan = world.plan().await;
        assert_eq!(warnings(&plan.run), 2, "{}", plan.run);
        world.apply().await;
        assert_eq!(world.names(), ["ci-a"]);
        world.plans_nothing().await;
    });
}

#[test]
fn what_bears_another_mark_or_none_is_not_touched() {
    for description in [
        "CI",
        "CI [managed by somebody else]",
        "CI [managed by acme/infra/prod] ",
    ] {
        World::on_each_version(async |world| {
            let value = left_over(world, description).await;
            world.set_env("STRIIM_MANAGED_BY", MINE);
            world.configure(&ci(""));
            assert!(world.plan().await.run.says("is taken"));
            let run = world.apply_fails().await;
            assert!(run.says("import {") && run.says("adopt_existing"), "{run}");
            assert!(world.lets_in(&value));
            assert_eq!(world.names(), ["ci-pipeline"]);
        });
    }
}

#[test]
fn without_managed_by_the_two_ways_out_are_shown() {
    World::on_each_version(async |world| {
        let value = left_over(world, "CI [managed by acme/infra/prod]").await;
        world.configure(&ci(""));
        let run = world.apply_fails().await;
        assert!(run.says("import {") && run.says("adopt_existing"), "{run}");
        assert!(world.lets_in(&value));
    });
}

#[test]
fn a_mark_that_cannot_be_and_a_description_without_room_for_it_are_refused() {
    World::on_each_version(async |world| {
        world.configure(&format!(
            "provider \"striim\" {{\n  managed_by = \"a]b\"\n}}\n{}",
            ci("")
        ));
        let run = world.plan_fails().await;
        assert!(run.says("managed_by") && run.says("no brackets"), "{run}");

        world.configure(&ci("description = \"CI [managed by acme]\""));
        let run = world.plan_fails().await;
        assert!(run.says("must not end in a mark"), "{run}");

        world.set_env("STRIIM_MANAGED_BY", MINE);
        world.configure(&ci(&format!("description = \"{}\"", "x".repeat(250))));
        let run = world.plan_fails().await;
        assert!(run.says("at most 226 characters"), "{run}");
        assert!(world.names().is_empty());
    });
}
