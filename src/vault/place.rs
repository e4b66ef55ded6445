//! Where a secret is.

use std::fmt;

/// A secret's place in a KV version 2: the path of the mount, and the secret's path below it. Both may be deep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    mount: String,
    path: String,
}

/// Why a text is not the path of a mount or a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPlace {
    /// `a//b`, `..`, or nothing at all.
    #[error("must be a path such as striim/ci, without empty parts, \".\" or \"..\"")]
    Parts,
    /// "The path parameter cannot end in periods" (Vault's documentation, "Parameter restrictions").
    #[error("must not end in a period")]
    Period,
    /// Something that is not to be seen.
    #[error("must not hold control characters")]
    Control,
}

impl Place {
    /// A secret at `path` of a mount; slashes at the ends of either do not matter.
    ///
    /// # Errors
    /// [`InvalidPlace`] for what Vault, or a proxy before it, would take for another path.
    pub fn new(mount: &str, path: &str) -> Result<Self, InvalidPlace> {
        Ok(Self {
            mount: check(mount)?.to_owned(),
            path: check(path)?.to_owned(),
        })
    }

    /// The path of its data in the API, as a policy names it.
    pub fn data_path(&self) -> String {
        self.below("data")
    }

    /// The path of the mount.
    pub(super) fn mount(&self) -> &str {
        &self.mount
    }

    /// The path of what the API calls `data`, `metadata` … of the secret, without `/v1/`.
    pub(super) fn below(&self, kind: &str) -> String {
        format!("{}/{kind}/{}", self.mount, self.path)
    }
}

/// A path without slashes at its ends.
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
    fn mounts_and_paths_may_be_deep() {
        let place = Place::new("team/kv/", "/striim/ci").unwrap();
        assert_eq!(place.below("data"), "team/kv/data/striim/ci");
        assert_eq!(place.to_string(), "team/kv/striim/ci");
    }

    #[test]
    fn what_could_lead_elsewhere_is_refused() {
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
