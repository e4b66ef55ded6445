//! `striim_service_account_token`: create, import, output, unknown values.

use http::Method;
use serde_json::{Value, json};

use super::world::{World, generation, in_days};

/// The resource that most of these tests manage.
const CI: &str = "striim_service_account_token.ci";

/// Returns a configuration of [`CI`].
fn ci(arguments: &str) -> String {
    named("ci-pipeline", arguments)
}

fn named(name: &str, arguments: &str) -> String {
    format!("resource \"striim_service_account_token\" \"ci\" {{\n  name = \"{name}\"\n  {arguments}\n}}\n")
}

#[test]
fn created_token_is_valid_and_not_shown() {
    World::on_each_version(async |world| {
        let expires_at = in_days(30);
        world.configure(&ci(&format!(
            "description = \"Deployments\"\n  expires_at = \"{expires_at}\""
        )));

        let plan = world.plan().await;
        assert_eq!(plan.actions(CI), "create");
        assert_eq!(plan.after(CI)["id"], "ci-pipeline");
        assert_eq!(plan.unknown(CI)["generation"], true);
        assert!(plan.run.says("token = (sensitive value)"), "{}", plan.run);

        world.apply().await;
        let token = world.attributes(CI).await;
        assert_eq!(token["name"], "ci-pipeline");
        assert_eq!(token["description"], "Deployments");
        assert_eq!(token["expires_at"], expires_at);
        assert!(generation(&token) > 0);
        assert!(token["token_id"].is_i64(), "{token}");
        assert!(world.accepts(&token["token"]));
        world.plans_nothing().await;
    });
}

#[test]
fn import_block_keeps_the_token() {
    World::on_each_version(async |world| {
        let expires_at = in_days(30);
        let account = json!({"name": "ci-pipeline", "description": "By hand", "expires-at": expires_at});
        let created = world.outside(Method::POST, "/service-account", account).await;
        let matching = ci(&format!("description = \"By hand\"\n  expires_at = \"{expires_at}\""));
        world.configure(&format!(
            "{matching}\nimport {{\n  to = {CI}\n  id = \"ci-pipeline\"\n}}\n"
        ));

        let run = world.apply().await;
        assert!(run.says("1 imported, 0 added, 0 changed, 0 destroyed"), "{run}");
        assert!(
            run.says("Warning:"),
            "an import says that the value is not known: {run}"
        );
        let imported = world.attributes(CI).await;
        assert!(imported["token"].is_null());
        assert!(generation(&imported) > 0);
        assert!(world.accepts(&created["token"]));
        world.plans_nothing().await;

        world.configure(&ci(&format!(
            "description = \"By hand\"\n  expires_at = \"{}\"",
            in_days(60)
        )));
        world.apply().await;
        assert!(!world.accepts(&created["token"]));
        let rotated = world.attributes(CI).await;
        assert_eq!(generation(&rotated), generation(&imported) + 1);
        assert!(world.accepts(&rotated["token"]));
    });
}

#[test]
fn import_command_takes_a_name() {
    World::on_each_version(async |world| {
        world
            .outside(Method::POST, "/service-account", json!({"name": "ci-pipeline"}))
            .await;
        world.configure(&ci(""));
        let run = world.import(CI, "ci-pipeline").await;
        assert!(run.says("Warning:"), "{run}");
        assert!(world.attributes(CI).await["token"].is_null());
        world.plans_nothing().await;
    });
}

#[test]
fn expiry_known_after_apply_is_accepted() {
    World::on_each_version(async |world| {
        let unknown = |instant: &str| {
            let resource = ci("expires_at = terraform_data.expiry.output");
            format!("resource \"terraform_data\" \"expiry\" {{\n  input = \"{instant}\"\n}}\n{resource}")
        };
        let (first, second) = (in_days(30), in_days(60));
        world.configure(&unknown(&first));
        assert_eq!(world.plan().await.unknown(CI)["expires_at"], true);
        world.apply().await;
        let old = world.attributes(CI).await;
        assert_eq!(old["expires_at"], first);
        world.plans_nothing().await;

        world.configure(&unknown(&second));
        assert_eq!(world.plan().await.actions(CI), "update");
        world.apply().await;
        let new = world.attributes(CI).await;
        assert_eq!(new["expires_at"], second);
        assert_eq!(generation(&new), generation(&old) + 1);
        assert!(!world.accepts(&old["token"]));
        assert!(world.accepts(&new["token"]));
        world.plans_nothing().await;
    });
}

#[test]
fn output_returns_the_value() {
    World::on_each_version(async |world| {
        world.configure(&format!(
            "{}output \"token\" {{\n  value = {CI}.token\n  sensitive = true\n}}\n",
            ci("")
        ));
        world.apply().await;
        let value = world.workspace.output("token").await.unwrap();
        assert!(world.accepts(&Value::String(value)));
    });
}
