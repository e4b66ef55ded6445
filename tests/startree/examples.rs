//! The examples that the documentation shows: each works as it stands.

use std::fs;
use std::path::Path;

use crate::world::{World, each, on_each_version, on_each_version_since, provider};

/// Takes these files of an example as the configuration, with the `provider` block.
fn take(world: &World, example: &Path, files: &[&str]) {
    let files = files.iter().map(|file| example.join(file));
    world.take(&files.chain([provider()]).collect::<Vec<_>>());
}

/// Makes what the example of a resource shows, and has Terraform forget the one that its imports are of.
async fn forget_what_is_made(world: &World, example: &Path) {
    take(world, example, &["resource.tf"]);
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
fn every_resource_is_made_as_shown() {
    for example in each("resources") {
        on_each_version(async |world| {
            take(world, &example, &["resource.tf"]);
            world.apply().await;
            world.plans_nothing().await;
            world.destroy().await;
            assert_eq!(world.left(), (0, 0), "{}", example.display());
        });
    }
}

#[test]
fn every_resource_is_imported_as_shown() {
    for example in each("resources") {
        on_each_version(async |world| {
            forget_what_is_made(world, &example).await;
            world.import_as_shown(&example).await;
            world.plans_nothing().await;
        });
        for (since, file) in [((1, 0), "import-by-string.tf"), ((1, 12), "import-by-identity.tf")] {
            if !example.join(file).exists() {
                continue;
            }
            on_each_version_since(since, async |world| {
                forget_what_is_made(world, &example).await;
                take(world, &example, &["resource.tf", file]);
                let run = world.apply().await;
                assert!(run.says("1 imported, 0 added, 0 changed, 0 destroyed"), "{run}");
                world.plans_nothing().await;
            });
        }
    }
}
