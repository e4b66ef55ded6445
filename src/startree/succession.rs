//! Which service token a token was put in the place of, while both are valid (`overlap`).
//!
//! An assignment that is created or changed during an overlap concerns both tokens. Terraform passes it the access key of the
//! present one alone, and the process that applies a plan has not read the token's state. So what this process did or read is
//! remembered, and the description of the present token says the rest: `<description> (after <access key of the one before>)`.

use std::collections::BTreeMap;

use super::api::{AccessKey, Told};
use super::connection::Connection;
use crate::rest::Operation;

/// The description of a token that is put in the place of another one, which stays valid for a while.
pub(super) fn describe(description: &str, predecessor: &AccessKey) -> String {
    format!("{description} (after {predecessor})")
}

/// The description that the user gave, and the predecessor that is named after it.
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

/// The token before another one, which is still there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Predecessor {
    pub(super) access_key: AccessKey,
    /// Whether it is to be valid for a while; otherwise it could not be revoked, and the next apply revokes it.
    pub(super) overlaps: bool,
}

/// The tokens that this process knows, each with the one before it.
#[derive(Debug, Default)]
pub(super) struct Successions(BTreeMap<AccessKey, Option<Predecessor>>);

impl Successions {
    /// Records a token and the one before it.
    pub(super) fn record(&mut self, access_key: AccessKey, predecessor: Option<Predecessor>) {
        self.0.insert(access_key, predecessor);
    }

    /// The token before this one; the outer `None` if this process does not know.
    pub(super) fn predecessor(&self, access_key: &AccessKey) -> Option<Option<Predecessor>> {
        self.0.get(access_key).cloned()
    }

    /// The token that was put in the place of this one.
    pub(super) fn successor(&self, access_key: &AccessKey) -> Option<AccessKey> {
        let mut known = self.0.iter();
        let found = known.find(|(_, before)| before.as_ref().is_some_and(|before| before.access_key == *access_key));
        found.map(|(successor, _)| successor.clone())
    }
}

impl Connection {
    /// The token before this one, which is still valid, by what this process knows or the descriptions of both say. Two
    /// tokens of one description are not enough: a role must not reach a token of another resource.
    pub(super) async fn predecessor(&self, operation: &Operation, access_key: &AccessKey) -> Option<Predecessor> {
        if let Some(known) = self.tokens.predecessor(access_key) {
            return known;
        }
        let Ok(Told::Text(described)) = self.tokens.read(operation, access_key).await else {
            return None;
        };
        let predecessor = match parse(&described) {
            (description, Some(predecessor)) => {
                let read = self.tokens.read(operation, &predecessor).await;
                let is_it = matches!(read, Ok(Told::Text(text)) if parse(&text).0 == description);
                is_it.then_some(Predecessor {
                    access_key: predecessor,
                    overlaps: true,
                })
            }
            (_, None) => None,
        };
        self.tokens.follows(access_key.clone(), predecessor.clone());
        predecessor
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
