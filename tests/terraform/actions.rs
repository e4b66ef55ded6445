//! Actions, from Terraform 1.14 on.

use http::Method;
use secrecy::ExposeSecret as _;
use serde_json::json;
use token_providers::sandbox::Role;

use crate::examples::{each, provider, take};
use crate::terraform::Run;
use crate::world::{USER, World, ci, in_days, on_each_version_since};

/// Revokes the service account `former`.
const FORMER: &str =
    "action \"striim_revoke_service_account_token\" \"former\" {\n  config {\n    name = \"former\"\n  }\n}\n";

/// Invokes the action of that address, by itself.
async fn invoke(world: &World, address: &str) -> Run {
    let invoke = format!("-invoke=action.{address}");
    let run = world
        .workspace
        .run(&["apply", "-no-color", "-auto-approve", &invoke])
        .await;
    run.unwrap()
}

async fn add_former(world: &World) -> serde_json::Value {
    let account = json!({"name": "former", "expires-at": in_days(30)});
    world.outside(Method::POST, "/service-account", account).await["token"].take()
}

#[test]
fn a_service_account_is_revoked_on_demand_with_progress_and_nothing_else_happens() {
    on_each_version_since((1, 14), async |world| {
        let value = add_former(world).await;
        world.configure(&format!("{FORMER}{}", ci("")));
        let run = invoke(world, "striim_revoke_service_account_token.former")
            .await
            .success()
            .unwrap();
        for says in [
            "This revokes the token of service account \"former\"",
            "Revoking the token of service account \"former\"",
            "\"former\" is revoked: the platform lists it no longer",
        ] {
            assert!(run.says(says), "{says}: {run}");
        }
        assert!(!world.lets_in(&value) && world.names().is_empty());

        let run = invoke(world, "striim_revoke_service_account_token.former")
            .await
            .success()
            .unwrap();
        assert!(run.says("There is no service account \"former\" to revoke"), "{run}");
    });
}

#[test]
fn a_token_that_is_made_revokes_the_one_before_it() {
    on_each_version_since((1, 14), async |world| {
        let value = add_former(world).await;
        let trigger = "lifecycle {\n    action_trigger {\n      events = [after_create]\n      \
                       actions = [action.striim_revoke_service_account_token.former]\n    }\n  }";
        world.configure(&format!("{FORMER}{}", ci(trigger)));
        let plan = world.plan().await;
        assert!(
            plan.run.says("This revokes the token of service account \"former\""),
            "{}",
            plan.run
        );
        assert!(world.lets_in(&value), "so far it is planned only");
        world.apply().await;
        assert_eq!(world.names(), ["ci-pipeline"]);
        assert!(!world.lets_in(&value));
        world.plans_nothing().await;
    });
}

#[test]
fn an_action_that_fails_says_why_and_a_wrong_one_is_refused() {
    on_each_version_since((1, 14), async |world| {
        let value = add_former(world).await;
        world.configure(FORMER);
        world.refuse(Method::DELETE, "/service-account", 403, "not an administrator");
        let run = invoke(world, "striim_revoke_service_account_token.former").await;
        assert_eq!(run.code, Some(1), "{run}");
        assert!(run.says("Could not delete the service account \"former\""), "{run}");
        assert!(run.says("not an administrator") && world.lets_in(&value), "{run}");

        world.configure("action \"striim_revoke_personal_access_token\" \"it\" {\n  config {}\n}\n");
        let run = world.plan_fails().await;
        assert!(run.says("Set either `email` or `user_id`"), "{run}");
    });
}

#[test]
fn a_users_personal_access_token_is_revoked_by_address_and_by_number() {
    on_each_version_since((1, 14), async |world| {
        for is_by_email in [true, false] {
            let user = world.sandbox.add_user(USER, Role::Regular);
            let value = world
                .sandbox
                .add_user_token(USER, Some(in_days(30).parse().unwrap()))
                .unwrap();
            let whose = if is_by_email {
                format!("email = {USER:?}")
            } else {
                format!("user_id = {}", user.id)
            };
            world.configure(&format!(
                "action \"striim_revoke_personal_access_token\" \"it\" {{\n  config {{\n    {whose}\n  }}\n}}\n"
            ));
            let run = invoke(world, "striim_revoke_personal_access_token.it")
                .await
                .success()
                .unwrap();
            assert!(run.says("is revoked"), "{run}");
            assert!(!world.sandbox.is_live(value.expose_secret()));
        }
    });
}

#[test]
fn every_action_is_invoked_as_shown() {
    for example in each("actions") {
        on_each_version_since((1, 14), async |world| {
            let account = json!({"name": "jenkins", "expires-at": in_days(30)});
            world.outside(Method::POST, "/service-account", account).await;
            world.sandbox.add_user("jo@example.com", Role::Regular);
            let expiry = Some(in_days(30).parse().unwrap());
            let value = world.sandbox.add_user_token("jo@example.com", expiry).unwrap();
            let file = example.join("action.tf");
            let text = std::fs::read_to_string(&file).unwrap();
            take(world, &in_days(90), &[provider(), file]);
            let (_, shown) = text.split_once("# terraform apply -invoke=action.").unwrap();
            let address = shown.lines().next().unwrap();
            invoke(world, address).await.success().unwrap();
            let is_there =
                world.names().contains(&"jenkins".to_owned()) && world.sandbox.is_live(value.expose_secret());
            assert!(!is_there, "{address} revoked nothing");
            world.apply().await;
            world.plans_nothing().await;
        });
    }
}
