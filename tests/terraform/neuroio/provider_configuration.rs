//! The `provider` block.

use secrecy::ExposeSecret as _;
use token_providers::sandbox::neuroio::Realm;

use super::world::{CAMERA, World, camera};

#[test]
fn without_a_token_one_error_says_what_to_set() {
    World::on_each_version(async |world| {
        world.set_env("NEUROIO_API_TOKEN", "");
        world.configure(&format!("provider \"neuroio\" {{}}\n{}", camera("permanent = true")));
        let run = world.plan_fails().await;
        assert!(run.says("Missing api_token") && run.says("NEUROIO_API_TOKEN"), "{run}");
        assert_eq!(run.text().matches("Error:").count(), 1, "{run}");
    });
}

#[test]
fn what_is_wrong_with_an_argument_is_said_on_it() {
    World::on_each_version(async |world| {
        for (argument, said) in [
            ("base_url = \"http://api.neuroio.com\"", "must start with https://"),
            ("retry_timeout = \"soon\"", "must be a duration"),
            (
                "api_token = \"a b\"",
                "contains characters that are invalid in an HTTP header",
            ),
        ] {
            world.configure(&format!(
                "provider \"neuroio\" {{\n  {argument}\n}}\n{}",
                camera("permanent = true")
            ));
            let run = world.plan_fails().await;
            assert!(
                run.says(said) && run.says("provider[\"registry.terraform.io/token-providers/neuroio\"]"),
                "{run}"
            );
        }
    });
}

#[test]
fn each_provider_block_manages_the_tokens_of_its_own_space() {
    World::on_each_version(async |world| {
        let space = Realm::Space("lobby".to_owned());
        let token = world.sandbox.add_api_token(&space);
        world.set_env("TF_VAR_lobby", token.expose_secret());
        world.configure(&format!(
            "variable \"lobby\" {{\n  sensitive = true\n}}\n\
             provider \"neuroio\" {{\n  alias = \"lobby\"\n  api_token = var.lobby\n}}\n{}{}",
            camera("permanent = true"),
            camera("permanent = true\n  provider = neuroio.lobby").replace("camera", "lobby"),
        ));
        world.apply().await;
        assert_eq!((world.ids().len(), world.sandbox.tokens(&space).len()), (1, 1));
        assert!(world.lets_in(&world.attributes(CAMERA).await["key"]));
        world.plans_nothing().await;
        world.destroy().await;
    });
}

#[test]
fn a_token_of_the_provider_that_is_known_only_at_apply_does_not_fail_the_plan() {
    World::on_each_version(async |world| {
        world.set_env("TF_VAR_token", &world.given("NEUROIO_API_TOKEN"));
        world.set_env("NEUROIO_API_TOKEN", "");
        world.configure(&format!(
            "variable \"token\" {{\n  sensitive = true\n}}\n\
             resource \"terraform_data\" \"token\" {{\n  input = var.token\n}}\n\
             provider \"neuroio\" {{\n  api_token = terraform_data.token.output\n}}\n{}",
            camera("permanent = true")
        ));
        world.apply().await;
        assert_eq!(world.ids(), [1]);
    });
}
