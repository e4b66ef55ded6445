//! Identities, and imports by them: from Terraform 1.12 on.

use http::Method;
use serde_json::{Value, json};

use super::world::{CI, World, ci, in_days};
use crate::support::feature::Feature;

/// Imports the object with this identity as [`CI`].
pub(crate) fn import(identity: &str) -> String {
    format!("import {{\n  to = {CI}\n  identity = {{\n    {identity}\n  }}\n}}\n")
}

/// The identity of [`CI`] in the state.
async fn identity(world: &World) -> Value {
    let state = world.workspace.state().await.unwrap();
    state["values"]["root_module"]["resources"][0]["identity"].clone()
}

pub(crate) async fn add_ci(world: &World) {
    let account = json!({"name": "ci-pipeline", "expires-at": in_days(30)});
    world.outside(Method::POST, "/service-account", account).await;
}

#[test]
fn import_by_identity_keeps_the_token() {
    World::on_each_version_with(Feature::IDENTITIES, async |world| {
        add_ci(world).await;
        let before = world.changes();
        for account in ["", "account = \"127.0.0.1\""] {
            world.configure(&format!(
                "{}{}",
                ci(""),
                import(&format!("name = \"ci-pipeline\"\n    {account}"))
            ));
            let run = world.apply().await;
            assert!(run.says("1 imported, 0 added, 0 changed, 0 destroyed"), "{run}");
            world.plans_nothing().await;
            let expected = json!({"account": "127.0.0.1", "name": "ci-pipeline"});
            assert_eq!(identity(world).await, expected);
            world
                .workspace
                .run(&["state", "rm", CI])
                .await
                .unwrap()
                .success()
                .unwrap();
        }
        assert_eq!(world.changes(), before, "an import changes nothing");
    });
}

#[test]
fn identity_of_another_account_or_of_no_token_is_rejected() {
    World::on_each_version_with(Feature::IDENTITIES, async |world| {
        add_ci(world).await;
        for (identity, says) in [
            (
                "name = \"ci-pipeline\"\n    account = \"other\"",
                "names the account \"other\", but the provider is configured for \"127.0.0.1\"",
            ),
            (
                "name = \"CI-pipeline\"",
                "no service account named \"CI-pipeline\" to import",
            ),
        ] {
            world.configure(&format!("{}{}", ci(""), import(identity)));
            let run = world.plan_fails().await;
            assert!(run.says(says), "{run}");
        }
    });
}

#[test]
fn identity_follows_creation_rename_and_rotation() {
    World::on_each_version_with(Feature::IDENTITIES, async |world| {
        let declared = |name: &str, release| {
            let hcl = ci(&format!("rotation_triggers = {{ release = {release} }}"));
            hcl.replace("name = \"ci-pipeline\"", &format!("name = \"{name}\""))
        };
        for (name, release) in [("ci-one", 1), ("ci-one", 2), ("ci-two", 2)] {
            world.configure(&declared(name, release));
            world.apply().await;
            assert_eq!(identity(world).await["name"], name);
            world.plans_nothing().await;
        }
    });
}
