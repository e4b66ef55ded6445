//! The `provider` block.

use super::world::{ACCESS, World};

#[test]
fn without_environment_and_token_two_errors_say_what_to_set() {
    World::on_each_version(async |world| {
        world.unset_env("STARTREE_BASE_URL");
        world.set_env("STARTREE_TOKEN", "");
        world.configure(&format!("provider \"startree\" {{}}\n{ACCESS}"));
        let run = world.plan_fails().await;
        assert!(
            run.says("Missing environment") && run.says("STARTREE_ENVIRONMENT"),
            "{run}"
        );
        assert!(run.says("Missing token") && run.says("STARTREE_TOKEN"), "{run}");
        assert_eq!(run.text().matches("Error:").count(), 2, "{run}");
    });
}

#[test]
fn what_is_wrong_with_an_argument_is_said_on_it() {
    World::on_each_version(async |world| {
        for (argument, said) in [
            ("environment = \"acme.startree.cloud/\"", "must be the part between"),
            (
                "base_url = \"http://rbac-manager.acme.startree.cloud\"",
                "must start with https://",
            ),
            ("pinot_url = \"pinot\"", "not an absolute URL"),
            ("retry_timeout = \"soon\"", "must be a duration"),
            ("token = \"a b\"", "holds characters that no HTTP header can carry"),
        ] {
            world.configure(&format!("provider \"startree\" {{\n  {argument}\n}}\n{ACCESS}"));
            let run = world.plan_fails().await;
            assert!(
                run.says(said) && run.says("provider[\"registry.terraform.io/token-providers/startree\"]"),
                "{run}"
            );
        }
    });
}

#[test]
fn a_token_that_is_known_only_at_apply_does_not_fail_the_plan() {
    World::on_each_version(async |world| {
        world.set_env("TF_VAR_token", &world.given("STARTREE_TOKEN"));
        world.set_env("STARTREE_TOKEN", "");
        world.configure(&format!(
            "variable \"token\" {{\n  sensitive = true\n}}\n\
             resource \"terraform_data\" \"token\" {{\n  input = var.token\n}}\n\
             provider \"startree\" {{\n  token = terraform_data.token.output\n}}\n{ACCESS}"
        ));
        world.apply().await;
        assert!(world.reader().is_some());
    });
}
