//! Checks of the documentation and of the layout of the code: generated pages, links, shown examples, imports, vague words.

use std::collections::{BTreeMap, BTreeSet};
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
        let pages = generator.command("cargo docs").pages(provider);
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

/// Writes the pages if `UPDATE_DOCS` is set: once, before any test reads them.
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

#[test]
fn documentation_has_only_the_folders_of_the_registry() {
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
fn readme_shows_the_tested_quick_start() {
    let example = read("examples/striim/quick-start/main.tf");
    assert!(
        read("README.md").contains(&format!("```terraform\n{example}```\n")),
        "README.md and examples/striim/quick-start/main.tf differ"
    );
}

/// A new minor version may break a configuration, before 1.0.
#[test]
fn examples_pin_the_minor_version_of_this_release() {
    let version = concat!(
        "version = \"~> ",
        env!("CARGO_PKG_VERSION_MAJOR"),
        ".",
        env!("CARGO_PKG_VERSION_MINOR"),
        ".0\""
    );
    let mut pinned = 0;
    let examples = NAMES.iter().flat_map(|name| files(&root().join("examples").join(name)));
    for example in examples {
        let text = read(&example);
        let mut lines = text.lines().map(str::trim);
        while lines.any(|line| line.starts_with("source ") && line.contains("\"token-providers/")) {
            assert_eq!(lines.next(), Some(version), "{}", example.display());
            pinned += 1;
        }
    }
    assert!(pinned >= NAMES.len(), "{pinned} examples");
}

#[test]
fn guides_show_exactly_the_tested_examples() {
    for name in NAMES {
        let examples = files(&root().join("examples").join(name).join(GUIDES));
        let mut unshown: BTreeMap<String, PathBuf> = examples.into_iter().map(|file| (read(&file), file)).collect();
        for guide in files(&root().join("docs").join(name).join(GUIDES)) {
            let text = read(&guide);
            assert!(
                text.starts_with("---\npage_title: \"") && text.contains("\ndescription: |-\n"),
                "{} lacks the front matter of a registry page",
                guide.display()
            );
            for block in text.split("```terraform\n").skip(1) {
                let block = block.split("```").next().unwrap();
                let example = unshown.remove(block);
                assert!(
                    example.is_some(),
                    "{} shows an untested example:\n{block}",
                    guide.display()
                );
            }
        }
        assert!(unshown.is_empty(), "no guide shows {:?}", unshown.values());
    }
}

/// Returns the texts between `open` and `close` on the same line.
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
    pages.retain(|page| page.extension().is_some_and(|extension| extension == "md"));
    pages.extend(["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"].map(PathBuf::from));
    for page in pages {
        let text = read(&page);
        let links = between(&text, "](", ')').filter(|link| !link.starts_with("https://") && !link.starts_with('#'));
        for link in links {
            let file = root()
                .join(page.parent().unwrap())
                .join(link.split('#').next().unwrap());
            assert!(file.exists(), "{} links to {link}", page.display());
        }
        let folders = ["src/", "tests/", "proto/", "examples/", "benches/", "docs/"];
        for name in text.lines().flat_map(|line| line.split('`').skip(1).step_by(2)) {
            let is_file = folders.iter().any(|folder| name.starts_with(folder)) && !name.contains(['<', '*', ' ', '…']);
            assert!(
                !is_file || root().join(name).exists(),
                "{} names {name}",
                page.display()
            );
        }
    }
}

#[test]
fn modules_import_only_what_the_architecture_lists() {
    let architecture = read("docs/ARCHITECTURE.md");
    let rows = architecture.lines().filter_map(|line| line.strip_prefix("| `src/"));
    for row in rows {
        let (module, columns) = row.split_once("/` |").unwrap();
        let allowed = columns.trim_end_matches('|').rsplit('|').next().unwrap();
        let modules = [
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
        let foreign = modules
            .iter()
            .filter(|other| **other != module && !allowed.contains(&format!("`{other}`")));
        for other in foreign {
            for file in files(&root().join("src").join(module)) {
                let text = read(&file);
                let imports = ["crate", "token_providers"].map(|name| text.contains(&format!("{name}::{other}")));
                assert_eq!(imports, [false; 2], "{} may not import {other}", file.display());
            }
        }
    }
}

/// Lists the entries of a folder: the names without extension of its Rust files, and the names of its folders.
fn entries(folder: &Path) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut modules, mut folders) = (BTreeSet::new(), BTreeSet::new());
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            folders.insert(stem);
        } else if stem != "mod" {
            modules.insert(stem);
        }
    }
    (modules, folders)
}

#[test]
fn platform_modules_have_the_common_layout() {
    let kinds = [
        "actions",
        "data_sources",
        "ephemeral_resources",
        "list_resources",
        "resources",
    ];
    for (platform, pages) in providers() {
        let module = root().join("src").join(platform);
        for required in [
            "mod.rs",
            "provider.rs",
            "settings.rs",
            "connection.rs",
            "errors.rs",
            "api.rs",
            "api",
            "resources",
        ] {
            assert!(module.join(required).exists(), "src/{platform}/{required} is missing");
        }
        let (modules, folders) = entries(&module);
        for folder in folders {
            assert!(
                folder == "tests" || kinds.contains(&folder.as_str()) || modules.contains(&folder),
                "src/{platform}/{folder} is neither the folder of a kind of object nor that of a module"
            );
        }
        for kind in kinds {
            let prefix = format!("{}/", kind.replace('_', "-"));
            let documented = pages
                .iter()
                .filter_map(|page| page.path.strip_prefix(&prefix)?.strip_suffix(".md"));
            let (modules, folders) = entries(&module.join(kind));
            assert_eq!(
                modules,
                documented.map(str::to_owned).collect(),
                "the files of src/{platform}/{kind} and the provider's types of that kind"
            );
            assert!(folders.is_subset(&modules), "src/{platform}/{kind}: {folders:?}");
        }
    }
}

#[test]
fn files_of_a_platform_do_not_import_each_other_in_a_circle() {
    for platform in NAMES {
        let module = root().join("src").join(platform);
        let sources: BTreeSet<_> = files(&module).into_iter().filter(|file| !is_test(file)).collect();
        let mut imports: Vec<(PathBuf, PathBuf)> = Vec::new();
        for file in &sources {
            let imported = imported_files(file).into_iter();
            imports.extend(
                imported
                    .filter(|other| sources.contains(other))
                    .map(|other| (file.clone(), other)),
            );
        }
        // An import is in a circle only if its file is imported, and if what it imports has imports.
        loop {
            let before = imports.len();
            let importing: BTreeSet<_> = imports.iter().map(|(file, _)| file.clone()).collect();
            let imported: BTreeSet<_> = imports.iter().map(|(_, file)| file.clone()).collect();
            imports.retain(|(file, other)| imported.contains(file) && importing.contains(other));
            if imports.len() == before {
                break;
            }
        }
        assert!(imports.is_empty(), "these imports are circular: {imports:#?}");
    }
}

fn is_test(file: &Path) -> bool {
    file.components().any(|part| part.as_os_str() == "tests") || file.ends_with("tests.rs")
}

/// The files below `src` from which the `use` declarations of a file, outside its tests, import.
fn imported_files(file: &Path) -> BTreeSet<PathBuf> {
    let text = read(file);
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let module = module_path(file);
    // Declarations at the top level of the file, without `pub` and spaces.
    let uses = text.split(';').filter_map(|statement| {
        let is_declaration = |at: &usize| {
            let line = statement[..*at].rfind('\n').map_or(0, |end| end + 1);
            statement[line..*at].is_empty() || statement[line..*at].starts_with("pub")
        };
        let mut starts = statement.match_indices("use ").map(|(at, _)| at);
        let tree = &statement[starts.find(is_declaration)? + "use ".len()..];
        Some(tree.split_whitespace().collect::<String>())
    });
    let paths = uses.flat_map(|tree| flattened(&tree));
    let imported = paths.filter_map(|path| {
        let mut absolute = module.clone();
        for (position, segment) in path.split("::").enumerate() {
            match segment {
                "crate" => absolute.clear(),
                "super" => drop(absolute.pop()),
                "self" if position == 0 => {}
                segment => absolute.push(segment.to_owned()),
            }
        }
        (1..=absolute.len())
            .rev()
            .find_map(|length| module_file(&absolute[..length]))
    });
    imported.filter(|imported| imported != file).collect()
}

/// The paths of a `use` tree: `a::{b, c::d}` has `a::b` and `a::c::d`.
fn flattened(tree: &str) -> Vec<String> {
    let Some((prefix, rest)) = tree.split_once('{') else {
        return vec![tree.to_owned()];
    };
    let (mut depth, mut start, mut paths) = (0, 0, Vec::new());
    for (at, character) in rest.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                let inner = flattened(&rest[start..at]).into_iter();
                paths.extend(inner.map(|path| format!("{prefix}{path}")));
                start = at + 1;
            }
            _ => {}
        }
    }
    paths
}

/// The path of the module in this file, without `crate`.
fn module_path(file: &Path) -> Vec<String> {
    let path = file.strip_prefix("src").unwrap().with_extension("");
    let parts = path.iter().map(|part| part.to_str().unwrap().to_owned());
    parts.filter(|part| part != "mod").collect()
}

/// The file of the module with this path, if there is one.
fn module_file(path: &[String]) -> Option<PathBuf> {
    let path = Path::new("src").join(path.iter().collect::<PathBuf>());
    let candidates = [path.with_extension("rs"), path.join("mod.rs")];
    candidates.into_iter().find(|file| root().join(file).is_file())
}

/// Vague words, and the limit of lines that contain them. Terraform's terms are clearer: reports, another client, in addition to.
const VAGUE_WORDS: [(&[&str], usize); 3] = [
    (&["tell", "tells", "told"], 100),
    (&["nobody", "somebody"], 40),
    (&["beside"], 15),
];

/// Counts the lines of sources, tests and documentation that contain one of these words.
fn lines_with(words: &[&str]) -> usize {
    let places = ["src", "tests", "docs", "README.md"];
    let texts = places.iter().flat_map(|place| files(&root().join(place)));
    let texts = texts.filter_map(|file| fs::read_to_string(root().join(file)).ok());
    let counts = texts.map(|text| {
        let lines = text.lines().map(str::to_lowercase).filter(|line| {
            let mut parts = line.split(|character: char| !character.is_alphanumeric() && character != '_');
            parts.any(|part| words.contains(&part))
        });
        lines.count()
    });
    counts.sum()
}

#[test]
fn vague_words_are_rare() {
    let counts = VAGUE_WORDS.map(|(words, limit)| (words.join(", "), lines_with(words), limit));
    for (words, lines, limit) in counts {
        println!("{words}: {lines} lines (limit: {limit})");
        assert!(lines < limit, "too many lines contain {words}");
    }
}
