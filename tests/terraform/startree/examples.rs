//! The examples that the documentation shows: each works as it stands.

use std::fs;
use std::path::Path;

use super::world::World;

/// The access key in the examples. The platform draws another.
const KEY: &str = "XkQBXKr652MV1VF9";

/// Takes these files of an example as the configuration, with the `provider` block.
fn take(world: &World, example: &Path, files: &[&str]) {
    let files = files.iter().map(|file| example.join(file));
    world.take(&files.chain([World::provider_example()]).collect::<Vec<_>>());
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
    for example in World::examples("resources") {
        World::on_each_version(async |world| {
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
    let named = World::examples("resources")
        .into_iter()
        .filter(|example| !example.ends_with("startree_service_token"));
    for example in named {
        World::on_each_version(async |world| {
            forget_what_is_made(world, &example).await;
            world.import_as_shown(&example).await;
            world.plans_nothing().await;
        });
        for (since, file) in [((1, 0), "import-by-string.tf"), ((1, 12), "import-by-identity.tf")] {
            if !example.join(file).exists() {
                continue;
            }
            World::on_each_version_since(since, async |world| {
                forget_what_is_made(world, &example).await;
                take(world, &example, &["resource.tf", file]);
                let run = world.apply().await;
                assert!(run.says("1 imported, 0 added, 0 changed, 0 destroyed"), "{run}");
                world.plans_nothing().await;
            });
        }
    }
}

#[test]
fn a_service_token_is_imported_as_shown_by_the_key_that_was_drawn() {
    let example = World::examples_folder().join("resources/startree_service_token");
    for (since, file) in [((1, 0), None), ((1, 5), Some("import-by-string.tf"))] {
        World::on_each_version_since(since, async |world| {
            forget_what_is_made(world, &example).await;
            let key = world.keys().remove(0);
            match file {
                None => {
                    world
                        .import_edited(&example, |command| command.replace(KEY, &key))
                        .await;
                    let run = world.apply().await;
                    // What is declared about its rotation is recorded.
                    assert!(run.says("0 added, 1 changed, 0 destroyed"), "{run}");
                }
                Some(file) => {
                    take(world, &example, &["resource.tf"]);
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
fn every_data_source_and_function_tells_what_is_shown() {
    for (kind, file, since) in [
        ("data-sources", "data-source.tf", (1, 5)),
        ("functions", "function.tf", (1, 8)),
    ] {
        for example in World::examples(kind) {
            World::on_each_version_since(since, async |world| {
                take(world, &example, &[file]);
                let run = world.apply().await;
                assert!(!run.says("Check block assertion failed"), "{run}");
                world.plans_nothing().await;
            });
        }
    }
}

#[test]
fn every_ephemeral_resource_is_there_for_the_run() {
    for example in World::examples("ephemeral-resources") {
        World::on_each_version_since((1, 10), async |world| {
            take(world, &example, &["ephemeral-resource.tf"]);
            world.apply().await;
            assert!(world.sandbox.roles().contains_key("orders-reader"));
            assert!(world.keys().is_empty());
        });
    }
}
