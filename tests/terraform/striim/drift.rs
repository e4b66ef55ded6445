//! Drift: changes outside Terraform.

use http::Method;
use serde_json::json;

use super::world::{CI, USER, World, ci};

/// Refreshes the state.
async fn refresh(world: &World) {
    let refresh = ["apply", "-no-color", "-auto-approve", "-refresh-only"];
    world.workspace.run(&refresh).await.unwrap().success().unwrap();
}

#[test]
fn description_changed_outside_is_shown_and_reverted() {
    World::by_the_clock(async |world| {
        world.configure(&ci("description = \"Deployments\""));
        world.apply().await;
        // No endpoint changes a description: another user deleted the account and created one with its name.
        let other = json!({"name": "ci-pipeline", "description": "Something else", "expires-at": world.in_days(30)});
        world.sandbox.delete_outside("ci-pipeline").unwrap();
        world.outside(Method::POST, "/service-account", other).await;
        let plan = world.plan().await;
        assert_eq!(plan.actions(CI), "delete create");
        assert!(plan.run.says("\"Something else\" -> \"Deployments\""), "{}", plan.run);
        world.apply().await;
        assert!(world.accepts(&world.attributes(CI).await["token"]));
        world.plans_nothing().await;
    });
}

/// Each version of Terraform logs changes of a refresh at other places. Every test searches the log.
#[test]
fn refresh_does_not_log_a_removed_value_on_any_version() {
    World::on_every_version(async |world| {
        let pat = format!(
            "resource \"striim_personal_access_token\" \"user\" {{\n  email = \"{USER}\"\n  expires_in = \"30d\"\n}}\n"
        );
        world.add_user();
        world.configure(&(ci("expires_in = \"90d\"") + &pat));
        world.apply().await;
        for address in [CI, "striim_personal_access_token.user"] {
            assert!(world.attributes(address).await["token"].is_string(), "{address}");
        }
        world.sandbox.rotate_outside("ci-pipeline").unwrap();
        // Like a user who creates another one in the console.
        world
            .sandbox
            .add_user_token(USER, Some(super::world::in_days(20).parse().unwrap()))
            .unwrap();
        refresh(world).await;
        for address in [CI, "striim_personal_access_token.user"] {
            assert!(world.attributes(address).await["token"].is_null(), "{address}");
        }
        world.apply().await;
        world.plans_nothing().await;
    });
}
