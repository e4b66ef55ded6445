//! `striim_personal_access_token`: rotate to create, rotate, revoke, import, refresh; and the toggle beside it.

use http::Method;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use token_providers::sandbox::{Effect, Fault};

use super::world::{USER, World, generation, in_days};

/// The resource that these tests manage.
const PAT: &str = "striim_personal_access_token.pat";

const ADMIN: &str = "admin@acme.example";

fn pat(arguments: &str) -> String {
    format!("resource \"striim_personal_access_token\" \"pat\" {{\n  {arguments}\n}}\n")
}

/// That of [`USER`], for 30 days.
fn of_user(arguments: &str) -> String {
    pat(&format!("email = \"{USER}\"\n  expires_in = \"30d\"\n  {arguments}"))
}

fn status(enabled: bool) -> String {
    format!("resource \"striim_pat_status\" \"account\" {{\n  enabled = {enabled}\n}}\n")
}

/// Lets the provider work with a new PAT of this user.
fn work_as(world: &mut World, email: &str) {
    let expiry = in_days(30).parse().unwrap();
    let token = world.sandbox.add_user_token(email, Some(expiry)).unwrap();
    world.set_env("STRIIM_TOKEN", token.expose_secret());
}

/// Lets the provider work with what the state holds from now on, as a user has to after a rotation of its own token.
async fn work_with_the_new_value(world: &mut World) {
    let value = world.attributes(PAT).await["token"].as_str().unwrap().to_owned();
    world.set_env("STRIIM_TOKEN", &value);
}

fn rotations(world: &World) -> usize {
    world.sandbox.calls("POST", "/user-token/rotate")
}

#[test]
fn a_creation_says_that_it_ends_the_present_token_and_then_it_does() {
    World::on_each_version(async |world| {
        let before = world.add_user();
        world.configure(&of_user(""));
        let plan = world.plan().await;
        assert_eq!(plan.actions(PAT), "create");
        assert_eq!(plan.after(PAT)["id"], USER);
        assert_eq!(plan.unknown(PAT)["generation"], true);
        assert!(plan.run.says("is to be revoked"), "{}", plan.run);
        assert!(plan.run.says("would expire at"), "{}", plan.run);
        assert!(world.sandbox.is_live(&before));

        world.apply().await;
        assert!(!world.sandbox.is_live(&before));
        let state = world.attributes(PAT).await;
        assert!(world.lets_in(&state["token"]));
        assert!(state["token_id"].is_i64() && state["updated_at"].is_string());
        world.plans_nothing().await;

        world.destroy().await;
        assert!(!world.lets_in(&state["token"]));
        assert_eq!(rotations(world), 1);
    });
}

#[test]
fn a_trigger_rotates_in_place_and_a_lost_answer_loses_nothing() {
    World::on_each_version(async |world| {
        world.add_user();
        world.configure(&of_user("rotation_triggers = { release = \"1\" }"));
        world.apply().await;
        let old = world.attributes(PAT).await;
        world.configure(&of_user("rotation_triggers = { release = \"2\" }"));
        let plan = world.plan().await;
        assert_eq!(plan.actions(PAT), "update");
        assert_eq!(plan.after(PAT)["generation"], generation(&old) + 1);
        assert!(plan.run.says("rotation_triggers.release changed"), "{}", plan.run);

        let lost = Fault::new(Effect::Cut).after().on("POST", "/user-token/rotate");
        world.sandbox.fault(lost);
        world.apply().await;
        let new = world.attributes(PAT).await;
        assert!(world.lets_in(&new["token"]) && !world.lets_in(&old["token"]));
        assert_eq!(new["id"], old["id"]);
        assert_eq!(generation(&new), generation(&old) + 1);
        world.plans_nothing().await;
    });
}

#[test]
fn a_token_rotated_or_revoked_outside_is_made_anew() {
    World::on_each_version(async |world| {
        world.add_user();
        world.configure(&of_user(""));
        world.apply().await;
        world
            .outside(Method::POST, "/user-token/rotate", json!({"email": USER}))
            .await;
        let plan = world.plan().await;
        assert_eq!(plan.actions(PAT), "update");
        assert!(plan.run.says("rotated outside Terraform"), "{}", plan.run);
        world.apply().await;
        let state = world.attributes(PAT).await;
        assert!(world.lets_in(&state["token"]));

        let user = world
            .outside(Method::GET, &format!("/user-token?email={USER}"), Value::Null)
            .await;
        let path = format!("/user-token?user-id={}", user["user-id"]);
        world.outside(Method::DELETE, &path, Value::Null).await;
        let plan = world.plan().await;
        assert_eq!(plan.actions(PAT), "create");
        assert!(
            plan.run
                .says("Whether a rotation creates a first one is not documented"),
            "{}",
            plan.run
        );
        world.apply().await;
        world.plans_nothing().await;
    });
}

#[test]
fn the_toggle_and_a_token_that_waits_for_it_are_one_apply() {
    World::on_each_version(async |world| {
        world.add_user();
        world.outside(Method::PATCH, "/user-token/status", Value::Null).await;
        world.configure(&of_user(""));
        let plan = world.plan().await;
        assert!(plan.run.says("Personal access tokens are disabled"), "{}", plan.run);
        let run = world.apply_fails().await;
        assert!(run.says("Enable them (`striim_pat_status`)"), "{run}");

        let waiting = of_user("depends_on = [striim_pat_status.account]");
        world.configure(&format!("{}{waiting}", status(true)));
        let plan = world.plan().await;
        assert!(!plan.run.says("are disabled"), "{}", plan.run);
        let run = world.apply().await;
        assert!(!run.says("are disabled"), "{run}");
        assert!(world.lets_in(&world.attributes(PAT).await["token"]));
        world.plans_nothing().await;
    });
}

#[test]
fn a_plan_that_disables_tokens_and_makes_one_is_refused() {
    World::on_each_version(async |world| {
        world.add_user();
        for waits in ["", "depends_on = [striim_pat_status.account]"] {
            world.configure(&format!("{}{}", status(false), of_user(waits)));
            let run = world.plan_fails().await;
            assert!(run.says("Personal access tokens are to be disabled"), "{run}");
        }
    });
}

#[test]
fn the_providers_own_token_is_rotated_and_not_revoked() {
    World::on_each_version(async |world| {
        for email in ["", "email = \"admin@acme.example\""] {
            work_as(world, ADMIN);
            world.configure(&pat(&format!("expires_in = \"30d\"\n  {email}")));
            let plan = world.plan().await;
            assert_eq!(plan.after(PAT)["id"], ADMIN);
            assert!(plan.run.says("The provider works with this token"), "{}", plan.run);
            world.apply().await;
            work_with_the_new_value(world).await;
            world.plans_nothing().await;

            // Beside others, which go on with the new value.
            world.configure(&format!(
                "{}resource \"striim_service_account_token\" \"ci\" {{\n  name = \"ci-pipeline\"\n}}\n{}",
                pat(&format!("expires_in = \"60d\"\n  {email}")),
                status(true)
            ));
            world.apply().await;
            work_with_the_new_value(world).await;
            world.plans_nothing().await;

            let run = world.destroy_fails().await;
            assert!(run.says("Give the provider another administrator's token"), "{run}");
            let value = world.attributes(PAT).await["token"].take();
            assert!(world.lets_in(&value));
            let admin = world.sandbox.admin_token();
            world.set_env("STRIIM_TOKEN", admin.expose_secret());
            world.destroy().await;
            assert!(!world.lets_in(&value));
        }
    });
}

#[test]
fn disabling_tokens_by_one_of_them_warns_of_the_lockout() {
    World::on_each_version(async |world| {
        world.configure(&status(false));
        assert!(!world.plan().await.run.says("locks the provider out"));
        work_as(world, ADMIN);
        let plan = world.plan().await;
        assert!(plan.run.says("This locks the provider out"), "{}", plan.run);
    });
}

#[test]
fn an_import_rotates_nothing_and_the_next_plan_is_empty() {
    World::on_each_version(async |world| {
        let theirs = world.add_user();
        world.configure(&of_user(""));
        let run = world.import(PAT, USER).await;
        assert!(run.says("its value is not known"), "{run}");
        let state = world.attributes(PAT).await;
        assert_eq!(state["token"], Value::Null);
        assert!(generation(&state) > 0);
        world.apply().await;
        world.plans_nothing().await;

        work_as(world, ADMIN);
        world
            .workspace
            .run(&["state", "rm", PAT])
            .await
            .unwrap()
            .success()
            .unwrap();
        world.configure(&pat("expires_in = \"30d\""));
        world.import(PAT, "own").await;
        assert_eq!(world.attributes(PAT).await["id"], ADMIN);
        world.apply().await;
        world.plans_nothing().await;
        assert!(world.sandbox.is_live(&theirs));
        assert_eq!(rotations(world), 0);
    });
}

#[test]
fn a_replacement_that_comes_first_keeps_its_value() {
    World::on_each_version(async |world| {
        world.add_user();
        world.configure(&of_user("lifecycle {\n    create_before_destroy = true\n  }"));
        world.apply().await;
        let tainted = world.workspace.run(&["taint", PAT]).await.unwrap();
        tainted.success().unwrap();
        assert_eq!(world.plan().await.actions(PAT), "create delete");
        world.apply().await;
        assert!(world.lets_in(&world.attributes(PAT).await["token"]));
        world.plans_nothing().await;
    });
}

/// Where one process of the provider may serve several runs, from creation to cleanup.
#[test]
fn terraform_test_makes_one_rotates_it_and_cleans_up() {
    World::on_each_version(async |world| {
        world.add_user();
        world.configure(&format!(
            "variable \"release\" {{\n  default = 1\n}}\n\
             resource \"striim_personal_access_token\" \"ann\" {{\n  email = \"{USER}\"\n  expires_in = \"30d\"\n  \
             rotation_triggers = {{ release = var.release }}\n}}\n\
             output \"generation\" {{\n  value = striim_personal_access_token.ann.generation\n}}\n"
        ));
        world
            .workspace
            .write(
                "life.tftest.hcl",
                "run \"make\" {\n}\n\nrun \"rotate\" {\n  variables {\n    release = 2\n  }\n\n  assert {\n    \
                 condition = output.generation == run.make.generation + 1\n    error_message = \"rotated once\"\n  }\n}\n",
            )
            .unwrap();
        let run = world.workspace.run(&["test", "-no-color"]).await.unwrap();
        let run = run.success().unwrap();
        assert!(run.says("2 passed, 0 failed"), "{run}");
        for value in world.sandbox.issued_values() {
            let value = value.expose_secret().to_owned();
            assert!(
                value == world.bearer() || !world.sandbox.is_live(&value),
                "a value outlived the cleanup"
            );
        }
    });
}
