//! The examples in the documentation: each works unchanged.

use std::path::Path;

use token_providers::sandbox::neuroio::Realm;

use super::world::World;
use crate::support::feature::Feature;

/// Uses these files of an example as the configuration, with the `provider` block.
fn use_files(world: &World, example: &Path, files: &[&str]) {
    let files = files.iter().map(|file| example.join(file));
    world.take(&files.chain([World::provider_example()]).collect::<Vec<_>>());
}

#[test]
fn resource_examples_apply_and_are_stable() {
    for example in World::examples("resources") {
        World::on_each_version(async |world| {
            use_files(world, &example, &["resource.tf"]);
            world.apply().await;
            world.plans_nothing().await;
            world.destroy().await;
            assert!(world.ids().is_empty());
        });
    }
}

#[test]
fn import_examples_import_without_changes() {
    for example in World::examples("resources") {
        World::on_each_version(async |world| {
            world.sandbox.add_token(&Realm::Account, true);
            use_files(world, &example, &["resource.tf", "import-by-string.tf"]);
            let run = world.apply().await;
            assert!(run.says("1 imported, 1 added, 1 changed, 0 destroyed"), "{run}");
            world.plans_nothing().await;
        });
        World::on_each_version(async |world| {
            world.sandbox.add_token(&Realm::Account, true);
            use_files(world, &example, &["resource.tf"]);
            world.import_as_shown(&example).await;
            world.apply().await;
            assert!(world.ids().contains(&1), "the import does not rotate");
            world.plans_nothing().await;
        });
    }
}

#[test]
fn identity_import_examples_import_without_changes() {
    for example in World::examples("resources") {
        World::on_each_version_with(Feature::IDENTITIES, async |world| {
            world.sandbox.add_token(&Realm::Account, true);
            use_files(world, &example, &["resource.tf", "import-by-identity.tf"]);
            let run = world.apply().await;
            assert!(run.says("1 imported, 1 added, 1 changed, 0 destroyed"), "{run}");
            world.plans_nothing().await;
        });
    }
}

#[test]
fn list_resource_examples_find_tokens() {
    for example in World::examples("list-resources") {
        World::on_each_version_with(Feature::QUERIES, async |world| {
            world.sandbox.add_token(&Realm::Account, true);
            use_files(world, &example, &["list-resource.tfquery.hcl"]);
            let run = world
                .workspace
                .run(&["query", "-no-color"])
                .await
                .unwrap()
                .success()
                .unwrap();
            assert!(run.says("id=1"), "{run}");
        });
    }
}

#[test]
fn data_source_examples_apply() {
    for example in World::examples("data-sources") {
        World::on_each_version(async |world| {
            for permanent in [true, false] {
                world.sandbox.add_token(&Realm::Account, permanent);
            }
            use_files(world, &example, &["data-source.tf"]);
            let run = world.apply().await;
            let lists = example.ends_with("neuroio_stream_tokens");
            assert_eq!(run.says("permanent_token_ids = tolist([ \"1\", ])"), lists, "{run}");
            assert!(!run.says("Check block assertion failed"), "{run}");
            world.plans_nothing().await;
        });
    }
}

#[test]
fn ephemeral_resource_examples_apply() {
    for example in World::examples("ephemeral-resources") {
        World::on_each_version(async |world| {
            world.sandbox.add_token(&Realm::Account, true);
            use_files(world, &example, &["ephemeral-resource.tf"]);
            world.apply().await;
            assert_eq!(world.ids(), [1], "the token that was read remains");
        });
    }
}

#[test]
fn module_of_the_testing_guide_passes_its_own_tests() {
    World::on_each_version(async |world| world.testing_guide_passes(4).await);
}

#[test]
fn example_of_age_decrypt_delivers_each_value_to_vault() {
    World::decrypted_values_reach_vault("neuroio_stream_token.ci", "key");
}
