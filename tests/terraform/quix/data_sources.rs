//! Environments and permissions.

use secrecy::ExposeSecret as _;
use serde_json::json;
use token_providers::sandbox::quix::Role;

use super::world::{DEV, World};

#[test]
fn environments_are_read_without_the_password_of_the_broker() {
    World::on_each_version(async |world| {
        world.configure(&format!(
            "provider \"quix\" {{}}\n\
             data \"quix_workspaces\" \"all\" {{}}\n\
             data \"quix_workspace\" \"dev\" {{\n  id = \"{DEV}\"\n}}\n"
        ));
        world.apply().await;
        let all = world.attributes("data.quix_workspaces.all").await;
        let ids: Vec<_> = all["workspaces"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| &one["id"])
            .collect();
        assert_eq!(ids, [DEV, "acme-shop-prod"]);
        let dev = world.attributes("data.quix_workspace.dev").await;
        assert_eq!(all["workspaces"][0], dev);
        assert_eq!(
            (&dev["status"], &dev["branch_protected"]),
            (&json!("Ready"), &json!(false))
        );
        for value in world.sandbox.issued_values() {
            assert!(!world.files().contains(value.expose_secret()), "a file holds a secret");
        }
    });
}

#[test]
fn missing_environment_is_an_error_on_its_id() {
    World::on_each_version(async |world| {
        world.configure("provider \"quix\" {}\ndata \"quix_workspace\" \"shop\" {\n  id = \"Shop\"\n}\n");
        let run = world.plan_fails().await;
        assert!(run.says("Check the environment's id, which is not its name"), "{run}");
        assert!(run.says("id = \"Shop\""), "{run}");
    });
}

#[test]
fn postcondition_fails_early_without_the_permission() {
    World::on_each_version(async |world| {
        let query = format!(
            "provider \"quix\" {{}}\n\
             data \"quix_permission\" \"update\" {{\n  resource_type = \"Workspace\"\n  resource_id = \"{DEV}\"\n  \
             permission = \"Update\"\n  lifecycle {{\n    postcondition {{\n      condition = self.allowed\n      \
             error_message = \"Ask for another role.\"\n    }}\n  }}\n}}\n"
        );
        world.configure(&query);
        world.apply().await;
        let viewer = world.sandbox.add_user(Role::Viewer);
        world.set_env("Quix__Sdk__Token", viewer.expose_secret());
        let run = world.plan_fails().await;
        assert!(run.says("Ask for another role."), "{run}");
    });
}
