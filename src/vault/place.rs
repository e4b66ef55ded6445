//! The place of a secret.

use std::fmt;

/// The place of a secret in a KV version 2: the path of the mount and the path of the secret in it.
/// Both may have several segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    mount: String,
    path: String,
}

/// The reason a text is not the path of a mount or a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPlace {
    /// An empty segment, `.` or `..`, or an empty path.
    #[error("must be a path such as striim/ci, without empty segments, \".\" or \"..\"")]
    Parts,
    /// "The path parameter cannot end in periods" (Vault's documentation, "Parameter restrictions").
    #[error("must not end in a period")]
    Period,
    /// A control character.
    #[error("must not contain control characters")]
    Control,
}

impl Place {
    /// Creates a place from the path of a mount and the path of a secret; leading and trailing
    /// slashes are ignored.
    ///
    /// # Errors
    /// Returns [`InvalidPlace`] for a path that Vault or a proxy would take for another one.
    pub fn new(mount: &str, path: &str) -> Result<Self, InvalidPlace> {
        Ok(Self {
            mount: check(mount)?.to_owned(),
            path: check(path)?.to_owned(),
        })
    }

    /// The path of the secret's data in the API, as it appears in a policy.
    pub fn data_path(&self) -> String {
        self.below("data")
    }

    /// The path of the mount.
    pub(super) fn mount(&self) -> &str {
        &self.mount
    }

    /// The API path of the secret's `data`, `metadata` and so on, without `/v1/`.
    pub(super) fn below(&self, kind: &str) -> String {
        format!("{}/{kind}/{}", self.mount, self.path)
    }
}

/// Removes slashes at both ends and checks the path.
fn check(path: &str) -> Result<&str, InvalidPlace> {
    let path = path.trim_matches('/');
    if path.chars().any(char::is_control) {
        return Err(InvalidPlace::Control);
    }
    if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(InvalidPlace::Parts);
    }
    if path.ends_with('.') {
        return Err(InvalidPlace::Period);
    }
    Ok(path)
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.mount, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn place_accepts_mount_and_path_of_several_segments() {
        let place = Place::new("team/kv/", "/striim/ci").unwrap();
        assert_eq!(place.below("data"), "team/kv/data/striim/ci");
        assert_eq!(place.to_string(), "team/kv/striim/ci");
    }

    #[test]
    fn place_rejects_ambiguous_paths() {
        use InvalidPlace::*;
        for (path, problem) in [
            ("", Parts),
            ("/", Parts),
            ("a//b", Parts),
            ("../sys", Parts),
            ("a/./b", Parts),
            ("a.", Period),
            ("a\nb", Control),
        ] {
            assert_eq!(Place::new("secret", path), Err(problem), "{path:?}");
            assert_eq!(Place::new(path, "ci"), Err(problem), "{path:?}");
        }
    }
}
