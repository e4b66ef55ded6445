//! The documentation says what the code does: pages made from the schemas, links that lead somewhere.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Once;

use token_providers::framework::Provider;
use token_providers::framework::docs::{Generator, Pages};
use token_providers::neuroio::NeuroIo;
use token_providers::quix::Quix;
use token_providers::startree::StarTree;
use token_providers::striim::Striim;
use token_providers::{platform, striim};

/// The one folder of a provider's documentation whose pages are written by hand; all others are generated.
const GUIDES: &str = "guides";

const NAMES: [&str; 4] = ["neuroio", "quix", "startree", "striim"];

/// Each provider's name with its pages.
fn providers() -> [(&'static str, Pages); 4] {
    fn of(name: &'static str, provider: &impl Provider) -> (&'static str, Pages) {
        let generator = Generator::new(name, root().join("examples").join(name));
        let pages = generator
            .command("UPDATE_DOCS=1 cargo test --test docs")
            .pages(provider);
        (name, pages.unwrap())
    }
    [
        of("striim", &Striim::new(striim::Runtime::default())),
        of("neuroio", &NeuroIo::new(platform::Runtime::default())),
        of("quix", &Quix::new(platform::Runtime::default())),
        of("startree", &StarTree::new(platform::Runtime::default())),
    ]
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every file at or below `path`, relative to the project.
fn files(path: &Path) -> Vec<PathBuf> {
    if path.is_dir() {
        let entries = fs::read_dir(path).unwrap();
        return entries.flat_map(|entry| files(&entry.unwrap().path())).collect();
    }
    let file = path.strip_prefix(root()).unwrap().to_owned();
    path.exists().then_some(file).into_iter().collect()
}

#[test]
fn pages_are_up_to_date() {
    pages_are_written();
    for (name, pages) in providers() {
        pages.check(root().join("docs").join(name)).unwrap();
    }
}

/// Writes the pages where that is asked for, once, before any test reads them.
fn pages_are_written() {
    static ONCE: Once = Once::new();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        ONCE.call_once(|| {
            for (name, pages) in providers() {
                pages.write(root().join("docs").join(name)).unwrap();
            }
        });
    }
}

/// Each folder of a provider's documentation has pages that the generator writes, or the guides.
#[test]
fn folders_of_the_documentation_are_those_of_the_registry() {
    let folders = [
        "actions",
        "data-sources",
        "ephemeral-resources",
        "functions",
        GUIDES,
        "index.md",
        "list-resources",
        "resources",
    ];
    for name in NAMES {
        for entry in fs::read_dir(root().join("docs").join(name)).unwrap() {
            let entry = entry.unwrap().file_name().into_string().unwrap();
            assert!(folders.contains(&entry.as_str()), "docs/{name}/{entry}");
        }
    }
}

#[test]
fn the_quick_start_in_the_readme_is_the_example_that_is_tested() {
    let example = read("examples/striim/quick-start/main.tf");
    assert!(
        read("README.md").contains(&format!("```terraform\n{example}```\n")),
        "README.md and examples/striim/quick-start/main.tf differ"
    );
}

#[test]
fn the_guides_show_examples_that_are_tested_and_each_of_them() {
    for name in NAMES {
        let examples = files(&root().join("examples").join(name).join(GUIDES));
        let mut unshown: BTreeMap<String, PathBuf> = examples.into_iter().map(|file| (read(&file), file)).collect();
        for guide in files(&root().join("docs").join(name).join(GUIDES)) {
            let text = read(&guide);
            assert!(
                text.starts_with("---\npage_title: \"") && text.contains("\ndescription: |-\n"),
                "{} does not begin as the registry wants it",
                guide.display()
            );
            for block in text.split("```terraform\n").skip(1) {
                let block = block.split("```").next().unwrap();
                let example = unshown.remove(block);
                assert!(
                    example.is_some(),
                    "{} shows what no test runs:\n{block}",
                    guide.display()
                );
            }
        }
        assert!(unshown.is_empty(), "no guide shows {:?}", unshown.values());
    }
}

/// What is written between `open` and `close`, on one line.
fn between<'a>(text: &'a str, open: &'a str, close: char) -> impl Iterator<Item = &'a str> {
    let parts = text.lines().flat_map(move |line| line.split(open).skip(1));
    parts
        .filter_map(move |part| part.split_once(close))
        .map(|(inside, _)| inside)
}

#[test]
fn links_and_named_files_exist() {
    pages_are_written();
    let mut pages = files(&root().join("docs"));
    pages.extend(["README.md", "CHANGELOG.md"].map(PathBuf::from));
    for page in pages {
        let text = read(&page);
        let links = between(&text, "](", ')').filter(|link| !link.starts_with("https://") && !link.starts_with('#'));
        for link in links {
            let file = root()
                .join(page.parent().unwrap())
                .join(link.split('#').next().unwrap());
            assert!(file.exists(), "{} links to {link}", page.display());
        }
        let rooms = ["src/", "tests/", "proto/", "examples/", "benches/", "docs/"];
        for name in text.lines().flat_map(|line| line.split('`').skip(1).step_by(2)) {
            let is_file = rooms.iter().any(|room| name.starts_with(room)) && !name.contains(['<', '*', ' ', '…']);
            assert!(
                !is_file || root().join(name).exists(),
                "{} names {name}",
                page.display()
            );
        }
    }
}

#[test]
fn rooms_import_only_what_the_architecture_lets_them() {
    let architecture = read("docs/ARCHITECTURE.md");
    let rows = architecture.lines().filter_map(|line| line.strip_prefix("| `src/"));
    for row in rows {
        let (room, columns) = row.split_once("/` |").unwrap();
        let allowed = columns.trim_end_matches('|').rsplit('|').next().unwrap();
        let rooms = [
            "framework",
            "neuroio",
            "platform",
            "plugin",
            "quix",
            "redaction",
            "rest",
            "sandbox",
            "startree",
            "striim",
            "token",
            "vault",
        ];
        let foreign = rooms
            .iter()
            .filter(|other| **other != room && !allowed.contains(&format!("`{other}`")));
        for other in foreign {
            for file in files(&root().join("src").join(room)) {
                let text = read(&file);
                let imports = ["crate", "token_providers"].map(|name| text.contains(&format!("{name}::{other}")));
                assert_eq!(imports, [false; 2], "{} may not import {other}", file.display());
            }
        }
    }
}
