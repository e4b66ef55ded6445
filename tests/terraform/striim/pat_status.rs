//! `striim_pat_status`: personal access tokens (PATs) on or off for the whole account.

use http::Method;
use serde_json::{Value, json};
use token_providers::sandbox::{Effect, Fault};

use super::world::World;

const PATS: &str = "striim_pat_status.account";

fn pats(arguments: &str) -> String {
    format!("resource \"striim_pat_status\" \"account\" {{\n  {arguments}\n}}\n")
}

async fn enabled(world: &World) -> Value {
    world.outside(Method::GET, "/user-token/status", Value::Null).await["enabled"].take()
}

/// How often PATs were toggled, by whom ever.
fn toggles(world: &World) -> usize {
    world.sandbox.calls("PATCH", "/user-token/status")
}

#[test]
fn disabling_toggles_once_and_warns_that_every_pat_dies() {
    World::on_each_version(async |world| {
        let user = world.add_user();
        assert!(world.sandbox.is_live(&user));
        world.configure(&pats("enabled = false"));
        let plan = world.plan().await;
        assert_eq!(plan.actions(PATS), "create");
        assert!(plan.run.says("Warning:"), "{}", plan.run);

        world.apply().await;
        assert_eq!(toggles(world), 1);
        assert_eq!(enabled(world).await, false);
        assert!(!world.sandbox.is_live(&user));
        world.plans_nothing().await;

        world.configure(&pats("enabled = true"));
        assert_eq!(world.plan().await.actions(PATS), "update");
        world.apply().await;
        assert_eq!(toggles(world), 2);
        assert_eq!(enabled(world).await, true);
        world.plans_nothing().await;
    });
}

#[test]
fn what_is_so_already_is_not_toggled() {
    World::on_each_version(async |world| {
        world.configure(&pats("enabled = true"));
        world.apply().await;
        assert_eq!(toggles(world), 0);
        assert_eq!(enabled(world).await, true);
        world.plans_nothing().await;
    });
}

#[test]
fn a_toggle_whose_answer_was_lost_is_not_sent_again() {
    World::on_each_version(async |world| {
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
fn a_toggle_from_outside_is_planned_back() {
    World::on_each_version(async |world| {
        world.configure(&pats("enabled = true"));
        world.apply().await;
        world.outside(Method::PATCH, "/user-token/status", Value::Null).await;
        assert_eq!(world.plan().await.actions(PATS), "update");
        world.apply().await;
        assert_eq!(enabled(world).await, true);
    });
}

#[test]
fn destroy_does_what_on_destroy_says() {
    World::on_each_version(async |world| {
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
fn on_destroy_changes_without_a_toggle() {
    World::on_each_version(async |world| {
        world.configure(&pats("enabled = true"));
        world.apply().await;
        world.configure(&pats("enabled = true\n  on_destroy = \"disable\""));
        world.apply().await;
        assert_eq!(toggles(world), 0);
        assert_eq!(world.attributes(PATS).await["on_destroy"], "disable");
        world.configure(&pats("enabled = true\n  on_destroy = \"revoke\""));
        let run = world.plan_fails().await;
        assert!(run.says("on_destroy = ") && run.says("keep"), "{run}");
    });
}

#[test]
fn an_import_toggles_nothing() {
    World::on_each_version(async |world| {
        world.set_env("STRIIM_ACCOUNT", "acme");
        world.configure(&pats("enabled = true"));
        world.import(PATS, "acme").await;
        let imported = world.attributes(PATS).await;
        assert_eq!(imported["enabled"], json!(true));
        world.plans_nothing().await;
        assert_eq!(toggles(world), 0);
    });
}
