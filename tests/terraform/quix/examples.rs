//! The examples in the documentation: each works unchanged.

use std::path::Path;

use super::world::{DEV, World};

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
            world.assert_current().await;
            world.destroy().await;
            assert_eq!(world.sandbox.rotations(DEV), 0);
        });
    }
}

#[test]
fn import_examples_import_without_changes() {
    for example in World::examples("resources") {
        World::on_each_version(async |world| {
            use_files(world, &example, &["resource.tf", "import-by-string.tf"]);
            let run = world.apply().await;
            assert!(run.says("1 imported, 0 added, 1 changed, 0 destroyed"), "{run}");
            world.plans_nothing().await;
            assert_eq!(world.sandbox.rotations(DEV), 0);
        });
        World::on_each_version(async |world| {
            use_files(world, &example, &["resource.tf"]);
            world.import_as_shown(&example).await;
            world.apply().await;
            world.plans_nothing().await;
            assert_eq!(world.sandbox.rotations(DEV), 0);
        });
    }
}

#[test]
fn identity_import_examples_import_without_changes() {
    for example in World::examples("resources") {
        World::on_each_version_since((1, 12), async |world| {
            use_files(world, &example, &["resource.tf", "import-by-identity.tf"]);
            let run = world.apply().await;
            assert!(run.says("1 imported, 0 added, 1 changed, 0 destroyed"), "{run}");
            world.plans_nothing().await;
        });
    }
}

#[test]
fn data_source_examples_apply() {
    for example in World::examples("data-sources") {
        World::on_each_version(async |world| {
            use_files(world, &example, &["data-source.tf"]);
            world.apply().await;
        });
    }
}

#[test]
fn ephemeral_resource_examples_apply() {
    for example in World::examples("ephemeral-resources") {
        World::on_each_version(async |world| {
            use_files(world, &example, &["ephemeral-resource.tf"]);
            world.apply().await;
            let read = ["broker/librdkafka", "sdktokens"];
            let calls = read.map(|path| world.sandbox.calls("GET", &format!("/workspaces/{DEV}/{path}")));
            assert!(calls.iter().any(|calls| *calls > 0));
        });
    }
}
