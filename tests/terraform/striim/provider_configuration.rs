//! The `provider` block and its environment variables.

use secrecy::ExposeSecret as _;

use super::world::{World, in_days};

const OWN: &str = "striim_service_account_token.own";

const TOKEN: &str = "resource \"striim_service_account_token\" \"ci\" {\n  name = \"ci-pipeline\"\n}\n";

#[test]
fn token_known_after_apply_is_accepted() {
    World::on_each_version(async |world| {
        world.unset_env("STRIIM_TOKEN");
        let bearer = world.sandbox.admin_token();
        world.set_env("TF_VAR_bearer", bearer.expose_secret());
        world.configure(&format!(
            "variable \"bearer\" {{\n  sensitive = true\n}}\n\
             resource \"terraform_data\" \"earlier\" {{}}\n\
             provider \"striim\" {{\n  token = terraform_data.earlier.id == \"\" ? \"\" : var.bearer\n}}\n{TOKEN}"
        ));
        assert_eq!(world.plan().await.actions("striim_service_account_token.ci"), "create");
        world.apply().await;
        assert_eq!(world.names(), ["ci-pipeline"]);
        world.plans_nothing().await;
    });
}

#[test]
fn own_token_is_rotated_and_the_run_continues() {
    World::on_each_version(async |world| {
        let own = |expires_at: &str| {
            format!(
                "resource \"striim_service_account_token\" \"own\" {{\n  name = \"bootstrap\"\n  expires_at = \"{expires_at}\"\n}}\n"
            )
        };
        world.configure(&own(&in_days(30)));
        world.apply().await;
        let first = world.attributes(OWN).await["token"].as_str().unwrap().to_owned();
        world.set_env("STRIIM_TOKEN", &first);
        let after = TOKEN.replace(
            "ci-pipeline\"",
            "ci-pipeline\"\n  depends_on = [striim_service_account_token.own]",
        );
        world.configure(&format!("{}{after}", own(&in_days(60))));
        let plan = world.plan().await;
        assert!(plan.run.says("Warning: The provider uses this token"), "{}", plan.run);
        world.apply().await;
        assert!(!world.sandbox.is_live(&first));
        assert_eq!(world.names(), ["bootstrap", "ci-pipeline"]);

        // Its revocation would fail the rest of the run.
        let second = world.attributes(OWN).await["token"].as_str().unwrap().to_owned();
        world.set_env("STRIIM_TOKEN", &second);
        let run = world.destroy_fails().await;
        assert!(run.says("another administrator's token"), "{run}");
        assert!(world.sandbox.is_live(&second));
    });
}

#[test]
fn unreachable_platform_is_explained() {
    World::on_each_version(async |world| {
        let provider =
            "provider \"striim\" {\n  base_url = \"http://127.0.0.1:1/api/v1\"\n  retry_timeout = \"1s\"\n}\n";
        world.configure(&format!("{provider}data \"striim_token\" \"own\" {{}}\n"));
        let run = world.plan_fails().await;
        assert!(run.says("Connection refused") && run.says("`base_url`"), "{run}");
    });
}
