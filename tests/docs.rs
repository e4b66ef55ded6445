//! The documentation says what the code does: pages made from the schemas, links that lead somewhere.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Once;

use token_providers::framework::docs::Page;
use token_providers::framework::{Provider, docs};
use token_providers::neuroio::NeuroIo;
use token_providers::quix::Quix;
use token_providers::startree::StarTree;
use token_providers::striim::Striim;
use token_providers::{platform, striim};

/// The one folder of a provider's documentation whose pages are written by hand; all others are generated.
const GUIDES: &str = "guides";

/// Each provider's name with its pages.
fn providers() -> [(&'static str, Vec<Page>); 4] {
    fn of(name: &'static str, provider: &impl Provider) -> (&'static str, Vec<Page>) {
        let examples = root().join("examples").join(name);
        let pages = docs::pages(name, provider, |file| {
            fs::read_to_string(examples.join(file)).map_err(|error| format!("{name}/{file}: {error}"))
        });
        (name, pages.expect("everything that a provider has has its examples"))
    }
    [
        of("striim", &Striim::new(striim::Parts::default())),
        of("neuroio", &NeuroIo::new(platform::Parts::default())),
        of("quix", &Quix::new(platform::Parts::default())),
        of("startree", &StarTree::new(platform::Parts::default())),
    ]
}

const REGENERATE: &str = "run `UPDATE_DOCS=1 cargo test --test docs` and commit what it changes";

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
fn the_pages_are_what_schemas_and_examples_make() {
    pages_are_written();
    for (name, pages) in providers() {
        let (found, made) = found_and_made(name, pages);
        compare(&found, &made);
    }
}

/// Writes the pages where that is asked for. Whoever looks at them waits until they are.
fn pages_are_written() {
    static ONCE: Once = Once::new();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        ONCE.call_once(|| {
            for (name, pages) in providers() {
                let (found, made) = found_and_made(name, pages);
                update(&found, &made);
            }
        });
    }
}

/// The generated pages of a provider that there are, and those that there should be.
fn found_and_made(name: &str, pages: Vec<Page>) -> (BTreeMap<PathBuf, String>, BTreeMap<PathBuf, String>) {
    let home = Path::new("docs").join(name);
    let found = files(&root().join(&home));
    let found = found.into_iter().filter(|file| !file.starts_with(home.join(GUIDES)));
    let found = found.map(|file| (file.clone(), read(file))).collect();
    let made = pages.into_iter().map(|page| (home.join(page.path), page.text));
    (found, made.collect())
}

fn update(found: &BTreeMap<PathBuf, String>, made: &BTreeMap<PathBuf, String>) {
    for file in found.keys().filter(|file| !made.contains_key(*file)) {
        fs::remove_file(root().join(file)).unwrap();
    }
    for (file, text) in made {
        let file = root().join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
}

fn compare(found: &BTreeMap<PathBuf, String>, made: &BTreeMap<PathBuf, String>) {
    for (file, text) in made {
        let found = found.get(file).map(String::as_str);
        assert_eq!(
            found,
            Some(text.as_str()),
            "{} is out of date: {REGENERATE}",
            file.display()
        );
    }
    for file in found.keys() {
        assert!(
            made.contains_key(file),
            "nothing makes {}: {REGENERATE}",
            file.display()
        );
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
    for (name, _) in providers() {
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
