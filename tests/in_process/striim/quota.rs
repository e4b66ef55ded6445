//! The quota of three active service account tokens, in plan and apply.
use token_providers::framework::testing::{Action, RunOptions};

use super::world::{DAY, World, token};

/// `names`, each for 90 days, with this description.
fn tokens(names: &[&str], description: &str) -> String {
    let arguments = format!("description = \"{description}\"\n  expires_in = \"90d\"");
    names.iter().map(|name| token(name, &arguments)).collect()
}

/// Creates two tokens; with the provider's own, which never expires, they use up the quota.
async fn with_two(world: &mut World) {
    world.configure(&tokens(&["first", "second"], "Deployments"));
    let plan = world.plan().await;
    assert_eq!(plan.run.warnings(), 0, "{:?}", plan.run);
    world.apply().await;
}

#[test]
fn plan_beyond_the_quota_lists_the_active_tokens() {
    World::run(async |world| {
        with_two(world).await;
        world.configure(&tokens(&["first", "second", "third"], "Deployments"));
        let run = world.plan().await.run;
        assert_eq!(run.text().matches("exceeds the quota").count(), 1, "{run:?}");
        let first = world.attributes("striim_service_account_token.first");
        let first = first["expires_at"].as_str().unwrap();
        for phrase in [
            "would have 4",
            &format!("\"first\", expires at {first}"),
            "\"second\", expires at",
            "\"terraform\", without expiry",
        ] {
            assert!(run.says(phrase), "nothing is said of {phrase:?}: {run:?}");
        }

        let run = world.apply_fails().await;
        assert!(run.says("409") && run.says("quota of 3"), "{run:?}");
        assert!(!run.says("import {"), "it is not the name: {run:?}");
        assert_eq!(world.names(), ["first", "second"]);
    });
}

#[test]
fn expired_tokens_do_not_count_against_the_quota() {
    World::run(async |world| {
        with_two(world).await;
        world.sandbox.add_service_account("forgotten", Some(world.now() - DAY));
        world.configure(&tokens(&["first"], "Deployments"));
        world.apply().await;
        world.configure(&tokens(&["first", "third"], "Deployments"));
        let plan = world.plan().await;
        assert!(!plan.run.says("quota"), "{:?}", plan.run);

        world.configure(&tokens(&["first", "third", "fourth"], "Deployments"));
        let plan = world.plan().await;
        let forgotten = plan.run.says("\"forgotten\", expired at");
        assert!(forgotten && plan.run.says("would have 4"), "{:?}", plan.run);
    });
}

#[test]
fn replacements_fit_into_a_full_quota() {
    World::run(async |world| {
        with_two(world).await;
        world.configure(&tokens(&["first", "second"], "Releases"));
        let plan = world.plan().await;
        assert_eq!(plan.action("striim_service_account_token.first"), Action::Replace);
        assert!(!plan.run.says("quota"), "{:?}", plan.run);
        let run = world.apply().await;
        assert!(!run.says("quota"), "{run:?}");
        assert_eq!(world.names(), ["first", "second"]);
        world.plans_nothing().await;
    });
}

#[test]
fn rotations_fit_into_a_full_quota() {
    World::run(async |world| {
        with_two(world).await;
        world.advance(DAY * 100).await;
        let plan = world.plan().await;
        let rotations = plan.run.text().matches("will be rotated").count();
        assert_eq!(rotations, 2, "{:?}", plan.run);
        assert!(!plan.run.says("quota"), "{:?}", plan.run);
        world.apply().await;
        world.plans_nothing().await;
    });
}

/// Terraform plans a replacement as the creation of a name that exists.
#[test]
fn replacement_on_request_reports_no_taken_name() {
    World::run(async |world| {
        with_two(world).await;
        let old = world.attributes("striim_service_account_token.first");
        for skip_refresh in [false, true] {
            let options = RunOptions {
                replace: ["striim_service_account_token.first".to_owned()].into(),
                skip_refresh,
                ..RunOptions::default()
            };
            let plan = world.plan_by(&options).await;
            assert_eq!(plan.action("striim_service_account_token.first"), Action::Replace);
            assert_eq!(plan.run.warnings(), 0, "{:?}", plan.run);
        }
        world.taint("striim_service_account_token.first");
        let plan = world.plan().await;
        assert_eq!(plan.action("striim_service_account_token.first"), Action::Replace);
        assert_eq!(plan.run.warnings(), 0, "{:?}", plan.run);
        let run = world.apply().await;
        assert_eq!(run.warnings(), 0, "{run:?}");
        let new = world.attributes("striim_service_account_token.first");
        assert!(world.accepts(&new["token"]) && !world.accepts(&old["token"]));
        world.plans_nothing().await;
    });
}
