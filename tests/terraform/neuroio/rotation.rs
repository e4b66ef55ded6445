//! Rotations in place.

use jiff::SignedDuration;
use serde_json::json;
use token_providers::sandbox::neuroio::Realm;
use token_providers::sandbox::{Effect, Fault};

use super::world::{CAMERA, World, camera};
use crate::terraform::world::generation;

/// A resource that follows the token's value.
const FOLLOWER: &str = "terraform_data.follower";

/// Declares a permanent token with this trigger and overlap, and a resource that follows it.
fn released(release: u32, overlap: &str) -> String {
    let token = camera(&format!(
        "permanent = true\n  rotation_triggers = {{ release = {release} }}\n  overlap = {overlap}"
    ));
    format!("{token}resource \"terraform_data\" \"follower\" {{\n  input = {CAMERA}.generation\n}}\n")
}

#[test]
fn changed_trigger_rotates_in_place_and_dependents_follow_in_the_same_run() {
    World::on_every_version(async |world| {
        world.configure(&released(1, "null"));
        world.apply().await;
        let first = world.attributes(CAMERA).await;

        world.configure(&released(2, "null"));
        let plan = world.plan().await;
        let actions = [CAMERA, FOLLOWER].map(|address| plan.actions(address));
        assert_eq!(actions, ["update", "update"]);
        assert_eq!(plan.after(CAMERA)["generation"], generation(&first) + 1);
        assert_eq!(plan.unknown(CAMERA)["key"], json!(true));
        assert!(plan.run.says("The stream token 1 will be rotated"), "{}", plan.run);
        assert!(plan.run.says("rotation_triggers.release changed"), "{}", plan.run);
        world.apply().await;
        let second = world.attributes(CAMERA).await;
        assert!(world.accepts(&second["key"]) && !world.accepts(&first["key"]));
        assert_eq!(world.attributes(FOLLOWER).await["output"], second["generation"]);
        assert_eq!(world.ids(), [2]);
        world.plans_nothing().await;
        world.destroy().await;
        assert!(world.ids().is_empty());
    });
}

#[test]
fn temporary_token_is_renewed_early_and_the_previous_one_deleted_after_the_overlap() {
    World::by_the_clock(async |world| {
        world.configure(&camera(
            "permanent = false\n  rotate_before = \"8h\"\n  overlap = \"2h\"",
        ));
        world.apply().await;
        let first = world.attributes(CAMERA).await;
        world.sandbox.advance(SignedDuration::from_hours(15));
        world.plans_nothing().await;
        world.sandbox.advance(SignedDuration::from_hours(1));
        let run = world.apply().await;
        assert!(run.says("within rotate_before = 8 hours"), "{run}");
        let second = world.attributes(CAMERA).await;
        assert!(world.accepts(&first["key"]) && world.accepts(&second["key"]));
        assert_eq!(second["previous_id"], first["id"]);
        world.plans_nothing().await;
        world.sandbox.advance(SignedDuration::from_hours(2));
        let run = world.apply().await;
        assert!(run.says("the previous token will be deleted"), "{run}");
        assert!(!world.accepts(&first["key"]) && world.accepts(&second["key"]));
        world.plans_nothing().await;
    });
}

#[test]
fn rotation_that_was_rejected_or_lost_its_answer_keeps_the_current_token() {
    World::on_each_version(async |world| {
        world.configure(&released(1, "null"));
        world.apply().await;
        let first = world.attributes(CAMERA).await;
        (0..4).for_each(|_| drop(world.sandbox.add_token(&Realm::Account, true)));
        world.configure(&released(2, "null"));
        let plan = world.plan().await;
        assert!(plan.run.says("exceeds the limit of permanent tokens"), "{}", plan.run);
        let run = world.apply_fails().await;
        assert!(run.says("The current token, 1, did not change"), "{run}");
        assert_eq!(world.attributes(CAMERA).await["key"], first["key"]);

        (2..=5).for_each(|id| world.sandbox.delete_outside(id));
        world
            .sandbox
            .fault(Fault::new(Effect::Cut).after().on("POST", "/streams/tokens/"));
        let run = world.apply_fails().await;
        assert!(run.says("New stream tokens since the request: - 6"), "{run}");
        assert!(world.accepts(&world.attributes(CAMERA).await["key"]));
        world.apply().await;
        assert!(!world.accepts(&first["key"]));
        assert_eq!(world.ids(), [6, 7]);
        world.plans_nothing().await;
    });
}

#[test]
fn run_killed_during_a_rotation_leaves_the_current_token_valid() {
    World::on_each_version(async |world| {
        world.configure(&released(1, "null"));
        world.apply().await;
        let first = world.attributes(CAMERA).await;
        world.configure(&released(2, "null"));
        world
            .sandbox
            .fault(Fault::new(Effect::Hang).after().on("POST", "/streams/tokens/"));
        let running = world.apply_until("a second token", || world.ids().len() == 2).await;
        running.kill().await.unwrap();
        running.kill_provider().await.unwrap();
        running.end().await.unwrap();
        assert_eq!(world.attributes(CAMERA).await["key"], first["key"]);
        assert!(world.accepts(&first["key"]));
        world.apply().await;
        assert_eq!(
            world.ids(),
            [2, 3],
            "the orphan, which no state names, and the new token"
        );
        assert!(world.accepts(&world.attributes(CAMERA).await["key"]));
        world.plans_nothing().await;
    });
}
