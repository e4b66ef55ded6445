//! The examples in the documentation: each works unchanged.

use std::fs;
use std::path::Path;

use token_providers::sandbox::startree::Subject;

use super::world::World;
use crate::support::feature::Feature;

/// The access key in the examples. The platform generates another one.
const KEY: &str = "XkQBXKr652MV1VF9";

/// Uses these files of an example as the configuration, with the `provider` block.
fn use_files(world: &World, example: &Path, files: &[&str]) {
    let files = files.iter().map(|file| example.join(file));
    world.take(&files.chain([World::provider_example()]).collect::<Vec<_>>());
}

/// Applies the example of a resource, and removes the resource of its import examples from the
/// state.
async fn prepare_import(world: &World, example: &Path) {
    use_files(world, example, &["resource.tf"]);
    world.apply().await;
    let import = fs::read_to_string(example.join("import-by-string.tf")).unwrap();
    let address = import
        .lines()
        .find_map(|line| line.trim().strip_prefix("to = "))
        .unwrap();
    let run = world.workspace.run(&["state", "rm", address]).await.unwrap();
    run.success().unwrap();
}

#[test]
fn resource_examples_apply_and_are_stable() {
    for example in World::examples("resources") {
        World::on_each_version(async |world| {
            use_files(world, &example, &["resource.tf"]);
            world.apply().await;
            world.plans_nothing().await;
            world.destroy().await;
            assert_eq!(world.added_policies_and_roles(), (0, 0), "{}", example.display());
        });
    }
}

#[test]
fn import_examples_import_without_changes() {
    let named = World::examples("resources")
        .into_iter()
        .filter(|example| !example.ends_with("startree_service_token"));
    for example in named {
        World::on_each_version(async |world| {
            prepare_import(world, &example).await;
            world.import_as_shown(&example).await;
            world.plans_nothing().await;
        });
        for (feature, file) in [
            (Feature::COMMON, "import-by-string.tf"),
            (Feature::IDENTITIES, "import-by-identity.tf"),
        ] {
            if !example.join(file).exists() {
                continue;
            }
            World::on_each_version_with(feature, async |world| {
                prepare_import(world, &example).await;
                use_files(world, &example, &["resource.tf", file]);
                let run = world.apply().await;
                assert!(run.says("1 imported, 0 added, 0 changed, 0 destroyed"), "{run}");
                world.plans_nothing().await;
            });
        }
    }
}

#[test]
fn service_token_import_examples_import_the_generated_key() {
    let example = World::examples_folder().join("resources/startree_service_token");
    for file in [None, Some("import-by-string.tf")] {
        World::on_each_version(async |world| {
            prepare_import(world, &example).await;
            let key = world.keys().remove(0);
            match file {
                None => {
                    world
                        .import_edited(&example, |command| command.replace(KEY, &key))
                        .await;
                    let run = world.apply().await;
                    // The rotation policy is recorded in the state.
                    assert!(run.says("0 added, 1 changed, 0 destroyed"), "{run}");
                }
                Some(file) => {
                    use_files(world, &example, &["resource.tf"]);
                    world.take_edited(&[example.join(file)], |text| text.replace(KEY, &key));
                    let run = world.apply().await;
                    assert!(run.says("1 imported, 0 added, 1 changed, 0 destroyed"), "{run}");
                }
            }
            world.plans_nothing().await;
            assert_eq!(world.keys(), [key]);
        });
    }
}

#[test]
fn data_source_and_function_examples_apply_and_are_stable() {
    for (examples, file, feature) in [
        (World::examples("data-sources"), "data-source.tf", Feature::COMMON),
        (World::function_examples(), "function.tf", Feature::FUNCTIONS),
    ] {
        for example in examples {
            World::on_each_version_with(feature, async |world| {
                use_files(world, &example, &[]);
                let token = world.sandbox.add_token();
                let role = Subject::token(&token.access_key);
                world.sandbox.assign_outside("table-reader", role);
                world.take_edited(&[example.join(file)], |text| text.replace(KEY, &token.access_key));
                let run = world.apply().await;
                assert!(!run.says("Check block assertion failed"), "{run}");
                world.plans_nothing().await;
            });
        }
    }
}

#[test]
fn ephemeral_resource_examples_exist_only_during_the_run() {
    for example in World::examples("ephemeral-resources") {
        World::on_each_version_with(Feature::EPHEMERAL_RESOURCES, async |world| {
            use_files(world, &example, &["ephemeral-resource.tf"]);
            let run = world.apply().await;
            assert!(world.keys().is_empty(), "{run}");
            if example.ends_with("startree_service_token") {
                assert!(world.sandbox.roles().contains_key("orders-reader"));
            }
        });
    }
}

#[test]
fn module_of_the_testing_guide_passes_its_own_tests() {
    World::on_each_version(async |world| world.testing_guide_passes(3).await);
}

#[test]
fn example_of_age_decrypt_delivers_each_value_to_vault() {
    World::decrypted_values_reach_vault("startree_service_token.ci", "token");
}
