//! The lifecycle of a personal access token, its identity, and `terraform query`.

use secrecy::ExposeSecret as _;
use serde_json::json;

use super::world::{World, generation};
use crate::support::feature::Feature;

const CI: &str = "quix_personal_access_token.ci";
const QUERY: [&str; 2] = ["query", "-no-color"];

/// Returns the configuration of a token, with a trigger.
fn token(release: &str, arguments: &str) -> String {
    format!(
        "resource \"quix_personal_access_token\" \"ci\" {{\n  name = \"ci\"\n  expires_in = \"90d\"\n  \
         rotation_triggers = {{ release = \"{release}\" }}\n  {arguments}\n}}\n"
    )
}

#[test]
fn token_lifecycle_succeeds_on_every_version() {
    World::on_every_version(async |world| {
        world.configure(&token("1", ""));
        world.apply().await;
        let first = world.attributes(CI).await;
        assert!(world.accepts(&first["token"]));
        world.plans_nothing().await;

        world.configure(&token("2", ""));
        let plan = world.plan().await;
        assert_eq!(plan.actions(CI), "update");
        assert!(plan.run.says("rotation_triggers.release changed"), "{}", plan.run);
        assert_eq!(plan.after(CI)["generation"], generation(&first) + 1);
        world.apply().await;
        let second = world.attributes(CI).await;
        assert!(world.accepts(&second["token"]) && !world.accepts(&first["token"]));
        world.plans_nothing().await;

        world.configure(&token("3", "overlap = \"1h\""));
        world.apply().await;
        let third = world.attributes(CI).await;
        assert_eq!(third["previous_id"], second["id"]);
        assert!(world.accepts(&second["token"]) && world.accepts(&third["token"]));
        world.plans_nothing().await;
        world.configure(&token("3", ""));
        world.apply().await;
        assert!(!world.accepts(&second["token"]) && world.accepts(&third["token"]));
        world.plans_nothing().await;

        world.destroy().await;
        assert_eq!(world.tokens().len(), 1, "the provider's own");
    });
}

#[test]
fn rotation_updates_the_identity() {
    World::on_each_version_with(Feature::IDENTITIES, async |world| {
        world.configure(&token("1", ""));
        world.apply().await;
        let id = async |world: &World| world.attributes(CI).await["id"].clone();
        let first = id(world).await;
        assert_eq!(world.identity(CI).await, json!({ "id": first }));
        world.configure(&token("2", ""));
        world.apply().await;
        let second = id(world).await;
        assert_ne!(first, second);
        assert_eq!(world.identity(CI).await, json!({ "id": second }));
        world.plans_nothing().await;
    });
}

#[test]
fn generated_configuration_imports_the_tokens_without_changes() {
    World::on_each_version_with(Feature::QUERIES, async |world| {
        let own = world.given("Quix__Sdk__Token").into();
        let expiry = world.now() + jiff::SignedDuration::from_hours(24 * 60);
        for (name, expires_at) in [("ci", Some(expiry)), ("cd", None)] {
            world.sandbox.add_personal_access_token(&own, name, expires_at).unwrap();
        }
        world.configure("provider \"quix\" {}\n");
        let list = "list \"quix_personal_access_token\" \"all\" {\n  provider = quix\n}\n";
        world.workspace.write("tokens.tfquery.hcl", list).unwrap();
        let generate = [&QUERY[..], &["-generate-config-out=generated.tf"]].concat();
        let run = world.workspace.run(&generate).await.unwrap().success().unwrap();
        for value in world.sandbox.issued_values() {
            assert!(!run.says(value.expose_secret()));
        }
        let run = world.apply().await;
        assert!(run.says("3 imported, 0 added, 0 changed, 0 destroyed"), "{run}");
        world.plans_nothing().await;
    });
}
