//! `striim_pat_status`: personal access tokens (PATs) on or off for the whole account.

use http::Method;
use serde_json::{Value, json};
use token_providers::framework::testing::Action;
use token_providers::sandbox::{Effect, Fault};

use super::world::World;

const PATS: &str = "striim_pat_status.account";

fn pats(arguments: &str) -> String {
    format!("resource \"striim_pat_status\" \"account\" {{\n  {arguments}\n}}\n")
}

async fn enabled(world: &mut World) -> Value {
    world.outside(Method::GET, "/user-token/status", Value::Null).await["enabled"].take()
}

/// The number of times PATs were toggled, including outside Terraform.
fn toggles(world: &mut World) -> usize {
    world.sandbox.calls("PATCH", "/user-token/status")
}

#[test]
fn disabling_toggles_once_and_warns() {
    World::run(async |world| {
        let user = world.add_user();
        assert!(world.sandbox.is_live(&user));
        world.configure(&pats("enabled = false"));
        let plan = world.plan().await;
        assert_eq!(plan.action(PATS), Action::Create);
        assert!(plan.run.warnings() > 0, "{:?}", plan.run);

        world.apply().await;
        assert_eq!(toggles(world), 1);
        assert_eq!(enabled(world).await, false);
        assert!(!world.sandbox.is_live(&user));
        world.plans_nothing().await;

        world.configure(&pats("enabled = true"));
        assert_eq!(world.plan().await.action(PATS), Action::Update);
        world.apply().await;
        assert_eq!(toggles(world), 2);
        assert_eq!(enabled(world).await, true);
        world.plans_nothing().await;
    });
}

#[test]
fn equal_status_is_not_toggled() {
    World::run(async |world| {
        world.configure(&pats("enabled = true"));
        world.apply().await;
        assert_eq!(toggles(world), 0);
        assert_eq!(enabled(world).await, true);
        world.plans_nothing().await;
    });
}

#[test]
fn toggle_with_a_lost_answer_is_not_repeated() {
    World::run(async |world| {
        world
            .sandbox
            .fault(Fault::new(Effect::Cut).on("PATCH", "/user-token/status").after());
        world.configure(&pats("enabled = false"));
        world.apply().await;
        assert_eq!(toggles(world), 1);
        assert_eq!(enabled(world).await, false);
        world.plans_nothing().await;
    });
}

#[test]
fn toggle_outside_is_reverted() {
    World::run(async |world| {
        world.configure(&pats("enabled = true"));
        world.apply().await;
        world.outside(Method::PATCH, "/user-token/status", Value::Null).await;
        assert_eq!(world.plan().await.action(PATS), Action::Update);
        world.apply().await;
        assert_eq!(enabled(world).await, true);
    });
}

#[test]
fn destroy_sets_the_status_of_on_destroy() {
    World::run(async |world| {
        for (arguments, after) in [
            ("enabled = false", false),
            ("enabled = false\n  on_destroy = \"enable\"", true),
            ("enabled = true\n  on_destroy = \"keep\"", true),
            ("enabled = true\n  on_destroy = \"disable\"", false),
        ] {
            world.configure(&pats(arguments));
            world.apply().await;
            world.destroy().await;
            assert_eq!(enabled(world).await, after, "{arguments}");
        }
    });
}

#[test]
fn changed_on_destroy_toggles_nothing() {
    World::run(async |world| {
        world.configure(&pats("enabled = true"));
        world.apply().await;
        world.configure(&pats("enabled = true\n  on_destroy = \"disable\""));
        world.apply().await;
        assert_eq!(toggles(world), 0);
        assert_eq!(world.attributes(PATS)["on_destroy"], "disable");
        world.configure(&pats("enabled = true\n  on_destroy = \"revoke\""));
        let run = world.plan_fails().await;
        assert!(run.is_on("on_destroy") && run.says("keep"), "{run:?}");
    });
}

#[test]
fn import_toggles_nothing() {
    World::run(async |world| {
        world.set_env("STRIIM_ACCOUNT", "acme");
        world.configure(&pats("enabled = true"));
        world.import(PATS, "acme").await;
        let imported = world.attributes(PATS);
        assert_eq!(imported["enabled"], json!(true));
        world.plans_nothing().await;
        assert_eq!(toggles(world), 0);
    });
}
