//! The examples in the documentation: each works unchanged.

use std::path::Path;

use super::world::{DEV, World};
use crate::support::feature::Feature;
use crate::support::terraform::Run;

/// The id in the examples.
const EXAMPLE_ID: &str = "3f2504e0-4f89-41d3-9a0c-0305e82c3301";

/// Uses these files of an example as the configuration, with the `provider` block, and with the id
/// of an existing personal access token in place of that in the example.
fn use_files(world: &World, example: &Path, files: &[&str], id: &str) {
    let files = files.iter().map(|file| example.join(file));
    let files: Vec<_> = files.chain([World::provider_example()]).collect();
    world.take_edited(&files, |text| text.replace(EXAMPLE_ID, id));
}

/// Creates a personal access token outside Terraform, and returns its id.
fn add_token(world: &World) -> String {
    let own = world.given("Quix__Sdk__Token").into();
    world.sandbox.add_personal_access_token(&own, "ci", None).unwrap().id
}

/// Asserts that an import changed nothing on the platform and recorded what the example declares.
fn assert_imported(world: &World, run: &Run, id: &str) {
    assert!(run.says("1 imported, 0 added, 1 changed, 0 destroyed"), "{run}");
    assert_eq!(world.sandbox.rotations(DEV), 0);
    assert!(world.tokens().iter().any(|token| token.id == id));
}

#[test]
fn resource_examples_apply_and_are_stable() {
    for example in World::examples("resources") {
        World::on_each_version(async |world| {
            use_files(world, &example, &["resource.tf"], "");
            world.apply().await;
            world.plans_nothing().await;
            world.destroy().await;
            assert_eq!(world.sandbox.rotations(DEV), 0);
            assert_eq!(world.tokens().len(), 1, "the provider's own");
        });
    }
}

#[test]
fn import_examples_import_without_changes() {
    for example in World::examples("resources") {
        World::on_each_version(async |world| {
            let id = add_token(world);
            use_files(world, &example, &["resource.tf", "import-by-string.tf"], &id);
            let run = world.apply().await;
            assert_imported(world, &run, &id);
            world.plans_nothing().await;
        });
        World::on_each_version(async |world| {
            let id = add_token(world);
            use_files(world, &example, &["resource.tf"], &id);
            world
                .import_edited(&example, |script| script.replace(EXAMPLE_ID, &id))
                .await;
            world.apply().await;
            world.plans_nothing().await;
            assert_eq!(world.sandbox.rotations(DEV), 0);
        });
    }
}

#[test]
fn identity_import_examples_import_without_changes() {
    for example in World::examples("resources") {
        World::on_each_version_with(Feature::IDENTITIES, async |world| {
            let id = add_token(world);
            use_files(world, &example, &["resource.tf", "import-by-identity.tf"], &id);
            let run = world.apply().await;
            assert_imported(world, &run, &id);
            world.plans_nothing().await;
        });
    }
}

#[test]
fn data_source_examples_apply() {
    for example in World::examples("data-sources") {
        World::on_each_version(async |world| {
            use_files(world, &example, &["data-source.tf"], "");
            world.apply().await;
        });
    }
}

#[test]
fn ephemeral_resource_examples_apply() {
    for example in World::examples("ephemeral-resources") {
        World::on_each_version(async |world| {
            use_files(world, &example, &["ephemeral-resource.tf"], "");
            world.apply().await;
            let read = ["broker/librdkafka", "sdktokens"];
            let read = read.map(|path| world.sandbox.calls("GET", &format!("/workspaces/{DEV}/{path}")));
            let created = world.sandbox.calls("POST", "/profile/tokens");
            assert!(read.iter().chain([&created]).any(|calls| *calls > 0));
            assert_eq!(world.tokens().len(), 1, "the provider's own");
        });
    }
}

#[test]
fn list_resource_examples_find_tokens() {
    for example in World::examples("list-resources") {
        World::on_each_version_with(Feature::QUERIES, async |world| {
            let id = add_token(world);
            use_files(world, &example, &["list-resource.tfquery.hcl"], &id);
            let run = world.workspace.run(&["query", "-no-color"]).await.unwrap();
            let run = run.success().unwrap();
            assert!(run.says(&format!("id={id}")), "{run}");
        });
    }
}

#[test]
fn action_examples_run() {
    for example in World::examples("actions") {
        World::on_each_version_with(Feature::ACTIONS, async |world| {
            let id = add_token(world);
            use_files(world, &example, &["action.tf"], &id);
            let action = "-invoke=action.quix_revoke_personal_access_token.leaked";
            let run = world
                .workspace
                .run(&["apply", "-auto-approve", "-no-color", action])
                .await;
            let run = run.unwrap().success().unwrap();
            assert!(run.says("is revoked"), "{run}");
            assert!(world.tokens().iter().all(|token| token.id != id));
        });
    }
}

#[test]
fn module_of_the_testing_guide_passes_its_own_tests() {
    World::on_each_version(async |world| world.testing_guide_passes(3).await);
}

#[test]
fn example_of_age_decrypt_delivers_each_value_to_vault() {
    World::decrypted_values_reach_vault("quix_personal_access_token.ci", "token");
}
