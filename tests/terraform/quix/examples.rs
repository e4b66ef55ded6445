//! The examples that the documentation shows: each works as it stands.

use std::path::Path;

use super::world::{DEV, World};

/// Takes these files of an example as the configuration, with the `provider` block.
fn take(world: &World, example: &Path, files: &[&str]) {
    let files = files.iter().map(|file| example.join(file));
    world.take(&files.chain([World::provider_example()]).collect::<Vec<_>>());
}

#[test]
fn every_resource_is_made_as_shown() {
    for example in World::examples("resources") {
        World::on_each_version(async |world| {
            take(world, &example, &["resource.tf"]);
            world.apply().await;
            world.plans_nothing().await;
            world.has_both().await;
            world.destroy().await;
            assert_eq!(world.sandbox.rotations(DEV), 0);
        });
    }
}

#[test]
fn every_resource_is_imported_as_shown() {
    for example in World::examples("resources") {
        World::on_each_version(async |world| {
            take(world, &example, &["resource.tf", "import-by-string.tf"]);
            let run = world.apply().await;
            assert!(run.says("1 imported, 0 added, 1 changed, 0 destroyed"), "{run}");
            world.plans_nothing().await;
            assert_eq!(world.sandbox.rotations(DEV), 0);
        });
        World::on_each_version(async |world| {
            take(world, &example, &["resource.tf"]);
            world.import_as_shown(&example).await;
            world.apply().await;
            world.plans_nothing().await;
            assert_eq!(world.sandbox.rotations(DEV), 0);
        });
    }
}

#[test]
fn every_resource_is_imported_by_its_identity_as_shown() {
    for example in World::examples("resources") {
        World::on_each_version_since((1, 12), async |world| {
            take(world, &example, &["resource.tf", "import-by-identity.tf"]);
            let run = world.apply().await;
            assert!(run.says("1 imported, 0 added, 1 changed, 0 destroyed"), "{run}");
            world.plans_nothing().await;
        });
    }
}

#[test]
fn every_data_source_is_read_as_shown() {
    for example in World::examples("data-sources") {
        World::on_each_version(async |world| {
            take(world, &example, &["data-source.tf"]);
            world.apply().await;
        });
    }
}

#[test]
fn every_ephemeral_resource_is_opened_as_shown() {
    for example in World::examples("ephemeral-resources") {
        World::on_each_version(async |world| {
            take(world, &example, &["ephemeral-resource.tf"]);
            world.apply().await;
            let settings = "/workspaces/acme-shop-dev/broker/librdkafka";
            assert!(world.sandbox.calls("GET", settings) > 0);
        });
    }
}
