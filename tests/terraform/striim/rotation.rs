//! When a token is rotated, and what the plan says of it: `expires_in`, `rotate_before`, `rotation_triggers`.

use jiff::{SignedDuration, Timestamp};

use super::world::{CI, DAY, World, ci, generation, token, warnings};

/// When the token ends, by the state.
async fn end(world: &World) -> Timestamp {
    world.attributes(CI).await["expires_at"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap()
}

/// Its end is so many days after its value was made, which was just now.
async fn ends_in_days(world: &World, days: i32) {
    let left = end(world).await.duration_since(world.now());
    let minute = SignedDuration::from_mins(1);
    assert!(left > DAY * days - minute && left <= DAY * days, "{left:?}");
}

/// A plan and an apply change nothing at the platform.
async fn stays(world: &World) {
    let before = world.changes();
    world.plans_nothing().await;
    world.apply().await;
    assert_eq!(world.changes(), before);
}

#[test]
fn expires_in_is_how_long_each_value_lives() {
    World::by_the_clock(async |world| {
        world.configure(&ci("expires_in = \"90d\""));
        assert_eq!(world.plan().await.unknown(CI)["expires_at"], true);
        world.apply().await;
        ends_in_days(world, 90).await;
        stays(world).await;
        world.sandbox.advance(DAY * 40);
        stays(world).await;
        let created = generation(&world.attributes(CI).await);

        world.configure(&ci("expires_in = \"30d\""));
        let plan = world.plan().await;
        plan.rotates_because("expires_in changed");
        assert_eq!(plan.unknown(CI)["expires_at"], true);
        assert_eq!(plan.after(CI)["generation"], created + 1);
        world.apply().await;
        ends_in_days(world, 30).await;
        assert!(world.lets_in(&world.attributes(CI).await["token"]));
        stays(world).await;
    });
}

#[test]
fn the_same_durations_spelled_differently_change_nothing() {
    World::by_the_clock(async |world| {
        let spelled = |life, before| ci(&format!("expires_in = \"{life}\"\n  rotate_before = \"{before}\""));
        world.configure(&spelled("24h", "60m"));
        world.apply().await;
        for (life, before) in [("1d", "60m"), ("24h", "1h"), ("23h60m", "59m60s")] {
            world.configure(&spelled(life, before));
            stays(world).await;
        }
    });
}

/// Terraform puts the recorded `expires_at` in the place of what is declared, and insists on it in the apply that renews.
#[test]
fn expires_in_rotates_despite_ignored_changes_of_expires_at() {
    World::by_the_clock(async |world| {
        for ignored in ["[expires_at]", "all"] {
            let lifecycle = format!("lifecycle {{\n    ignore_changes = {ignored}\n  }}");
            world.configure(&ci(&format!("expires_in = \"30d\"\n  {lifecycle}")));
            world.apply().await;
            let first = world.attributes(CI).await["token"].take();
            world.sandbox.advance(DAY * 31);
            world.plan().await.rotates_because("it expired");
            world.apply().await;
            let renewed = world.attributes(CI).await["token"].take();
            assert!(renewed != first && world.lets_in(&renewed), "{ignored}");
            // The next refresh brings the true expiry.
            world.apply().await;
            ends_in_days(world, 30).await;
            stays(world).await;
            world.destroy().await;
        }
    });
}

#[test]
fn an_expired_value_is_renewed_for_as_long_again() {
    World::by_the_clock(async |world| {
        world.configure(&ci("expires_in = \"30d\""));
        world.apply().await;
        let end = end(world).await;
        world.sandbox.advance(DAY * 31);
        world.plan().await.rotates_because(&format!("expired at {end}"));
        world.apply().await;
        ends_in_days(world, 30).await;
        stays(world).await;
    });
}

#[test]
fn without_any_expiry_the_default_is_renewed() {
    World::by_the_clock(async |world| {
        world.configure(&ci(""));
        world.apply().await;
        ends_in_days(world, 1).await;
        world.sandbox.advance(DAY * 2);
        world.plan().await.rotates_because("expired at");
        world.apply().await;
        ends_in_days(world, 1).await;
        stays(world).await;
    });
}

#[test]
fn rotate_before_renews_in_time_and_no_sooner() {
    World::by_the_clock(async |world| {
        world.configure(&ci("expires_in = \"10d\"\n  rotate_before = \"3d\""));
        world.apply().await;
        let created = generation(&world.attributes(CI).await);
        let end = end(world).await;
        world.sandbox.advance(DAY * 6);
        stays(world).await;

        world.sandbox.advance(DAY + SignedDuration::from_hours(1));
        let plan = world.plan().await;
        plan.rotates_because(&format!(
            "it expires in 2 days (at {end}), within rotate_before = 3 days"
        ));
        world.apply().await;
        ends_in_days(world, 10).await;
        assert_eq!(generation(&world.attributes(CI).await), created + 1);
        stays(world).await;
    });
}

#[test]
fn rotate_before_alone_is_no_reason_before_its_time() {
    World::by_the_clock(async |world| {
        world.configure(&ci("expires_in = \"10d\"\n  rotate_before = \"3d\""));
        world.apply().await;
        let before = world.changes();
        for declared in ["rotate_before = \"5d\"", ""] {
            world.configure(&ci(&format!("expires_in = \"10d\"\n  {declared}")));
            let plan = world.plan().await;
            assert_eq!(plan.actions(CI), "update");
            assert_eq!(plan.unknown(CI)["token"], serde_json::Value::Null);
            assert_eq!(warnings(&plan.run), 0, "{}", plan.run);
            world.apply().await;
            world.plans_nothing().await;
        }
        assert_eq!(world.changes(), before);
    });
}

#[test]
fn durations_that_cannot_be_are_refused_on_their_attribute() {
    World::by_the_clock(async |world| {
        let ends = world.in_days(30);
        let both = format!("expires_at = \"{ends}\"\n  expires_in = \"30d\"");
        let fixed = format!("expires_at = \"{ends}\"\n  rotate_before = \"3d\"");
        for (arguments, on, phrase) in [
            (&*both, "expires_in = ", "`expires_at`"),
            (&*fixed, "rotate_before = ", "`expires_in`"),
            ("rotate_before = \"3d\"", "rotate_before = ", "`expires_in`"),
            (
                "expires_in = \"3d\"\n  rotate_before = \"72h\"",
                "rotate_before = ",
                "shorter",
            ),
            ("expires_in = \"367d\"", "expires_in = ", "12 months"),
            ("expires_in = \"0s\"", "expires_in = ", "at least 1s"),
            ("expires_in = \"30\"", "expires_in = ", "90d"),
            ("expires_in = \"1.5d\"", "expires_in = ", "whole numbers"),
            ("expires_in = \"1h1d\"", "expires_in = ", "largest unit first"),
            ("expires_in = \"P30D\"", "expires_in = ", "\"P30D\""),
            ("expires_in = \"\"", "expires_in = ", "90d"),
            (
                "expires_in = \"30d\"\n  rotate_before = \"soon\"",
                "rotate_before = ",
                "\"soon\"",
            ),
        ] {
            world.configure(&ci(arguments));
            let run = world.plan_fails().await;
            assert!(run.says(phrase) && run.says(on), "{arguments}: {run}");
            assert_eq!(run.text().matches("Error:").count(), 1, "{arguments}: {run}");
        }
    });
}

#[test]
fn any_change_of_a_trigger_rotates_and_is_named() {
    World::by_the_clock(async |world| {
        let triggers = |of: &str| ci(&format!("expires_in = \"90d\"\n  rotation_triggers = {of}"));
        world.configure(&triggers("{ release = \"1\" }"));
        world.apply().await;
        stays(world).await;
        let created = generation(&world.attributes(CI).await);
        for (rotations, (of, reason)) in (1..).zip([
            ("{ release = \"2\" }", "rotation_triggers.release changed"),
            ("{ release = \"2\", owner = \"jo\" }", "rotation_triggers.owner changed"),
            ("{ owner = \"jo\" }", "rotation_triggers.release changed"),
            ("null", "rotation_triggers.owner changed"),
        ]) {
            world.configure(&triggers(of));
            let plan = world.plan().await;
            plan.rotates_because(reason);
            assert_eq!(plan.after(CI)["generation"], created + rotations);
            world.apply().await;
            assert_eq!(generation(&world.attributes(CI).await), created + rotations);
            stays(world).await;
        }
    });
}

#[test]
fn a_trigger_that_is_null_is_none() {
    World::by_the_clock(async |world| {
        world.configure(&ci("rotation_triggers = { release = \"1\" }"));
        world.apply().await;
        let before = world.changes();
        world.configure(&ci("rotation_triggers = { release = \"1\", owner = null }"));
        world.apply().await;
        assert_eq!(world.changes(), before);
        stays(world).await;
        world.configure(&ci("rotation_triggers = { release = null, owner = \"jo\" }"));
        let reason = "rotation_triggers.owner, rotation_triggers.release changed";
        world.plan().await.rotates_because(reason);
        world.apply().await;
        stays(world).await;
    });
}

/// A trigger whose value is known only once the thing that it comes from is replaced.
fn with_a_late_trigger(replaced: u32, release: u32, expires_at: &str) -> String {
    let source = format!(
        "resource \"terraform_data\" \"release\" {{\n  input = \"{release}\"\n  triggers_replace = {replaced}\n}}\n"
    );
    let token = ci(&format!(
        "expires_at = \"{expires_at}\"\n  rotation_triggers = {{ release = terraform_data.release.output }}"
    ));
    format!("{source}{token}")
}

#[test]
fn a_trigger_that_is_known_only_at_apply_rotates_if_it_changed() {
    World::by_the_clock(async |world| {
        let ends = world.in_days(30);
        world.configure(&with_a_late_trigger(1, 1, &ends));
        world.apply().await;
        let first = world.attributes(CI).await;
        stays(world).await;

        // The same after all; and another spelling of the same instant beside it.
        let respelled = ends.replace('Z', "+00:00");
        world.configure(&with_a_late_trigger(2, 1, &respelled));
        let plan = world.plan().await;
        assert_eq!(plan.unknown(CI)["token"], true);
        assert_eq!(plan.unknown(CI)["generation"], true);
        let before = world.changes();
        world.apply().await;
        assert_eq!(world.changes(), before);
        assert_eq!(world.attributes(CI).await, first);
        stays(world).await;

        world.configure(&with_a_late_trigger(3, 2, &respelled));
        world.apply().await;
        let second = world.attributes(CI).await;
        assert_eq!(generation(&second), generation(&first) + 1);
        assert!(world.lets_in(&second["token"]) && !world.lets_in(&first["token"]));
        stays(world).await;
    });
}

#[test]
fn another_spelling_beside_a_reason_to_rotate_keeps_the_instant() {
    World::by_the_clock(async |world| {
        let ends = world.in_days(30);
        let declared = |ends: &str, release: u32| {
            ci(&format!(
                "expires_at = \"{ends}\"\n  rotation_triggers = {{ release = {release} }}"
            ))
        };
        world.configure(&declared(&ends, 1));
        world.apply().await;
        world.configure(&declared(&ends.replace('Z', "+00:00"), 2));
        world.plan().await.rotates_because("rotation_triggers.release changed");
        world.apply().await;
        stays(world).await;
    });
}

#[test]
fn every_token_that_a_plan_rotates_says_why() {
    World::by_the_clock(async |world| {
        let three = |life: &str, release: u32| {
            token("aged", "expires_in = \"10d\"\n  rotate_before = \"9d\"")
                + &token("short", &format!("expires_in = \"{life}\""))
                + &token(
                    "released",
                    &format!("expires_in = \"90d\"\n  rotation_triggers = {{ release = {release} }}"),
                )
        };
        world.sandbox.set_options(|options| options.quota = 4);
        world.configure(&three("30d", 1));
        world.apply().await;
        world.sandbox.advance(DAY * 2);
        world.configure(&three("20d", 2));
        world.plan().await.rotates_each_because(&[
            ("aged", "within rotate_before = 9 days"),
            ("short", "expires_in changed"),
            ("released", "rotation_triggers.release changed"),
        ]);
    });
}

#[test]
fn all_reasons_are_told_at_once() {
    World::by_the_clock(async |world| {
        world.configure(&ci("expires_in = \"90d\""));
        world.apply().await;
        let created = generation(&world.attributes(CI).await);
        world.configure(&ci("expires_in = \"30d\"\n  rotation_triggers = { release = 1 }"));
        let reasons = "expires_in changed; rotation_triggers.release changed";
        world.plan().await.rotates_because(reasons);
        world.apply().await;
        assert_eq!(generation(&world.attributes(CI).await), created + 1);
    });
}

#[test]
fn the_generation_leads_others_in_the_plan_that_rotates() {
    World::by_the_clock(async |world| {
        let declared = |release: u32| {
            let follower = format!("resource \"terraform_data\" \"version\" {{\n  input = {CI}.generation\n}}\n");
            ci(&format!("rotation_triggers = {{ release = {release} }}")) + &follower
        };
        world.configure(&declared(1));
        assert_eq!(world.plan().await.unknown("terraform_data.version")["input"], true);
        world.apply().await;
        let created = generation(&world.attributes(CI).await);
        for rotations in 1..=2 {
            world.configure(&declared(1 + rotations));
            let plan = world.plan().await;
            let expected = created + i64::from(rotations);
            assert_eq!(plan.after(CI)["generation"], expected);
            assert_eq!(plan.after("terraform_data.version")["input"], expected);
            world.apply().await;
            assert_eq!(generation(&world.attributes(CI).await), expected);
            stays(world).await;
        }
    });
}
