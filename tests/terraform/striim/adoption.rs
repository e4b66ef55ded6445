//! Existing service accounts: generated configuration, and rename to a taken name.

use http::Method;
use serde_json::json;

use super::world::World;

const IMPORT: &str = "import {\n  to = striim_service_account_token.ci-pipeline\n  id = \"ci-pipeline\"\n}\n";

/// Creates the account outside Terraform. Returns its value.
async fn create_outside(world: &World) -> serde_json::Value {
    let account = json!({"name": "ci-pipeline", "description": "By hand", "expires-at": world.in_days(30)});
    world.outside(Method::POST, "/service-account", account).await["token"].take()
}

#[test]
fn generated_configuration_plans_the_import_only() {
    World::by_the_clock(async |world| {
        let value = create_outside(world).await;
        world.configure(IMPORT);
        let generate = ["plan", "-no-color", "-generate-config-out=generated.tf"];
        world.workspace.run(&generate).await.unwrap().success().unwrap();
        let run = world.apply().await;
        assert!(run.says("1 imported, 0 added, 0 changed, 0 destroyed"), "{run}");
        world.plans_nothing().await;
        assert!(world.accepts(&value));
    });
}

/// Of a replacement, Terraform shows the warnings of the first plan call only.
#[test]
fn rename_to_a_taken_name_is_rejected_or_reported_by_the_plan() {
    World::on_each_version(async |world| {
        let named = |name: &str, arguments: &str| {
            format!("resource \"striim_service_account_token\" \"ci\" {{\n  name = \"{name}\"\n  {arguments}\n}}\n")
        };
        let address = "striim_service_account_token.ci";
        world.configure(&named("first", ""));
        world.apply().await;
        let first = world.attributes(address).await["token"].take();
        let theirs = create_outside(world).await;

        world.configure(&named("ci-pipeline", ""));
        for run in [world.plan_fails().await, world.apply_fails().await] {
            assert!(run.says("is taken") && run.says("`moved` block"), "{run}");
        }
        world.configure(&named("ci-pipeline", "description = \"Mine\"\n  adopt_existing = true"));
        assert!(world.plan_fails().await.says("Description differs"));
        assert!(world.accepts(&first) && world.accepts(&theirs));

        world.configure(&named(
            "ci-pipeline",
            "description = \"By hand\"\n  adopt_existing = true",
        ));
        let plan = world.plan().await;
        assert_eq!(plan.actions(address), "delete create");
        assert!(plan.run.says("will be adopted"), "{}", plan.run);
        world.apply().await;
        assert!(world.accepts(&world.attributes(address).await["token"]) && !world.accepts(&theirs));
    });
}
