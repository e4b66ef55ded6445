//! Ephemeral resources: no file contains what they read.

use secrecy::{ExposeSecret as _, SecretString};

use super::world::{DEV, World};

fn assert_no_file_contains_a_secret(world: &World) {
    let files = world.files();
    for value in world.sandbox.issued_values() {
        assert!(!files.contains(value.expose_secret()), "a file holds a secret");
    }
}

/// Asserts that a plan and apply read this path. Terraform opens an ephemeral resource in both; OpenTofu opens one that nothing
/// refers to once.
fn assert_is_opened(world: &World, path: &str) {
    let least = if world.workspace.terraform().is_tofu() { 1 } else { 2 };
    assert!(world.sandbox.calls("GET", path) >= least);
}

#[test]
fn streaming_token_reads_the_settings_and_no_file_contains_them() {
    World::on_each_version(async |world| {
        let [_, token] = world.sandbox.tokens(DEV).unwrap();
        world.set_env("Quix__Sdk__Token", token.expose_secret());
        // A postcondition uses the settings, in place of a provider for Kafka.
        world.configure(&format!(
            "provider \"quix\" {{}}\n\
             ephemeral \"quix_broker_config\" \"dev\" {{\n  workspace_id = \"{DEV}\"\n  lifecycle {{\n    postcondition {{\n\
             \x20     condition     = length(self.config[\"sasl.password\"]) == 32 && self.config[\"ssl.ca.pem\"] == \
             self.ca_certificate && startswith(self.ca_certificate, \"-----BEGIN\")\n\
             \x20     error_message = \"The settings are incomplete.\"\n    }}\n  }}\n}}\n"
        ));
        world.apply().await;
        assert_is_opened(world, "/workspaces/acme-shop-dev/broker/librdkafka");
        assert_no_file_contains_a_secret(world);
    });
}

#[test]
fn streaming_tokens_are_read_and_no_file_contains_them() {
    World::on_each_version(async |world| {
        let hash = |token: &SecretString| {
            let hash = ring::digest::digest(&ring::digest::SHA256, token.expose_secret().as_bytes());
            let bytes = hash.as_ref().iter();
            bytes.map(|byte| format!("{byte:02x}")).collect::<String>()
        };
        let [one, two] = world.sandbox.tokens(DEV).unwrap().map(|token| hash(&token));
        world.configure(&format!(
            "ephemeral \"quix_streaming_tokens\" \"dev\" {{\n  workspace_id = \"{DEV}\"\n  slot         = 2\n  \
             lifecycle {{\n    postcondition {{\n      condition     = sha256(self.token_1) == \"{one}\" && \
             sha256(self.token_2) == \"{two}\" && self.token == self.token_2\n      \
             error_message = \"The tokens are others.\"\n    }}\n  }}\n}}\n"
        ));
        world.apply().await;
        assert_is_opened(world, "/workspaces/acme-shop-dev/sdktokens");
        assert_eq!(world.sandbox.rotations(DEV), 0);
        assert_no_file_contains_a_secret(world);
    });
}

#[test]
fn broker_of_another_environment_is_rejected() {
    World::on_each_version(async |world| {
        let [token, _] = world.sandbox.tokens(DEV).unwrap();
        world.set_env("Quix__Sdk__Token", token.expose_secret());
        world.configure("provider \"quix\" {}\nephemeral \"quix_broker_config\" \"prod\" {\n  workspace_id = \"acme-shop-prod\"\n}\n");
        let run = world.plan_fails().await;
        assert!(run.says("A streaming token works in its own environment only"), "{run}");
    });
}
