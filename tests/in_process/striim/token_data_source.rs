//! The data source `striim_token`.

use http::Method;
use serde_json::json;
use token_providers::sandbox::striim::Role;

use super::world::{USER, World};

const TOKEN: &str = "striim_token";

#[test]
fn service_account_is_found_by_name() {
    World::run(async |world| {
        let expires_at = world.in_days(30);
        let account = json!({"name": "ci-pipeline", "description": "By hand", "expires-at": expires_at});
        let created = world.outside(Method::POST, "/service-account", account).await;
        let token = world.data(TOKEN, json!({ "name": "ci-pipeline" })).await;
        assert_eq!(token["type"], "service_account");
        assert_eq!(token["description"], "By hand");
        assert_eq!(token["expires_at"], expires_at);
        assert_eq!(token["token_id"], created["token-id"]);
        assert_eq!((&token["expired"], &token["legacy"]), (&json!(false), &json!(false)));
    });
}

#[test]
fn pat_of_a_user_is_found_by_email() {
    World::run(async |world| {
        world.add_user();
        let token = world.data(TOKEN, json!({ "email": USER })).await;
        assert_eq!(token["type"], "personal");
        assert!(token["token_id"].is_i64(), "{token}");
        assert_eq!(token["expired"], false);
    });
}

#[test]
fn pat_of_the_caller_is_found_without_arguments() {
    World::run(async |world| {
        let user = world.add_user();
        world.set_env("STRIIM_TOKEN", &user);
        let token = world.data(TOKEN, json!({})).await;
        assert_eq!(token["type"], "personal");
        assert!(token["token_id"].is_i64(), "{token}");
    });
}

#[test]
fn token_without_expiry_is_a_legacy_token() {
    World::run(async |world| {
        world.sandbox.add_user(USER, Role::Regular);
        world.sandbox.add_user_token(USER, None).unwrap();
        let token = world.data(TOKEN, json!({ "email": USER })).await;
        assert_eq!(token["legacy"], true);
        assert!(token["expires_at"].is_null());
        assert_eq!(token["expired"], false);
    });
}

#[test]
fn missing_token_is_an_error_with_its_name() {
    World::run(async |world| {
        for (argument, value) in [("name", "CI-Pipeline"), ("email", "unknown@example.com")] {
            let run = world.data_fails(TOKEN, json!({ argument: value })).await;
            assert!(run.says(value), "{run:?}");
        }
    });
}

#[test]
fn name_and_email_exclude_each_other() {
    World::run(async |world| {
        let both = json!({ "name": "ci-pipeline", "email": "unknown@example.com" });
        let run = world.data_fails(TOKEN, both).await;
        assert!(run.says("name") && run.says("email"), "{run:?}");
    });
}
