//! The public key of releases, with which Terraform verifies the signature of their checksums.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use tempfile::TempDir;

/// An OpenPGP public key in a keyring of its own.
#[derive(Debug)]
pub struct PublicKey {
    file: PathBuf,
    armor: String,
    id: String,
    keyring: TempDir,
}

impl PublicKey {
    /// Reads a key in ASCII armor, as `gpg --armor --export` writes it.
    pub fn read(file: &Path) -> Result<Self> {
        let armor = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        // The registry publishes it.
        ensure!(
            armor.contains("BEGIN PGP PUBLIC KEY BLOCK") && !armor.contains("PRIVATE KEY"),
            "{} is not a public key in ASCII armor. Write one with `gpg --armor --export <key>`.",
            file.display()
        );
        let keyring = tempfile::tempdir()?;
        gpg(&keyring, &["--import"], &[file])?;
        let keys = gpg(&keyring, &["--with-colons", "--list-keys"], &[])?;
        let mut ids = keys
            .lines()
            .filter_map(|line| line.strip_prefix("pub:")?.split(':').nth(3));
        let (Some(id), None) = (ids.next(), ids.next()) else {
            bail!("{} must contain one key", file.display());
        };
        Ok(Self {
            file: file.to_owned(),
            armor,
            id: id.to_owned(),
            keyring,
        })
    }

    /// The key's ID of 16 digits, which Terraform shows when it installs a provider.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The key in ASCII armor.
    pub(crate) fn armor(&self) -> &str {
        &self.armor
    }

    /// Checks that `signature` is a signature of the file `signed` by this key: Terraform would report another as "from unknown
    /// issuer".
    pub(crate) fn verify(&self, signature: &Path, signed: &Path) -> Result<()> {
        let verified = gpg(&self.keyring, &["--verify"], &[signature, signed]);
        verified.map(drop).with_context(|| {
            format!(
                "{} is no signature of {} by the key in {}",
                signature.display(),
                signed.display(),
                self.file.display()
            )
        })
    }
}

/// Runs GnuPG with this keyring alone, and returns its output.
fn gpg(keyring: &TempDir, arguments: &[&str], files: &[&Path]) -> Result<String> {
    let mut gpg = Command::new("gpg");
    gpg.args([
        "--batch",
        "--quiet",
        "--no-auto-check-trustdb",
        "--trust-model",
        "always",
    ]);
    gpg.arg("--homedir").arg(keyring.path()).args(arguments).args(files);
    let output = gpg
        .output()
        .context("cannot run gpg. Install GnuPG and put `gpg` on the PATH.")?;
    ensure!(
        output.status.success(),
        "gpg: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8(output.stdout)?)
}
