//! `striim_personal_access_token`: create, import, revoke, and `terraform test`.

use secrecy::ExposeSecret as _;
use serde_json::Value;

use super::world::{USER, World, generation, in_days};

/// The resource that these tests manage.
const PAT: &str = "striim_personal_access_token.pat";

const ADMIN: &str = "admin@acme.example";

fn pat(arguments: &str) -> String {
    format!("resource \"striim_personal_access_token\" \"pat\" {{\n  {arguments}\n}}\n")
}

/// The token of [`USER`], for 30 days.
fn of_user(arguments: &str) -> String {
    pat(&format!("email = \"{USER}\"\n  expires_in = \"30d\"\n  {arguments}"))
}

/// Configures a new PAT of this user as the credential.
fn work_as(world: &mut World, email: &str) {
    let expiry = in_days(30).parse().unwrap();
    let token = world.sandbox.add_user_token(email, Some(expiry)).unwrap();
    world.set_env("STRIIM_TOKEN", token.expose_secret());
}

fn rotations(world: &World) -> usize {
    world.sandbox.calls("POST", "/user-token/rotate")
}

#[test]
fn creation_warns_about_and_revokes_the_present_token() {
    World::on_each_version(async |world| {
        let before = world.add_user();
        world.configure(&of_user(""));
        let plan = world.plan().await;
        assert_eq!(plan.actions(PAT), "create");
        assert_eq!(plan.after(PAT)["id"], USER);
        assert_eq!(plan.unknown(PAT)["generation"], true);
        assert!(plan.run.says("will be revoked"), "{}", plan.run);
        assert!(plan.run.says("would expire at"), "{}", plan.run);
        assert!(world.sandbox.is_live(&before));

        world.apply().await;
        assert!(!world.sandbox.is_live(&before));
        let state = world.attributes(PAT).await;
        assert!(world.accepts(&state["token"]));
        assert!(state["token_id"].is_i64() && state["updated_at"].is_string());
        world.plans_nothing().await;

        world.destroy().await;
        assert!(!world.accepts(&state["token"]));
        assert_eq!(rotations(world), 1);
    });
}

#[test]
fn import_does_not_rotate() {
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

/// In `terraform test`, one provider process may serve several runs.
#[test]
fn terraform_test_creates_rotates_and_cleans_up() {
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
