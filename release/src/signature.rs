//! Detached GPG signatures, by which Terraform verifies the checksums of a release.
//!
//! GnuPG makes them, because keys for releases are in its keyrings, on smart cards, or in the secrets of a CI system: it reads
//! all of them. The public registry accepts RSA and DSA keys only.

use std::path::Path;

use anyhow::{Context as _, Result};
use secrecy::{ExposeSecret, SecretString};

use crate::gpg::{Keyring, key_id, only_fingerprint, run};

/// A secret key that GnuPG can sign with.
#[derive(Debug)]
pub struct SigningKey {
    keyring: Keyring,
    fingerprint: String,
    passphrase: Option<SecretString>,
}

impl SigningKey {
    /// Finds a key in the user's keyring by its fingerprint, id or email address.
    pub fn find(name: &str) -> Result<Self> {
        let keyring = Keyring::User;
        let listing = run(
            keyring.gpg().args(["--with-colons", "--list-secret-keys", "--", name]),
            None,
        )
        .with_context(|| format!("GnuPG has no secret key {name}. `gpg --list-secret-keys` lists those it has."))?;
        Ok(Self {
            fingerprint: only_fingerprint(&listing, "sec")?,
            keyring,
            passphrase: None,
        })
    }

    /// Imports an exported secret key to a temporary keyring.
    pub fn import(exported: &SecretString, passphrase: Option<SecretString>) -> Result<Self> {
        let keyring = Keyring::temporary()?;
        let exported = exported.expose_secret();
        run(keyring.gpg().arg("--import"), Some(exported)).context("GnuPG cannot import the secret key")?;
        let listing = run(keyring.gpg().args(["--with-colons", "--list-secret-keys"]), None)?;
        let fingerprint = only_fingerprint(&listing, "sec")
            .context("the exported key must be one secret key, as `gpg --export-secret-keys <key>` prints it")?;
        Ok(Self {
            keyring,
            fingerprint,
            passphrase,
        })
    }

    /// The key's long id: the last 16 digits of its fingerprint.
    #[must_use]
    pub fn id(&self) -> &str {
        key_id(&self.fingerprint)
    }

    /// The public key in ASCII armor.
    pub fn public_key(&self) -> Result<String> {
        run(
            self.keyring.gpg().args(["--armor", "--export", &self.fingerprint]),
            None,
        )
    }

    /// Writes the detached binary signature of a file.
    pub fn sign(&self, file: &Path, signature: &Path) -> Result<()> {
        let mut gpg = self.keyring.gpg();
        gpg.args(["--yes", "--local-user", &self.fingerprint]);
        if self.passphrase.is_some() {
            gpg.args(["--pinentry-mode=loopback", "--passphrase-fd=0"]);
        }
        let passphrase = self.passphrase.as_ref().map(ExposeSecret::expose_secret);
        gpg.arg("--output").arg(signature).arg("--detach-sign").arg(file);
        run(&mut gpg, passphrase).with_context(|| format!("GnuPG cannot sign {}", file.display()))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::PublicKey;
    use crate::testing::{exported_key, has_gpg};

    #[test]
    fn imported_key_signs_so_that_its_public_key_verifies() {
        if !has_gpg() {
            return;
        }
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("SHA256SUMS");
        let signature = directory.path().join("SHA256SUMS.sig");
        for passphrase in ["", "correct horse"] {
            let exported = exported_key(passphrase);
            let key = SigningKey::import(&exported, (!passphrase.is_empty()).then(|| passphrase.into())).unwrap();
            assert_eq!(key.id().len(), 16);
            fs::write(&file, "sums\n").unwrap();
            key.sign(&file, &signature).unwrap();

            let public = PublicKey::parse(&key.public_key().unwrap()).unwrap();
            assert_eq!(public.id(), key.id());
            public.verify(&signature, &file).unwrap();
            fs::write(&file, "other sums\n").unwrap();
            let error = public.verify(&signature, &file).unwrap_err();
            assert!(format!("{error:#}").contains("BAD signature"), "{error:#}");
        }
    }

    #[test]
    fn wrong_passphrase_and_public_key_are_rejected() {
        if !has_gpg() {
            return;
        }
        let exported = exported_key("correct horse");
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        fs::write(&file, "").unwrap();
        let key = SigningKey::import(&exported, Some("wrong".into())).unwrap();
        let error = key.sign(&file, &directory.path().join("signature")).unwrap_err();
        assert!(format!("{error:#}").contains("Bad passphrase"), "{error:#}");

        let public = SecretString::from(key.public_key().unwrap());
        let error = SigningKey::import(&public, None).unwrap_err();
        assert!(format!("{error:#}").contains("no secret key"), "{error:#}");
    }
}
