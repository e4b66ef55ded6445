//! The path of a secret.

use std::fmt;

/// The path of a secret in a KV version 2: the path of the mount and the path of the secret in the
/// mount. Both may have several segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretPath {
    mount: String,
    path: String,
}

/// The reason a text is not the path of a mount or a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSecretPath {
    /// An empty segment, `.` or `..`, or an empty path.
    #[error("must be a path such as striim/ci, without empty segments, \".\" or \"..\"")]
    Segment,
    /// "The path parameter cannot end in periods" (Vault's documentation, "Parameter restrictions").
    #[error("must not end in a period")]
    Period,
    /// A control character.
    #[error("must not contain control characters")]
    Control,
}

impl SecretPath {
    /// Creates the path from those of the mount and of the secret in it. Leading and trailing slashes
    /// are ignored.
    ///
    /// # Errors
    /// Returns [`InvalidSecretPath`] for a path that Vault or a proxy would take for another one.
    pub fn new(mount: &str, path: &str) -> Result<Self, InvalidSecretPath> {
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
fn check(path: &str) -> Result<&str, InvalidSecretPath> {
    let path = path.trim_matches('/');
    if path.chars().any(char::is_control) {
        return Err(InvalidSecretPath::Control);
    }
    if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(InvalidSecretPath::Segment);
    }
    if path.ends_with('.') {
        return Err(InvalidSecretPath::Period);
    }
    Ok(path)
}

impl fmt::Display for SecretPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.mount, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_accepts_mount_and_path_with_several_segments() {
        let path = SecretPath::new("team/kv/", "/striim/ci").unwrap();
        assert_eq!(path.below("data"), "team/kv/data/striim/ci");
        assert_eq!(path.to_string(), "team/kv/striim/ci");
    }

    #[test]
    fn new_rejects_ambiguous_paths() {
        use InvalidSecretPath::*;
        for (path, problem) in [
            ("", Segment),
            ("/", Segment),
            ("a//b", Segment),
            ("../sys", Segment),
            ("a/./b", Segment),
            ("a.", Period),
            ("a\nb", Control),
        ] {
            assert_eq!(SecretPath::new("secret", path), Err(problem), "{path:?}");
            assert_eq!(SecretPath::new(path, "ci"), Err(problem), "{path:?}");
        }
    }
}
