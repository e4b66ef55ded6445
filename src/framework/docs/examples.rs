//! Examples for the pages.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::error::DocsError;

/// A folder of examples. Missing examples are collected, and reported together.
pub(super) struct Examples<'a> {
    folder: &'a Path,
    missing: Vec<PathBuf>,
    failed: Option<DocsError>,
}

impl<'a> Examples<'a> {
    pub(super) fn in_folder(folder: &'a Path) -> Self {
        Self {
            folder,
            missing: Vec::new(),
            failed: None,
        }
    }

    /// Returns an example; empty if it cannot be read.
    pub(super) fn read(&mut self, file: &str) -> String {
        let path = self.folder.join(file);
        match read(&path) {
            Ok(text) => return text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.missing.push(path),
            Err(error) => self.failed = Some(DocsError::at(path)(error)),
        }
        String::new()
    }

    /// Returns an error if examples are missing or could not be read.
    pub(super) fn finish(self) -> Result<(), DocsError> {
        match self.failed {
            Some(error) => Err(error),
            None if self.missing.is_empty() => Ok(()),
            None => Err(DocsError::MissingExamples(self.missing)),
        }
    }
}

/// Reads a file with Unix line endings. Git may have changed them on Windows.
pub(super) fn read(path: &Path) -> io::Result<String> {
    Ok(fs::read_to_string(path)?.replace("\r\n", "\n"))
}
