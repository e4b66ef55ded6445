//! Reasons to rotate: `expires_in`, `rotate_before`, `rotation_triggers`.

use jiff::{SignedDuration, Timestamp};
use token_providers::framework::testing::Action;

use super::world::{CI, DAY, World, ci, generation, token};

/// The expiry in the state.
async fn expiry(world: &mut World) -> Timestamp {
    world.attributes(CI)["expires_at"].as_str().unwrap().parse().unwrap()
}

/// Asserts that the token, which was just issued, expires in this many days.
async fn assert_expires_in_days(world: &mut World, days: i32) {
    let left = expiry(world).await.duration_since(world.now());
    let minute = SignedDuration::from_mins(1);
    assert!(left > DAY * days - minute && left <= DAY * days, "{left:?}");
}

#[test]
fn expires_in_sets_the_lifetime_of_each_value() {
    World::run(async |world| {
        world.configure(&ci("expires_in = \"90d\""));
        assert!(world.plan().await.is_unknown(CI, "expires_at"));
        world.apply().await;
        assert_expires_in_days(world, 90).await;
        world.assert_stable().await;
        world.advance(DAY * 40).await;
        world.assert_stable().await;
        let created = generation(&world.attributes(CI));

        world.configure(&ci("expires_in = \"30d\""));
        let plan = world.plan().await;
        plan.assert_rotates("expires_in changed");
        assert!(plan.is_unknown(CI, "expires_at"));
        assert_eq!(plan.after(CI)["generation"], created + 1);
        world.apply().await;
        assert_expires_in_days(world, 30).await;
        assert!(world.accepts(&world.attributes(CI)["token"]));
        world.assert_stable().await;
    });
}

#[test]
fn other_spelling_of_a_duration_changes_nothing() {
    World::run(async |world| {
        let spelled = |life, before| ci(&format!("expires_in = \"{life}\"\n  rotate_before = \"{before}\""));
        world.configure(&spelled("24h", "60m"));
        world.apply().await;
        for (life, before) in [("1d", "60m"), ("24h", "1h"), ("23h60m", "59m60s")] {
            world.configure(&spelled(life, before));
            world.assert_stable().await;
        }
    });
}

#[test]
fn expired_value_is_rotated_with_the_same_lifetime() {
    World::run(async |world| {
        world.configure(&ci("expires_in = \"30d\""));
        world.apply().await;
        let end = expiry(world).await;
        world.advance(DAY * 31).await;
        world.plan().await.assert_rotates(&format!("expired at {end}"));
        world.apply().await;
        assert_expires_in_days(world, 30).await;
        world.assert_stable().await;
    });
}

#[test]
fn expired_value_without_declared_expiry_gets_the_default_lifetime() {
    World::run(async |world| {
        world.configure(&ci(""));
        world.apply().await;
        assert_expires_in_days(world, 1).await;
        world.advance(DAY * 2).await;
        world.plan().await.assert_rotates("expired at");
        world.apply().await;
        assert_expires_in_days(world, 1).await;
        world.assert_stable().await;
    });
}

#[test]
fn rotate_before_rotates_within_its_window_only() {
    World::run(async |world| {
        world.configure(&ci("expires_in = \"10d\"\n  rotate_before = \"3d\""));
        world.apply().await;
        let created = generation(&world.attributes(CI));
        let end = expiry(world).await;
        world.advance(DAY * 6).await;
        world.assert_stable().await;

        world.advance(DAY + SignedDuration::from_hours(1)).await;
        let plan = world.plan().await;
        plan.assert_rotates(&format!(
            "it expires in 2 days (at {end}), within rotate_before = 3 days"
        ));
        world.apply().await;
        assert_expires_in_days(world, 10).await;
        assert_eq!(generation(&world.attributes(CI)), created + 1);
        world.assert_stable().await;
    });
}

#[test]
fn changed_rotate_before_does_not_rotate() {
    World::run(async |world| {
        world.configure(&ci("expires_in = \"10d\"\n  rotate_before = \"3d\""));
        world.apply().await;
        let before = world.changes();
        for declared in ["rotate_before = \"5d\"", ""] {
            world.configure(&ci(&format!("expires_in = \"10d\"\n  {declared}")));
            let plan = world.plan().await;
            assert_eq!(plan.action(CI), Action::Update);
            assert!(!plan.is_unknown(CI, "token"));
            assert_eq!(plan.run.warnings(), 0, "{:?}", plan.run);
            world.apply().await;
            world.plans_nothing().await;
        }
        assert_eq!(world.changes(), before);
    });
}

#[test]
fn invalid_duration_is_an_error_on_its_attribute() {
    World::run(async |world| {
        let ends = world.in_days(30);
        let both = format!("expires_at = \"{ends}\"\n  expires_in = \"30d\"");
        let fixed = format!("expires_at = \"{ends}\"\n  rotate_before = \"3d\"");
        for (arguments, on, phrase) in [
            (&*both, "expires_in", "`expires_at`"),
            (&*fixed, "rotate_before", "`expires_in`"),
            ("rotate_before = \"3d\"", "rotate_before", "`expires_in`"),
            (
                "expires_in = \"3d\"\n  rotate_before = \"72h\"",
                "rotate_before",
                "shorter",
            ),
            ("expires_in = \"367d\"", "expires_in", "12 months"),
            ("expires_in = \"0s\"", "expires_in", "at least 1s"),
            ("expires_in = \"30\"", "expires_in", "90d"),
            ("expires_in = \"1.5d\"", "expires_in", "whole numbers"),
            ("expires_in = \"1h1d\"", "expires_in", "largest unit first"),
            ("expires_in = \"P30D\"", "expires_in", "\"P30D\""),
            ("expires_in = \"\"", "expires_in", "90d"),
            (
                "expires_in = \"30d\"\n  rotate_before = \"soon\"",
                "rotate_before",
                "\"soon\"",
            ),
        ] {
            world.configure(&ci(arguments));
            let run = world.plan_fails().await;
            assert!(run.says(phrase) && run.is_on(on), "{arguments}: {run:?}");
            assert_eq!(run.errors(), 1, "{arguments}: {run:?}");
        }
    });
}

#[test]
fn changed_trigger_rotates_and_is_named() {
    World::run(async |world| {
        let triggers = |of: &str| ci(&format!("expires_in = \"90d\"\n  rotation_triggers = {of}"));
        world.configure(&triggers("{ release = \"1\" }"));
        world.apply().await;
        world.assert_stable().await;
        let created = generation(&world.attributes(CI));
        for (rotations, (of, reason)) in (1..).zip([
            ("{ release = \"2\" }", "rotation_triggers.release changed"),
            ("{ release = \"2\", owner = \"jo\" }", "rotation_triggers.owner changed"),
            ("{ owner = \"jo\" }", "rotation_triggers.release changed"),
            ("null", "rotation_triggers.owner changed"),
        ]) {
            world.configure(&triggers(of));
            let plan = world.plan().await;
            plan.assert_rotates(reason);
            assert_eq!(plan.after(CI)["generation"], created + rotations);
            world.apply().await;
            assert_eq!(generation(&world.attributes(CI)), created + rotations);
            world.assert_stable().await;
        }
    });
}

#[test]
fn null_trigger_equals_no_trigger() {
    World::run(async |world| {
        world.configure(&ci("rotation_triggers = { release = \"1\" }"));
        world.apply().await;
        let before = world.changes();
        world.configure(&ci("rotation_triggers = { release = \"1\", owner = null }"));
        world.apply().await;
        assert_eq!(world.changes(), before);
        world.assert_stable().await;
        world.configure(&ci("rotation_triggers = { release = null, owner = \"jo\" }"));
        let reason = "rotation_triggers.owner, rotation_triggers.release changed";
        world.plan().await.assert_rotates(reason);
        world.apply().await;
        world.assert_stable().await;
    });
}

#[test]
fn rotation_with_another_spelling_of_the_expiry_keeps_the_instant() {
    World::run(async |world| {
        let ends = world.in_days(30);
        let declared = |ends: &str, release: u32| {
            ci(&format!(
                "expires_at = \"{ends}\"\n  rotation_triggers = {{ release = \"{release}\" }}"
            ))
        };
        world.configure(&declared(&ends, 1));
        world.apply().await;
        world.configure(&declared(&ends.replace('Z', "+00:00"), 2));
        world.plan().await.assert_rotates("rotation_triggers.release changed");
        world.apply().await;
        world.assert_stable().await;
    });
}

#[test]
fn each_rotated_token_reports_its_reason() {
    World::run(async |world| {
        let three = |life: &str, release: u32| {
            token("aged", "expires_in = \"10d\"\n  rotate_before = \"9d\"")
                + &token("short", &format!("expires_in = \"{life}\""))
                + &token(
                    "released",
                    &format!("expires_in = \"90d\"\n  rotation_triggers = {{ release = \"{release}\" }}"),
                )
        };
        world.sandbox.set_options(|options| options.quota = 4);
        world.configure(&three("30d", 1));
        world.apply().await;
        world.advance(DAY * 2).await;
        world.configure(&three("20d", 2));
        world.plan().await.assert_rotates_each(&[
            ("aged", "within rotate_before = 9 days"),
            ("short", "expires_in changed"),
            ("released", "rotation_triggers.release changed"),
        ]);
    });
}

#[test]
fn rotation_reports_all_reasons() {
    World::run(async |world| {
        world.configure(&ci("expires_in = \"90d\""));
        world.apply().await;
        let created = generation(&world.attributes(CI));
        world.configure(&ci("expires_in = \"30d\"\n  rotation_triggers = { release = \"1\" }"));
        let reasons = "expires_in changed; rotation_triggers.release changed";
        world.plan().await.assert_rotates(reasons);
        world.apply().await;
        assert_eq!(generation(&world.attributes(CI)), created + 1);
    });
}

#[test]
fn plan_without_refresh_rotates_due_tokens() {
    World::run(async |world| {
        world.configure(&ci("expires_in = \"90d\"\n  rotate_before = \"14d\""));
        world.apply().await;
        let before = world.changes();
        for (days, rotations) in [(70, 0), (8, 1), (70, 1), (8, 2)] {
            world.advance(DAY * days).await;
            world.apply_without_refresh().await;
            assert_eq!(world.changes(), before + rotations);
        }
    });
}
