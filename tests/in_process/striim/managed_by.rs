//! Orphans of killed runs are recognised by the mark of `managed_by`.

use http::Method;
use serde_json::json;
use token_providers::framework::testing::Action;

use super::world::{CI, World, ci};

const MINE: &str = "acme/infra/prod";

/// Creates an account that is in no state, like a run that was killed before its state was written.
async fn create_orphan(world: &mut World, description: &str) -> serde_json::Value {
    let account = json!({"name": "ci-pipeline", "description": description});
    world.outside(Method::POST, "/service-account", account).await["token"].take()
}

/// The description on the platform.
async fn description(world: &mut World) -> serde_json::Value {
    let accounts = world.outside(Method::GET, "/service-accounts", json!(null)).await;
    let accounts = accounts.as_array().unwrap();
    let account = accounts.iter().find(|account| account["name"] == "ci-pipeline");
    account.unwrap()["description"].clone()
}

fn pair() -> String {
    "resource \"striim_service_account_token_pair\" \"ci\" {\n  name = \"ci\"\n  expires_in = \"60d\"\n}\n".to_owned()
}

#[test]
fn mark_is_in_the_description_on_the_platform_only() {
    World::run(async |world| {
        world.set_env("STRIIM_MANAGED_BY", MINE);
        world.configure(&ci("description = \"CI\""));
        world.apply().await;
        assert_eq!(description(world).await, "CI [managed by acme/infra/prod]");
        assert_eq!(world.attributes(CI)["description"], "CI");
        world.plans_nothing().await;

        // Another mark, or none, does not replace the account.
        world.set_env("STRIIM_MANAGED_BY", "acme/infra/test");
        world.plans_nothing().await;
        world.unset_env("STRIIM_MANAGED_BY");
        world.plans_nothing().await;
    });
}

#[test]
fn orphan_with_the_mark_is_recreated() {
    for declared in ["", "description = \"CI\"", "description = \"Of another commit\""] {
        World::run(async |world| {
            let value = create_orphan(world, "CI [managed by acme/infra/prod]").await;
            world.set_env("STRIIM_MANAGED_BY", MINE);
            world.configure(&ci(declared));
            let plan = world.plan().await;
            assert_eq!(plan.action(CI), Action::Create);
            assert!(plan.run.says("is recreated") && plan.run.says(MINE), "{:?}", plan.run);
            assert!(world.accepts(&value));
            world.apply().await;
            assert!(!world.accepts(&value));
            assert!(world.accepts(&world.attributes(CI)["token"]));
            assert_eq!(world.names(), ["ci-pipeline"]);
            world.plans_nothing().await;
        });
    }
}

#[test]
fn orphaned_pair_with_the_mark_is_recreated() {
    World::run(async |world| {
        for name in ["ci-a", "ci-b"] {
            let account = json!({"name": name, "description": "[managed by acme/infra/prod]"});
            world.outside(Method::POST, "/service-account", account).await;
        }
        world.set_env("STRIIM_MANAGED_BY", MINE);
        world.configure(&pair());
        let plan = world.plan().await;
        assert_eq!(plan.run.warnings(), 2, "{:?}", plan.run);
        world.apply().await;
        assert_eq!(world.names(), ["ci-a"]);
        world.plans_nothing().await;
    });
}

#[test]
fn account_without_the_mark_is_not_touched() {
    for description in [
        "CI",
        "CI [managed by somebody else]",
        "CI [managed by acme/infra/prod] ",
    ] {
        World::run(async |world| {
            let value = create_orphan(world, description).await;
            world.set_env("STRIIM_MANAGED_BY", MINE);
            world.configure(&ci(""));
            assert!(world.plan().await.run.says("is taken"));
            let run = world.apply_fails().await;
            assert!(run.says("import {") && run.says("adopt_existing"), "{run:?}");
            assert!(world.accepts(&value));
            assert_eq!(world.names(), ["ci-pipeline"]);
        });
    }
}

#[test]
fn orphan_without_managed_by_is_reported_with_both_solutions() {
    World::run(async |world| {
        let value = create_orphan(world, "CI [managed by acme/infra/prod]").await;
        world.configure(&ci(""));
        let run = world.apply_fails().await;
        assert!(run.says("import {") && run.says("adopt_existing"), "{run:?}");
        assert!(world.accepts(&value));
    });
}

#[test]
fn invalid_mark_and_too_long_description_are_rejected() {
    World::run(async |world| {
        world.configure(&format!(
            "provider \"striim\" {{\n  managed_by = \"a]b\"\n}}\n{}",
            ci("")
        ));
        let run = world.plan_fails().await;
        assert!(run.says("managed_by") && run.says("no brackets"), "{run:?}");

        world.configure(&ci("description = \"CI [managed by acme]\""));
        let run = world.plan_fails().await;
        assert!(run.says("must not end in a mark"), "{run:?}");

        world.set_env("STRIIM_MANAGED_BY", MINE);
        world.configure(&ci(&format!("description = \"{}\"", "x".repeat(250))));
        let run = world.plan_fails().await;
        assert!(run.says("at most 226 characters"), "{run:?}");
        assert!(world.names().is_empty());
    });
}
