//! Detached GPG signatures, by which Terraform verifies the checksums of a release.
//!
//! GnuPG makes them, because keys for releases are in its keyrings, on smart cards, or in the secrets of a CI system: it reads
//! all of them. The public registry accepts RSA and DSA keys only.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use secrecy::{ExposeSecret as _, SecretString};
use tempfile::TempDir;

/// A secret key that GnuPG can sign with.
#[derive(Debug)]
pub struct SigningKey {
    keyring: Keyring,
    fingerprint: String,
}

/// Where GnuPG finds a key.
#[derive(Debug)]
enum Keyring {
    /// The keyring of the user.
    User,
    /// A keyring of its own, which is deleted with this value.
    Temporary {
        home: TempDir,
        passphrase: Option<SecretString>,
    },
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
        let fingerprint = only_fingerprint(&listing)?;
        Ok(Self { keyring, fingerprint })
    }

    /// Imports an exported secret key to a temporary keyring.
    pub fn import(exported: &SecretString, passphrase: Option<SecretString>) -> Result<Self> {
        let home = tempfile::tempdir()?;
        let keyring = Keyring::Temporary { home, passphrase };
        run(keyring.gpg().arg("--import"), Some(exported)).context("GnuPG cannot import the secret key")?;
        let listing = run(keyring.gpg().args(["--with-colons", "--list-secret-keys"]), None)?;
        let fingerprint = only_fingerprint(&listing)?;
        Ok(Self { keyring, fingerprint })
    }

    /// The key's long id: the last 16 digits of its fingerprint.
    #[must_use]
    pub fn id(&self) -> &str {
        let start = self.fingerprint.len().saturating_sub(16);
        self.fingerprint.get(start..).unwrap_or_default()
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
        let passphrase = match &self.keyring {
            Keyring::Temporary {
                passphrase: Some(passphrase),
                ..
            } => {
                gpg.args(["--pinentry-mode=loopback", "--passphrase-fd=0"]);
                Some(passphrase)
            }
            _ => None,
        };
        gpg.arg("--output").arg(signature).arg("--detach-sign").arg(file);
        run(&mut gpg, passphrase).with_context(|| format!("GnuPG cannot sign {}", file.display()))?;
        Ok(())
    }
}

impl Keyring {
    fn gpg(&self) -> Command {
        let mut gpg = Command::new("gpg");
        gpg.args(["--batch", "--quiet", "--no-tty"]);
        if let Self::Temporary { home, .. } = self {
            gpg.arg("--homedir").arg(home.path());
        }
        gpg
    }
}

impl Drop for Keyring {
    /// Stops the agent that GnuPG started for a temporary keyring.
    fn drop(&mut self) {
        if let Self::Temporary { home, .. } = self {
            let mut gpgconf = Command::new("gpgconf");
            gpgconf.arg("--homedir").arg(home.path()).args(["--kill", "all"]);
            // It exits by itself once its directory is gone.
            let _ = gpgconf.status();
        }
    }
}

/// The fingerprint of the one secret key that `gpg --with-colons` lists: that of its primary key.
fn only_fingerprint(listing: &str) -> Result<String> {
    let mut fingerprints = Vec::new();
    let mut is_primary = false;
    for line in listing.lines() {
        let mut fields = line.split(':');
        match fields.next() {
            Some("sec") => is_primary = true,
            Some("fpr") if is_primary => {
                fingerprints.extend(fields.nth(8).map(str::to_owned));
                is_primary = false;
            }
            _ => {}
        }
    }
    match <[_; 1]>::try_from(fingerprints) {
        Ok([fingerprint]) => Ok(fingerprint),
        Err(fingerprints) if fingerprints.is_empty() => {
            bail!("there is no secret key. Export it with `--export-secret-keys`.")
        }
        Err(fingerprints) => bail!("there are several secret keys; name one of {}", fingerprints.join(", ")),
    }
}

/// Runs a command with `input` on its standard input, and returns its standard output.
fn run(command: &mut Command, input: Option<&SecretString>) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let stdin = if input.is_some() { Stdio::piped() } else { Stdio::null() };
    let mut child = command
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {program}, which is needed for signatures"))?;
    if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
        // A command that exits early reports why on its standard error.
        let _ = stdin.write_all(input.expose_secret().as_bytes());
    }
    let output = child.wait_with_output()?;
    let message = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program}: {}", message.trim());
    String::from_utf8(output.stdout).with_context(|| format!("{program} printed what is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Creates a key with GnuPG in a directory, and exports its secret part.
    fn exported_key(home: &Path, passphrase: &str) -> SecretString {
        let gpg = || {
            let mut gpg = Command::new("gpg");
            gpg.args(["--batch", "--quiet", "--pinentry-mode=loopback"]);
            gpg.args(["--passphrase", passphrase]).arg("--homedir").arg(home);
            gpg
        };
        let user = "Release <release@example.com>";
        run(
            gpg().args(["--quick-generate-key", user, "ed25519", "sign", "never"]),
            None,
        )
        .unwrap();
        run(gpg().args(["--armor", "--export-secret-keys"]), None)
            .unwrap()
            .into()
    }

    #[test]
    fn imported_key_signs_so_that_its_public_key_verifies() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("SHA256SUMS");
        let signature = directory.path().join("SHA256SUMS.sig");
        for passphrase in ["", "correct horse"] {
            let keyring = Keyring::Temporary {
                home: tempfile::tempdir().unwrap(),
                passphrase: None,
            };
            let Keyring::Temporary { home, .. } = &keyring else {
                unreachable!()
            };
            let exported = exported_key(home.path(), passphrase);
            let key = SigningKey::import(&exported, (!passphrase.is_empty()).then(|| passphrase.into())).unwrap();
            assert_eq!(key.id().len(), 16);
            fs::write(&file, "sums\n").unwrap();
            key.sign(&file, &signature).unwrap();

            let verifier = Keyring::Temporary {
                home: tempfile::tempdir().unwrap(),
                passphrase: None,
            };
            run(verifier.gpg().arg("--import"), Some(&key.public_key().unwrap().into())).unwrap();
            let verify = || run(verifier.gpg().arg("--verify").arg(&signature).arg(&file), None);
            verify().unwrap();
            fs::write(&file, "other sums\n").unwrap();
            assert!(verify().unwrap_err().to_string().contains("BAD signature"));
        }
    }

    #[test]
    fn wrong_passphrase_and_public_key_are_rejected() {
        let keyring = Keyring::Temporary {
            home: tempfile::tempdir().unwrap(),
            passphrase: None,
        };
        let Keyring::Temporary { home, .. } = &keyring else {
            unreachable!()
        };
        let exported = exported_key(home.path(), "correct horse");
        let file = home.path().join("file");
        fs::write(&file, "").unwrap();
        let key = SigningKey::import(&exported, Some("wrong".into())).unwrap();
        let error = key.sign(&file, &home.path().join("signature")).unwrap_err();
        assert!(format!("{error:#}").contains("Bad passphrase"), "{error:#}");

        let public = SecretString::from(key.public_key().unwrap());
        let error = SigningKey::import(&public, None).unwrap_err();
        assert!(error.to_string().contains("no secret key"), "{error:#}");
    }
}
