//! Errors of generating and checking documentation.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Documentation cannot be generated, or is out of date.
///
/// `Debug` shows the same text as `Display`, because a failed test prints it.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum DocsError {
    /// Examples are missing.
    #[error("these examples are missing:{}", listed(.0.iter().map(|file| file.display())))]
    MissingExamples(Vec<PathBuf>),
    /// The pages in a folder differ from the generated ones.
    #[error(transparent)]
    Outdated(#[from] Outdated),
    /// A file or folder could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

/// The differences between the pages in a folder and the generated ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outdated {
    /// Pages that are missing.
    pub missing: Vec<PathBuf>,
    /// Pages that differ, with the number of the first different line, from 1.
    pub different: Vec<(PathBuf, usize)>,
    /// Stale pages: pages that are no longer generated.
    pub stale: Vec<PathBuf>,
    /// The command that regenerates the pages.
    pub command: Option<String>,
}

impl Outdated {
    /// Returns whether there are no differences.
    pub(super) fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.different.is_empty() && self.stale.is_empty()
    }
}

impl DocsError {
    /// Adds the path to an error.
    pub(super) fn at(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        |source| Self::Io {
            path: path.into(),
            source,
        }
    }
}

impl fmt::Debug for DocsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Outdated {}

impl fmt::Display for Outdated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let missing = self.missing.iter().map(|page| format!("{} is missing", page.display()));
        let different = self.different.iter();
        let different = different.map(|(page, line)| format!("{} differs from line {line} on", page.display()));
        let stale = self
            .stale
            .iter()
            .map(|page| format!("{} is stale: no schema generates it", page.display()));
        write!(
            f,
            "the documentation is out of date:{}",
            listed(missing.chain(different).chain(stale))
        )?;
        match &self.command {
            Some(command) => write!(f, "\nRun `{command}`."),
            None => Ok(()),
        }
    }
}

fn listed(items: impl Iterator<Item = impl fmt::Display>) -> String {
    items.map(|item| format!("\n- {item}")).collect()
}
