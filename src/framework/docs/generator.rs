//! The generator of the pages of a provider.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::super::provider::Provider;
use super::super::resource::DynResource;
use super::super::schema::Schema;
use super::attribute_description::SchemaUse;
use super::error::DocsError;
use super::examples::Examples;
use super::function;
use super::import::Import;
use super::kind::Kind;
use super::page::{Content, Page};
use super::pages::Pages;
use super::reference::reference;

/// Generates the pages of a provider from its schemas and a folder of examples. [The module](super)
/// has an example, and describes the layout of pages and examples.
#[derive(Clone, Debug)]
pub struct Generator {
    provider: String,
    examples: PathBuf,
    command: Option<String>,
    subcategories: BTreeMap<String, String>,
    without_import: BTreeSet<String>,
}

/// A page's subject: a resource, a data source, a function and so on.
struct Subject<'a> {
    kind: Kind,
    name: &'a str,
    description: &'a str,
    deprecated: Option<&'a str>,
    /// The sections after the example.
    reference: String,
}

impl Generator {
    /// Creates a generator for the provider `provider`, such as `notes`, with the examples in the
    /// folder `examples`.
    pub fn new(provider: impl Into<String>, examples: impl Into<PathBuf>) -> Self {
        Self {
            provider: provider.into(),
            examples: examples.into(),
            command: None,
            subcategories: BTreeMap::new(),
            without_import: BTreeSet::new(),
        }
    }

    /// Sets the command that regenerates the pages, for their header and for errors.
    #[must_use]
    pub fn command(self, command: impl Into<String>) -> Self {
        Self {
            command: Some(command.into()),
            ..self
        }
    }

    /// Sets the subcategory in the registry's menu for all pages of a type or a function.
    #[must_use]
    pub fn subcategory(mut self, ty: impl Into<String>, subcategory: impl Into<String>) -> Self {
        self.subcategories.insert(ty.into(), subcategory.into());
        self
    }

    /// Declares that resources of this type cannot be imported, so that examples of imports are not
    /// required.
    #[must_use]
    pub fn without_import(mut self, ty: impl Into<String>) -> Self {
        self.without_import.insert(ty.into());
        self
    }

    /// Generates the pages of the provider.
    ///
    /// # Errors
    /// [`DocsError::MissingExamples`] lists the examples that are missing: every page requires one.
    pub fn pages<P: Provider>(&self, provider: &P) -> Result<Pages, DocsError> {
        let mut examples = Examples::in_folder(&self.examples);
        let mut pages = vec![self.index(&provider.schema(), &mut examples)];
        let mut page = |subject: &Subject<'_>, examples: &mut _| pages.push(self.page(subject, examples));
        for source in provider.data_sources() {
            let schema = source.schema();
            page(
                &Subject::new(Kind::DataSource, source.type_name(), &schema),
                &mut examples,
            );
        }
        for ephemeral in provider.ephemeral_resources() {
            let schema = ephemeral.schema();
            page(
                &Subject::new(Kind::EphemeralResource, ephemeral.type_name(), &schema),
                &mut examples,
            );
        }
        for resource in provider.list_resources() {
            let schema = resource.filter_schema();
            page(
                &Subject::new(Kind::ListResource, resource.type_name(), &schema),
                &mut examples,
            );
        }
        for action in provider.actions() {
            let schema = action.schema();
            page(&Subject::new(Kind::Action, action.type_name(), &schema), &mut examples);
        }
        for function in provider.functions() {
            let (name, signature) = (function.name(), function.signature());
            let subject = Subject {
                kind: Kind::Function,
                name,
                description: signature.description,
                deprecated: None,
                reference: function::call(&format!("provider::{}::{name}", self.provider), &signature),
            };
            page(&subject, &mut examples);
        }
        for resource in provider.resources() {
            let (ty, schema) = (resource.type_name(), resource.schema());
            let mut subject = Subject::new(Kind::Resource, ty, &schema);
            if !self.without_import.contains(ty) {
                subject.reference.push_str(&import(&*resource, &mut examples));
            }
            page(&subject, &mut examples);
        }
        examples.finish()?;
        Ok(Pages::new(pages, self.command.clone()))
    }

    /// Returns the page of the provider, which has no subcategory.
    fn index(&self, schema: &Schema, examples: &mut Examples<'_>) -> Page {
        let title = format!("{} Provider", self.provider);
        let content = Content {
            title: &title,
            subcategory: None,
            heading: &title,
            description: &schema.description,
            deprecated: schema.deprecated.as_deref(),
            requirement: None,
            usage: &examples.read("provider/provider.tf"),
            reference: &reference(schema, SchemaUse::Other),
            command: self.command.as_deref(),
        };
        Page {
            path: "index.md".to_owned(),
            text: content.to_markdown(),
        }
    }

    fn page(&self, subject: &Subject<'_>, examples: &mut Examples<'_>) -> Page {
        let Subject { kind, name, .. } = *subject;
        let (folder, title, example) = (kind.folder(), kind.title(), kind.example());
        let content = Content {
            title: &format!("{name} {title} - {}", self.provider),
            subcategory: Some(self.subcategories.get(name).map_or("", String::as_str)),
            heading: &format!("{name} ({title})"),
            description: subject.description,
            deprecated: subject.deprecated,
            requirement: kind.requirement(),
            usage: &examples.read(&format!("{folder}/{name}/{example}")),
            reference: &subject.reference,
            command: self.command.as_deref(),
        };
        Page {
            path: kind.page(&self.provider, name),
            text: content.to_markdown(),
        }
    }
}

impl<'a> Subject<'a> {
    /// Creates the subject of a schema.
    fn new(kind: Kind, name: &'a str, schema: &'a Schema) -> Self {
        Self {
            kind,
            name,
            description: &schema.description,
            deprecated: schema.deprecated.as_deref(),
            reference: reference(schema, kind.used()),
        }
    }
}

/// Returns the section about importing a resource.
fn import<C>(resource: &dyn DynResource<C>, examples: &mut Examples<'_>) -> String {
    let ty = resource.type_name();
    let mut file = |name: &str| examples.read(&format!("resources/{ty}/{name}"));
    let by_identity = resource
        .identity_schema()
        .map(|schema| (schema, file("import-by-identity.tf")));
    let import = Import {
        by_identity: by_identity.as_ref().map(|(schema, block)| (schema, &**block)),
        by_id: &file("import-by-string.tf"),
        command: &file("import.sh"),
    };
    import.to_markdown()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::framework::{
        Action, Configured, Context, DataSource, Diagnostics, DynAction, DynDataSource, DynEphemeralResource,
        DynFunction, DynListResource, EphemeralResource, Field, Function, InvalidArgument, ListItem, ListResource,
        Model, Opened, Outcome, Parameter, Progress, Resource, Signature, Type,
    };

    /// Notes.
    #[derive(Model, Clone, Debug, Default)]
    struct Note {
        /// The name.
        #[attribute(required, requires_replace, identity)]
        name: Field<String>,
    }

    /// A provider with one thing of each kind.
    struct Notes;

    impl Provider for Notes {
        type Config = Note;
        type Client = ();

        async fn configure(&self, _: &Context<()>, _: Note, _: &str) -> Result<Configured<()>, Diagnostics> {
            Ok(Configured::Ready(()))
        }

        fn resources(&self) -> Vec<Box<dyn DynResource<()>>> {
            vec![Box::new(Notes)]
        }

        fn data_sources(&self) -> Vec<Box<dyn DynDataSource<()>>> {
            vec![Box::new(Notes)]
        }

        fn ephemeral_resources(&self) -> Vec<Box<dyn DynEphemeralResource<()>>> {
            vec![Box::new(Notes)]
        }

        fn list_resources(&self) -> Vec<Box<dyn DynListResource<()>>> {
            vec![Box::new(Notes)]
        }

        fn actions(&self) -> Vec<Box<dyn DynAction<()>>> {
            vec![Box::new(Notes)]
        }

        fn functions(&self) -> Vec<Box<dyn DynFunction>> {
            vec![Box::new(Notes)]
        }
    }

    impl Resource for Notes {
        type Model = Note;
        type Client = ();
        const TYPE: &'static str = "notes_note";

        async fn create(&self, _: &Context<()>, planned: Note) -> Outcome<Note> {
            Ok(planned)
        }

        async fn read(&self, _: &Context<()>, state: Note) -> Outcome<Note, Option<Note>> {
            Ok(Some(state))
        }

        async fn delete(&self, _: &Context<()>, _: Note) -> Outcome<Note, ()> {
            Ok(())
        }
    }

    impl DataSource for Notes {
        type Model = Note;
        type Client = ();
        const TYPE: &'static str = "notes_search";

        async fn read(&self, _: &Context<()>, config: Note) -> Result<Note, Diagnostics> {
            Ok(config)
        }
    }

    impl EphemeralResource for Notes {
        type Model = Note;
        type Client = ();
        const TYPE: &'static str = "notes_draft";

        async fn open(&self, _: &Context<()>, config: Note) -> Outcome<Opened<Note>> {
            Ok(Opened {
                result: config,
                private: Vec::new(),
                renew_at: None,
            })
        }
    }

    impl ListResource for Notes {
        type Filter = Note;

        async fn list(&self, _: &Context<()>, _: Note) -> Result<Vec<ListItem<Note>>, Diagnostics> {
            Ok(Vec::new())
        }
    }

    impl Action for Notes {
        type Config = Note;
        type Client = ();
        const TYPE: &'static str = "notes_archive";

        async fn invoke(&self, _: &Context<()>, _: Note, _: &Progress) -> Result<(), Diagnostics> {
            Ok(())
        }
    }

    impl Function for Notes {
        type Arguments = (String,);
        type Output = String;
        const NAME: &'static str = "title";

        fn signature(&self) -> Signature {
            Signature {
                summary: "A title",
                description: "The title of a text.",
                parameters: vec![Parameter::new("text", Type::String, "A text.")],
                returns: Type::String,
            }
        }

        fn call(&self, (text,): (String,)) -> Result<String, InvalidArgument> {
            Ok(text)
        }
    }

    /// Writes the required examples, and returns their paths.
    fn write_examples(folder: &Path, generator: &Generator) -> Vec<String> {
        let error = generator.pages(&Notes).unwrap_err();
        let DocsError::MissingExamples(files) = error else {
            panic!("{error}")
        };
        let relative = files
            .iter()
            .map(|file| file.strip_prefix(folder).unwrap().to_str().unwrap().to_owned());
        let relative = relative.collect();
        for file in files {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, format!("# {}\n", file.file_name().unwrap().display())).unwrap();
        }
        relative
    }

    #[test]
    fn missing_examples_are_reported_and_existing_ones_shown() {
        let folder = tempfile::tempdir().unwrap();
        let generator = Generator::new("notes", folder.path());
        let expected = [
            "provider/provider.tf",
            "data-sources/notes_search/data-source.tf",
            "ephemeral-resources/notes_draft/ephemeral-resource.tf",
            "list-resources/notes_note/list-resource.tfquery.hcl",
            "actions/notes_archive/action.tf",
            "functions/title/function.tf",
            "resources/notes_note/import-by-identity.tf",
            "resources/notes_note/import-by-string.tf",
            "resources/notes_note/import.sh",
            "resources/notes_note/resource.tf",
        ];
        assert_eq!(write_examples(folder.path(), &generator), expected);
        let expected = [
            ("index.md", "provider.tf", "notes Provider"),
            ("data-sources/search.md", "data-source.tf", "notes_search (Data Source)"),
            (
                "ephemeral-resources/draft.md",
                "ephemeral-resource.tf",
                "notes_draft (Ephemeral Resource)",
            ),
            (
                "list-resources/note.md",
                "list-resource.tfquery.hcl",
                "notes_note (List Resource)",
            ),
            ("actions/archive.md", "action.tf", "notes_archive (Action)"),
            ("functions/title.md", "function.tf", "title (Function)"),
            ("resources/note.md", "resource.tf", "notes_note (Resource)"),
        ];
        let pages = generator.pages(&Notes).unwrap();
        assert_eq!(pages.iter().count(), expected.len());
        for (page, (path, example, heading)) in pages.iter().zip(expected) {
            assert_eq!(page.path, path);
            let (example, heading) = (
                format!("```terraform\n# {example}\n```\n"),
                format!("\n# {heading}\n\n"),
            );
            assert!(
                page.text.contains(&example) && page.text.contains(&heading),
                "{}",
                page.text
            );
            let replaces = page
                .text
                .contains("- `name` (String) The name. A change forces replacement.\n");
            assert_eq!(replaces, path == "resources/note.md", "{}", page.text);
            assert_eq!(
                page.text.contains("\nsubcategory: \"\"\n"),
                path != "index.md",
                "{}",
                page.text
            );
            for file in ["import-by-identity.tf", "import-by-string.tf", "import.sh"] {
                assert_eq!(page.text.contains(file), path == "resources/note.md", "{}", page.text);
            }
        }
    }

    #[test]
    fn resource_without_import_requires_no_import_example() {
        let folder = tempfile::tempdir().unwrap();
        let generator = Generator::new("notes", folder.path());
        let generator = generator
            .without_import("notes_note")
            .subcategory("notes_note", "Writing");
        let examples = write_examples(folder.path(), &generator);
        assert!(examples.iter().all(|file| !file.contains("import")), "{examples:?}");
        let page = generator.pages(&Notes).unwrap().into_iter().last().unwrap();
        assert!(!page.text.contains("## Import"), "{}", page.text);
        assert!(page.text.contains("\nsubcategory: \"Writing\"\n"), "{}", page.text);
    }
}
