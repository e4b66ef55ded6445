//! The pages of a provider, and the folder that contains them.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::slice;
use std::vec;

use super::error::{DocsError, Outdated};
use super::examples::read;
use super::kind::Kind;
use super::page::Page;

/// The pages of a provider, as [`Generator::pages`](super::Generator::pages) generates them.
#[derive(Clone, Debug)]
pub struct Pages {
    pages: Vec<Page>,
    command: Option<String>,
}

impl Pages {
    pub(super) fn new(pages: Vec<Page>, command: Option<String>) -> Self {
        Self { pages, command }
    }

    /// Iterates over the pages, `index.md` first.
    pub fn iter(&self) -> slice::Iter<'_, Page> {
        self.pages.iter()
    }

    /// Compares the files in `folder` with the pages.
    ///
    /// # Errors
    /// [`Outdated`] if pages are missing, different or stale, or an I/O error.
    pub fn check(&self, folder: impl AsRef<Path>) -> Result<(), DocsError> {
        let outdated = self.compare(folder.as_ref())?;
        if outdated.is_empty() {
            Ok(())
        } else {
            Err(outdated.into())
        }
    }

    /// Writes the pages to `folder`, and deletes stale ones.
    ///
    /// # Errors
    /// An I/O error.
    pub fn write(&self, folder: impl AsRef<Path>) -> Result<(), DocsError> {
        let folder = folder.as_ref();
        let outdated = self.compare(folder)?;
        for page in outdated.stale {
            fs::remove_file(&page).map_err(DocsError::at(page))?;
        }
        for page in &self.pages {
            let path = folder.join(&page.path);
            let parent = path.parent().unwrap_or(folder);
            fs::create_dir_all(parent).map_err(DocsError::at(parent))?;
            fs::write(&path, &page.text).map_err(DocsError::at(path))?;
        }
        Ok(())
    }

    fn compare(&self, folder: &Path) -> Result<Outdated, DocsError> {
        let mut found = found(folder)?;
        let mut outdated = Outdated {
            command: self.command.clone(),
            ..Outdated::default()
        };
        for page in &self.pages {
            let path = folder.join(&page.path);
            match found.remove(&path) {
                None => outdated.missing.push(path),
                Some(text) if text != page.text => {
                    let line = first_difference(&text, &page.text);
                    outdated.different.push((path, line));
                }
                Some(_) => {}
            }
        }
        outdated.stale.extend(found.into_keys());
        Ok(outdated)
    }
}

impl IntoIterator for Pages {
    type Item = Page;
    type IntoIter = vec::IntoIter<Page>;

    fn into_iter(self) -> Self::IntoIter {
        self.pages.into_iter()
    }
}

impl<'a> IntoIterator for &'a Pages {
    type Item = &'a Page;
    type IntoIter = slice::Iter<'a, Page>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Returns the generated files in a folder, with their content. Other files are written by hand.
fn found(folder: &Path) -> Result<BTreeMap<PathBuf, String>, DocsError> {
    let mut files = vec![folder.join("index.md")];
    for folder in Kind::ALL.map(|kind| folder.join(kind.folder())) {
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries.map_err(DocsError::at(&folder))?,
        };
        for entry in entries {
            let file = entry.map_err(DocsError::at(&folder))?.path();
            if file.extension().is_some_and(|extension| extension == "md") {
                files.push(file);
            }
        }
    }
    let mut texts = BTreeMap::new();
    for file in files {
        match read(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            text => {
                let text = text.map_err(DocsError::at(&file))?;
                texts.insert(file, text);
            }
        }
    }
    Ok(texts)
}

/// Returns the number of the first line that differs, from 1.
fn first_difference(one: &str, other: &str) -> usize {
    let lines = one.lines().zip(other.lines());
    lines.take_while(|(one, other)| one == other).count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages() -> Pages {
        let page = |path: &str| Page {
            path: path.to_owned(),
            text: format!("# {path}\n\nOne.\n"),
        };
        let pages = ["index.md", "resources/note.md"].map(page).to_vec();
        Pages::new(pages, Some("make docs".to_owned()))
    }

    fn outdated(folder: &Path) -> String {
        let error = pages().check(folder).unwrap_err();
        assert!(matches!(error, DocsError::Outdated(_)), "{error}");
        format!("{error:?}")
            .replace(&folder.display().to_string(), "docs")
            .replace('\\', "/")
    }

    #[test]
    fn written_pages_are_up_to_date() {
        let folder = tempfile::tempdir().unwrap();
        let docs = folder.path().join("docs");
        pages().write(&docs).unwrap();
        pages().check(&docs).unwrap();
        // Line endings as Git may write them on Windows.
        fs::write(docs.join("index.md"), "# index.md\r\n\r\nOne.\r\n").unwrap();
        pages().check(&docs).unwrap();
    }

    #[test]
    fn check_lists_outdated_pages_and_write_corrects_them() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        for name in Kind::ALL.map(Kind::folder).into_iter().chain(["guides"]) {
            fs::create_dir_all(folder.join(name)).unwrap();
        }
        fs::write(folder.join("index.md"), "# index.md\n\nTwo.\n").unwrap();
        let by_hand = ["guides/start.md", "README.md", "actions/picture.png"];
        for file in by_hand.into_iter().chain(["actions/old.md"]) {
            fs::write(folder.join(file), "").unwrap();
        }
        let expected = "\
the documentation is out of date:
- docs/resources/note.md is missing
- docs/index.md differs from line 3 on
- docs/actions/old.md is stale: no schema generates it
Run `make docs`.";
        assert_eq!(outdated(folder), expected);
        pages().write(folder).unwrap();
        pages().check(folder).unwrap();
        assert!(by_hand.iter().all(|file| folder.join(file).exists()));
        assert!(!folder.join("actions/old.md").exists());
    }

    #[test]
    fn check_of_absent_folder_lists_all_pages_as_missing() {
        let folder = tempfile::tempdir().unwrap();
        let listed = outdated(&folder.path().join("none"));
        assert_eq!(listed.matches("is missing").count(), 2, "{listed}");
    }
}
