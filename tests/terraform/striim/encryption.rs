//! Values that are encrypted to age recipients, and the function that decrypts them.

use age::secrecy::ExposeSecret as _;
use age::x25519::Recipient;
use http::Method;
use token_providers::sandbox::When;
use token_providers::sandbox::striim::Account;

use super::consumer::{Consumer, PROVIDERS};
use super::secret_stores;
use super::world::{CI, World, ci, generation};
use crate::support::feature::Feature;
use crate::terraform::encryption::Decryption;

/// The identity for `age_decrypt`, as a variable that Terraform does not store.
const IDENTITY: &str = "variable \"age_identity\" {\n  type      = string\n  ephemeral = true\n}\n";

/// A token that is encrypted to `recipient`, and another provider's resource that receives its value.
fn delivered_token(recipient: &Recipient, release: u8) -> String {
    let token = ci(&format!(
        "rotation_triggers = {{ release = {release} }}\n  age_recipients = [\"{recipient}\"]"
    ));
    format!(
        "{PROVIDERS}{IDENTITY}{token}
resource \"consumer_secret\" \"it\" {{
  value_wo         = provider::striim::age_decrypt({CI}.encrypted_token, var.age_identity)
  value_wo_version = {CI}.generation
}}
"
    )
}

/// Asserts that the consumer received this many values and that the last one is valid, and that no output has one.
#[track_caller]
fn assert_received(world: &World, consumer: &Consumer, count: usize, decryption: &Decryption) {
    let received = consumer.received();
    assert_eq!(received.len(), count);
    assert!(world.sandbox.is_live(received.last().unwrap()));
    decryption.assert_no_leaks(world);
}

#[test]
fn decrypted_value_is_passed_to_a_write_only_argument_in_the_same_run() {
    World::on_each_version_with(Feature::WRITE_ONLY_ARGUMENTS, async |world| {
        Consumer::attached(world, async |world, consumer| {
            let decryption = Decryption::prepare(world);
            let configure = |world: &World, release| {
                let hcl = delivered_token(&decryption.recipient(), release);
                world.workspace.write("main.tf", &hcl).unwrap();
            };
            configure(world, 1);
            world.apply().await;
            assert_received(world, consumer, 1, &decryption);
            world.plans_nothing().await;

            configure(world, 2);
            let created = generation(&world.attributes(CI).await);
            let plan = world.plan().await;
            assert_eq!(plan.after("consumer_secret.it")["value_wo_version"], created + 1);
            world.apply().await;
            assert_received(world, consumer, 2, &decryption);

            let replace = format!("-replace={CI}");
            let arguments = ["apply", "-no-color", "-auto-approve", &replace];
            world.workspace.run(&arguments).await.unwrap().success().unwrap();
            assert_received(world, consumer, 3, &decryption);
            world.plans_nothing().await;
        })
        .await;
    });
}

#[test]
fn killed_provider_leaves_no_value_and_no_identity_in_any_output() {
    World::on_each_version_with(Feature::WRITE_ONLY_ARGUMENTS, async |world| {
        // The next run takes the account of a killed one over.
        world.set_env("STRIIM_MANAGED_BY", "acme/infra/prod");
        Consumer::attached(world, async |world, consumer| {
            let decryption = Decryption::prepare(world);
            for release in 1..=2 {
                let hcl = delivered_token(&decryption.recipient(), release);
                world.workspace.write("main.tf", &hcl).unwrap();
                let issue = ["/service-account", "/service-account/rotate"][usize::from(release) - 1];
                // The second run has decrypted the value of the first, for its plan.
                let running = world.apply_until_held(Method::POST, issue, When::After).await;
                running.kill_provider().await.unwrap();
                let run = running.end().await.unwrap();
                assert!(run.code == Some(1), "{run}");
                decryption.assert_no_leaks(world);
                world.apply().await;
                assert_received(world, consumer, release.into(), &decryption);
            }
        })
        .await;
    });
}

#[test]
fn result_of_an_ephemeral_identity_cannot_be_stored() {
    World::on_each_version_with(Feature::WRITE_ONLY_ARGUMENTS, async |world| {
        let decryption = Decryption::prepare(world);
        let token = ci(&format!("age_recipients = [\"{}\"]", decryption.recipient()));
        let output = format!(
            "output \"value\" {{\n  value = provider::striim::age_decrypt({CI}.encrypted_token, var.age_identity)\n}}\n"
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

#[test]
fn documented_function_delivers_the_value() {
    World::decrypted_values_reach_vault("striim_service_account_token.ci", "token");
}

#[test]
fn documented_secret_stores_receive_each_value() {
    for provider in ["aws", "kubernetes"] {
        World::on_each_version_with(Feature::WRITE_ONLY_ARGUMENTS, async |world| {
            secret_stores::attached(world, provider, async |world, received| {
                let decryption = Decryption::prepare(world);
                let file = format!("guides/encryption/{provider}.tf");
                world.configure(&decryption.example::<Account>(&file));
                for _ in 0..2 {
                    world.apply().await;
                    world.plans_nothing().await;
                    assert!(world.sandbox.is_live(received.values().last().unwrap()));
                    world.sandbox.rotate_outside("ci-pipeline").unwrap();
                }
                assert_eq!(received.values().len(), 2);
                decryption.assert_no_leaks(world);
            })
            .await;
        });
    }
}

#[test]
fn documented_output_is_decrypted_outside_terraform() {
    World::on_each_version(async |world| {
        let decryption = Decryption::prepare(world);
        world.configure(&decryption.example::<Account>("guides/encryption/git.tf"));
        world.apply().await;
        world.plans_nothing().await;
        let encrypted = world.workspace.output("ci_token_encrypted").await.unwrap();
        assert!(world.sandbox.is_live(&decryption.decrypt(&encrypted)));
    });
}
