//! The predecessor of a service token: the token that a rotation replaced, while both are valid
//! (`overlap`).
//!
//! An assignment that is created or changed during an overlap concerns both tokens. Terraform
//! passes the assignment only the access key of the current one, and the process that applies a
//! plan has not read the token's state. So this process remembers the predecessors that it created
//! or read. For all others, the description of the current token names its predecessor:
//! `<description> (after <access key of the predecessor>)`.

use std::collections::BTreeMap;

use super::api::AccessKey;

/// Returns the description of a new token whose predecessor stays valid for a while.
pub(super) fn describe(description: &str, predecessor: &AccessKey) -> String {
    format!("{description} (after {predecessor})")
}

/// Splits a token's description into the user's text and the predecessor that it names.
pub(super) fn parse(described: &str) -> (&str, Option<AccessKey>) {
    let parsed = described.strip_suffix(')').and_then(|text| {
        let (description, key) = text.rsplit_once(" (after ")?;
        Some((description, key.parse().ok()?))
    });
    match parsed {
        Some((description, predecessor)) => (description, Some(predecessor)),
        None => (described, None),
    }
}

/// A predecessor that still exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Predecessor {
    pub(super) access_key: AccessKey,
    /// Whether the predecessor remains valid for the overlap. If not, its deletion failed, and the
    /// next apply retries it.
    pub(super) overlaps: bool,
}

/// The tokens that this process knows, each with its predecessor.
#[derive(Debug, Default)]
pub(super) struct Predecessors(BTreeMap<AccessKey, Option<Predecessor>>);

impl Predecessors {
    /// Records a token and its predecessor.
    pub(super) fn record(&mut self, access_key: AccessKey, predecessor: Option<Predecessor>) {
        self.0.insert(access_key, predecessor);
    }

    /// Returns the predecessor of a token; the outer `None` means that the token is not recorded.
    pub(super) fn predecessor(&self, access_key: &AccessKey) -> Option<Option<Predecessor>> {
        self.0.get(access_key).cloned()
    }

    /// Returns the token whose predecessor is this one.
    pub(super) fn successor(&self, access_key: &AccessKey) -> Option<AccessKey> {
        let mut recorded = self.0.iter();
        let found = recorded.find(|(_, before)| before.as_ref().is_some_and(|before| before.access_key == *access_key));
        found.map(|(successor, _)| successor.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn description_names_the_predecessor_after_the_users_text() {
        let predecessor: AccessKey = "XkQBXKr652MV1VF9".parse().unwrap();
        let described = describe("ci (prod)", &predecessor);
        assert_eq!(described, "ci (prod) (after XkQBXKr652MV1VF9)");
        assert_eq!(parse(&described), ("ci (prod)", Some(predecessor)));
        for plain in [
            "",
            "ci",
            "ci (after)",
            "ci (after lunch break)",
            "ci (after XkQBXKr652MV1VF9) x",
        ] {
            assert_eq!(parse(plain), (plain, None));
        }
    }
}
