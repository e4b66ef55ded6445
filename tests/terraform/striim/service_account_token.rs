//! `striim_service_account_token`: create, rotate, replace, revoke, import, refresh.

use http::Method;
use serde_json::{Value, json};
use token_providers::sandbox::{Effect, Fault};

use super::world::{World, generation, in_days};

/// The resource that most of these tests manage.
const CI: &str = "striim_service_account_token.ci";

/// Its configuration.
fn ci(arguments: &str) -> String {
    named("ci-pipeline", arguments)
}

fn named(name: &str, arguments: &str) -> String {
    format!("resource \"striim_service_account_token\" \"ci\" {{\n  name = \"{name}\"\n  {arguments}\n}}\n")
}

fn expiring(expires_at: &str) -> String {
    ci(&format!("expires_at = \"{expires_at}\""))
}

#[test]
fn a_created_token_works_and_is_never_shown() {
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
        assert!(world.lets_in(&token["token"]));
        world.plans_nothing().await;
    });
}

#[test]
fn a_changed_expiry_rotates_in_place() {
    World::on_each_version(async |world| {
        world.configure(&expiring(&in_days(30)));
        world.apply().await;
        let old = world.attributes(CI).await;
        let later = in_days(60);
        world.configure(&expiring(&later));

        let plan = world.plan().await;
        assert_eq!(plan.actions(CI), "update");
        assert_eq!(plan.after(CI)["generation"], generation(&old) + 1);
        assert_eq!(plan.unknown(CI)["token"], true);
        assert_eq!(plan.unknown(CI)["token_id"], true);

        world.apply().await;
        let new = world.attributes(CI).await;
        assert_eq!(new["id"], old["id"]);
        assert_eq!(new["expires_at"], later);
        assert_eq!(generation(&new), generation(&old) + 1);
        assert_ne!(new["token_id"], old["token_id"]);
        assert!(new["updated_at"].is_string() && new["updated_by"].is_i64(), "{new}");
        assert!(!world.lets_in(&old["token"]));
        assert!(world.lets_in(&new["token"]));
        world.plans_nothing().await;
    });
}

#[test]
fn the_same_instant_spelled_differently_changes_nothing() {
    World::on_each_version(async |world| {
        let day = &in_days(30)[..10];
        let applied = format!("{day}T14:00:00+02:00");
        world.configure(&expiring(&applied));
        world.apply().await;
        let before = world.attributes(CI).await;
        assert_eq!(before["expires_at"], applied);
        world.plans_nothing().await;

        for spelling in [
            "12:00:00Z",
            "12:00:00.000Z",
            "12:00:00+00:00",
            "17:30:00+05:30",
            "02:00:00.0-10:00",
        ] {
            world.configure(&expiring(&format!("{day}T{spelling}")));
            world.plans_nothing().await;
        }
        world.apply().await;
        assert_eq!(world.attributes(CI).await["token"], before["token"]);
    });
}

#[test]
fn fractions_of_a_second_survive_an_apply() {
    World::on_each_version(async |world| {
        let applied = format!("{}T12:00:00.987654321Z", &in_days(30)[..10]);
        world.configure(&expiring(&applied));
        world.apply().await;
        assert_eq!(world.attributes(CI).await["expires_at"], applied);
        world.plans_nothing().await;
    });
}

#[test]
fn without_an_expiry_the_platform_chooses_and_no_plan_differs() {
    World::on_each_version(async |world| {
        world.configure(&ci(""));
        let plan = world.plan().await;
        assert_eq!(plan.unknown(CI)["expires_at"], true);
        world.apply().await;
        assert!(world.attributes(CI).await["expires_at"].is_string());
        world.plans_nothing().await;
    });
}

#[test]
fn taking_the_expiry_out_of_the_configuration_changes_nothing() {
    World::on_each_version(async |world| {
        world.configure(&expiring(&in_days(30)));
        world.apply().await;
        world.configure(&ci(""));
        world.plans_nothing().await;
    });
}

#[test]
fn a_changed_name_or_description_replaces() {
    World::on_each_version(async |world| {
        world.configure(&ci("description = \"Deployments\""));
        world.apply().await;
        for changed in [
            ci("description = \"Releases\""),
            named("ci-releases", "description = \"Releases\""),
        ] {
            let old = world.attributes(CI).await;
            world.configure(&changed);
            assert_eq!(world.plan().await.actions(CI), "delete create");
            world.apply().await;
            let new = world.attributes(CI).await;
            assert!(generation(&new) > generation(&old));
            assert!(!world.lets_in(&old["token"]));
            assert!(world.lets_in(&new["token"]));
        }
        world.plans_nothing().await;
    });
}

#[test]
fn destroy_revokes() {
    World::on_each_version(async |world| {
        world.configure(&ci(""));
        world.apply().await;
        let token = world.attributes(CI).await["token"].take();
        world.destroy().await;
        assert!(!world.lets_in(&token));
        assert!(world.names().is_empty());
    });
}

#[test]
fn destroying_a_token_that_is_already_gone_succeeds() {
    World::on_each_version(async |world| {
        world.configure(&ci(""));
        world.apply().await;
        world.sandbox.delete_outside("ci-pipeline").unwrap();
        // Without the refresh that would find out: the platform answers 404 to the revocation.
        let destroy = ["destroy", "-no-color", "-auto-approve", "-refresh=false"];
        world.workspace.run(&destroy).await.unwrap().success().unwrap();
        assert!(world.attributes(CI).await.is_null());
    });
}

#[test]
fn an_import_block_takes_a_token_over_as_it_is() {
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
        assert!(world.lets_in(&created["token"]));
        world.plans_nothing().await;

        world.configure(&ci(&format!(
            "description = \"By hand\"\n  expires_at = \"{}\"",
            in_days(60)
        )));
        world.apply().await;
        assert!(!world.lets_in(&created["token"]));
        let rotated = world.attributes(CI).await;
        assert_eq!(generation(&rotated), generation(&imported) + 1);
        assert!(world.lets_in(&rotated["token"]));
    });
}

#[test]
fn the_import_command_takes_a_token_over_by_name() {
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
fn an_import_of_a_name_that_does_not_exist_says_so() {
    World::on_each_version(async |world| {
        world.configure(&ci(""));
        let run = world.workspace.import(CI, "CI-Pipeline").await.unwrap();
        assert_eq!(run.code, Some(1), "{run}");
        assert!(run.says("CI-Pipeline"), "{run}");
    });
}

#[test]
fn a_token_deleted_outside_is_planned_anew() {
    World::on_each_version(async |world| {
        world.configure(&ci(""));
        world.apply().await;
        world.sandbox.delete_outside("ci-pipeline").unwrap();
        assert_eq!(world.plan().await.actions(CI), "create");
        world.apply().await;
        assert!(world.lets_in(&world.attributes(CI).await["token"]));
    });
}

#[test]
fn an_expiry_moved_outside_is_planned_back() {
    World::on_each_version(async |world| {
        let expires_at = in_days(30);
        world.configure(&expiring(&expires_at));
        world.apply().await;
        let created = generation(&world.attributes(CI).await);
        let moved = json!({"name": "ci-pipeline", "expires-at": in_days(5)});
        world.outside(Method::POST, "/service-account/rotate", moved).await;

        let plan = world.plan().await;
        assert_eq!(plan.actions(CI), "update");
        assert_eq!(plan.after(CI)["generation"], created + 1);
        world.apply().await;
        let token = world.attributes(CI).await;
        assert_eq!(token["expires_at"], expires_at);
        assert!(world.lets_in(&token["token"]));
        world.plans_nothing().await;
    });
}

#[test]
fn a_credential_that_is_refused_removes_nothing_from_the_state() {
    World::on_each_version(async |world| {
        world.configure(&ci(""));
        world.apply().await;
        let before = world.attributes(CI).await;
        let user = world.add_user();
        for (bearer, status) in [("no-such-token", "401"), (&user, "403")] {
            world.set_env("STRIIM_TOKEN", bearer);
            for command in ["plan", "refresh"] {
                let run = world.workspace.run(&[command, "-no-color"]).await.unwrap();
                assert_eq!(run.code, Some(1), "{run}");
                assert!(run.says(status), "{run}");
            }
            assert_eq!(world.attributes(CI).await, before);
        }
    });
}

#[test]
fn a_plan_of_many_tokens_asks_for_the_list_once() {
    World::on_each_version(async |world| {
        let names: Vec<String> = (1..=100).map(|number| format!("worker-{number:03}")).collect();
        for name in &names {
            world.sandbox.add_service_account(name, in_days(30).parse().ok());
        }
        world.configure(&format!(
            "locals {{\n  names = toset({names:?})\n}}\n\
             resource \"striim_service_account_token\" \"worker\" {{\n  for_each = local.names\n  name = each.key\n}}\n\
             import {{\n  for_each = local.names\n  to = striim_service_account_token.worker[each.key]\n  id = each.key\n}}\n"
        ));
        world.apply().await;
        let lists = || world.sandbox.calls("GET", "/service-accounts");
        let before = lists();
        world.plans_nothing().await;
        assert_eq!(lists() - before, 1);
    });
}

#[test]
fn an_expired_token_stands_in_the_way_of_nothing() {
    World::on_each_version(async |world| {
        let passed = in_days(-3);
        world.sandbox.add_service_account("ci-pipeline", passed.parse().ok());
        world.configure(&expiring(&passed));
        world.import(CI, "ci-pipeline").await;

        let run = world.plans_nothing().await;
        assert!(run.says("Warning:") && run.says("expired"), "{run}");
        world.destroy().await;
        assert!(world.names().is_empty());
    });
}

#[test]
fn an_expiry_that_is_unknown_at_plan_is_no_obstacle() {
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
        assert!(!world.lets_in(&old["token"]));
        assert!(world.lets_in(&new["token"]));
        world.plans_nothing().await;
    });
}

#[test]
fn a_creation_whose_answer_was_lost_ends_with_a_value_that_works() {
    World::on_each_version(async |world| {
        world.configure(&expiring(&in_days(30)));
        world
            .sandbox
            .fault(Fault::answer(502).on("POST", "/service-account").after());
        world.apply().await;
        assert_eq!(world.sandbox.calls("POST", "/service-account"), 1);
        assert_eq!(world.names(), ["ci-pipeline"]);
        assert!(world.lets_in(&world.attributes(CI).await["token"]));
        world.plans_nothing().await;
    });
}

#[test]
fn a_rotation_whose_answer_was_lost_ends_with_a_value_that_works() {
    World::on_each_version(async |world| {
        world.configure(&expiring(&in_days(30)));
        world.apply().await;
        world.configure(&expiring(&in_days(60)));
        world
            .sandbox
            .fault(Fault::new(Effect::Cut).on("POST", "/service-account/rotate").after());
        world.apply().await;
        assert!(world.lets_in(&world.attributes(CI).await["token"]));
        world.plans_nothing().await;
    });
}

#[test]
fn a_rotation_that_could_not_be_followed_up_is_planned_again() {
    World::on_each_version(async |world| {
        world.configure(&expiring(&in_days(30)));
        world.apply().await;
        let impatient = "provider \"striim\" {\n  retry_timeout = \"1s\"\n}\n";
        world.configure(&format!("{impatient}{}", expiring(&in_days(60))));
        world
            .sandbox
            .fault(Fault::new(Effect::Cut).on("POST", "/service-account/rotate").after());
        world.apply_fails().await;
        assert!(!world.lets_in(&world.attributes(CI).await["token"]));

        assert_eq!(world.plan().await.actions(CI), "update");
        world.apply().await;
        assert!(world.lets_in(&world.attributes(CI).await["token"]));
        world.plans_nothing().await;
    });
}

#[test]
fn an_output_hands_the_value_on() {
    World::on_each_version(async |world| {
        world.configure(&format!(
            "{}output \"token\" {{\n  value = {CI}.token\n  sensitive = true\n}}\n",
            ci("")
        ));
        world.apply().await;
        let value = world.workspace.output("token").await.unwrap();
        assert!(world.lets_in(&Value::String(value)));
    });
}
