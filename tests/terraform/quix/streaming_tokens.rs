//! The lifecycle of an environment's streaming tokens, and changes by other clients.

use secrecy::ExposeSecret as _;
use token_providers::sandbox::{Effect, Fault, Vault};

use super::world::{DEV, TOKENS, World, generation, tokens, warnings};
use crate::support::feature::Feature;
use crate::terraform::encryption::Decryption;
use crate::terraform::vault_provider::VaultProvider;

const ROTATE: &str = "/workspaces/acme-shop-dev/sdktokens/rotate";

/// Asserts that the state has the current tokens, and that they were rotated once since `first`.
async fn assert_rotated_once(world: &World, first: &serde_json::Value) {
    let attributes = world.assert_current().await;
    assert_eq!(attributes["token_1"], first["token_2"]);
    assert!(!world.accepts(&first["token_1"]));
    assert_eq!(generation(&attributes), generation(first) + 1);
    assert_eq!(world.sandbox.rotations(DEV), 1);
}

#[test]
fn tokens_lifecycle_succeeds_on_every_version() {
    World::on_every_version(async |world| {
        world.configure(&tokens("1"));
        world.apply().await;
        let first = world.assert_current().await;
        assert_eq!(first["changed_outside"], false);
        world.plans_nothing().await;

        world.configure(&tokens("2"));
        let plan = world.plan().await;
        assert!(
            plan.run.says("Token 1 of \"acme-shop-dev\" will be revoked"),
            "{}",
            plan.run
        );
        assert!(plan.run.says("rotation_triggers.leak changed"), "{}", plan.run);
        assert_eq!(plan.after(TOKENS)["generation"], generation(&first) + 1);
        assert_eq!(
            plan.after(TOKENS)["token_1"],
            first["token_2"],
            "the plan knows the new token 1"
        );
        world.apply().await;
        assert_rotated_once(world, &first).await;
        world.plans_nothing().await;

        let last = world.assert_current().await;
        let run = world.destroy().await;
        assert!(run.says("are removed from the state, but remain valid"), "{run}");
        assert!(world.accepts(&last["token_1"]) && world.accepts(&last["token_2"]));
        assert_eq!(world.sandbox.rotations(DEV), 1);
    });
}

#[test]
fn apply_after_a_run_killed_after_its_rotation_revokes_no_second_token() {
    World::on_each_version(async |world| {
        world.configure(&tokens("1"));
        world.apply().await;
        let first = world.assert_current().await;
        world.sandbox.fault(Fault::new(Effect::Hang).after().on("POST", ROTATE));
        world.configure(&tokens("2"));
        let running = world
            .apply_until("the rotation", || world.sandbox.rotations(DEV) == 1)
            .await;
        running.kill().await.unwrap();
        running.kill_provider().await.unwrap();
        running.end().await.unwrap();
        assert_eq!(world.attributes(TOKENS).await, first, "no state was written");

        let plan = world.plan().await;
        assert!(plan.run.says("were rotated outside of an apply"), "{}", plan.run);
        assert!(plan.run.says("have been rotated already"), "{}", plan.run);
        world.apply().await;
        assert_rotated_once(world, &first).await;
        world.plans_nothing().await;
        // The next change rotates again.
        world.configure(&tokens("3"));
        world.apply().await;
        world.assert_current().await;
        assert_eq!(world.sandbox.rotations(DEV), 2);
    });
}

#[test]
fn rotation_outside_updates_the_state_and_dependent_resources() {
    World::on_each_version(async |world| {
        let consumer = format!(
            "resource \"terraform_data\" \"consumer\" {{\n  input = {TOKENS}.generation\n  \
             triggers_replace = [sha256({TOKENS}.token_1)]\n}}\n"
        );
        world.configure(&format!("{}{consumer}", tokens("1")));
        world.apply().await;
        world.sandbox.rotate_outside(DEV);
        let plan = world.plan().await;
        assert!(plan.run.says("were rotated outside of an apply"), "{}", plan.run);
        assert_eq!(plan.actions("terraform_data.consumer"), "delete create");
        assert_eq!(plan.actions(TOKENS), "update");
        world.apply().await;
        world.assert_current().await;
        let run = world.plans_nothing().await;
        assert_eq!(warnings(&run), 0, "{run}");
        assert_eq!(world.sandbox.rotations(DEV), 1);
    });
}

#[test]
fn two_resources_of_one_environment_revoke_one_token() {
    World::on_each_version(async |world| {
        let both = |leak: &str| {
            let one = tokens(leak);
            format!("{one}{}", one.replace("\"dev\" {", "\"too\" {"))
        };
        world.configure(&both("1"));
        world.apply().await;
        let first = world.assert_current().await;
        world.configure(&both("2"));
        world.apply().await;
        assert_rotated_once(world, &first).await;
        world.plans_nothing().await;
    });
}

#[test]
fn change_of_the_environment_replaces_the_tokens() {
    World::on_each_version(async |world| {
        world.configure(&tokens("1"));
        world.apply().await;
        world.configure(&tokens("1").replace(DEV, "acme-shop-prod"));
        let plan = world.plan().await;
        assert_eq!(plan.actions(TOKENS), "delete create");
        assert!(
            plan.run.says("are removed from the state, but remain valid"),
            "{}",
            plan.run
        );
        world.apply().await;
        let attributes = world.attributes(TOKENS).await;
        assert_eq!(
            attributes["token_1"],
            world.sandbox.tokens("acme-shop-prod").unwrap()[0].expose_secret()
        );
        world.plans_nothing().await;
    });
}

#[test]
fn deleted_environment_fails_the_plan_until_removed_from_the_state() {
    World::on_each_version(async |world| {
        world.configure(&tokens("1"));
        world.apply().await;
        world.sandbox.remove_workspace(DEV);
        let run = world.plan_fails().await;
        assert!(run.says("terraform state rm"), "{run}");
        world
            .workspace
            .run(&["state", "rm", TOKENS])
            .await
            .unwrap()
            .success()
            .unwrap();
        world.configure("");
        world.plans_nothing().await;
    });
}

#[test]
fn encrypted_tokens_are_decrypted_into_a_write_only_argument_at_each_rotation() {
    World::on_each_version_with(Feature::WRITE_ONLY_ARGUMENTS, async |world| {
        let vault = Vault::new(world.sandbox.clock());
        VaultProvider::attached(world, &vault, async |world| {
            let decryption = Decryption::prepare(world);
            let configuration = |leak: &str| {
                let recipients = format!("age_recipients = [\"{}\"]\n}}\n", decryption.recipient());
                let tokens = tokens(leak).replace("\n}\n", &format!("\n  {recipients}"));
                let decrypted = |slot: u8| {
                    format!(
                        "token_{slot} = provider::quix::age_decrypt({TOKENS}.encrypted_token_{slot}, var.age_identity)"
                    )
                };
                format!(
                    "variable \"age_identity\" {{\n  type = string\n  ephemeral = true\n}}\n{tokens}\
                     resource \"vault_kv_secret_v2\" \"dev\" {{\n  mount = \"secret\"\n  name = \"quix/dev\"\n  \
                     data_json_wo = jsonencode({{\n    {}\n    {}\n  }})\n  \
                     data_json_wo_version = {TOKENS}.generation\n}}\n",
                    decrypted(1),
                    decrypted(2)
                )
            };
            for leak in ["1", "2"] {
                world.configure(&configuration(leak));
                world.apply().await;
                let received = vault.secret("secret", "quix/dev").unwrap();
                for (slot, token) in ["token_1", "token_2"].iter().zip(world.sandbox.tokens(DEV).unwrap()) {
                    assert_eq!(received[*slot], token.expose_secret());
                }
                world.plans_nothing().await;
            }
            assert_eq!(world.sandbox.rotations(DEV), 1);
            decryption.assert_no_leaks(world);
        })
        .await;
    });
}
