//! A provider registry of static files, which any web server can serve over HTTPS.
//!
//! ```text
//! .well-known/terraform.json                       where the registry's API is
//! v1/providers/token-providers/striim/
//!   versions                                       the versions and their platforms
//!   0.1.0/download/linux/amd64                     one archive, its checksums, their signature and its key
//!   0.1.0/terraform-provider-striim_0.1.0_…        the files of the release
//! ```
//!
//! A provider at `https://example.com` has the source `example.com/token-providers/striim`. Terraform requires that `.json`
//! files are served as `application/json`, and accepts any content type for the others. It looks for `.well-known` at the root
//! of the host.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use semver::Version;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{Archive, NAMESPACE, Platform, PublicKey, ReleaseFiles, manifest, published};

/// The path of the registry's API.
const API: &str = "/v1/providers/";

/// A folder with the documents of a registry.
#[derive(Clone, Debug)]
pub struct Registry {
    folder: PathBuf,
    files: Files,
}

/// Where the files of releases are.
#[derive(Clone, Debug)]
pub enum Files {
    /// In the registry's folder, to which they are copied.
    Copied,
    /// At this URL, in which `{provider}` and `{version}` are replaced. The registry contains documents only.
    At(String),
}

/// `versions`: the versions of a provider.
#[derive(Debug, Default, Deserialize, Serialize)]
struct Versions {
    versions: Vec<ListedVersion>,
}

#[derive(Debug, Deserialize, Serialize)]
struct ListedVersion {
    version: Version,
    protocols: Vec<String>,
    platforms: BTreeSet<Platform>,
}

/// `download/<os>/<arch>`: how to install a version on a platform.
#[derive(Debug, Serialize)]
struct Download<'a> {
    protocols: [&'a str; 1],
    #[serde(flatten)]
    platform: &'a Platform,
    filename: &'a str,
    download_url: String,
    shasum: String,
    shasums_url: String,
    shasums_signature_url: String,
    signing_keys: SigningKeys<'a>,
}

/// The part of a published `Download` that never changes.
#[derive(Debug, Default, Deserialize)]
struct PublishedDownload {
    shasum: Option<String>,
}

#[derive(Debug, Serialize)]
struct SigningKeys<'a> {
    gpg_public_keys: [GpgPublicKey<'a>; 1],
}

#[derive(Debug, Serialize)]
struct GpgPublicKey<'a> {
    key_id: &'a str,
    ascii_armor: &'a str,
}

impl Registry {
    /// The registry in `folder`.
    #[must_use]
    pub fn new(folder: &Path, files: Files) -> Self {
        Self {
            folder: folder.to_owned(),
            files,
        }
    }

    /// Adds a release that was signed with `key`. Other versions in the folder are kept.
    pub fn add(&self, release: &ReleaseFiles, key: &PublicKey) -> Result<()> {
        check(release, key)?;
        let (provider, version) = (release.provider(), release.version());
        let folder = self.folder.join(API.trim_matches('/')).join(NAMESPACE).join(provider);
        let version_folder = folder.join(version.to_string());
        let versions_file = folder.join("versions");
        let mut versions: Versions = published::document(&versions_file)?;
        versions.add(release)?;
        if let Files::Copied = self.files {
            copy_files(release, &version_folder)?;
        }
        for archive in release.archives() {
            let Platform { os, arch } = &archive.platform;
            let file = version_folder.join("download").join(os).join(arch);
            let (published, document): (PublishedDownload, _) =
                (published::document(&file)?, self.download(release, archive, key)?);
            let is_same = published.shasum.is_none_or(|shasum| shasum == document.shasum);
            published::ensure_unchanged(&file, is_same)?;
            published::write_document(&file, &document)?;
        }

        published::write_document(&versions_file, &versions)?;

        // GitHub Pages would leave out `.well-known`.
        published::replace(&self.folder.join(".nojekyll"), b"")?;
        published::write_document(
            &self.folder.join(".well-known/terraform.json"),
            &json!({ "providers.v1": API }),
        )
    }

    fn download<'a>(&self, release: &ReleaseFiles, archive: &'a Archive, key: &'a PublicKey) -> Result<Download<'a>> {
        Ok(Download {
            protocols: [manifest::PROTOCOL],
            platform: &archive.platform,
            filename: &archive.file_name,
            download_url: self.url(release, Path::new(&archive.file_name))?,
            shasum: archive.sha256.to_string(),
            shasums_url: self.url(release, &release.checksums())?,
            shasums_signature_url: self.url(release, &release.signature())?,
            signing_keys: SigningKeys {
                gpg_public_keys: [GpgPublicKey {
                    key_id: key.id(),
                    ascii_armor: key.armor(),
                }],
            },
        })
    }

    /// The URL of a file of a release, for a document in `download/<os>/`.
    fn url(&self, release: &ReleaseFiles, file: &Path) -> Result<String> {
        let name = file_name(file)?;
        Ok(match &self.files {
            Files::Copied => format!("../../{name}"),
            Files::At(url) => {
                let url = url.replace("{provider}", release.provider());
                let url = url.replace("{version}", &release.version().to_string());
                format!("{}/{name}", url.trim_end_matches('/'))
            }
        })
    }
}

impl Versions {
    /// Adds the release's version, or platforms to that version. Its checksums replace the published ones, so they must list the
    /// published archives, too.
    fn add(&mut self, release: &ReleaseFiles) -> Result<()> {
        let version = release.version();
        let platforms: BTreeSet<_> = release
            .archives()
            .iter()
            .map(|archive| archive.platform.clone())
            .collect();
        let former = self.versions.extract_if(.., |listed| listed.version == *version);
        for missing in former.flat_map(|listed| listed.platforms) {
            ensure!(
                platforms.contains(&missing),
                "{} {version} is published for {missing}, which is missing in {}. Add all archives of the version together.",
                release.provider(),
                release.directory().display()
            );
        }
        self.versions.push(ListedVersion {
            version: version.clone(),
            protocols: vec![manifest::PROTOCOL.to_owned()],
            platforms,
        });
        self.versions.sort_by(|one, other| one.version.cmp(&other.version));
        Ok(())
    }
}

/// Checks what Terraform checks when it installs the release.
fn check(release: &ReleaseFiles, key: &PublicKey) -> Result<()> {
    let (signature, checksums) = (release.signature(), release.checksums());
    ensure!(
        signature.exists(),
        "{} does not exist. Run `cargo release sign` first.",
        signature.display()
    );
    key.verify(&signature, &checksums)?;
    let sums = fs::read_to_string(&checksums).with_context(|| format!("cannot read {}", checksums.display()))?;
    for archive in release.archives() {
        let sum = format!("{}  {}", archive.sha256, archive.file_name);
        ensure!(
            sums.lines().any(|line| line == sum),
            "{} does not contain the hash of {}. Run `cargo release sign` again.",
            checksums.display(),
            archive.file_name
        );
    }
    Ok(())
}

/// Copies what `Download` refers to.
fn copy_files(release: &ReleaseFiles, folder: &Path) -> Result<()> {
    for archive in release.archives() {
        published::copy(&release.archive_path(archive), &folder.join(&archive.file_name))?;
    }
    // These change if a platform is added to a published version.
    for file in [release.checksums(), release.signature()] {
        let contents = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        published::replace(&folder.join(file_name(&file)?), &contents)?;
    }
    Ok(())
}

fn file_name(file: &Path) -> Result<&str> {
    let name = file.file_name().and_then(|name| name.to_str());
    name.with_context(|| format!("{} has no file name", file.display()))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::SigningKey;
    use crate::testing::{has_gpg, release, signing_key};

    fn add(folder: &Path, files: Files, release: &ReleaseFiles, key: &SigningKey) -> Result<()> {
        release.sign(key)?;
        let public = PublicKey::parse(&key.public_key()?)?;
        Registry::new(folder, files).add(release, &public)
    }

    /// Reads a document of the provider in the registry.
    fn document(folder: &Path, file: &str) -> Value {
        let file = folder.join("v1/providers").join(NAMESPACE).join("notes").join(file);
        serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
    }

    #[test]
    fn versions_and_platforms_are_listed_once_in_order() {
        if !has_gpg() {
            return;
        }
        let (registry, key) = (tempfile::tempdir().unwrap(), signing_key());
        for (version, platforms) in [
            ("0.10.0", &["linux_amd64"][..]),
            ("0.9.0", &["linux_arm64"]),
            ("0.9.0", &["linux_arm64", "darwin_arm64"]),
            ("0.10.0-rc.1", &["linux_amd64"]),
        ] {
            let (_dist, release) = release(version, platforms, "program");
            add(registry.path(), Files::Copied, &release, &key).unwrap();
        }
        let platform = |os, arch| json!({ "os": os, "arch": arch });
        let version =
            |version, platforms: &[Value]| json!({ "version": version, "protocols": ["6.0"], "platforms": platforms });
        assert_eq!(
            document(registry.path(), "versions"),
            json!({ "versions": [
                version("0.9.0", &[platform("darwin", "arm64"), platform("linux", "arm64")]),
                version("0.10.0-rc.1", &[platform("linux", "amd64")]),
                version("0.10.0", &[platform("linux", "amd64")]),
            ] })
        );
    }

    #[test]
    fn release_without_a_published_platform_is_rejected() {
        if !has_gpg() {
            return;
        }
        let (registry, key) = (tempfile::tempdir().unwrap(), signing_key());
        let (_dist, both) = release("0.1.0", &["linux_amd64", "linux_arm64"], "program");
        add(registry.path(), Files::Copied, &both, &key).unwrap();
        let (_dist, one) = release("0.1.0", &["linux_amd64"], "program");
        let error = add(registry.path(), Files::Copied, &one, &key).unwrap_err();
        assert!(error.to_string().contains("published for linux_arm64"), "{error}");
    }

    #[test]
    fn files_elsewhere_are_referred_to_and_not_copied() {
        if !has_gpg() {
            return;
        }
        let (registry, key) = (tempfile::tempdir().unwrap(), signing_key());
        let (_dist, release) = release("0.1.0", &["linux_amd64"], "program");
        let files = Files::At("https://example.com/terraform-provider-{provider}/v{version}/".to_owned());
        add(registry.path(), files, &release, &key).unwrap();
        let download = document(registry.path(), "0.1.0/download/linux/amd64");
        let name = "https://example.com/terraform-provider-notes/v0.1.0/terraform-provider-notes_0.1.0_";
        assert_eq!(download["download_url"], format!("{name}linux_amd64.zip"));
        assert_eq!(download["shasums_url"], format!("{name}SHA256SUMS"));
        assert_eq!(download["shasums_signature_url"], format!("{name}SHA256SUMS.sig"));
        assert_eq!(download["signing_keys"]["gpg_public_keys"][0]["key_id"], key.id());
        let folder = registry.path().join("v1/providers").join(NAMESPACE).join("notes/0.1.0");
        assert_eq!(fs::read_dir(folder).unwrap().count(), 1);
    }

    #[test]
    fn published_archive_is_not_replaced() {
        if !has_gpg() {
            return;
        }
        let key = signing_key();
        for files in [Files::Copied, Files::At("https://example.com".to_owned())] {
            let registry = tempfile::tempdir().unwrap();
            let (_dist, published) = release("0.1.0", &["linux_amd64"], "program");
            add(registry.path(), files.clone(), &published, &key).unwrap();
            let (_dist, changed) = release("0.1.0", &["linux_amd64"], "another program");
            let error = add(registry.path(), files, &changed, &key).unwrap_err();
            assert!(error.to_string().contains("Publish a new version"), "{error}");
        }
    }

    #[test]
    fn release_that_terraform_would_refuse_is_rejected_and_nothing_published() {
        if !has_gpg() {
            return;
        }
        let (registry, key) = (tempfile::tempdir().unwrap(), signing_key());
        let public = PublicKey::parse(&key.public_key().unwrap()).unwrap();
        let (_dist, release) = release("0.1.0", &["linux_amd64"], "program");
        let add = || Registry::new(registry.path(), Files::Copied).add(&release, &public);

        let unsigned = add().unwrap_err();
        assert!(
            unsigned.to_string().contains("Run `cargo release sign` first"),
            "{unsigned}"
        );

        release.sign(&signing_key()).unwrap();
        let foreign = add().unwrap_err();
        assert!(foreign.to_string().contains(public.id()), "{foreign}");

        fs::write(release.checksums(), "").unwrap();
        release.sign(&key).unwrap();
        let incomplete = add().unwrap_err();
        assert!(
            incomplete.to_string().contains("Run `cargo release sign` again"),
            "{incomplete}"
        );

        assert_eq!(fs::read_dir(registry.path()).unwrap().count(), 0);
        release.write_checksums().unwrap();
        release.sign(&key).unwrap();
        add().unwrap();
    }
}
