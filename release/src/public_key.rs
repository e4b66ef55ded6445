//! The public key of releases, with which Terraform verifies the signature of their checksums.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use crate::gpg::{Keyring, key_id, only_fingerprint, run};

/// An OpenPGP public key.
#[derive(Debug)]
pub struct PublicKey {
    armor: String,
    fingerprint: String,
    keyring: Keyring,
}

impl PublicKey {
    /// Reads a file with a key in ASCII armor.
    pub fn read(file: &Path) -> Result<Self> {
        let armor = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        Self::parse(&armor).with_context(|| format!("{} is not the public key of the releases", file.display()))
    }

    /// Parses a key in ASCII armor, as `gpg --armor --export` prints it.
    pub fn parse(armor: &str) -> Result<Self> {
        // The registry publishes it.
        ensure!(
            armor.contains("BEGIN PGP PUBLIC KEY BLOCK") && !armor.contains("PRIVATE KEY"),
            "a public key in ASCII armor is needed, as `gpg --armor --export <key>` prints it"
        );
        let keyring = Keyring::temporary()?;
        run(keyring.gpg().arg("--import"), Some(armor))?;
        let listing = run(keyring.gpg().args(["--with-colons", "--list-keys"]), None)?;
        Ok(Self {
            armor: armor.to_owned(),
            fingerprint: only_fingerprint(&listing, "pub")?,
            keyring,
        })
    }

    /// The key's long id, which Terraform shows when it installs a provider.
    #[must_use]
    pub fn id(&self) -> &str {
        key_id(&self.fingerprint)
    }

    /// The key in ASCII armor.
    pub(crate) fn armor(&self) -> &str {
        &self.armor
    }

    /// Checks that `signature` is this key's signature of the file `signed`. Terraform refuses another as one "from unknown
    /// issuer".
    pub(crate) fn verify(&self, signature: &Path, signed: &Path) -> Result<()> {
        let mut gpg = self.keyring.gpg();
        gpg.args(["--trust-model", "always", "--verify"])
            .args([signature, signed]);
        let verified = run(&mut gpg, None);
        verified.map(drop).with_context(|| {
            let (signature, signed) = (signature.display(), signed.display());
            format!("{signature} is not a signature of {signed} by the key {}", self.id())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{has_gpg, signing_key};

    #[test]
    fn secret_key_is_not_taken_for_a_public_one() {
        if !has_gpg() {
            return;
        }
        let public = signing_key().public_key().unwrap();
        PublicKey::parse(&public).unwrap();
        let secret = public.replace("PUBLIC", "PRIVATE");
        for armor in [&*secret, &format!("{public}{secret}"), ""] {
            let error = PublicKey::parse(armor).unwrap_err();
            assert!(error.to_string().contains("public key in ASCII armor"), "{error}");
        }
    }
}
