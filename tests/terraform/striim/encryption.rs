//! Values that are encrypted to age recipients, and the function that decrypts them.

use std::fs;

use age::secrecy::ExposeSecret as _;
use token_providers::sandbox::Vault;

use super::consumer::{Consumer, PROVIDERS};
use super::secret_stores;
use super::vault_provider::VaultProvider;
use super::world::{CI, World, ci, generation};
use crate::support::feature::Feature;

/// An identity for `age_decrypt`, as a variable that Terraform does not store.
const IDENTITY: &str = "variable \"identity\" {\n  type      = string\n  ephemeral = true\n}\n";

/// A token that is encrypted to `recipient`, and another provider's resource that receives its value.
fn handed_over(recipient: &str, release: u8) -> String {
    let token = ci(&format!(
        "rotation_triggers = {{ release = {release} }}\n  age_recipients = [\"{recipient}\"]"
    ));
    format!(
        "{PROVIDERS}{IDENTITY}{token}
resource \"consumer_secret\" \"it\" {{
  value_wo         = provider::striim::age_decrypt({CI}.encrypted_token, var.identity)
  value_wo_version = {CI}.generation
}}
"
    )
}

/// Asserts that the consumer received this many values and that the last one is valid, and that no file of
/// the workspace and no log has a value or the identity.
#[track_caller]
fn assert_received(world: &World, consumer: &Consumer, count: usize, identity: &age::x25519::Identity) {
    let received = consumer.received();
    assert_eq!(received.len(), count);
    assert!(world.sandbox.is_live(received.last().unwrap()));
    let files = world.files();
    for value in received {
        assert!(!files.contains(&value));
    }
    let identity = identity.to_string();
    assert!(!files.contains(identity.expose_secret()) && !world.log().contains(identity.expose_secret()));
}

#[test]
fn decrypted_value_is_passed_to_a_write_only_argument_in_the_same_run() {
    World::on_each_version_with(Feature::WRITE_ONLY_ARGUMENTS, async |world| {
        Consumer::attached(world, async |world, consumer| {
            let identity = age::x25519::Identity::generate();
            world.set_env("TF_VAR_identity", identity.to_string().expose_secret());
            let recipient = identity.to_public().to_string();
            let configure = |world: &World, release| {
                let hcl = handed_over(&recipient, release);
                world.workspace.write("main.tf", &hcl).unwrap();
            };
            configure(world, 1);
            world.apply().await;
            assert_received(world, consumer, 1, &identity);
            world.plans_nothing().await;

            configure(world, 2);
            let created = generation(&world.attributes(CI).await);
            let plan = world.plan().await;
            assert_eq!(plan.after("consumer_secret.it")["value_wo_version"], created + 1);
            world.apply().await;
            assert_received(world, consumer, 2, &identity);

            let replace = format!("-replace={CI}");
            let arguments = ["apply", "-no-color", "-auto-approve", &replace];
            world.workspace.run(&arguments).await.unwrap().success().unwrap();
            assert_received(world, consumer, 3, &identity);
            world.plans_nothing().await;
        })
        .await;
    });
}

#[test]
fn result_of_an_ephemeral_identity_cannot_be_stored() {
    World::on_each_version_with(Feature::WRITE_ONLY_ARGUMENTS, async |world| {
        let identity = age::x25519::Identity::generate();
        world.set_env("TF_VAR_identity", identity.to_string().expose_secret());
        let token = ci(&format!("age_recipients = [\"{}\"]", identity.to_public()));
        let output = format!(
            "output \"value\" {{\n  value = provider::striim::age_decrypt({CI}.encrypted_token, var.identity)\n}}\n"
        );
        world.configure(&format!("{IDENTITY}{token}"));
        world.apply().await;
        world.configure(&format!("{IDENTITY}{token}{output}"));
        let run = world.plan_fails().await;
        assert!(run.says("ephemeral"), "{run}");
    });
}

#[test]
fn wrong_identity_and_damaged_text_are_explained() {
    World::on_each_version_with(Feature::FUNCTIONS, async |world| {
        let (own, other) = (age::x25519::Identity::generate(), age::x25519::Identity::generate());
        let encrypted = age::encrypt_and_armor(&own.to_public(), b"value").unwrap();
        world.workspace.write("token.age", &encrypted).unwrap();
        let damaged = encrypted.replacen('\n', "\nAAAA", 1);
        world.workspace.write("damaged.age", &damaged).unwrap();
        for (file, identity, expected) in [
            (
                "token.age",
                other.to_string().expose_secret(),
                "was encrypted to other recipients",
            ),
            ("token.age", own.to_public().to_string().as_str(), "can only encrypt"),
            ("damaged.age", own.to_string().expose_secret(), "is damaged"),
        ] {
            world.configure(&format!(
                "output \"it\" {{\n  value = provider::striim::age_decrypt(file(\"{file}\"), \"{identity}\")\n}}\n"
            ));
            let run = world.plan_fails().await;
            assert!(run.says(expected), "{run}");
        }
        world.configure(&format!(
            "output \"it\" {{\n  value = provider::striim::age_decrypt(file(\"token.age\"), \"{}\")\n}}\n",
            own.to_string().expose_secret()
        ));
        world.apply().await;
        assert_eq!(world.workspace.output("it").await.unwrap(), "value");
    });
}

/// Returns an example, encrypted to this recipient instead of the one it shows.
fn example(file: &str, recipient: &age::x25519::Recipient) -> String {
    let text = fs::read_to_string(World::examples_folder().join(file)).unwrap();
    let start = text.find("age1").unwrap();
    let shown = text[start..].split('"').next().unwrap();
    text.replace(shown, &recipient.to_string())
}

#[test]
fn documented_function_delivers_the_value() {
    World::on_each_version_with(Feature::WRITE_ONLY_ARGUMENTS, async |world| {
        let vault = Vault::new(world.sandbox.clock());
        VaultProvider::attached(world, &vault, async |world| {
            let identity = age::x25519::Identity::generate();
            world.set_env("TF_VAR_age_identity", identity.to_string().expose_secret());
            world.configure(&example("functions/age_decrypt/function.tf", &identity.to_public()));
            world.apply().await;
            world.plans_nothing().await;
            assert!(world.accepts(&super::vault::held(&vault).unwrap()));
        })
        .await;
    });
}

#[test]
fn documented_secret_stores_receive_each_value() {
    for provider in ["aws", "kubernetes"] {
        World::on_each_version_with(Feature::WRITE_ONLY_ARGUMENTS, async |world| {
            secret_stores::attached(world, provider, async |world, received| {
                let identity = age::x25519::Identity::generate();
                world.set_env("TF_VAR_age_identity", identity.to_string().expose_secret());
                let file = format!("guides/encryption/{provider}.tf");
                world.configure(&example(&file, &identity.to_public()));
                for _ in 0..2 {
                    world.apply().await;
                    world.plans_nothing().await;
                    assert!(world.sandbox.is_live(received.values().last().unwrap()));
                    world.sandbox.rotate_outside("ci-pipeline").unwrap();
                }
                assert_eq!(received.values().len(), 2);
                let files = world.files();
                assert!(received.values().iter().all(|value| !files.contains(value)));
            })
            .await;
        });
    }
}

#[test]
fn documented_output_is_decrypted_outside_terraform() {
    World::on_each_version(async |world| {
        let identity = age::x25519::Identity::generate();
        world.configure(&example("guides/encryption/git.tf", &identity.to_public()));
        world.apply().await;
        world.plans_nothing().await;
        let encrypted = world.workspace.output("ci_token_encrypted").await.unwrap();
        let value = age::decrypt(&identity, encrypted.as_bytes()).unwrap();
        assert!(world.sandbox.is_live(std::str::from_utf8(&value).unwrap()));
    });
}
