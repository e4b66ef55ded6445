//! The examples of the guide behave as the guide describes.

use secrecy::ExposeSecret as _;
use serde_json::json;

use super::world::World;

const PROD: &str = "acme-shop-prod";
const SHOP: &str = "quix_streaming_tokens.shop";

fn use_example(world: &World, example: &str) {
    world.take(&[
        World::provider_example(),
        World::examples_folder().join("guides/rotation").join(example),
    ]);
}

/// Sets the variables of the example.
fn set(world: &World, rotated: &str, slot: u8) {
    let variables = format!("rotated = \"{rotated}\"\nslot = {slot}\n");
    world.workspace.write("terraform.tfvars", &variables).unwrap();
}

#[test]
fn rotation_with_downtime_revokes_the_token_of_the_services() {
    World::on_each_version(async |world| {
        use_example(world, "with-downtime.tf");
        world.apply().await;
        let former = world.attributes(SHOP).await["token_1"].take();
        world
            .workspace
            .write("terraform.tfvars", "rotated = \"2027-04-15\"\n")
            .unwrap();
        let plan = world.plan().await;
        assert!(
            plan.run.says("Token 1 of \"acme-shop-prod\" will be revoked"),
            "{}",
            plan.run
        );
        assert!(world.accepts(&former), "a plan revokes nothing");
        world.apply().await;
        assert!(!world.accepts(&former));
        assert!(world.accepts(&world.attributes(SHOP).await["token_1"]));
        world.plans_nothing().await;
    });
}

#[test]
fn rotation_without_downtime_keeps_the_token_of_the_services_valid() {
    World::on_each_version(async |world| {
        let output = async || json!(world.workspace.output("streaming_token").await.unwrap());
        use_example(world, "without-downtime.tf");
        set(world, "2027-01-15", 1);
        world.apply().await;
        let first = output().await;

        // The services switch to token 2. Both tokens are valid.
        set(world, "2027-01-15", 2);
        let run = world.apply().await;
        assert!(run.says("0 added, 0 changed, 0 destroyed"), "{run}");
        let second = output().await;
        assert!(world.accepts(&first) && world.accepts(&second) && first != second);
        assert_eq!(world.sandbox.rotations(PROD), 0);

        // The rotation, and back to slot 1: the token of the services does not change, and the plan shows this.
        set(world, "2027-04-15", 1);
        let plan = world.plan().await;
        assert_eq!(plan.actions(SHOP), "update");
        assert!(!plan.run.says("Changes to Outputs"), "{}", plan.run);
        world.apply().await;
        assert_eq!(output().await, second);
        assert!(!world.accepts(&first) && world.accepts(&second));
        world.plans_nothing().await;
    });
}

#[test]
fn encrypted_token_of_the_services_survives_a_rotation_and_no_file_contains_a_token() {
    World::on_each_version(async |world| {
        let output = async || json!(world.workspace.output("encrypted_streaming_token").await.unwrap());
        use_example(world, "outside-the-state.tf");
        set(world, "2027-01-15", 2);
        world.apply().await;
        let second = output().await;
        set(world, "2027-04-15", 1);
        let plan = world.plan().await;
        assert_eq!(plan.actions(SHOP), "update");
        assert!(!plan.run.says("Changes to Outputs"), "{}", plan.run);
        world.apply().await;
        assert_eq!(output().await, second);
        assert!(second.as_str().unwrap().contains("BEGIN AGE ENCRYPTED FILE"));
        world.plans_nothing().await;
        let files = world.files();
        for value in world.sandbox.issued_values() {
            assert!(!files.contains(value.expose_secret()), "a file has a token");
        }
        assert_eq!(world.sandbox.rotations(PROD), 1);
    });
}

#[test]
fn leaked_token_is_revoked_by_its_hash_or_a_forced_trigger() {
    World::on_each_version(async |world| {
        use_example(world, "leaked-token.tf");
        world.apply().await;
        world.plans_nothing().await;
        let leaked = world.attributes(SHOP).await["token_1"].take();
        let hash = ring::digest::digest(&ring::digest::SHA256, leaked.as_str().unwrap().as_bytes());
        let hash: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        let variables = |incident: &str| format!("leaked_sha256 = [\"{hash}\"]\nincident = \"{incident}\"\n");
        world.workspace.write("terraform.tfvars", &variables("none")).unwrap();
        let plan = world.plan().await;
        assert!(plan.run.says("revoke_sha256 lists token 1"), "{}", plan.run);
        world.apply().await;
        assert!(!world.accepts(&leaked));
        world.plans_nothing().await;

        world.sandbox.rotate_outside(PROD);
        world
            .workspace
            .write("terraform.tfvars", &variables("2027-04-15"))
            .unwrap();
        world.apply().await;
        assert_eq!(world.sandbox.rotations(PROD), 3);
        world.plans_nothing().await;
    });
}

#[test]
fn personal_access_token_of_the_guide_applies_and_is_stable() {
    World::on_each_version(async |world| {
        world.take(&[
            World::provider_example(),
            World::examples_folder().join("guides/personal-access-tokens/overlap.tf"),
        ]);
        world.apply().await;
        world.plans_nothing().await;
        let attributes = world.attributes("quix_personal_access_token.ci").await;
        assert!(world.accepts(&attributes["token"]));
    });
}
