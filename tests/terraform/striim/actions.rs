//! Actions, from Terraform 1.14 on.

use http::Method;
use secrecy::ExposeSecret as _;
use serde_json::json;
use token_providers::sandbox::Fault;
use token_providers::sandbox::striim::Role;

use super::examples::take;
use super::vault;
use super::world::{CI, USER, World, ci, generation, in_days};
use crate::support::feature::Feature;
use crate::support::terraform::Run;

/// Revokes the service account `former`.
pub(crate) const FORMER: &str =
    "action \"striim_revoke_service_account_token\" \"former\" {\n  config {\n    name = \"former\"\n  }\n}\n";

/// Invokes the action at this address.
pub(crate) async fn invoke(world: &World, address: &str) -> Run {
    let invoke = format!("-invoke=action.{address}");
    let run = world
        .workspace
        .run(&["apply", "-no-color", "-auto-approve", &invoke])
        .await;
    run.unwrap()
}

pub(crate) async fn add_former(world: &World) -> serde_json::Value {
    let account = json!({"name": "former", "expires-at": in_days(30)});
    world.outside(Method::POST, "/service-account", account).await["token"].take()
}

#[test]
fn revoke_action_revokes_one_account_and_shows_progress() {
    World::on_each_version_with(Feature::ACTIONS, async |world| {
        let value = add_former(world).await;
        world.configure(&format!("{FORMER}{}", ci("")));
        let run = invoke(world, "striim_revoke_service_account_token.former")
            .await
            .success()
            .unwrap();
        for says in [
            "This revokes the token of service account \"former\"",
            "Revoking the token of service account \"former\"",
            "\"former\" is revoked: the platform no longer lists it",
        ] {
            assert!(run.says(says), "{says}: {run}");
        }
        assert!(!world.accepts(&value) && world.names().is_empty());

        let run = invoke(world, "striim_revoke_service_account_token.former")
            .await
            .success()
            .unwrap();
        assert!(
            run.says("There is no service account named \"former\" to revoke"),
            "{run}"
        );
    });
}

#[test]
fn creation_triggers_the_revoke_action() {
    World::on_each_version_with(Feature::ACTIONS, async |world| {
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
        assert!(world.accepts(&value), "so far it is planned only");
        world.apply().await;
        assert_eq!(world.names(), ["ci-pipeline"]);
        assert!(!world.accepts(&value));
        world.plans_nothing().await;
    });
}

#[test]
fn failed_action_is_explained_and_invalid_one_rejected() {
    World::on_each_version_with(Feature::ACTIONS, async |world| {
        let value = add_former(world).await;
        world.configure(FORMER);
        world.reject(Method::DELETE, "/service-account", 403, "not an administrator");
        let run = invoke(world, "striim_revoke_service_account_token.former").await;
        assert_eq!(run.code, Some(1), "{run}");
        assert!(run.says("Could not delete the service account \"former\""), "{run}");
        assert!(run.says("not an administrator") && world.accepts(&value), "{run}");

        world.configure("action \"striim_revoke_personal_access_token\" \"it\" {\n  config {}\n}\n");
        let run = world.plan_fails().await;
        assert!(run.says("set `email` or `user_id`"), "{run}");
    });
}

#[test]
fn revoke_action_takes_an_email_or_a_user_id() {
    World::on_each_version_with(Feature::ACTIONS, async |world| {
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

/// The token `ci-pipeline`, which is delivered to Vault, and the action that rotates it.
fn rotated_into_vault() -> String {
    let place = "vault = { mount = \"secret\", path = \"striim/ci\" }";
    let token = ci(&format!("expires_in = \"90d\"\n  {place}"));
    format!(
        "{token}action \"striim_rotate_service_account_token\" \"it\" {{\n  config {{\n    name = \"ci-pipeline\"\n    \
         expires_in = \"30d\"\n    {place}\n  }}\n}}\n"
    )
}

#[test]
fn rotate_action_delivers_to_vault_and_leaves_nothing_to_plan() {
    World::on_each_version_with(Feature::ACTIONS, async |world| {
        let (vault, _listening) = vault::start(world).await;
        world.configure(&rotated_into_vault());
        world.apply().await;
        let before = vault::held(&vault).unwrap();
        let created = generation(&world.attributes(CI).await);
        let run = invoke(world, "striim_rotate_service_account_token.it")
            .await
            .success()
            .unwrap();
        for says in [
            "The token of service account \"ci-pipeline\" will be rotated",
            "Checking that the secret in Vault is writable",
            "Writing the new value to Vault",
            "Version 2 of the secret holds the new value",
        ] {
            assert!(run.says(says), "{says}: {run}");
        }
        let after = vault::held(&vault).unwrap();
        assert!(world.accepts(&after) && !world.accepts(&before));
        assert_eq!(vault.secret("secret", "striim/ci").unwrap()["generation"], created + 1);
        // The resource recognises the delivery, and records its new expiry.
        world.apply().await;
        assert_eq!(vault::held(&vault).unwrap(), after);
        let attributes = world.attributes(CI).await;
        assert_eq!(
            (&attributes["vault_version"], &attributes["generation"]),
            (&json!(2), &json!(created + 1))
        );
        assert!(attributes["token"].is_null());
        world.plans_nothing().await;
    });
}

#[test]
fn rotate_action_without_delivery_changes_nothing() {
    World::on_each_version_with(Feature::ACTIONS, async |world| {
        let (vault, _listening) = vault::start(world).await;
        let impatient = "provider \"striim\" {\n  retry_timeout = \"3s\"\n}\n";
        world.configure(&format!("{impatient}{}", rotated_into_vault()));
        world.apply().await;
        let value = vault::held(&vault).unwrap();
        vault.seal();
        let run = invoke(world, "striim_rotate_service_account_token.it").await;
        assert_eq!(run.code, Some(1), "{run}");
        assert!(run.says("sealed") && world.accepts(&value), "{run}");
        vault.unseal();

        // The check succeeded, but the write is rejected.
        vault.fault(Fault::answer(403).on("POST", "/secret/data/striim/ci").times(u32::MAX));
        let run = invoke(world, "striim_rotate_service_account_token.it").await;
        assert_eq!(run.code, Some(1), "{run}");
        assert!(run.says("which is lost. Invoke the action again"), "{run}");
        vault.clear_faults();
        invoke(world, "striim_rotate_service_account_token.it")
            .await
            .success()
            .unwrap();
        assert!(world.accepts(&vault::held(&vault).unwrap()));
    });
}

#[test]
fn every_action_example_works() {
    for example in World::examples("actions") {
        World::on_each_version_with(Feature::ACTIONS, async |world| {
            let (_vault, _listening) = vault::start(world).await;
            let account = json!({"name": "jenkins", "expires-at": in_days(30)});
            world.outside(Method::POST, "/service-account", account).await;
            world.sandbox.add_user("jo@example.com", Role::Regular);
            let expiry = Some(in_days(30).parse().unwrap());
            world.sandbox.add_user_token("jo@example.com", expiry).unwrap();
            let file = example.join("action.tf");
            let text = std::fs::read_to_string(&file).unwrap();
            take(world, &in_days(90), &[World::provider_example(), file]);
            let (_, shown) = text.split_once("# terraform apply -invoke=action.").unwrap();
            let address = shown.lines().next().unwrap();
            if address.contains("rotate") {
                world.apply().await;
            }
            let live = || {
                let values = world.sandbox.issued_values().into_iter();
                values
                    .filter(|value| world.sandbox.is_live(value.expose_secret()))
                    .count()
            };
            let (issued, before) = (world.sandbox.issued_values().len(), live());
            invoke(world, address).await.success().unwrap();
            let ended = world.sandbox.issued_values().len() - issued + before - live();
            assert_eq!(ended, 1, "{address} ends one value");
            world.apply().await;
            world.plans_nothing().await;
        });
    }
}
