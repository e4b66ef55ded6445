//! Identities from Terraform 1.12 on, and `terraform query` from 1.14 on.

use secrecy::ExposeSecret as _;
use serde_json::json;
use token_providers::sandbox::neuroio::Realm;

use super::world::{CAMERA, World, camera};
use crate::support::feature::Feature;

const QUERY: [&str; 2] = ["query", "-no-color"];

fn import(id: u64) -> String {
    format!("import {{\n  to = {CAMERA}\n  identity = {{\n    id = \"{id}\"\n  }}\n}}\n")
}

/// Adds three tokens outside Terraform: a permanent one, a temporary one, and a deactivated permanent one.
fn populate(world: &World) {
    for permanent in [true, false, true] {
        world.sandbox.add_token(&Realm::Account, permanent);
    }
    world.sandbox.set_active_outside(3, false);
}

#[test]
fn import_by_identity_succeeds_and_replacement_updates_the_identity() {
    World::on_each_version_with(Feature::IDENTITIES, async |world| {
        populate(world);
        world.configure(&format!("{}{}", camera("permanent = true"), import(1)));
        let run = world.apply().await;
        assert!(run.says("1 imported, 0 added, 0 changed, 0 destroyed"), "{run}");
        world.plans_nothing().await;
        assert_eq!(world.identity(CAMERA).await, json!({"id": "1"}));
        // A change of `permanent` replaces the token.
        world.configure(&camera("permanent = false"));
        world.apply().await;
        assert_eq!(world.identity(CAMERA).await, json!({"id": "4"}));
        world.plans_nothing().await;
        // A rotation in place changes the identity, too.
        world.configure(&camera("permanent = false\n  rotation_triggers = { release = 2 }"));
        let plan = world.plan().await;
        assert_eq!(plan.actions(CAMERA), "update");
        world.apply().await;
        assert_eq!(world.identity(CAMERA).await, json!({"id": "5"}));
        world.plans_nothing().await;
    });
}

#[test]
fn query_finds_tokens_by_filter_and_prints_no_value() {
    World::on_each_version_with(Feature::QUERIES, async |world| {
        populate(world);
        world.configure("provider \"neuroio\" {}\n");
        for (config, found) in [
            ("", &[1, 2, 3][..]),
            ("permanent = true", &[1, 3]),
            ("permanent = true\n    is_active = true", &[1]),
            ("expired = true", &[]),
        ] {
            let list = "list \"neuroio_stream_token\" \"found\" {\n  provider = neuroio\n  include_resource = true\n";
            let list = format!("{list}  config {{\n    {config}\n  }}\n}}\n");
            world.workspace.write("tokens.tfquery.hcl", &list).unwrap();
            let run = world.workspace.run(&QUERY).await.unwrap().success().unwrap();
            for id in [1, 2, 3] {
                assert_eq!(
                    run.says(&format!("id={id} {id},")),
                    found.contains(&id),
                    "{id} for {config:?}: {run}"
                );
            }
            let output = world
                .workspace
                .run(&[&QUERY[..], &["-json"]].concat())
                .await
                .unwrap()
                .success()
                .unwrap();
            for value in world.sandbox.issued_values() {
                assert!(!output.says(value.expose_secret()));
            }
        }
    });
}

#[test]
fn generated_configuration_imports_the_tokens_without_changes() {
    World::on_each_version_with(Feature::QUERIES, async |world| {
        populate(world);
        world.configure("provider \"neuroio\" {}\n");
        let list = "list \"neuroio_stream_token\" \"all\" {\n  provider = neuroio\n}\n";
        world.workspace.write("tokens.tfquery.hcl", list).unwrap();
        let generate = [&QUERY[..], &["-generate-config-out=generated.tf"]].concat();
        world.workspace.run(&generate).await.unwrap().success().unwrap();
        let run = world.apply().await;
        assert!(run.says("3 imported, 0 added, 0 changed, 0 destroyed"), "{run}");
        world.plans_nothing().await;
        let state = world.workspace.state().await.unwrap();
        let resources = state["values"]["root_module"]["resources"].as_array().unwrap();
        for resource in resources {
            let values = &resource["values"];
            assert_eq!(world.accepts(&values["key"]), values["is_active"] == true);
        }
        assert_eq!(resources.len(), 3);
    });
}
