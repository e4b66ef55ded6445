//! A provider mirror: a folder from which Terraform and OpenTofu install providers instead of their registry.
//!
//! The folder is a `filesystem_mirror`; served over HTTPS, it is a `network_mirror`. It has the layout of
//! `terraform providers mirror`, which may add other providers to it:
//!
//! ```text
//! registry.terraform.io/token-providers/striim/
//!   index.json                                     the versions
//!   0.1.0.json                                     the archives of a version, each with its hashes
//!   terraform-provider-striim_0.1.0_linux_amd64.zip
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use semver::Version;
use serde::{Deserialize, Serialize};

use crate::{Archive, NAMESPACE, ReleaseFiles, published};

/// The hosts of the public registries of Terraform and of OpenTofu, which they add to an address without a host.
pub const PUBLIC_REGISTRIES: [&str; 2] = ["registry.terraform.io", "registry.opentofu.org"];

/// A folder with the archives of several providers and versions.
#[derive(Clone, Debug)]
pub struct Mirror {
    folder: PathBuf,
    /// The hosts of the registries that it replaces.
    hosts: Vec<String>,
}

/// `index.json`: the versions of a provider.
#[derive(Debug, Default, Deserialize, Serialize)]
struct Index {
    versions: BTreeMap<Version, Details>,
}

/// The details of a version in `index.json`. The protocol defines none.
#[derive(Debug, Default, Deserialize, Serialize)]
struct Details {}

/// `0.1.0.json`: the archives of a version by platform.
#[derive(Debug, Default, Deserialize, Serialize)]
struct Archives {
    archives: BTreeMap<String, MirroredArchive>,
}

#[derive(Debug, Deserialize, Serialize)]
struct MirroredArchive {
    /// Relative to the document.
    url: String,
    hashes: Vec<String>,
}

impl From<&Archive> for MirroredArchive {
    fn from(archive: &Archive) -> Self {
        Self {
            url: archive.file_name.clone(),
            hashes: vec![archive.h1.clone(), format!("zh:{}", archive.sha256)],
        }
    }
}

impl Mirror {
    /// The mirror in `folder` of the registries at `hosts`.
    #[must_use]
    pub fn new(folder: &Path, hosts: &[String]) -> Self {
        Self {
            folder: folder.to_owned(),
            hosts: hosts.to_owned(),
        }
    }

    /// Adds a release. Other versions and platforms in the folder are kept.
    pub fn add(&self, release: &ReleaseFiles) -> Result<()> {
        for host in &self.hosts {
            let folder = self.folder.join(host).join(NAMESPACE).join(release.provider());
            add(release, &folder)?;
        }
        Ok(())
    }
}

/// Adds a release to the folder of its provider. A document is written after what it refers to.
fn add(release: &ReleaseFiles, folder: &Path) -> Result<()> {
    for archive in release.archives() {
        published::copy(&release.archive_path(archive), &folder.join(&archive.file_name))?;
    }

    let file = folder.join(format!("{}.json", release.version()));
    let mut version: Archives = published::document(&file)?;
    let archives = release.archives().iter();
    version
        .archives
        .extend(archives.map(|archive| (archive.platform.to_string(), archive.into())));
    published::write_document(&file, &version)?;

    let file = folder.join("index.json");
    let mut index: Index = published::document(&file)?;
    index.versions.insert(release.version().clone(), Details::default());
    published::write_document(&file, &index)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::{Value, json};

    use super::*;
    use crate::testing::release;

    fn add(folder: &Path, release: &ReleaseFiles) -> Result<()> {
        Mirror::new(folder, &["registry.example.com".to_owned()]).add(release)
    }

    /// Reads a document of the provider in the mirror.
    fn document(folder: &Path, file: &str) -> Value {
        let file = folder
            .join("registry.example.com")
            .join(NAMESPACE)
            .join("notes")
            .join(file);
        serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
    }

    #[test]
    fn release_is_listed_with_both_hashes_of_each_archive() {
        let mirror = tempfile::tempdir().unwrap();
        let (_dist, release) = release("0.1.0", &["darwin_arm64", "linux_amd64"], "program");
        add(mirror.path(), &release).unwrap();
        assert_eq!(
            document(mirror.path(), "index.json"),
            json!({ "versions": { "0.1.0": {} } })
        );
        let listed = document(mirror.path(), "0.1.0.json");
        for archive in release.archives() {
            assert_eq!(
                listed["archives"][archive.platform.to_string()],
                json!({ "url": archive.file_name, "hashes": [archive.h1, format!("zh:{}", archive.sha256)] })
            );
        }
    }

    #[test]
    fn other_versions_and_platforms_are_kept() {
        let mirror = tempfile::tempdir().unwrap();
        for (version, platform) in [
            ("0.9.0", "linux_amd64"),
            ("0.10.0", "linux_amd64"),
            ("0.9.0", "linux_arm64"),
        ] {
            let (_dist, release) = release(version, &[platform], "program");
            add(mirror.path(), &release).unwrap();
        }
        assert_eq!(
            document(mirror.path(), "index.json"),
            json!({ "versions": { "0.9.0": {}, "0.10.0": {} } })
        );
        let archives = document(mirror.path(), "0.9.0.json")["archives"].take();
        let platforms: Vec<_> = archives.as_object().unwrap().keys().collect();
        assert_eq!(platforms, ["linux_amd64", "linux_arm64"]);
    }

    #[test]
    fn published_archive_is_not_replaced() {
        let mirror = tempfile::tempdir().unwrap();
        let (_dist, published) = release("0.1.0", &["linux_amd64"], "program");
        add(mirror.path(), &published).unwrap();
        add(mirror.path(), &published).unwrap();
        let (_dist, changed) = release("0.1.0", &["linux_amd64"], "another program");
        let error = add(mirror.path(), &changed).unwrap_err();
        assert!(error.to_string().contains("Publish a new version"), "{error}");
    }
}
