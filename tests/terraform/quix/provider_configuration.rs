//! The `provider` block.

use secrecy::ExposeSecret as _;
use token_providers::sandbox::quix::{Paths, Role};

use super::world::{DEV, World, provider_block, tokens};

#[test]
fn what_is_missing_is_told_with_its_variable() {
    World::on_each_version(async |world| {
        world.unset_env("Quix__Portal__Api");
        world.set_env("Quix__Sdk__Token", "");
        world.configure("provider \"quix\" {}\ndata \"quix_workspaces\" \"all\" {}\n");
        let run = world.plan_fails().await;
        for said in [
            "Missing portal_api",
            "Quix__Portal__Api",
            "Missing token",
            "Quix__Sdk__Token",
        ] {
            assert!(run.says(said), "{said}: {run}");
        }
    });
}

#[test]
fn what_is_wrong_with_an_argument_is_said_on_it() {
    World::on_each_version(async |world| {
        for (argument, said) in [
            (
                "portal_api = \"http://portal-api.example.com\"",
                "must start with https://",
            ),
            (
                "token = \"a b\"",
                "contains characters that are invalid in an HTTP header",
            ),
            ("streaming_tokens_path = \"/tokens\"", "`{workspaceId}` stands for it"),
            (
                "streaming_tokens_path = \"https://example.com/{workspaceId}\"",
                "beginning with a slash",
            ),
            (
                "rotate_streaming_tokens_path = \"DELETE /{workspaceId}\"",
                "with no other method",
            ),
        ] {
            let data = "data \"quix_workspaces\" \"all\" {}\n";
            world.configure(&format!("provider \"quix\" {{\n  {argument}\n}}\n{data}"));
            let run = world.plan_fails().await;
            assert!(run.says(said), "{said}: {run}");
        }
    });
}

#[test]
fn a_path_that_is_needed_and_not_told_fails_the_plan_that_needs_it() {
    World::on_each_version(async |world| {
        let without = |argument: &str, config: String| {
            let lines: Vec<_> = config
                .lines()
                .filter(|line| !line.trim_start().starts_with(argument))
                .collect();
            world.configure(&lines.join("\n"));
        };
        without("streaming_tokens_path", tokens("1"));
        let run = world.plan_fails().await;
        assert!(run.says("Missing streaming_tokens_path"), "{run}");
        assert!(
            run.says("is not in Quix's public documentation, so the provider has no default for it"),
            "{run}"
        );

        without("rotate_streaming_tokens_path", tokens("1"));
        world.apply().await;
        without("rotate_streaming_tokens_path", tokens("2"));
        let run = world.plan_fails().await;
        assert!(run.says("Missing rotate_streaming_tokens_path"), "{run}");
        assert_eq!(world.sandbox.rotations(DEV), 0);
    });
}

#[test]
fn the_paths_and_the_method_are_those_that_are_told() {
    World::on_each_version(async |world| {
        world.sandbox.set_options(|options| options.paths = Paths::ByQuery);
        let beside = |leak: &str| tokens(leak).replace(&provider_block(Paths::Nested), &provider_block(Paths::ByQuery));
        world.configure(&beside("1"));
        world.apply().await;
        world.configure(&beside("2"));
        world.apply().await;
        world.has_both().await;
        assert_eq!(world.sandbox.calls("PUT", "/sandbox-tokens"), 1);
        // At another address there is nothing, and that takes nothing out of the state.
        world.configure(&tokens("2"));
        let run = world.plan_fails().await;
        assert!(
            run.says("`streaming_tokens_path`") && run.says("Nothing was removed from the state"),
            "{run}"
        );
        world.configure(&beside("2"));
        world.plans_nothing().await;
    });
}

#[test]
fn a_token_of_the_provider_that_is_known_only_at_apply_does_not_fail_the_plan() {
    World::on_each_version(async |world| {
        let token = world.sandbox.add_user(Role::Admin);
        world.set_env("TF_VAR_token", token.expose_secret());
        world.unset_env("Quix__Sdk__Token");
        let config = tokens("1").replacen('{', "{\n  token = terraform_data.token.output", 1);
        world.configure(&format!(
            "variable \"token\" {{\n  sensitive = true\n}}\n\
             resource \"terraform_data\" \"token\" {{\n  input = var.token\n}}\n{config}"
        ));
        world.apply().await;
        world.has_both().await;
    });
}
