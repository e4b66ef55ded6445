//! A minimal Terraform provider: notes, which are files in a folder.

use std::path::PathBuf;
use std::process::ExitCode;
use std::{fs, io};

use token_providers::prelude::*;

/// Manages notes in a folder.
#[derive(Model)]
pub(crate) struct Config {
    /// The path of an existing folder.
    #[attribute(required)]
    folder: Field<String>,
}

/// A note: a file in the folder.
#[derive(Model, Clone)]
struct Note {
    /// The title, which is the name of the file.
    #[attribute(required, requires_replace, import, length = 1..=80, check = is_file_name)]
    title: Field<String>,
    /// The text.
    #[attribute(required)]
    text: Field<String>,
    /// The number of characters in the text.
    #[attribute(computed)]
    length: Field<i64>,
}

fn is_file_name(title: &str) -> Result<(), &'static str> {
    let is_plain = !title.starts_with('.') && !title.contains(['/', '\\']);
    is_plain
        .then_some(())
        .ok_or("must not begin with a dot or contain slashes")
}

pub(crate) struct Notes;

impl Provider for Notes {
    type Config = Config;
    type Client = PathBuf;

    async fn configure(&self, _: &Context<()>, config: Config, _: &str) -> Result<Configured<PathBuf>, Diagnostics> {
        Ok(match config.folder {
            Field::Known(folder) => Configured::Ready(folder.into()),
            _ => Configured::Unknown("folder"),
        })
    }

    fn resources(&self) -> Vec<Box<dyn DynResource<PathBuf>>> {
        vec![Box::new(NoteResource)]
    }
}

struct NoteResource;

impl Resource for NoteResource {
    type Model = Note;
    type Client = PathBuf;

    const TYPE: &'static str = "notes_note";

    async fn create(&self, context: &Context<PathBuf>, mut note: Note) -> Outcome<Note> {
        let text = note.text.get()?;
        let file = context.client()?.join(note.title.get()?);
        fs::write(file, text).or_diagnostic("Note not written")?;
        note.length = i64::try_from(text.chars().count()).unwrap_or(i64::MAX).into();
        Ok(note)
    }

    async fn read(&self, context: &Context<PathBuf>, mut note: Note) -> Outcome<Note, Option<Note>> {
        match fs::read_to_string(context.client()?.join(note.title.get()?)) {
            Ok(text) => {
                note.length = i64::try_from(text.chars().count()).unwrap_or(i64::MAX).into();
                note.text = text.into();
                Ok(Some(note))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).or_diagnostic("Note not read")?,
        }
    }

    async fn update(&self, context: &Context<PathBuf>, _: Note, note: Note) -> Outcome<Note> {
        self.create(context, note).await
    }

    async fn delete(&self, context: &Context<PathBuf>, note: Note) -> Outcome<Note, ()> {
        let file = context.client()?.join(note.title.get()?);
        Ok(fs::remove_file(file).or_diagnostic("Note not deleted")?)
    }
}

fn main() -> ExitCode {
    let info = ProviderInfo::new("registry.terraform.io/example/notes", env!("CARGO_PKG_VERSION"));
    plugin::run(&info, || Notes)
}
