//! A folder that a web server may serve while it changes.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Copies an archive. A published one never changes: lock files contain its hash.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    let contents = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    match fs::read(to) {
        Ok(published) => ensure_unchanged(to, published == contents),
        Err(_) => replace(to, &contents),
    }
}

/// Fails unless the archive in or behind a published file is the same.
pub(crate) fn ensure_unchanged(published: &Path, is_same: bool) -> Result<()> {
    ensure!(
        is_same,
        "{} is published with another archive, whose hash is in its users' lock files. Publish a new version, or delete the \
         file if no user has installed it.",
        published.display()
    );
    Ok(())
}

/// Reads a JSON document; without the file, an empty one.
pub(crate) fn document<T: DeserializeOwned + Default>(file: &Path) -> Result<T> {
    match fs::read(file) {
        Ok(json) => serde_json::from_slice(&json)
            .with_context(|| format!("{} is not the document that is expected there", file.display())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(T::default()),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
    }
}

/// Writes a JSON document.
pub(crate) fn write_document(file: &Path, document: &impl Serialize) -> Result<()> {
    let mut json = serde_json::to_string_pretty(document)?;
    json.push('\n');
    replace(file, json.as_bytes())
}

/// Writes a file at once, so that no reader sees a part of it.
pub(crate) fn replace(file: &Path, contents: &[u8]) -> Result<()> {
    let folder = file.parent().context("a file in a folder")?;
    let name = file.file_name().context("a file's name")?.to_string_lossy();
    let partial = folder.join(format!(".{name}.partial"));
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(&partial, contents))
        .and_then(|()| fs::rename(&partial, file))
        .with_context(|| format!("cannot write {}", file.display()))
}
