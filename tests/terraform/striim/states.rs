//! States that older versions of the provider wrote: each loads unchanged.
//!
//! `tests/states/` keeps one for every schema version, and for every set of attributes that a version had.

use std::path::Path;

use http::Method;
use serde_json::{Value, json};

use super::world::World;

/// The first provider's: schema version 0, without any of the attributes that declare rotations.
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

/// Puts the state there, and into the sandbox what it tells of.
async fn left_behind(world: &World, state: &str) -> Value {
    let state = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(state)).unwrap();
    world.workspace.write("terraform.tfstate", &state).unwrap();
    let account = json!({
        "name": "ci-pipeline",
        "description": "Deployments",
        "expires-at": "2027-06-30T00:00:00Z",
        "token": "9AbCdEfG3h4I-jKlMn-OpQrStUvWx",
    });
    // The list does not tell token ids here: the sandbox gives its own.
    world.sandbox.set_options(|options| options.list_token_id = false);
    world.control(Method::POST, "/service-account", account).await;
    serde_json::from_str(&state).unwrap()
}

fn attributes<'a>(state: &'a Value, ty: &str) -> &'a Value {
    let resources = state["resources"].as_array().unwrap();
    let resource = resources.iter().find(|resource| resource["type"] == ty).unwrap();
    &resource["instances"][0]["attributes"]
}

#[test]
fn a_state_of_schema_version_0_loads_unchanged_and_plans_nothing() {
    World::by_the_clock(async |world| {
        world.set_now("2027-01-01T00:00:00Z");
        let kept = left_behind(world, FIRST).await;
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
fn a_token_of_an_old_state_is_rotated_as_any_other() {
    World::by_the_clock(async |world| {
        world.set_now("2027-01-01T00:00:00Z");
        left_behind(world, FIRST).await;
        world.configure(&CONFIGURATION.replace("expires_at  = \"2027-06-30T02:00:00+02:00\"", "expires_in = \"90d\""));
        let plan = world.plan().await;
        assert!(plan.run.says("expires_in changed"), "{}", plan.run);
        world.apply().await;
        let token = world.attributes("striim_service_account_token.ci").await;
        assert_eq!(token["generation"], 4);
        assert!(world.lets_in(&token["token"]));
        world.plans_nothing().await;
    });
}
