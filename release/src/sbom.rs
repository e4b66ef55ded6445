//! The software bill of materials (SBOM) of a program, as CycloneDX JSON: every crate that it is compiled from.
//!
//! The list is that of `cargo tree` for the target and features of the program. `cargo metadata` would add the features that
//! only tests enable, and what they bring along. Proc macros and build scripts run on the machine that builds, so they are
//! not part of a program.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use cyclonedx_bom::external_models::spdx::SpdxExpression;
use cyclonedx_bom::external_models::uri::{Purl, Uri};
use cyclonedx_bom::models::bom::{Bom, SpecVersion, UrnUuid};
use cyclonedx_bom::models::component::{Classification, Component, Components};
use cyclonedx_bom::models::dependency::{Dependencies, Dependency};
use cyclonedx_bom::models::external_reference::{ExternalReference, ExternalReferenceType, ExternalReferences};
use cyclonedx_bom::models::hash::{Hash, HashAlgorithm, HashValue, Hashes};
use cyclonedx_bom::models::license::{LicenseChoice, Licenses};
use cyclonedx_bom::models::metadata::Metadata;
use cyclonedx_bom::models::property::{Properties, Property};
use cyclonedx_bom::validation::Validate as _;

use crate::project::output;
use crate::{Project, Sha256Hash};

/// Returns the SBOM of a provider's program for a Rust target.
pub fn of_program(project: &Project, provider: &str, target: &str) -> Result<String> {
    let mut cargo = project.cargo();
    cargo
        .args(["tree", "--locked", "--package", project.package(), "--target", target])
        .args(project.program_arguments(provider)?)
        .args([
            "--edges=normal,no-proc-macro",
            "--prefix=depth",
            "--format=|{p}|{l}|{r}|",
        ]);
    let tree = output(&mut cargo)?;
    let checksums = checksums(project.root())?;
    document(provider, &parse_tree(&tree)?, &checksums)
}

/// A crate by name and version. Cargo compiles no two crates into a program that have both in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct CrateId {
    name: String,
    version: String,
}

impl CrateId {
    /// The package URL, by which scanners for vulnerabilities identify a crate of crates.io.
    fn purl(&self) -> Result<Purl> {
        Purl::new("cargo", &self.name, &self.version).with_context(|| format!("{self:?} has no package URL"))
    }
}

/// A crate in a program.
#[derive(Debug, PartialEq, Eq)]
struct Crate {
    /// The SPDX expression of its licence; empty if it names none.
    license: String,
    /// The URL of its sources; empty if it names none.
    repository: String,
    dependencies: BTreeSet<CrateId>,
}

/// The crates in a program.
#[derive(Debug, PartialEq, Eq)]
struct Crates {
    /// The crate of the program itself.
    root: CrateId,
    /// All crates, including the root.
    crates: BTreeMap<CrateId, Crate>,
}

/// Parses lines such as `2|age-core v0.12.0|MIT OR Apache-2.0|https://example.com|`, in which the first number is the depth.
fn parse_tree(tree: &str) -> Result<Crates> {
    let mut crates: BTreeMap<CrateId, Crate> = BTreeMap::new();
    let mut path: Vec<CrateId> = Vec::new();
    for line in tree.lines() {
        let (id, depth, license, repository) =
            parse_line(line).with_context(|| format!("`cargo tree` printed an unexpected line: {line}"))?;
        path.truncate(depth);
        if let Some(parent) = path.last().and_then(|parent| crates.get_mut(parent)) {
            parent.dependencies.insert(id.clone());
        }
        crates.entry(id.clone()).or_insert(Crate {
            license,
            repository,
            dependencies: BTreeSet::new(),
        });
        path.push(id);
    }
    let root = path.into_iter().next().context("`cargo tree` printed nothing")?;
    Ok(Crates { root, crates })
}

fn parse_line(line: &str) -> Option<(CrateId, usize, String, String)> {
    let mut columns = line.split('|');
    let depth = columns.next()?.parse().ok()?;
    let mut words = columns.next()?.split(' ');
    let id = CrateId {
        name: words.next()?.to_owned(),
        version: words.next()?.strip_prefix('v')?.to_owned(),
    };
    Some((id, depth, columns.next()?.to_owned(), columns.next()?.to_owned()))
}

/// The SHA-256 hashes of the packages that Cargo.lock pins.
fn checksums(root: &Path) -> Result<BTreeMap<CrateId, String>> {
    let lock = fs::read_to_string(root.join("Cargo.lock")).context("cannot read Cargo.lock")?;
    let lock: toml::Table = lock.parse().context("Cargo.lock is not TOML")?;
    let packages = lock.get("package").and_then(|packages| packages.as_array());
    let checksums = packages.into_iter().flatten().filter_map(|package| {
        let text = |key| package.get(key)?.as_str().map(str::to_owned);
        let id = CrateId {
            name: text("name")?,
            version: text("version")?,
        };
        Some((id, text("checksum")?))
    });
    Ok(checksums.collect())
}

/// The SBOM as JSON. Everything in it is sorted, and nothing depends on time or chance.
fn document(provider: &str, crates: &Crates, checksums: &BTreeMap<CrateId, String>) -> Result<String> {
    let root_ref = format!("terraform-provider-{provider}");
    let reference = |id: &CrateId| -> Result<String> {
        Ok(if *id == crates.root {
            root_ref.clone()
        } else {
            id.purl()?.to_string()
        })
    };
    let mut program = Component::new(
        Classification::Application,
        &root_ref,
        &crates.root.version,
        Some(root_ref.clone()),
    );
    let (mut components, mut dependencies) = (Vec::new(), Vec::new());
    for (id, found) in &crates.crates {
        let depends_on: Result<Vec<_>> = found.dependencies.iter().map(reference).collect();
        dependencies.push(Dependency {
            dependency_ref: reference(id)?,
            dependencies: depends_on?,
        });
        let licenses = (!found.license.is_empty()).then(|| {
            // Older crates separate alternatives by a slash.
            let license = SpdxExpression::parse_lax(found.license.clone());
            let license = license.map_or_else(|_| LicenseChoice::license(&found.license), LicenseChoice::Expression);
            Licenses(vec![license])
        });
        if *id == crates.root {
            program.licenses = licenses;
            continue;
        }
        let mut component = Component::new(Classification::Library, &id.name, &id.version, Some(reference(id)?));
        component.purl = Some(id.purl()?);
        component.licenses = licenses;
        component.hashes = checksums.get(id).map(|checksum| {
            Hashes(vec![Hash {
                alg: HashAlgorithm::SHA_256,
                content: HashValue(checksum.clone()),
            }])
        });
        component.external_references = (!found.repository.is_empty()).then(|| {
            let url = Uri::new(&found.repository);
            ExternalReferences(vec![ExternalReference::new(ExternalReferenceType::Vcs, url)])
        });
        components.push(component);
    }
    let mut bom = Bom {
        // The default is a random one.
        serial_number: None,
        metadata: Some(Metadata {
            component: Some(program),
            ..Metadata::default()
        }),
        components: Some(Components(components)),
        dependencies: Some(Dependencies(dependencies)),
        // Says why there is no time.
        properties: Some(Properties(vec![Property::new("cdx:reproducible", "true")])),
        spec_version: SpecVersion::V1_5,
        ..Bom::default()
    };
    bom.serial_number = Some(serial_number(&json(&bom)?)?);
    let validation = bom.validate_version(SpecVersion::V1_5);
    ensure!(validation.passed(), "the SBOM is not valid: {validation:?}");
    json(&bom)
}

fn json(bom: &Bom) -> Result<String> {
    let mut json = Vec::new();
    bom.clone().output_as_json_v1_5(&mut json)?;
    json.push(b'\n');
    Ok(String::from_utf8(json)?)
}

/// The serial number of these contents: a UUID of version 8, made of their hash.
fn serial_number(contents: &str) -> Result<UrnUuid> {
    let mut hash = u128::from_be_bytes(
        *Sha256Hash::of(contents.as_bytes())
            .0
            .first_chunk()
            .context("16 bytes")?,
    );
    // The digits of the version, and of the variant.
    hash = (hash & !(0xf << 76)) | (0x8 << 76);
    hash = (hash & !(0b11 << 62)) | (0b10 << 62);
    let hex = format!("{hash:032x}");
    let groups = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| hex.get(range).unwrap_or_default());
    Ok(UrnUuid(format!("urn:uuid:{}", groups.join("-"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "\
0|token-providers v0.1.0 (/home/me/token-providers)|Apache-2.0||
1|age v0.12.1|MIT/Apache-2.0|https://github.com/str4d/rage|
2|zeroize v1.9.1|Apache-2.0 OR MIT||
1|zeroize v1.9.1|Apache-2.0 OR MIT|| (*)
1|ring v0.17.14|Apache-2.0 AND ISC|https://github.com/briansmith/ring|
";

    fn id(name: &str, version: &str) -> CrateId {
        CrateId {
            name: name.to_owned(),
            version: version.to_owned(),
        }
    }

    #[test]
    fn program_has_the_crates_of_its_features_and_target_alone() {
        let project = Project::find().unwrap();
        let crates = |target: &str| -> BTreeSet<String> {
            let sbom = of_program(&project, "striim", target).unwrap();
            let bom: serde_json::Value = serde_json::from_str(&sbom).unwrap();
            let components = bom["components"].as_array().unwrap().iter();
            components
                .map(|component| component["name"].as_str().unwrap().to_owned())
                .collect()
        };
        let linux = crates("x86_64-unknown-linux-musl");
        // The sandbox and the tests need axum and proptest; procedural macros need syn.
        let lists = |name: &str| linux.contains(name);
        assert_eq!(
            ["reqwest", "axum", "proptest", "syn"].map(lists),
            [true, false, false, false]
        );
        let windows = crates("x86_64-pc-windows-msvc");
        assert!(windows.contains("windows-sys") && !lists("windows-sys"));
    }

    #[test]
    fn tree_becomes_a_graph() {
        let Crates { root, crates } = parse_tree(TREE).unwrap();
        assert_eq!(root, id("token-providers", "0.1.0"));
        let edges: Vec<_> = crates.iter().map(|(id, found)| (&*id.name, names(found))).collect();
        let expected = [
            ("age", vec!["zeroize"]),
            ("ring", vec![]),
            ("token-providers", vec!["age", "ring", "zeroize"]),
            ("zeroize", vec![]),
        ];
        assert_eq!(edges, expected);
        assert!(parse_tree("").is_err());
        assert!(parse_tree("age v0.12.1\n").is_err());
    }

    fn names(found: &Crate) -> Vec<&str> {
        found.dependencies.iter().map(|id| id.name.as_str()).collect()
    }

    #[test]
    fn document_lists_every_crate_once_and_depends_on_nothing_else() {
        let checksums = BTreeMap::from([(id("age", "0.12.1"), "5d".repeat(32))]);
        let document = || document("notes", &parse_tree(TREE).unwrap(), &checksums).unwrap();
        let first = document();
        assert_eq!(document(), first);
        assert!(!first.contains("/home/me"), "{first}");
        let bom: serde_json::Value = serde_json::from_str(&first).unwrap();
        assert_eq!(bom["metadata"]["component"]["name"], "terraform-provider-notes");
        let serial = bom["serialNumber"].as_str().unwrap();
        assert_eq!((&serial[23..24], serial.len()), ("8", 45), "{serial}");
        let components = bom["components"].as_array().unwrap();
        assert_eq!(components.len(), 3);
        let age = &components[0];
        assert_eq!(age["purl"], "pkg:cargo/age@0.12.1");
        assert_eq!(age["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert_eq!(age["hashes"][0]["content"], "5d".repeat(32));
        assert_eq!(age["externalReferences"][0]["url"], "https://github.com/str4d/rage");
        let dependencies = bom["dependencies"].as_array().unwrap();
        let root = dependencies
            .iter()
            .find(|entry| entry["ref"] == "terraform-provider-notes");
        assert_eq!(root.unwrap()["dependsOn"].as_array().unwrap().len(), 3);
    }
}
