//! The zip archive of one provider's program for one platform.

use std::borrow::Cow;
use std::fs;
use std::io::{Cursor, Read as _, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use semver::Version;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use crate::{Platform, Sha256Hash};

/// The archive of one provider for one platform, as it lies in a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archive {
    /// The provider's name: `striim`.
    pub provider: String,
    /// The provider's version.
    pub version: Version,
    /// The platform of the program.
    pub platform: Platform,
    /// The file's name: `terraform-provider-striim_0.1.0_linux_amd64.zip`.
    pub file_name: String,
    /// The hash of the file: a `zh:` hash in Terraform's lock files.
    pub sha256: Sha256Hash,
    /// The hash of the unpacked files: an `h1:` hash in Terraform's lock files, with that prefix.
    pub h1: String,
}

/// A file in an archive.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The file's name.
    pub name: String,
    /// The file's contents.
    pub contents: Vec<u8>,
    /// Whether it is a program.
    pub executable: bool,
}

impl Archive {
    /// The name of the program in an archive, by which Terraform recognises it: `terraform-provider-striim_v0.1.0`.
    #[must_use]
    pub fn program_name(provider: &str, version: &Version, platform: &Platform) -> String {
        format!("terraform-provider-{provider}_v{version}{}", platform.program_suffix())
    }

    /// The name of an archive.
    #[must_use]
    pub fn file_name(provider: &str, version: &Version, platform: &Platform) -> String {
        format!("terraform-provider-{provider}_{version}_{platform}.zip")
    }

    /// The name of the SBOM next to the archive: `terraform-provider-striim_0.1.0_linux_amd64.cdx.json`.
    #[must_use]
    pub fn sbom_name(&self) -> String {
        format!("{}.cdx.json", self.file_name.trim_end_matches(".zip"))
    }

    /// Packs these files, and writes the archive to `directory`. Its bytes depend on nothing else.
    pub fn pack(
        directory: &Path,
        provider: &str,
        version: &Version,
        platform: &Platform,
        entries: &[Entry],
    ) -> Result<Self> {
        let file = directory.join(Self::file_name(provider, version, platform));
        fs::write(&file, packed(entries)?).with_context(|| format!("cannot write {}", file.display()))?;
        Self::read(&file)
    }

    /// Reads an archive from a directory with release files.
    pub fn read(file: &Path) -> Result<Self> {
        let file_name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let (provider, version, platform) = parse_file_name(file_name)
            .with_context(|| format!("{} is not named as the archive of a provider", file.display()))?;
        let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        let h1 = h1(&bytes).with_context(|| format!("{} is not a zip archive", file.display()))?;
        Ok(Self {
            provider,
            version,
            platform,
            file_name: file_name.to_owned(),
            sha256: Sha256Hash::of(&bytes),
            h1,
        })
    }
}

/// Splits `terraform-provider-striim_0.1.0_linux_amd64.zip`.
fn parse_file_name(name: &str) -> Option<(String, Version, Platform)> {
    let name = name.strip_prefix("terraform-provider-")?.strip_suffix(".zip")?;
    let mut parts = name.split('_');
    let (provider, version) = (parts.next()?, parts.next()?);
    let platform = Platform {
        os: parts.next()?.to_owned(),
        arch: parts.next()?.to_owned(),
    };
    let is_complete = parts.next().is_none();
    is_complete.then_some((provider.to_owned(), version.parse().ok()?, platform))
}

/// A zip of these files, sorted by name, with fixed times and permissions.
fn packed(entries: &[Entry]) -> Result<Vec<u8>> {
    let mut entries: Vec<_> = entries.iter().collect();
    entries.sort_by(|one, other| one.name.cmp(&other.name));
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for entry in entries {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(9))
            .last_modified_time(DateTime::default())
            .unix_permissions(if entry.executable { 0o755 } else { 0o644 });
        zip.start_file(entry.name.as_str(), options)?;
        zip.write_all(&entry.contents)?;
    }
    Ok(zip.finish()?.into_inner())
}

/// The `h1:` hash of a zip: the hash of the list of its files' hashes, in the format of Go's `dirhash.Hash1`.
fn h1(zip: &[u8]) -> Result<String> {
    let mut zip = ZipArchive::new(Cursor::new(zip))?;
    let names: Result<Vec<_>, _> = zip.file_names().map(|name| name.map(Cow::into_owned)).collect();
    let mut names = names?;
    names.sort();
    let mut list = String::new();
    for name in names {
        ensure!(!name.contains('\n'), "a file's name contains a line break");
        let mut contents = Vec::new();
        zip.by_name(&name)?.read_to_end(&mut contents)?;
        list.push_str(&format!("{}  {name}\n", Sha256Hash::of(&contents)));
    }
    Ok(format!("h1:{}", STANDARD.encode(Sha256Hash::of(list.as_bytes()).0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Vec<Entry> {
        let entry = |name: &str, contents: &[u8], executable| Entry {
            name: name.to_owned(),
            contents: contents.to_owned(),
            executable,
        };
        vec![
            entry("terraform-provider-notes_v1.2.3", b"program\n", true),
            entry("LICENSE", b"terms\n", false),
        ]
    }

    #[test]
    fn archive_read_back_is_the_packed_one() {
        let directory = tempfile::tempdir().unwrap();
        let platform = Platform::of_target("x86_64-unknown-linux-musl").unwrap();
        let version = "1.2.3-beta.1".parse().unwrap();
        let packed = Archive::pack(directory.path(), "notes", &version, &platform, &entries()).unwrap();
        assert_eq!(
            packed.file_name,
            "terraform-provider-notes_1.2.3-beta.1_linux_amd64.zip"
        );
        // Computed with Python's hashlib by the definition of golang.org/x/mod/sumdb/dirhash.
        assert_eq!(packed.h1, "h1:vdKP8BwsZWWcq8T0nPlJQBmTJUCOughAcZ5G1RIaGTw=");
        let read = Archive::read(&directory.path().join(&packed.file_name)).unwrap();
        assert_eq!(read, packed);
        let bytes = fs::read(directory.path().join(&packed.file_name)).unwrap();
        assert_eq!(Sha256Hash::of(&bytes), packed.sha256);
    }

    #[test]
    fn zip_depends_on_its_entries_alone() {
        let mut reversed = entries();
        reversed.reverse();
        let zip = packed(&entries()).unwrap();
        assert_eq!(packed(&reversed).unwrap(), zip);
        let mut zip = ZipArchive::new(Cursor::new(zip)).unwrap();
        let files = ["LICENSE", "terraform-provider-notes_v1.2.3"].map(|name| {
            let file = zip.by_name(name).unwrap();
            (file.unix_mode(), file.last_modified().unwrap().year())
        });
        assert_eq!(files, [(Some(0o100_644), 1980), (Some(0o100_755), 1980)]);
    }

    #[test]
    fn other_names_are_rejected() {
        for name in [
            "",
            "notes_1.2.3_linux_amd64.zip",
            "terraform-provider-notes_1.2.3_linux_amd64",
            "terraform-provider-notes_1.2.3_linux.zip",
            "terraform-provider-notes_v1.2.3_linux_amd64.zip",
            "terraform-provider-notes_1.2.3_linux_amd64_2.zip",
        ] {
            assert_eq!(parse_file_name(name), None, "{name}");
        }
    }
}
