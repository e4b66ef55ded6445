//! The files of one release of one provider, in one directory.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use semver::Version;

use crate::checksums::Checksums;
use crate::{Archive, Sha256Hash, SigningKey, manifest};

/// What the name of the manifest ends with.
const MANIFEST: &str = "manifest.json";

/// One release of one provider: a directory that contains its archives, manifest, checksums and signature, and nothing else
/// that is a zip.
#[derive(Clone, Debug)]
pub struct ReleaseFiles {
    directory: PathBuf,
    provider: String,
    version: Version,
    archives: Vec<Archive>,
}

impl ReleaseFiles {
    /// Reads the archives in `directory`. There must be at least one, and all must be of one provider and version.
    pub fn read(directory: &Path) -> Result<Self> {
        let mut archives = Vec::new();
        let entries = fs::read_dir(directory).with_context(|| format!("cannot read {}", directory.display()))?;
        for entry in entries {
            let file = entry?.path();
            if file.extension().is_some_and(|extension| extension == "zip") {
                archives.push(Archive::read(&file)?);
            }
        }
        archives.sort_by(|one, other| one.file_name.cmp(&other.file_name));
        let first = archives.first().with_context(|| {
            format!(
                "{} contains no archive. Run `cargo release build` first.",
                directory.display()
            )
        })?;
        let (provider, version) = (first.provider.clone(), first.version.clone());
        for archive in &archives {
            ensure!(
                (&archive.provider, &archive.version) == (&provider, &version),
                "{} contains {}, which is not of {provider} {version}. A release has its own directory.",
                directory.display(),
                archive.file_name
            );
        }
        Ok(Self {
            directory: directory.to_owned(),
            provider,
            version,
            archives,
        })
    }

    /// The directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The provider's name: `striim`.
    #[must_use]
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// The version.
    #[must_use]
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// The archives, sorted by file name.
    #[must_use]
    pub fn archives(&self) -> &[Archive] {
        &self.archives
    }

    /// The path of an archive.
    #[must_use]
    pub fn archive_path(&self, archive: &Archive) -> PathBuf {
        self.directory.join(&archive.file_name)
    }

    /// The path of the manifest: `terraform-provider-striim_0.1.0_manifest.json`.
    #[must_use]
    pub fn manifest(&self) -> PathBuf {
        self.path(MANIFEST)
    }

    /// The path of the checksums: `terraform-provider-striim_0.1.0_SHA256SUMS`.
    #[must_use]
    pub fn checksums(&self) -> PathBuf {
        self.path("SHA256SUMS")
    }

    /// The path of the detached signature of the checksums: `terraform-provider-striim_0.1.0_SHA256SUMS.sig`.
    #[must_use]
    pub fn signature(&self) -> PathBuf {
        self.path("SHA256SUMS.sig")
    }

    fn path(&self, suffix: &str) -> PathBuf {
        self.directory.join(self.file_name(suffix))
    }

    fn file_name(&self, suffix: &str) -> String {
        format!("terraform-provider-{}_{}_{suffix}", self.provider, self.version)
    }

    /// Writes the manifest and the checksums. They list the archives and the manifest only: the registry refuses a release
    /// whose checksums name any other file.
    pub fn write_checksums(&self) -> Result<()> {
        let manifest = manifest::manifest();
        write(&self.manifest(), &manifest)?;
        let archives = self.archives.iter();
        let mut checksums: BTreeMap<_, _> = archives
            .map(|archive| (archive.file_name.clone(), archive.sha256))
            .collect();
        checksums.insert(self.file_name(MANIFEST), Sha256Hash::of(manifest.as_bytes()));
        write(&self.checksums(), &Checksums(checksums).to_string())
    }

    /// Signs the checksums.
    pub fn sign(&self, key: &SigningKey) -> Result<()> {
        key.sign(&self.checksums(), &self.signature())
    }
}

fn write(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::release;

    #[test]
    fn checksums_list_archives_and_manifest_alone() {
        let (directory, release) = release("1.2.3", &["linux_amd64", "darwin_arm64"], "program");
        // Next to the archives, there are SBOMs.
        fs::write(directory.path().join(release.archives()[0].sbom_name()), "{}").unwrap();
        let again = ReleaseFiles::read(directory.path()).unwrap();
        again.write_checksums().unwrap();
        let checksums = fs::read_to_string(again.checksums()).unwrap();
        let files = ["darwin_arm64.zip", "linux_amd64.zip", "manifest.json"];
        let expected = files.map(|file| {
            let name = format!("terraform-provider-notes_1.2.3_{file}");
            let contents = fs::read(directory.path().join(&name)).unwrap();
            format!("{}  {name}\n", Sha256Hash::of(&contents))
        });
        assert_eq!(checksums, expected.concat());
    }

    #[test]
    fn directory_without_archives_or_with_those_of_two_versions_is_rejected() {
        let empty = tempfile::tempdir().unwrap();
        let error = ReleaseFiles::read(empty.path()).unwrap_err();
        assert!(error.to_string().contains("cargo release build"), "{error:#}");

        let (directory, _) = release("1.2.3", &["linux_amd64"], "program");
        let (_other, newer) = release("1.2.4", &["linux_amd64"], "program");
        let archive = &newer.archives()[0];
        fs::copy(newer.archive_path(archive), directory.path().join(&archive.file_name)).unwrap();
        let error = ReleaseFiles::read(directory.path()).unwrap_err();
        assert!(error.to_string().contains("which is not of notes 1.2.3"), "{error:#}");
    }
}
