//! Identities from Terraform 1.12 on, and `terraform query` from 1.14 on.

use secrecy::ExposeSecret as _;
use serde_json::json;
use token_providers::sandbox::neuroio::Realm;

use super::world::{CAMERA, World, camera};

const QUERY: [&str; 2] = ["query", "-no-color"];

fn import(id: u64) -> String {
    format!("import {{\n  to = {CAMERA}\n  identity = {{\n    id = \"{id}\"\n  }}\n}}\n")
}

/// Three tokens that others made: permanent, temporary, and permanent but deactivated.
fn populate(world: &World) {
    for permanent in [true, false, true] {
        world.sandbox.add_token(&Realm::Account, permanent);
    }
    world.sandbox.set_active_outside(3, false);
}

#[test]
fn a_token_is_imported_by_its_identity_and_keeps_it_true() {
    World::on_each_version_since((1, 12), async |world| {
        populate(world);
        world.configure(&format!("{}{}", camera("permanent = true"), import(1)));
        let run = world.apply().await;
        assert!(run.says("1 imported, 0 added, 0 changed, 0 destroyed"), "{run}");
        world.plans_nothing().await;
        assert_eq!(world.identity(CAMERA).await, json!({"id": "1"}));
        // Another kind, another token, another identity.
        world.configure(&camera("permanent = false"));
        world.apply().await;
        assert_eq!(world.identity(CAMERA).await, json!({"id": "4"}));
        world.plans_nothing().await;
    });
}

#[test]
fn tokens_are_found_by_what_they_are_and_no_value_is_told() {
    World::on_each_version_since((1, 14), async |world| {
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
            let told = world
                .workspace
                .run(&[&QUERY[..], &["-json"]].concat())
                .await
                .unwrap()
                .success()
                .unwrap();
            for value in world.sandbox.issued_values() {
                assert!(!told.says(value.expose_secret()));
            }
        }
    });
}

#[test]
fn what_is_generated_from_a_query_is_imported_with_its_values_and_plans_nothing() {
    World::on_each_version_since((1, 14), async |world| {
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
            assert_eq!(world.lets_in(&values["key"]), values["is_active"] == true);
        }
        assert_eq!(resources.len(), 3);
    });
}
