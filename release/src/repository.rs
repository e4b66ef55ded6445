//! The repository of one provider, from which the Terraform Registry reads its documentation.
//!
//! The registry requires a public repository `terraform-provider-<name>` per provider, with a tag per version. All of its
//! files are generated from this project's.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use crate::links::Links;
use crate::{Project, changelog, manifest};

/// The registry cuts longer pages off.
const LONGEST_PAGE: usize = 500_000;

/// The folders of `docs/` that the registry reads, and their titles. There is also `index.md`.
const KINDS: [(&str, &str); 7] = [
    ("guides", "Guides"),
    ("resources", "Resources"),
    ("data-sources", "Data sources"),
    ("ephemeral-resources", "Ephemeral resources"),
    ("list-resources", "List resources"),
    ("actions", "Actions"),
    ("functions", "Functions"),
];

/// Text files by their path, which is separated by slashes on all systems.
type Files = BTreeMap<String, String>;

/// Writes the repository of a provider to a directory, which may be a clone of it: all of its files but `.git` are replaced.
pub fn write(project: &Project, provider: &str, directory: &Path) -> Result<()> {
    let files = files(project, provider)?;
    fs::create_dir_all(directory)?;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name() == ".git" {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    for (name, text) in files {
        let file = directory.join(name);
        fs::create_dir_all(file.parent().unwrap_or(directory))?;
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

/// All files of a provider's repository.
pub(crate) fn files(project: &Project, provider: &str) -> Result<Files> {
    let links = Links::new(project);
    let mut files = Files::new();
    for (name, text) in text_files(project.root(), &format!("docs/{provider}"))? {
        let page = format!(
            "docs/{}",
            name.strip_prefix(&format!("docs/{provider}/")).unwrap_or(&name)
        );
        let text = links.completed(&name, &text)?;
        // A guide names the examples by where they are.
        let text = text.replace(&format!("`examples/{provider}/"), "`examples/");
        ensure!(text.len() < LONGEST_PAGE, "{name} is longer than the registry shows");
        let (kind, _) = page
            .trim_start_matches("docs/")
            .split_once('/')
            .unwrap_or(("index.md", ""));
        let is_read = kind == "index.md" || KINDS.iter().any(|(folder, _)| *folder == kind);
        ensure!(is_read, "{name}: the registry reads no such page");
        files.insert(page, text);
    }
    for (name, text) in text_files(project.root(), &format!("examples/{provider}"))? {
        let example = name.strip_prefix(&format!("examples/{provider}/")).unwrap_or(&name);
        files.insert(format!("examples/{example}"), text);
    }
    files.insert("README.md".to_owned(), readme(project, provider, &files)?);
    files.insert("CHANGELOG.md".to_owned(), changelog::of_provider(project, provider)?);
    files.insert("LICENSE".to_owned(), read(project.root(), "LICENSE")?);
    let security = read(project.root(), "SECURITY.md")?;
    files.insert("SECURITY.md".to_owned(), links.completed("SECURITY.md", &security)?);
    files.insert("terraform-registry-manifest.json".to_owned(), manifest::manifest());
    Ok(files)
}

/// The file that GitHub shows; the registry shows `docs/index.md`.
fn readme(project: &Project, provider: &str, files: &Files) -> Result<String> {
    let file = |name: &str| files.get(name).with_context(|| format!("{provider} has no {name}"));
    let index = file("docs/index.md")?;
    let description = description(index).context("docs/index.md has no description")?;
    let example = file("examples/provider/provider.tf")?;
    let version = project.version();
    let source = project.repository()?;
    let mut readme = format!(
        "# Terraform provider {provider}\n\n{description}\n\n```terraform\n{example}```\n\n## Documentation\n\n\
         - [Provider](docs/index.md)\n"
    );
    for (folder, title) in KINDS {
        let prefix = format!("docs/{folder}/");
        let pages = files
            .keys()
            .filter_map(|file| file.strip_prefix(&prefix)?.strip_suffix(".md"));
        let pages: Vec<_> = pages.map(|name| format!("[`{name}`]({prefix}{name}.md)")).collect();
        if !pages.is_empty() {
            readme.push_str(&format!("- {title}: {}\n", pages.join(", ")));
        }
    }
    readme.push_str(&format!(
        "\nAll changes are in the [changelog](CHANGELOG.md), complete configurations in [`examples/`](examples).\n\n\
         ## Source\n\n\
         This repository is generated from version {version} of [{source}]({source}). Report problems and propose changes \
         there. Licensed under [Apache-2.0](LICENSE).\n"
    ));
    Ok(readme)
}

/// The description in a page's front matter.
fn description(page: &str) -> Option<&str> {
    let (_, rest) = page.split_once("\ndescription: |-\n")?;
    rest.lines().next().map(str::trim)
}

pub(crate) fn read(root: &Path, name: &str) -> Result<String> {
    let text = fs::read_to_string(root.join(name)).with_context(|| format!("cannot read {name}"))?;
    // Git may check files out with the line breaks of Windows.
    Ok(text.replace("\r\n", "\n"))
}

/// Reads all files in a folder of the project.
fn text_files(root: &Path, folder: &str) -> Result<Files> {
    let mut files = Files::new();
    for entry in fs::read_dir(root.join(folder)).with_context(|| format!("cannot read {folder}"))? {
        let entry = entry?;
        let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            files.extend(text_files(root, &name)?);
        } else {
            let text = read(root, &name)?;
            files.insert(name, text);
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NAMESPACE;

    /// The targets of links outside of code, with the path of their file.
    fn links(files: &Files) -> Vec<(&str, &str)> {
        let mut links = Vec::new();
        for (file, text) in files.iter().filter(|(file, _)| file.ends_with(".md")) {
            let texts = text.split("```").step_by(2);
            let parts = texts.flat_map(|text| text.split("](").skip(1));
            links.extend(parts.map(|part| (file.as_str(), part.split(')').next().unwrap())));
        }
        links
    }

    #[test]
    fn repositories_are_complete_and_reproducible() {
        let project = Project::find().unwrap();
        for provider in project.providers() {
            let files = files(&project, provider).unwrap();
            assert_eq!(super::files(&project, provider).unwrap(), files);
            for required in [
                "README.md",
                "LICENSE",
                "CHANGELOG.md",
                "SECURITY.md",
                "docs/index.md",
                "terraform-registry-manifest.json",
            ] {
                assert!(files.contains_key(required), "{provider}: {required}");
            }
            for (file, link) in links(&files) {
                if let Some(anchor) = link.strip_prefix('#') {
                    let heading = |line: &str| line.starts_with('#') && slug(line) == anchor;
                    let is_found =
                        files[file].contains(&format!("<a id=\"{anchor}\">")) || files[file].lines().any(heading);
                    assert!(is_found, "{file} links to {link}");
                } else if !link.contains("://") {
                    // A relative link works on GitHub only, which does not show `docs/` to most users.
                    let is_found = files
                        .keys()
                        .any(|file| file == link || file.starts_with(&format!("{link}/")));
                    assert!(is_found && file == "README.md", "{file} links to {link}");
                }
            }
            for (file, text) in &files {
                let own = format!("providers/{NAMESPACE}/{provider}/{}/docs", project.version());
                for page in text.split(&own).skip(1) {
                    let page = page.split([')', '#']).next().unwrap();
                    let page = if page.is_empty() { "/index" } else { page };
                    assert!(files.contains_key(&format!("docs{page}.md")), "{file} links to {page}");
                }
                assert!(
                    !text.contains(&format!("examples/{provider}/")),
                    "{file} names a file of another repository"
                );
            }
        }
    }

    /// The anchor of a heading.
    fn slug(heading: &str) -> String {
        let text = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = text
            .chars()
            .filter(|letter| letter.is_alphanumeric() || "-_ ".contains(*letter));
        kept.collect::<String>().replace(' ', "-")
    }

    #[test]
    fn writing_replaces_all_files_of_a_clone() {
        let project = Project::find().unwrap();
        let provider = project.providers()[0];
        let clone = tempfile::tempdir().unwrap();
        let git = clone.path().join(".git/HEAD");
        for stale in [
            &git,
            &clone.path().join("docs/resources/stale.md"),
            &clone.path().join("stale.md"),
        ] {
            fs::create_dir_all(stale.parent().unwrap()).unwrap();
            fs::write(stale, "").unwrap();
        }
        write(&project, provider, clone.path()).unwrap();
        assert!(git.exists());
        for stale in ["docs/resources/stale.md", "stale.md"] {
            assert!(!clone.path().join(stale).exists(), "{stale}");
        }
        let index = fs::read_to_string(clone.path().join("docs/index.md")).unwrap();
        assert_eq!(index, files(&project, provider).unwrap()["docs/index.md"]);
    }
}
