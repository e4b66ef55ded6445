//! Releases for the tests of this crate.

use tempfile::TempDir;

use crate::{Archive, Entry, Platform, ReleaseFiles};

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
