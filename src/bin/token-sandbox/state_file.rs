//! The file that keeps accounts between runs.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;

const VERSION: u32 = 1;

/// The state file and its content. Its format is that of seeds, with accounts, clocks and tokens.
#[derive(Debug)]
pub(crate) struct StateFile {
    path: PathBuf,
    content: Content,
    written: String,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    version: u32,
    /// The state of each platform. Those that are not served are kept.
    platforms: BTreeMap<String, Value>,
}

impl StateFile {
    /// Reads a state file; it is empty if it does not exist.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let invalid = || {
            format!(
                "cannot read the state {}; move the file away to begin anew",
                path.display()
            )
        };
        let content = match std::fs::read(path) {
            Ok(text) => serde_json::from_slice(&text).with_context(invalid)?,
            Err(error) if error.kind() == ErrorKind::NotFound => Content {
                version: VERSION,
                ..Content::default()
            },
            Err(error) => return Err(error).with_context(invalid),
        };
        if content.version != VERSION {
            bail!(
                "the state {} was written by another version of this program",
                path.display()
            );
        }
        Ok(Self {
            path: path.to_owned(),
            content,
            written: String::new(),
        })
    }

    /// The state of a platform, if the file has one.
    pub(crate) fn platform(&self, name: &str) -> Option<&Value> {
        self.content.platforms.get(name)
    }

    /// Replaces the states of these platforms. The file is always complete: a new one replaces it. Only its
    /// owner can read it, because it contains values.
    pub(crate) fn write(&mut self, platforms: &[(&'static str, Value)]) -> anyhow::Result<()> {
        let entries = platforms
            .iter()
            .map(|(name, state)| ((*name).to_owned(), state.clone()));
        self.content.platforms.extend(entries);
        let text = serde_json::to_string_pretty(&self.content)? + "\n";
        if text == self.written {
            return Ok(());
        }
        self.replace(&text)
            .with_context(|| format!("cannot write the state {}", self.path.display()))?;
        self.written = text;
        Ok(())
    }

    fn replace(&self, text: &str) -> anyhow::Result<()> {
        // A symbolic link stays one.
        let path = self.path.canonicalize().unwrap_or_else(|_| self.path.clone());
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let directory = directory.unwrap_or_else(|| Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(directory)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        let _: File = file.persist(&path)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn state_is_kept_with_platforms_that_are_not_served() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.json");
        let mut first = StateFile::open(&path).unwrap();
        first.write(&[("striim", json!(1)), ("quix", json!(2))]).unwrap();
        let mut second = StateFile::open(&path).unwrap();
        assert_eq!(second.platform("striim"), Some(&json!(1)));
        second.write(&[("striim", json!(3))]).unwrap();
        let third = StateFile::open(&path).unwrap();
        assert_eq!(
            (third.platform("striim"), third.platform("quix")),
            (Some(&json!(3)), Some(&json!(2)))
        );
        assert_eq!(third.platform("neuroio"), None);
        assert_eq!(
            std::fs::read_dir(directory.path()).unwrap().count(),
            1,
            "no temporary file remains"
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn invalid_state_is_neither_used_nor_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.json");
        for text in ["", "{", r#"{"version": 9, "platforms": {}}"#] {
            std::fs::write(&path, text).unwrap();
            let error = format!("{:#}", StateFile::open(&path).unwrap_err());
            assert!(error.contains("state.json"), "{error}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }
}
