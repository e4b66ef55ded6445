//! GnuPG, which signs releases and verifies their signatures.

use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use tempfile::TempDir;

/// Where GnuPG finds keys.
#[derive(Debug)]
pub(crate) enum Keyring {
    /// The keyring of the user.
    User,
    /// A keyring of its own, which is deleted with this value.
    Temporary(TempDir),
}

impl Keyring {
    /// Creates an empty keyring.
    pub(crate) fn temporary() -> Result<Self> {
        let mut home = tempfile::Builder::new();
        #[cfg(unix)]
        home.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
        Ok(Self::Temporary(home.tempdir()?))
    }

    /// Returns a call of GnuPG with this keyring.
    pub(crate) fn gpg(&self) -> Command {
        let mut gpg = Command::new("gpg");
        gpg.args(["--batch", "--quiet", "--no-tty"]);
        if let Self::Temporary(home) = self {
            gpg.arg("--homedir").arg(home.path());
        }
        gpg
    }
}

impl Drop for Keyring {
    /// Stops the agent that GnuPG started for a temporary keyring.
    fn drop(&mut self) {
        if let Self::Temporary(home) = self {
            let mut gpgconf = Command::new("gpgconf");
            gpgconf.arg("--homedir").arg(home.path()).args(["--kill", "all"]);
            // It exits by itself once its directory is gone.
            let _ = gpgconf.status();
        }
    }
}

/// The fingerprint of the one key that `gpg --with-colons` lists: that of its primary key. `record` is `sec` for secret keys,
/// and `pub` for public ones.
pub(crate) fn only_fingerprint(listing: &str, record: &str) -> Result<String> {
    let mut fingerprints = Vec::new();
    let mut is_primary = false;
    for line in listing.lines() {
        let mut fields = line.split(':');
        match fields.next() {
            Some(kind) if kind == record => is_primary = true,
            Some("fpr") if is_primary => {
                fingerprints.extend(fields.nth(8).map(str::to_owned));
                is_primary = false;
            }
            _ => {}
        }
    }
    let kind = if record == "sec" { "secret" } else { "public" };
    match <[_; 1]>::try_from(fingerprints) {
        Ok([fingerprint]) => Ok(fingerprint),
        Err(fingerprints) if fingerprints.is_empty() => bail!("there is no {kind} key"),
        Err(fingerprints) => bail!("there are several {kind} keys; name one of {}", fingerprints.join(", ")),
    }
}

/// The long id of a key: the last 16 digits of its fingerprint.
pub(crate) fn key_id(fingerprint: &str) -> &str {
    let start = fingerprint.len().saturating_sub(16);
    fingerprint.get(start..).unwrap_or_default()
}

/// Runs a command with `input` on its standard input, and returns its standard output.
pub(crate) fn run(command: &mut Command, input: Option<&str>) -> Result<String> {
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
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output()?;
    let message = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program}: {}", message.trim());
    String::from_utf8(output.stdout).with_context(|| format!("{program} printed what is not UTF-8"))
}
