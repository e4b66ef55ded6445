//! The examples in the documentation are formatted, and work unchanged.

use std::path::PathBuf;

use http::Method;
use serde_json::json;
use token_providers::sandbox::striim::Role;

use super::world::{World, in_days};
use crate::support::feature::Feature;

/// The expiry in the examples, which the tests replace because it passes one day.
pub(crate) const ENDS: &str = "2027-06-30T00:00:00Z";

/// Configures these examples, with tokens that expire at `ends`.
pub(crate) fn take(world: &World, ends: &str, files: &[PathBuf]) {
    world.take_edited(files, |text| text.replace(ENDS, ends));
}

/// Creates the objects that the examples of data sources and imports read.
async fn populate(world: &World, ends: &str) {
    // All examples together exceed the quota.
    world.sandbox.set_options(|options| options.quota = 10);
    for name in ["ci-pipeline", "ci-pipeline-a", "ci-pipeline-b"] {
        let account = json!({"name": name, "description": "Deploys the pipelines", "expires-at": ends});
        world.outside(Method::POST, "/service-account", account).await;
    }
    add_user(world);
}

/// Creates the user of the examples, with a personal access token.
fn add_user(world: &World) {
    world.sandbox.add_user("jo@example.com", Role::Regular);
    let expiry = in_days(30).parse().unwrap();
    world.sandbox.add_user_token("jo@example.com", Some(expiry)).unwrap();
}

#[test]
fn every_example_is_formatted() {
    World::on_each_version(async |world| {
        let arguments = ["fmt", "-no-color", "-check", "-diff", "-recursive"];
        let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
        let run = world.workspace.run(&[&arguments[..], &[examples]].concat()).await;
        run.unwrap().success().unwrap();
    });
}

#[test]
fn quick_start_creates_a_valid_token() {
    World::on_each_version(async |world| {
        take(
            world,
            &in_days(90),
            &[World::examples_folder().join("quick-start/main.tf")],
        );
        world.apply().await;
        let token = world.workspace.output("ci_token").await.unwrap();
        assert!(world.sandbox.is_live(&token));
        world.plans_nothing().await;
    });
}

#[test]
fn every_resource_example_works() {
    for example in World::examples("resources") {
        World::on_each_version(async |world| {
            add_user(world);
            take(
                world,
                &in_days(90),
                &[World::provider_example(), example.join("resource.tf")],
            );
            world.apply().await;
            world.plans_nothing().await;
            world.destroy().await;
        });
    }
}

#[test]
fn every_data_source_example_works() {
    for example in World::examples("data-sources") {
        World::on_each_version(async |world| {
            let ends = in_days(90);
            populate(world, &ends).await;
            take(
                world,
                &ends,
                &[World::provider_example(), example.join("data-source.tf")],
            );
            world.apply().await;
            world.plans_nothing().await;
        });
    }
}

/// Creates the service account of the examples as a legacy token, which never expires.
fn populate_legacy(world: &World) {
    world.sandbox.add_service_account("ci-pipeline", None);
    add_user(world);
}

#[test]
fn examples_work_with_a_legacy_token() {
    for (examples, file, feature) in [
        (World::examples("data-sources"), "data-source.tf", Feature::COMMON),
        (World::function_examples(), "function.tf", Feature::FUNCTIONS),
    ] {
        for example in examples {
            World::on_each_version_with(feature, async |world| {
                populate_legacy(world);
                take(world, &in_days(90), &[World::provider_example(), example.join(file)]);
                let run = world.apply().await;
                assert!(!run.says("The token of ci-pipeline expires"), "{run}");
                world.plans_nothing().await;
            });
        }
    }
}

#[test]
fn every_function_example_works() {
    for example in World::function_examples() {
        World::on_each_version(async |world| {
            let ends = in_days(90);
            populate(world, &ends).await;
            take(world, &ends, &[World::provider_example(), example.join("function.tf")]);
            world.apply().await;
            world.plans_nothing().await;
        });
    }
}

#[test]
fn every_import_example_works() {
    for example in World::examples("resources") {
        for (block, feature) in [
            ("import-by-string.tf", Feature::COMMON),
            ("import-by-identity.tf", Feature::IDENTITIES),
        ] {
            World::on_each_version_with(feature, async |world| {
                let ends = in_days(90);
                populate(world, &ends).await;
                let block = example.join(block);
                take(
                    world,
                    &ends,
                    &[World::provider_example(), example.join("resource.tf"), block],
                );
                let run = world.apply().await;
                assert!(run.says("1 imported,"), "{run}");
                world.plans_nothing().await;
            });
        }
        World::on_each_version(async |world| {
            let ends = in_days(90);
            populate(world, &ends).await;
            take(world, &ends, &[World::provider_example(), example.join("resource.tf")]);
            world.import_as_shown(&example).await;
            world.apply().await;
            world.plans_nothing().await;
        });
    }
}
