//! `data.striim_token`: what the platform tells of a token.

use http::Method;
use serde_json::json;
use token_providers::sandbox::striim::Role;

use super::world::{USER, World, in_days};

const TOKEN: &str = "data.striim_token.this";

/// Applies the data source with `arguments`, and gives its attributes.
async fn read(world: &World, arguments: &str) -> serde_json::Value {
    world.configure(&format!("data \"striim_token\" \"this\" {{\n  {arguments}\n}}\n"));
    world.apply().await;
    world.attributes(TOKEN).await
}

#[test]
fn by_name_it_tells_of_a_service_account() {
    World::on_each_version(async |world| {
        let expires_at = in_days(30);
        let account = json!({"name": "ci-pipeline", "description": "By hand", "expires-at": expires_at});
        let created = world.outside(Method::POST, "/service-account", account).await;
        let token = read(world, "name = \"ci-pipeline\"").await;
        assert_eq!(token["type"], "service_account");
        assert_eq!(token["description"], "By hand");
        assert_eq!(token["expires_at"], expires_at);
        assert_eq!(token["token_id"], created["token-id"]);
        assert_eq!((&token["expired"], &token["legacy"]), (&json!(false), &json!(false)));
    });
}

#[test]
fn by_email_it_tells_of_a_users_pat() {
    World::on_each_version(async |world| {
        world.add_user();
        let token = read(world, &format!("email = \"{USER}\"")).await;
        assert_eq!(token["type"], "personal");
        assert!(token["token_id"].is_i64(), "{token}");
        assert_eq!(token["expired"], false);
    });
}

#[test]
fn of_nobody_else_it_tells_of_the_callers_own_pat() {
    World::on_each_version(async |world| {
        let user = world.add_user();
        world.set_env("STRIIM_TOKEN", &user);
        let token = read(world, "").await;
        assert_eq!(token["type"], "personal");
        assert!(token["token_id"].is_i64(), "{token}");
    });
}

#[test]
fn a_legacy_token_is_called_one() {
    World::on_each_version(async |world| {
        world.sandbox.add_user(USER, Role::Regular);
        world.sandbox.add_user_token(USER, None).unwrap();
        let token = read(world, &format!("email = \"{USER}\"")).await;
        assert_eq!(token["legacy"], true);
        assert!(token["expires_at"].is_null());
        assert_eq!(token["expired"], false);
    });
}

#[test]
fn what_does_not_exist_is_an_error_that_names_it() {
    World::on_each_version(async |world| {
        for argument in ["name = \"CI-Pipeline\"", "email = \"nobody@example.com\""] {
            world.configure(&format!("data \"striim_token\" \"this\" {{\n  {argument}\n}}\n"));
            let run = world.plan_fails().await;
            assert!(
                run.says(argument.rsplit(' ').next().unwrap().trim_matches('"')),
                "{run}"
            );
        }
    });
}

#[test]
fn a_name_and_an_email_exclude_each_other() {
    World::on_each_version(async |world| {
        world.configure(
            "data \"striim_token\" \"this\" {\n  name = \"ci-pipeline\"\n  email = \"nobody@example.com\"\n}\n",
        );
        let run = world.plan_fails().await;
        assert!(run.says("name") && run.says("email"), "{run}");
    });
}
