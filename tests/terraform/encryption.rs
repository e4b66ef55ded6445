//! Values that are decrypted in the run that issues them.

use std::fs;

use age::x25519::{Identity, Recipient};
use secrecy::ExposeSecret as _;
use serde_json::Value;
use token_providers::sandbox::Vault;

use super::vault_provider::VaultProvider;
use super::world::{APPLY, PlatformUnderTest, World};
use crate::support::feature::Feature;

/// An identity of age, whose text is the ephemeral variable `age_identity` of the configurations.
pub(crate) struct Decryption(Identity);

impl Decryption {
    /// Sets the variable.
    pub(crate) fn prepare<P: PlatformUnderTest>(world: &mut World<P>) -> Self {
        let identity = Identity::generate();
        world.set_env("TF_VAR_age_identity", identity.to_string().expose_secret());
        Self(identity)
    }

    pub(crate) fn recipient(&self) -> Recipient {
        self.0.to_public()
    }

    pub(crate) fn decrypt(&self, encrypted: &str) -> String {
        String::from_utf8(age::decrypt(&self.0, encrypted.as_bytes()).unwrap()).unwrap()
    }

    /// Returns an example of the platform, encrypted to this identity's recipient instead of the one it shows.
    pub(crate) fn example<P: PlatformUnderTest>(&self, file: &str) -> String {
        let text = fs::read_to_string(World::<P>::examples_folder().join(file)).unwrap();
        let start = text.find("age1").unwrap();
        let shown = text[start..].split('"').next().unwrap();
        text.replace(shown, &self.recipient().to_string())
    }

    /// Asserts that no file of the workspace, no log and no output has the identity or a token's value.
    #[track_caller]
    pub(crate) fn assert_no_leaks<P: PlatformUnderTest>(&self, world: &World<P>) {
        let mut secrets = world.sandbox.issued_values();
        secrets.push(self.0.to_string().expose_secret().into());
        for (place, text) in [
            ("a file", world.files()),
            ("the log", world.log()),
            ("the output", world.workspace.said()),
        ] {
            let is_shown = secrets.iter().any(|secret| text.contains(secret.expose_secret()));
            assert!(!is_shown, "{place} contains a secret");
        }
    }
}

impl<P: PlatformUnderTest> World<P> {
    /// Applies the example of `age_decrypt`, and replaces `resource`: each time, Vault gets the new value, which no file has.
    pub(crate) fn decrypted_values_reach_vault(resource: &str, field: &str) {
        Self::on_each_version_with(Feature::WRITE_ONLY_ARGUMENTS, async |world| {
            let vault = Vault::new(world.sandbox.clock());
            VaultProvider::attached(world, &vault, async |world| {
                let decryption = Decryption::prepare(world);
                world.configure(&decryption.example::<P>("functions/age_decrypt/function.tf"));
                let received = || vault.secret("secret", &format!("{}/ci", P::NAME)).unwrap()[field].clone();
                let is_issued = |value: &Value| {
                    let mut issued = world.sandbox.issued_values().into_iter();
                    issued.any(|issued| value == issued.expose_secret())
                };
                world.apply().await;
                let first = received();
                assert!(is_issued(&first));
                world.plans_nothing().await;

                let replace = format!("-replace={resource}");
                let arguments = [&APPLY[..], &[&replace]].concat();
                world.workspace.run(&arguments).await.unwrap().success().unwrap();
                assert!(received() != first && is_issued(&received()));
                world.plans_nothing().await;
                decryption.assert_no_leaks(world);
            })
            .await;
        });
    }
}
