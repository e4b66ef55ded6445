//! Drift: changes outside Terraform.

use http::Method;
use serde_json::json;
use token_providers::framework::testing::Action;
use token_providers::sandbox::striim::{ListUpdated, Options};

use super::world::{CI, World, ci};

/// A platform whose list has fewer or more fields than the default.
fn lists(token_id: bool, updated: ListUpdated) -> impl Fn(&mut Options) {
    move |options| {
        options.list_token_id = token_id;
        options.list_updated = updated;
    }
}

/// Asserts that the next refresh removes the invalid value from the state, and the next plan rotates.
async fn assert_repaired(world: &mut World) {
    let dead = world.attributes(CI)["token"].take();
    assert!(!world.accepts(&dead));
    world.refresh().await;
    assert!(world.attributes(CI)["token"].is_null());

    let plan = world.plan().await;
    plan.assert_rotates("rotated outside Terraform");
    world.apply().await;
    assert!(world.accepts(&world.attributes(CI)["token"]));
    world.plans_nothing().await;
}

#[test]
fn rotation_outside_is_detected_by_token_id_or_update_time() {
    for (token_id, updated) in [
        (true, ListUpdated::AfterRotation),
        (true, ListUpdated::Never),
        (false, ListUpdated::Always),
    ] {
        World::run(async |world| {
            world.sandbox.set_options(lists(token_id, updated));
            for arguments in ["expires_in = \"90d\"", "expires_in = \"90d\"\n  rotate_before = \"7d\""] {
                world.configure(&ci(arguments));
                world.apply().await;
                // The answer to a creation has no time; the list may have it.
                world.refresh().await;
                // An hour later, because updates are distinguished by their time.
                world.advance(jiff::SignedDuration::from_hours(1)).await;
                world.sandbox.rotate_outside("ci-pipeline").unwrap();
                assert_repaired(world).await;
                world.destroy().await;
            }
        });
    }
}

#[test]
fn rotation_outside_is_detected_by_the_expiry_alone() {
    World::run(async |world| {
        world.sandbox.set_options(lists(false, ListUpdated::Never));
        world.configure(&ci("expires_in = \"90d\""));
        world.apply().await;
        world.plans_nothing().await;
        let elsewhere = json!({"name": "ci-pipeline", "expires-at": world.in_days(30)});
        world.outside(Method::POST, "/service-account/rotate", elsewhere).await;
        assert_repaired(world).await;
    });
}

#[test]
fn second_rotation_outside_is_detected_by_its_time_alone() {
    World::run(async |world| {
        world.sandbox.set_options(lists(false, ListUpdated::AfterRotation));
        let released = |release: u32| {
            ci(&format!(
                "expires_in = \"90d\"\n  rotation_triggers = {{ release = \"{release}\" }}"
            ))
        };
        world.configure(&released(1));
        world.apply().await;
        world.configure(&released(2));
        world.apply().await;
        world.plans_nothing().await;
        world.advance(jiff::SignedDuration::from_hours(1)).await;
        world.sandbox.rotate_outside("ci-pipeline").unwrap();
        assert_repaired(world).await;
    });
}

#[test]
fn token_deleted_outside_is_recreated_and_not_reported_as_expired() {
    World::run(async |world| {
        world.configure(&ci("expires_in = \"90d\""));
        world.apply().await;
        world.sandbox.delete_outside("ci-pipeline").unwrap();
        let plan = world.plan().await;
        assert_eq!(plan.action(CI), Action::Create);
        assert!(!plan.run.says("expired"), "{:?}", plan.run);
        world.apply().await;
        assert!(world.accepts(&world.attributes(CI)["token"]));
        world.plans_nothing().await;
    });
}
