//! What the archive of a provider contains.

use anyhow::Result;

use crate::repository::read;
use crate::{Archive, Entry, Platform, Project, changelog};

/// Returns the entries of an archive: the program, its licence, its changelog and its SBOM.
///
/// The signature of a release covers the SBOM because it is in the archive: the checksums must not name other files.
pub fn contents(
    project: &Project,
    provider: &str,
    platform: &Platform,
    program: Vec<u8>,
    sbom: &str,
) -> Result<Vec<Entry>> {
    let text = |name: &str, contents: String| Entry {
        name: name.to_owned(),
        contents: contents.into_bytes(),
        executable: false,
    };
    Ok(vec![
        Entry {
            name: Archive::program_name(provider, project.version(), platform),
            contents: program,
            executable: true,
        },
        text("CHANGELOG.md", changelog::of_provider(project, provider)?),
        text("LICENSE", read(project.root(), "LICENSE")?),
        text("sbom.cdx.json", sbom.to_owned()),
    ])
}
