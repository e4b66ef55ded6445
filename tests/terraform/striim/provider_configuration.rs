//! The `provider` block and its environment variables.

use secrecy::ExposeSecret as _;

use super::world::{World, in_days};

const OWN: &str = "striim_service_account_token.own";

const TOKEN: &str = "resource \"striim_service_account_token\" \"ci\" {\n  name = \"ci-pipeline\"\n}\n";

#[test]
fn what_is_missing_is_named_with_its_variable() {
    World::on_each_version(async |world| {
        world.configure(&format!("provider \"striim\" {{}}\n{TOKEN}"));
        world.unset_env("STRIIM_TOKEN");
        let run = world.plan_fails().await;
        assert!(run.says("token") && run.says("STRIIM_TOKEN"), "{run}");
        assert_eq!(run.text().matches("Error:").count(), 1, "{run}");

        world.unset_env("STRIIM_BASE_URL");
        world.set_env("STRIIM_TOKEN", "a-token");
        let run = world.plan_fails().await;
        assert!(run.says("account") && run.says("STRIIM_ACCOUNT"), "{run}");
        assert_eq!(run.text().matches("Error:").count(), 1, "{run}");
    });
}

#[test]
fn the_block_comes_before_the_environment() {
    World::on_each_version(async |world| {
        let provider = format!("provider \"striim\" {{\n  base_url = \"{}\"\n}}\n", world.base_url());
        world.set_env("STRIIM_BASE_URL", "http://127.0.0.1:1/api/v1");
        world.configure(&format!("{provider}{TOKEN}"));
        world.apply().await;
    });
}

#[test]
fn plain_http_is_for_loopback_addresses_only() {
    World::on_each_version(async |world| {
        world.configure(&format!(
            "provider \"striim\" {{\n  base_url = \"http://acme.example/api/v1\"\n}}\n{TOKEN}"
        ));
        let run = world.plan_fails().await;
        assert!(run.says("base_url = ") && run.says("https"), "{run}");
    });
}

#[test]
fn a_cloud_that_does_not_exist_is_refused() {
    World::on_each_version(async |world| {
        world.unset_env("STRIIM_BASE_URL");
        world.configure(&format!(
            "provider \"striim\" {{\n  account = \"acme\"\n  cloud = \"ibm\"\n}}\n{TOKEN}"
        ));
        let run = world.plan_fails().await;
        assert!(
            run.says("cloud = \"ibm\"") && run.says("gcp") && run.says("azure") && run.says("aws"),
            "{run}"
        );
    });
}

#[test]
fn a_bearer_made_in_the_same_run_does_not_fail_the_plan() {
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
fn the_providers_own_token_is_rotated_within_a_run_that_goes_on() {
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
        assert!(
            plan.run.says("Warning: The provider works with this token"),
            "{}",
            plan.run
        );
        world.apply().await;
        assert!(!world.sandbox.is_live(&first));
        assert_eq!(world.names(), ["bootstrap", "ci-pipeline"]);

        // Revoking it would cut short the rest of the run.
        let second = world.attributes(OWN).await["token"].as_str().unwrap().to_owned();
        world.set_env("STRIIM_TOKEN", &second);
        let run = world.destroy_fails().await;
        assert!(run.says("another administrator's token"), "{run}");
        assert!(world.sandbox.is_live(&second));
    });
}

#[test]
fn a_platform_that_does_not_answer_is_an_error_that_says_so() {
    World::on_each_version(async |world| {
        let provider =
            "provider \"striim\" {\n  base_url = \"http://127.0.0.1:1/api/v1\"\n  retry_timeout = \"1s\"\n}\n";
        world.configure(&format!("{provider}data \"striim_token\" \"own\" {{}}\n"));
        let run = world.plan_fails().await;
        assert!(run.says("Connection refused") && run.says("`base_url`"), "{run}");
    });
}
