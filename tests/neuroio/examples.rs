//! The examples that the documentation shows: each works as it stands.

use std::fs;
use std::path::{Path, PathBuf};

use token_providers::sandbox::neuroio::Realm;

use crate::world::{World, on_each_version, on_each_version_since};

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/neuroio");

/// The examples of a kind: of each type a folder.
fn each(kind: &str) -> Vec<PathBuf> {
    let folders = fs::read_dir(Path::new(EXAMPLES).join(kind)).unwrap();
    folders.map(|folder| folder.unwrap().path()).collect()
}

/// Takes this example as the configuration, with the `provider` block that it goes without.
fn take(world: &World, folder: &Path, files: &[&str]) {
    let provider = Path::new(EXAMPLES).join("provider/provider.tf");
    let files = files.iter().map(|name| folder.join(name));
    for file in files.chain([provider]) {
        let name = file.file_name().unwrap().to_str().unwrap();
        world
            .workspace
            .write(name, &fs::read_to_string(&file).unwrap())
            .unwrap();
    }
}

#[test]
fn every_resource_is_made_as_shown() {
    for example in each("resources") {
        on_each_version(async |world| {
            take(world, &example, &["resource.tf"]);
            world.apply().await;
            world.plans_nothing().await;
            world.destroy().await;
            assert!(world.ids().is_empty());
        });
    }
}

#[test]
fn every_resource_is_imported_as_shown() {
    for example in each("resources") {
        on_each_version(async |world| {
            world.sandbox.add_token(&Realm::Account, true);
            take(world, &example, &["resource.tf", "import-by-string.tf"]);
            let run = world.apply().await;
            assert!(run.says("1 imported, 1 added, 0 changed, 0 destroyed"), "{run}");
            world.plans_nothing().await;
        });
        on_each_version(async |world| {
            world.sandbox.add_token(&Realm::Account, true);
            take(world, &example, &["resource.tf"]);
            let script = fs::read_to_string(example.join("import.sh")).unwrap();
            let command = script.lines().find_map(|line| line.strip_prefix("terraform import "));
            let (address, id) = command.unwrap().split_once(' ').unwrap();
            world.workspace.import(address, id).await.unwrap().success().unwrap();
            world.apply().await;
            world.plans_nothing().await;
        });
    }
}

#[test]
fn every_resource_is_imported_by_its_identity_as_shown() {
    for example in each("resources") {
        on_each_version_since((1, 12), async |world| {
            world.sandbox.add_token(&Realm::Account, true);
            take(world, &example, &["resource.tf", "import-by-identity.tf"]);
            let run = world.apply().await;
            assert!(run.says("1 imported, 1 added, 0 changed, 0 destroyed"), "{run}");
            world.plans_nothing().await;
        });
    }
}

#[test]
fn every_list_is_queried_as_shown() {
    for example in each("list-resources") {
        on_each_version_since((1, 14), async |world| {
            world.sandbox.add_token(&Realm::Account, true);
            take(world, &example, &["list-resource.tfquery.hcl"]);
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
fn every_data_source_is_read_as_shown() {
    for example in each("data-sources") {
        on_each_version(async |world| {
            for permanent in [true, false] {
                world.sandbox.add_token(&Realm::Account, permanent);
            }
            take(world, &example, &["data-source.tf"]);
            let run = world.apply().await;
            assert!(run.says("tokens_to_look_into = tolist([ \"1\", ])"), "{run}");
        });
    }
}

#[test]
fn every_ephemeral_resource_is_opened_as_shown() {
    for example in each("ephemeral-resources") {
        on_each_version(async |world| {
            take(world, &example, &["ephemeral-resource.tf"]);
            world.apply().await;
            assert!(world.ids().is_empty());
        });
    }
}
