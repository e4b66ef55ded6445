//! Releases and keys for the tests of this crate.

use std::io::Write as _;
use std::process::Command;

use secrecy::SecretString;
use tempfile::TempDir;

use crate::gpg::{Keyring, run};
use crate::{Archive, Entry, Platform, ReleaseFiles, SigningKey};

/// Whether GnuPG can run. If not, says that the test was not run; in CI, that is an error.
pub(crate) fn has_gpg() -> bool {
    // On Windows, GnuPG comes with Git and does not understand all paths. Releases are signed on Linux.
    let found = if cfg!(windows) {
        Err("it is not used on Windows".to_owned())
    } else {
        let version = run(Command::new("gpg").arg("--version"), None);
        version.map_err(|error| format!("{error:#}"))
    };
    let Err(error) = found else { return true };
    assert!(
        cfg!(windows) || std::env::var_os("CI").is_none(),
        "GnuPG is needed: {error}"
    );
    // `eprintln!` would be captured.
    let _ = writeln!(std::io::stderr(), "Not run: a test that needs GnuPG. {error}");
    false
}

/// Creates a key with GnuPG, and exports its secret part.
pub(crate) fn exported_key(passphrase: &str) -> SecretString {
    let keyring = Keyring::temporary().unwrap();
    let gpg = || {
        let mut gpg = keyring.gpg();
        gpg.args(["--pinentry-mode=loopback", "--passphrase", passphrase]);
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

/// Creates a key without a passphrase.
pub(crate) fn signing_key() -> SigningKey {
    SigningKey::import(&exported_key(""), None).unwrap()
}

/// A release of the provider `notes`, with an archive of `program` for each platform, such as `linux_amd64`. It is in the
/// directory that is returned with it.
pub(crate) fn release(version: &str, platforms: &[&str], program: &str) -> (TempDir, ReleaseFiles) {
    let directory = tempfile::tempdir().unwrap();
    let version = version.parse().unwrap();
    for platform in platforms {
        let (os, arch) = platform.split_once('_').unwrap();
        let platform = Platform {
            os: os.to_owned(),
            arch: arch.to_owned(),
        };
        let program = Entry {
            name: Archive::program_name("notes", &version, &platform),
            contents: program.as_bytes().to_vec(),
            executable: true,
        };
        Archive::pack(directory.path(), "notes", &version, &platform, &[program]).unwrap();
    }
    let release = ReleaseFiles::read(directory.path()).unwrap();
    release.write_checksums().unwrap();
    (directory, release)
}
