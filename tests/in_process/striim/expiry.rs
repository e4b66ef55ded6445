//! Expiry: reports before and after it, and tokens that the platform no longer lists.

use token_providers::sandbox::striim::Expired;

use super::world::{CI, DAY, World, ci, generation};

fn ending(expires_at: &str) -> String {
    ci(&format!("expires_at = \"{expires_at}\""))
}

#[test]
fn fixed_expiry_is_reported_from_14_days_before() {
    World::run(async |world| {
        world.configure(&ending(&world.in_days(20)));
        world.apply().await;
        world.advance(DAY * 5).await;
        let run = world.plans_nothing().await;
        assert_eq!(run.warnings(), 0, "{run:?}");

        world.advance(DAY * 2).await;
        let run = world.plans_nothing().await;
        assert_eq!(run.warnings(), 1, "{run:?}");
        assert!(
            run.says("expires soon") && run.says("in 13 days") && run.says("ci-pipeline"),
            "{run:?}"
        );
        assert!(run.is_on("expires_at"), "{run:?}");
    });
}

#[test]
fn renewed_expiry_is_not_reported() {
    World::run(async |world| {
        for arguments in [
            "",
            "expires_in = \"10d\"",
            "expires_in = \"10d\"\n  rotate_before = \"1d\"",
        ] {
            world.configure(&ci(arguments));
            world.apply().await;
            let run = world.plans_nothing().await;
            assert_eq!(run.warnings(), 0, "{arguments}: {run:?}");
        }
    });
}

#[test]
fn passed_fixed_expiry_is_reported_and_blocks_nothing() {
    World::run(async |world| {
        let ends = world.in_days(20);
        world.configure(&ending(&ends));
        world.apply().await;
        let before = world.changes();
        world.advance(DAY * 30).await;
        let run = world.plans_nothing().await;
        assert_eq!(run.warnings(), 1, "{run:?}");
        assert!(run.says(&format!("expired at {ends}")), "{run:?}");
        world.apply().await;
        assert_eq!(world.changes(), before);

        // Another past expiry is an error.
        let past = world.in_days(-3);
        world.configure(&ending(&past));
        let run = world.plan_fails().await;
        assert!(run.is_on("expires_at") && run.says("in the past"), "{run:?}");

        world.configure(&ending(&ends));
        world.destroy().await;
        assert!(world.names().is_empty());
    });
}

#[test]
fn expired_token_is_renewed_and_not_reported_as_deleted() {
    for expired in [Expired::Listed, Expired::Hidden, Expired::Purged] {
        World::run(async |world| {
            world.sandbox.set_options(|options| options.expired = expired);
            for arguments in ["", "expires_in = \"20d\""] {
                world.configure(&ci(arguments));
                world.apply().await;
                let created = generation(&world.attributes(CI));
                world.advance(DAY * 30).await;
                let plan = world.plan().await;
                plan.assert_rotates("expired at");
                assert!(!plan.run.says("deleted"), "{:?}", plan.run);
                assert_eq!(plan.after(CI)["generation"], created + 1);
                world.apply().await;
                let token = world.attributes(CI);
                assert_eq!(generation(&token), created + 1);
                assert!(world.accepts(&token["token"]));
                world.plans_nothing().await;
                world.destroy().await;
            }
        });
    }
}

#[test]
fn passed_fixed_expiry_does_not_rotate_until_it_is_changed() {
    for expired in [Expired::Listed, Expired::Hidden, Expired::Purged] {
        World::run(async |world| {
            world.sandbox.set_options(|options| options.expired = expired);
            world.configure(&ending(&world.in_days(20)));
            world.apply().await;
            let created = generation(&world.attributes(CI));
            world.advance(DAY * 30).await;
            let run = world.plans_nothing().await;
            assert!(run.says("expired at") && !run.says("deleted"), "{run:?}");

            world.configure(&ending(&world.in_days(20)));
            world.plan().await.assert_rotates("expires_at changed from");
            world.apply().await;
            assert_eq!(generation(&world.attributes(CI)), created + 1);
            assert!(world.accepts(&world.attributes(CI)["token"]));

            world.advance(DAY * 30).await;
            world.destroy().await;
            assert!(world.attributes(CI).is_null());
        });
    }
}
