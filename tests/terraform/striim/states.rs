//! States of older versions of the provider load unchanged.
//!
//! `tests/states/` has one for each schema version and each set of attributes.

use std::path::Path;

use http::Method;
use serde_json::{Value, json};

use super::world::World;

/// The first version: schema version 0, without rotation attributes.
const FIRST: &str = "tests/states/striim/first.tfstate";

const CONFIGURATION: &str = r#"
resource "striim_service_account_token" "ci" {
  name        = "ci-pipeline"
  description = "Deployments"
  expires_at  = "2027-06-30T02:00:00+02:00"
}

resource "striim_pat_status" "account" {
  enabled = true
}
"#;

/// Writes the state, and adds its objects to the sandbox.
async fn restore(world: &World, state: &str) -> Value {
    let state = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(state)).unwrap();
    world.workspace.write("terraform.tfstate", &state).unwrap();
    let account = json!({
        "name": "ci-pipeline",
        "description": "Deployments",
        "token": { "expires-at": "2027-06-30T00:00:00Z", "value": "9AbCdEfG3h4I-jKlMn-OpQrStUvWx" },
    });
    // Without token ids in the list, because the sandbox chooses its own.
    world.sandbox.set_options(|options| options.list_token_id = false);
    let seed = json!({ "service-accounts": [account] });
    world.control(Method::POST, "/seed", seed).await;
    serde_json::from_str(&state).unwrap()
}

fn attributes<'a>(state: &'a Value, ty: &str) -> &'a Value {
    let resources = state["resources"].as_array().unwrap();
    let resource = resources.iter().find(|resource| resource["type"] == ty).unwrap();
    &resource["instances"][0]["attributes"]
}

#[test]
fn state_of_schema_version_0_loads_unchanged_and_plans_nothing() {
    World::by_the_clock(async |world| {
        world.set_now("2027-01-01T00:00:00Z");
        let kept = restore(world, FIRST).await;
        world.configure(CONFIGURATION);
        world.plans_nothing().await;
        world.apply().await;
        assert_eq!(world.changes(), 0);

        for (address, ty) in [
            ("striim_service_account_token.ci", "striim_service_account_token"),
            ("striim_pat_status.account", "striim_pat_status"),
        ] {
            let loaded = world.attributes(address).await;
            for (name, value) in attributes(&kept, ty).as_object().unwrap() {
                assert_eq!(&loaded[name], value, "{address}.{name}");
            }
        }
    });
}

#[test]
fn token_of_an_old_state_is_rotated() {
    World::by_the_clock(async |world| {
        world.set_now("2027-01-01T00:00:00Z");
        restore(world, FIRST).await;
        world.configure(&CONFIGURATION.replace("expires_at  = \"2027-06-30T02:00:00+02:00\"", "expires_in = \"90d\""));
        let plan = world.plan().await;
        assert!(plan.run.says("expires_in changed"), "{}", plan.run);
        world.apply().await;
        let token = world.attributes("striim_service_account_token.ci").await;
        assert_eq!(token["generation"], 4);
        assert!(world.accepts(&token["token"]));
        world.plans_nothing().await;
    });
}
