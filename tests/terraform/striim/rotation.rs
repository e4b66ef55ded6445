//! Rotation with other features of Terraform: `ignore_changes`, references, values that are known after apply.

use jiff::{SignedDuration, Timestamp};

use super::world::{CI, DAY, World, ci, generation};

/// The expiry in the state.
async fn end(world: &World) -> Timestamp {
    world.attributes(CI).await["expires_at"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap()
}

/// Asserts that the token, which was just issued, expires in this many days.
async fn ends_in_days(world: &World, days: i32) {
    let left = end(world).await.duration_since(world.now());
    let minute = SignedDuration::from_mins(1);
    assert!(left > DAY * days - minute && left <= DAY * days, "{left:?}");
}

/// Asserts that a plan and an apply change nothing on the platform.
async fn stays(world: &World) {
    let before = world.changes();
    world.plans_nothing().await;
    world.apply().await;
    assert_eq!(world.changes(), before);
}

/// Terraform replaces the declared `expires_at` by the recorded one, and requires it after the apply that renews.
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
            assert!(renewed != first && world.accepts(&renewed), "{ignored}");
            // The next refresh records the true expiry.
            world.apply().await;
            ends_in_days(world, 30).await;
            stays(world).await;
            world.destroy().await;
        }
    });
}

/// A trigger whose value is known after the replacement of another resource.
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
fn trigger_known_after_apply_rotates_if_it_changed() {
    World::by_the_clock(async |world| {
        let ends = world.in_days(30);
        world.configure(&with_a_late_trigger(1, 1, &ends));
        world.apply().await;
        let first = world.attributes(CI).await;
        stays(world).await;

        // The same value after all, and another spelling of the same instant.
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
        assert!(world.accepts(&second["token"]) && !world.accepts(&first["token"]));
        stays(world).await;
    });
}

#[test]
fn generation_is_known_in_the_plan_of_a_rotation() {
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
