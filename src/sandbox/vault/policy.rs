//! Policies: the capabilities of a token at a path.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use serde::Serialize;

/// A capability of a policy (Vault's documentation, "Policies", "Capabilities").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Capability {
    /// Writes to a path without content.
    Create,
    /// Deletions.
    Delete,
    /// No access, regardless of other capabilities.
    Deny,
    /// Lists.
    List,
    /// Reads.
    Read,
    /// All capabilities. Only the root policy has it.
    Root,
    /// Writes to a path with content.
    Update,
}

/// The policy of a token.
#[derive(Clone, Debug)]
pub(super) enum Policy {
    Root,
    /// Capabilities by the pattern of a path.
    Rules(Vec<(String, BTreeSet<Capability>)>),
}

impl Policy {
    pub(super) fn from_rules(rules: &[(&str, &[Capability])]) -> Self {
        let rule = |(path, granted): &(&str, &[Capability])| ((*path).to_owned(), granted.iter().copied().collect());
        Self::Rules(rules.iter().map(rule).collect())
    }

    /// The capabilities that the most specific matching pattern grants at `path`; `deny` if there
    /// are none.
    pub(super) fn capabilities_at(&self, path: &str) -> BTreeSet<Capability> {
        let Self::Rules(rules) = self else {
            return BTreeSet::from([Capability::Root]);
        };
        let matching = rules.iter().filter(|(pattern, _)| matches(pattern, path));
        let best = matching.max_by_key(|(pattern, _)| precedence(pattern));
        match best {
            Some((_, granted)) if !granted.is_empty() && !granted.contains(&Capability::Deny) => granted.clone(),
            _ => BTreeSet::from([Capability::Deny]),
        }
    }

    /// Whether any capability is granted below a mount, whose path ends in a slash.
    pub(super) fn grants_any_below(&self, mount: &str) -> bool {
        let Self::Rules(rules) = self else { return true };
        rules.iter().any(|(pattern, granted)| {
            let wildcard = pattern.find(['*', '+']).unwrap_or(pattern.len());
            let fixed = &pattern[..wildcard];
            let has_wildcard = fixed.len() < pattern.len();
            let is_below = fixed.starts_with(mount) || (has_wildcard && mount.starts_with(fixed));
            is_below && !granted.is_empty() && !granted.contains(&Capability::Deny)
        })
    }

    pub(super) fn allows(&self, capability: Capability, path: &str) -> bool {
        let granted = self.capabilities_at(path);
        granted.contains(&Capability::Root) || granted.contains(&capability)
    }
}

/// Whether a pattern matches a path. A final `*` matches any text, `+` matches one segment.
fn matches(pattern: &str, path: &str) -> bool {
    let (pattern, is_prefix) = match pattern.strip_suffix('*') {
        Some(start) => (start, true),
        None => (pattern, false),
    };
    let mut wanted = pattern.split('/').peekable();
    let mut found = path.split('/');
    while let Some(segment) = wanted.next() {
        let last = wanted.peek().is_none();
        let fits = match found.next() {
            None => false,
            Some(_) if last && is_prefix && segment.is_empty() => true,
            Some(found) if last && is_prefix => found.starts_with(segment) || segment == "+",
            Some(found) => segment == "+" || segment == found,
        };
        if !fits {
            return false;
        }
    }
    is_prefix || found.next().is_none()
}

/// Returns a key by which the pattern with the highest precedence is the greatest (Vault's
/// documentation, "Policies", "Policy syntax"): its first wildcard is later, it does not end in
/// `*`, it has fewer `+`, it is longer, it is later in the alphabet.
fn precedence(pattern: &str) -> impl Ord {
    let wildcard = pattern.find(['*', '+']).unwrap_or(usize::MAX);
    let pluses = pattern.split('/').filter(|segment| *segment == "+").count();
    let exact = !pattern.ends_with('*');
    (wildcard, exact, Reverse(pluses), pattern.len(), pattern.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_specific_pattern_takes_precedence() {
        use Capability::{Create, Delete, Deny, Read, Update};
        let policy = Policy::from_rules(&[
            ("secret/*", &[Read]),
            ("secret/data/+/token", &[Update]),
            ("secret/data/ci/*", &[Create]),
            ("secret/data/ci/token", &[Delete]),
            ("secret/data/ci/private", &[Read, Deny]),
        ]);
        for (path, granted) in [
            ("secret/data", Read),
            ("secret/data/ci", Read),
            ("secret/data/ci/other", Create),
            ("secret/data/ci/token", Delete),
            ("secret/data/ci/private", Deny),
            ("secret/data/cd/token", Update),
            ("secret/data/cd/token/deep", Read),
            ("other", Deny),
        ] {
            assert_eq!(policy.capabilities_at(path), BTreeSet::from([granted]), "{path}");
        }
        assert_eq!(Policy::Root.capabilities_at("any"), BTreeSet::from([Capability::Root]));
    }
}
