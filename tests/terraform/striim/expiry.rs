//! What a plan says of a token's end: before it, past it, and once the platform lists the token no longer.

use token_providers::sandbox::striim::Expired;

use super::world::{CI, DAY, World, ci, generation, warnings};

fn ending(expires_at: &str) -> String {
    ci(&format!("expires_at = \"{expires_at}\""))
}

#[test]
fn a_fixed_end_is_announced_from_14_days_before() {
    World::by_the_clock(async |world| {
        world.configure(&ending(&world.in_days(20)));
        world.apply().await;
        world.sandbox.advance(DAY * 5);
        let run = world.plans_nothing().await;
        assert_eq!(warnings(&run), 0, "{run}");

        world.sandbox.advance(DAY * 2);
        let run = world.plans_nothing().await;
        assert_eq!(warnings(&run), 1, "{run}");
        assert!(
            run.says("expires soon") && run.says("in 12 days") && run.says("ci-pipeline"),
            "{run}"
        );
        assert!(run.says("expires_at = "), "it is on the attribute: {run}");
    });
}

#[test]
fn an_end_that_moves_on_by_itself_is_not_announced() {
    World::by_the_clock(async |world| {
        for arguments in [
            "",
            "expires_in = \"10d\"",
            "expires_in = \"10d\"\n  rotate_before = \"1d\"",
        ] {
            world.configure(&ci(arguments));
            world.apply().await;
            let run = world.plans_nothing().await;
            assert_eq!(warnings(&run), 0, "{arguments}: {run}");
        }
    });
}

#[test]
fn a_fixed_end_that_has_passed_is_told_and_in_the_way_of_nothing() {
    World::by_the_clock(async |world| {
        let ends = world.in_days(20);
        world.configure(&ending(&ends));
        world.apply().await;
        let before = world.changes();
        world.sandbox.advance(DAY * 30);
        let run = world.plans_nothing().await;
        assert_eq!(warnings(&run), 1, "{run}");
        assert!(run.says(&format!("expired at {ends}")), "{run}");
        world.apply().await;
        assert_eq!(world.changes(), before);

        // Sending another that is past is refused where it is written.
        let past = world.in_days(-3);
        world.configure(&ending(&past));
        let run = world.plan_fails().await;
        let line = format!("expires_at = \"{past}\"");
        assert!(run.says(&line) && run.says("in the past"), "{run}");

        world.configure(&ending(&ends));
        world.destroy().await;
        assert!(world.names().is_empty());
    });
}

#[test]
fn what_expired_is_not_said_to_be_deleted_and_is_renewed_where_it_may_be() {
    for expired in [Expired::Listed, Expired::Hidden, Expired::Purged] {
        World::by_the_clock(async |world| {
            world.sandbox.set_options(|options| options.expired = expired);
            for arguments in ["", "expires_in = \"20d\""] {
                world.configure(&ci(arguments));
                world.apply().await;
                let created = generation(&world.attributes(CI).await);
                world.sandbox.advance(DAY * 30);
                let plan = world.plan().await;
                plan.rotates_because("expired at");
                assert!(!plan.run.says("deleted"), "{}", plan.run);
                assert_eq!(plan.after(CI)["generation"], created + 1);
                world.apply().await;
                let token = world.attributes(CI).await;
                assert_eq!(generation(&token), created + 1);
                assert!(world.lets_in(&token["token"]));
                world.plans_nothing().await;
                world.destroy().await;
            }
        });
    }
}

#[test]
fn a_fixed_end_stays_the_end_until_the_user_says_another() {
    for expired in [Expired::Listed, Expired::Hidden, Expired::Purged] {
        World::by_the_clock(async |world| {
            world.sandbox.set_options(|options| options.expired = expired);
            world.configure(&ending(&world.in_days(20)));
            world.apply().await;
            let created = generation(&world.attributes(CI).await);
            world.sandbox.advance(DAY * 30);
            let run = world.plans_nothing().await;
            assert!(run.says("expired at") && !run.says("deleted"), "{run}");

            world.configure(&ending(&world.in_days(20)));
            world.plan().await.rotates_because("expires_at changed from");
            world.apply().await;
            assert_eq!(generation(&world.attributes(CI).await), created + 1);
            assert!(world.lets_in(&world.attributes(CI).await["token"]));

            world.sandbox.advance(DAY * 30);
            world.destroy().await;
            assert!(world.attributes(CI).await.is_null());
        });
    }
}
