//! The code of `docs/writing-a-provider.md` that goes beyond the minimal provider.

use std::path::Path;

use token_providers::framework::docs::Generator;
use token_providers::framework::testing::{Action, SingleResource, Workspace};
use token_providers::prelude::*;

use super::minimal::provider::Notes;

/// Finds notes by title.
#[derive(Model)]
struct Search {
    /// The prefix of the titles.
    #[attribute(optional, validate = plain_text())]
    prefix: Field<String>,
    /// The titles, in alphabetical order.
    #[attribute(computed)]
    titles: Field<Vec<String>>,
}

/// A rule that several attributes can use, with its description for the documentation.
fn plain_text() -> Validator {
    Validator::new("Without line breaks.", |text: &String| {
        let is_plain = !text.contains(['\n', '\r']);
        is_plain.then_some(()).ok_or("must not have line breaks")
    })
}

struct SearchDataSource;

impl DataSource for SearchDataSource {
    type Model = Search;
    type Client = std::path::PathBuf;

    const TYPE: &'static str = "notes_search";

    async fn read(&self, context: &Context<Self::Client>, search: Search) -> Result<Search, Diagnostics> {
        let prefix = search.prefix.known().map_or("", String::as_str);
        let mut titles = Vec::new();
        for file in std::fs::read_dir(&*context.client()?).or_diagnostic("Notes not found")? {
            let name = file.or_diagnostic("Notes not found")?.file_name();
            titles.extend(name.into_string().ok().filter(|title| title.starts_with(prefix)));
        }
        titles.sort();
        Ok(Search {
            titles: titles.into(),
            ..search
        })
    }
}

/// The minimal provider with the data source.
struct NotesWithSearch;

impl Provider for NotesWithSearch {
    type Config = <Notes as Provider>::Config;
    type Client = <Notes as Provider>::Client;

    async fn configure(
        &self,
        context: &Context<()>,
        config: Self::Config,
        terraform_version: &str,
    ) -> Result<Configured<Self::Client>, Diagnostics> {
        Notes.configure(context, config, terraform_version).await
    }

    fn resources(&self) -> Vec<Box<dyn DynResource<Self::Client>>> {
        Notes.resources()
    }

    fn data_sources(&self) -> Vec<Box<dyn DynDataSource<Self::Client>>> {
        vec![Box::new(SearchDataSource)]
    }
}

#[tokio::test]
async fn note_can_be_created_updated_and_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let workspace = Workspace::new().with_provider(json!({ "folder": folder.path() }));
    let mut note = SingleResource::of(workspace, "notes_note");

    let config = json!({ "title": "todo", "text": "Write it" });
    note.apply(|| Notes, Some(&config)).await.plans(Action::Create);
    note.apply(|| Notes, Some(&config)).await.changes_nothing();

    let longer = json!({ "title": "todo", "text": "Write it well" });
    note.plan(|| Notes, Some(&longer)).await.plans(Action::Update);

    let invalid = json!({ "title": "", "text": "" });
    note.plan(|| Notes, Some(&invalid))
        .await
        .fails("must have 1 to 80 characters");

    std::fs::remove_file(folder.path().join("todo")).unwrap();
    note.apply(|| Notes, Some(&config))
        .await
        .warns("was deleted outside Terraform");

    note.destroy(|| Notes).await.succeeds();
    assert!(!folder.path().join("todo").exists());
}

#[tokio::test]
async fn search_finds_notes_by_title_prefix() {
    let folder = tempfile::tempdir().unwrap();
    for title in ["todo", "today", "done"] {
        std::fs::write(folder.path().join(title), "").unwrap();
    }
    let workspace = Workspace::new().with_provider(json!({ "folder": folder.path() }));
    let found = workspace.read_data_source(|| NotesWithSearch, "notes_search", json!({ "prefix": "to" }));
    let found: Search = found.await.model();
    assert_eq!(found.titles.known().unwrap(), &["today", "todo"]);
}

#[test]
fn provider_has_no_faults() {
    Server::new(NotesWithSearch).check().unwrap();
}

#[test]
fn documentation_is_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pages = Generator::new("notes", root.join("examples/minimal")).command("UPDATE_DOCS=1 cargo test");
    let pages = pages.pages(&Notes).unwrap();
    let folder = root.join("examples/minimal/docs");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        pages.write(&folder).unwrap();
    }
    pages.check(&folder).unwrap();
}

/// Every Rust block of the guide is part of a file that is compiled.
#[test]
fn guide_shows_code_that_compiles() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |file: &str| std::fs::read_to_string(root.join(file)).unwrap();
    let compiled = [read("examples/minimal/main.rs"), read("tests/framework/guide.rs")].map(|text| squeezed(&text));
    let guide = read("docs/writing-a-provider.md");
    let blocks: Vec<_> = guide
        .split("```rust\n")
        .skip(1)
        .filter_map(|rest| rest.split("\n```").next())
        .collect();
    assert!(blocks.len() > 5, "the guide contains code");
    for block in blocks {
        let squeezed = squeezed(block);
        assert!(
            compiled.iter().any(|file| file.contains(&squeezed)),
            "this is not part of a compiled file:\n{block}"
        );
    }
}

/// Removes white space, so that indentation makes no difference.
fn squeezed(text: &str) -> String {
    text.split_whitespace().collect()
}
