//! The `provider` block.

use super::world::{ACCESS, World};

#[test]
fn invalid_argument_is_reported_on_the_provider_block() {
    World::on_each_version(async |world| {
        for (argument, phrase) in [
            ("environment = \"acme.startree.cloud/\"", "must be the part between"),
            (
                "base_url = \"http://rbac-manager.acme.startree.cloud\"",
                "must start with https://",
            ),
            ("pinot_url = \"pinot\"", "not an absolute URL"),
            ("retry_timeout = \"soon\"", "must be a duration"),
            (
                "token = \"a b\"",
                "contains characters that are invalid in an HTTP header",
            ),
        ] {
            world.configure(&format!("provider \"startree\" {{\n  {argument}\n}}\n{ACCESS}"));
            let run = world.plan_fails().await;
            assert!(
                run.says(phrase) && run.says("provider[\"registry.terraform.io/token-providers/startree\"]"),
                "{run}"
            );
        }
    });
}

#[test]
fn plan_succeeds_with_a_token_known_only_at_apply() {
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
