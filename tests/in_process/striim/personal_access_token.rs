//! `striim_personal_access_token` together with `striim_pat_status`, and its replacement.

use http::Method;
use serde_json::Value;
use token_providers::framework::testing::Action;

use super::world::{USER, World};

/// The resource that these tests manage.
const PAT: &str = "striim_personal_access_token.pat";

fn pat(arguments: &str) -> String {
    format!("resource \"striim_personal_access_token\" \"pat\" {{\n  {arguments}\n}}\n")
}

/// The token of [`USER`], for 30 days.
fn of_user(arguments: &str) -> String {
    pat(&format!("email = \"{USER}\"\n  expires_in = \"30d\"\n  {arguments}"))
}

fn status(enabled: bool) -> String {
    format!("resource \"striim_pat_status\" \"account\" {{\n  enabled = {enabled}\n}}\n")
}

#[test]
fn enabling_pats_and_creating_one_is_one_apply() {
    World::run(async |world| {
        world.add_user();
        world.outside(Method::PATCH, "/user-token/status", Value::Null).await;
        world.configure(&of_user(""));
        let plan = world.plan().await;
        assert!(plan.run.says("Personal access tokens are disabled"), "{:?}", plan.run);
        let run = world.apply_fails().await;
        assert!(run.says("Enable them with a `striim_pat_status`"), "{run:?}");

        let waiting = of_user("depends_on = [striim_pat_status.account]");
        world.configure(&format!("{}{waiting}", status(true)));
        let plan = world.plan().await;
        assert!(!plan.run.says("are disabled"), "{:?}", plan.run);
        let run = world.apply().await;
        assert!(!run.says("are disabled"), "{run:?}");
        assert!(world.accepts(&world.attributes(PAT)["token"]));
        world.plans_nothing().await;
    });
}

#[test]
fn plan_that_disables_pats_and_creates_one_is_rejected() {
    World::run(async |world| {
        world.add_user();
        for waits in ["", "depends_on = [striim_pat_status.account]"] {
            world.configure(&format!("{}{}", status(false), of_user(waits)));
            let run = world.plan_fails().await;
            assert!(run.says("Personal access tokens will be disabled"), "{run:?}");
        }
    });
}

#[test]
fn replacement_with_create_before_destroy_keeps_its_value() {
    World::run(async |world| {
        world.add_user();
        world.configure(&of_user("lifecycle {\n    create_before_destroy = true\n  }"));
        world.apply().await;
        world.taint(PAT);
        assert_eq!(world.plan().await.action(PAT), Action::Replace);
        world.apply().await;
        assert!(world.accepts(&world.attributes(PAT)["token"]));
        world.plans_nothing().await;
    });
}
