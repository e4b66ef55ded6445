//! The quota of three active service account tokens: told by the plan, and by the apply that meets it.

use super::world::{DAY, World, token, warnings};

/// `names`, each for 90 days, with this description.
fn tokens(names: &[&str], description: &str) -> String {
    let arguments = format!("description = \"{description}\"\n  expires_in = \"90d\"");
    names.iter().map(|name| token(name, &arguments)).collect()
}

/// Lets the account have no token but the provider's own, and that one expire never; two places are left.
async fn with_two(world: &World) {
    world.configure(&tokens(&["first", "second"], "Deployments"));
    let plan = world.plan().await;
    assert_eq!(warnings(&plan.run), 0, "{}", plan.run);
    world.apply().await;
}

#[test]
fn a_plan_that_exceeds_the_quota_says_so_and_who_uses_it() {
    World::by_the_clock(async |world| {
        with_two(world).await;
        world.configure(&tokens(&["first", "second", "third"], "Deployments"));
        let run = world.plan().await.run;
        assert_eq!(run.text().matches("exceeds the quota").count(), 1, "{run}");
        let first = world.attributes("striim_service_account_token.first").await;
        let first = first["expires_at"].as_str().unwrap();
        for phrase in [
            "would have 4",
            &format!("\"first\", expires at {first}"),
            "\"second\", expires at",
            "\"terraform\", without expiry",
        ] {
            assert!(run.says(phrase), "nothing is said of {phrase:?}: {run}");
        }

        let run = world.apply_fails().await;
        assert!(run.says("409") && run.says("quota of 3"), "{run}");
        assert!(!run.says("import {"), "it is not the name: {run}");
        assert_eq!(world.names(), ["first", "second"]);
    });
}

#[test]
fn what_has_expired_is_said_to_have_and_does_not_count() {
    World::by_the_clock(async |world| {
        with_two(world).await;
        world.sandbox.add_service_account("forgotten", Some(world.now() - DAY));
        world.configure(&tokens(&["first"], "Deployments"));
        world.apply().await;
        world.configure(&tokens(&["first", "third"], "Deployments"));
        let plan = world.plan().await;
        assert!(!plan.run.says("quota"), "{}", plan.run);

        world.configure(&tokens(&["first", "third", "fourth"], "Deployments"));
        let plan = world.plan().await;
        let forgotten = plan.run.says("\"forgotten\", expired at");
        assert!(forgotten && plan.run.says("would have 4"), "{}", plan.run);
    });
}

#[test]
fn a_full_quota_has_room_for_replacements() {
    World::by_the_clock(async |world| {
        with_two(world).await;
        world.configure(&tokens(&["first", "second"], "Releases"));
        let plan = world.plan().await;
        assert_eq!(plan.actions("striim_service_account_token.first"), "delete create");
        assert!(!plan.run.says("quota"), "{}", plan.run);
        let run = world.apply().await;
        assert!(!run.says("quota"), "{run}");
        assert_eq!(world.names(), ["first", "second"]);
        world.plans_nothing().await;
    });
}

#[test]
fn rotations_need_no_place_in_the_quota() {
    World::by_the_clock(async |world| {
        with_two(world).await;
        world.sandbox.advance(DAY * 100);
        let plan = world.plan().await;
        let told = plan.run.text().matches("is to be rotated").count();
        assert_eq!(told, 2, "{}", plan.run);
        assert!(!plan.run.says("quota"), "{}", plan.run);
        world.apply().await;
        world.plans_nothing().await;
    });
}

/// Terraform plans these as the creation of a name that is still there.
#[test]
fn a_token_that_is_replaced_at_the_users_word_is_no_name_taken() {
    World::by_the_clock(async |world| {
        with_two(world).await;
        let old = world.attributes("striim_service_account_token.first").await;
        let replace = "-replace=striim_service_account_token.first";
        for plan in [
            &["plan", "-no-color", replace][..],
            &["plan", "-no-color", "-refresh=false", replace],
        ] {
            let run = world.workspace.run(plan).await.unwrap().success().unwrap();
            assert!(run.says("will be replaced, as requested"), "{run}");
            assert_eq!(warnings(&run), 0, "{run}");
        }
        let taint = ["taint", "striim_service_account_token.first"];
        world.workspace.run(&taint).await.unwrap().success().unwrap();
        let plan = world.plan().await;
        assert_eq!(plan.actions("striim_service_account_token.first"), "delete create");
        assert_eq!(warnings(&plan.run), 0, "{}", plan.run);
        let run = world.apply().await;
        assert_eq!(warnings(&run), 0, "{run}");
        let new = world.attributes("striim_service_account_token.first").await;
        assert!(world.lets_in(&new["token"]) && !world.lets_in(&old["token"]));
        world.plans_nothing().await;
    });
}
