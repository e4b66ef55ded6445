//! The names of ephemeral tokens: `<prefix>-<expiry><random>`.
//!
//! A killed run leaves its token as an orphan. The next run deletes it, but never a token of another
//! origin. So the name contains when the token expires, and a token counts as an orphan only if it
//! *expired exactly then*. That is not true of a token of another origin with a name of the same form,
//! nor of one that was rotated since.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use jiff::Timestamp;

/// The characters, of five bits each: RFC 4648's base32 in lower case.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
/// The number of characters of the expiry: seconds since 1970, up to the year 3058.
const INSTANT: u32 = 7;
/// The number of random characters: 33 million values for tokens that expire in the same second.
const RANDOM: u32 = 5;

/// Returns a name for a token that expires at `expires_at`, of which only whole seconds count.
pub(crate) fn new(prefix: &str, expires_at: Timestamp) -> String {
    // Each is seeded by the system's randomness.
    let random = RandomState::new().build_hasher().finish();
    format!("{prefix}-{}{}", instant(expires_at), letters(random, RANDOM))
}

/// Whether a token is an orphan: created under this prefix, and it expired as its name says.
pub(crate) fn is_orphan(prefix: &str, name: &str, expires_at: Option<Timestamp>, now: Timestamp) -> bool {
    let suffix = name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('-'));
    suffix.zip(expires_at).is_some_and(|(suffix, expires_at)| {
        let random = suffix.strip_prefix(&instant(expires_at));
        let is_random = |random: &str| random.len() == RANDOM as usize && random.bytes().all(|b| ALPHABET.contains(&b));
        expires_at <= now && random.is_some_and(is_random)
    })
}

fn instant(instant: Timestamp) -> String {
    letters(instant.as_second().unsigned_abs(), INSTANT)
}

/// Encodes the lowest bits of a number, the highest of them first.
fn letters(number: u64, count: u32) -> String {
    let letter = |place| ALPHABET.get((number >> (5 * place)) as usize % ALPHABET.len());
    (0..count).rev().filter_map(letter).copied().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_differ() {
        let expiry: Timestamp = "2027-02-09T00:00:00.5Z".parse().unwrap();
        let names: std::collections::BTreeSet<_> = (0..100).map(|_| new("p", expiry)).collect();
        assert!(names.len() > 95, "of 33 million");
        assert!(names.iter().all(|name| name.len() == 14), "{names:?}");
    }

    #[test]
    fn orphan_is_a_token_whose_expiry_is_that_in_its_name() {
        let expiry = "2027-02-09T00:00:00Z";
        let name = new("ci", expiry.parse().unwrap());
        let is_orphan = |prefix, name: &str, expires_at: Option<&str>, now: &str| {
            let expires_at = expires_at.map(|instant| instant.parse().unwrap());
            super::is_orphan(prefix, name, expires_at, now.parse().unwrap())
        };
        assert!(is_orphan("ci", &name, Some(expiry), expiry));
        assert!(is_orphan(
            "ci",
            &name,
            Some("2027-02-09T00:00:00.9Z"),
            "2030-01-01T00:00:00Z"
        ));

        let later = "2027-02-09T00:00:01Z";
        for (why, prefix, name, expires_at, now) in [
            ("not expired", "ci", &*name, Some(expiry), "2027-02-08T23:59:59Z"),
            ("rotated since", "ci", &name, Some(later), later),
            ("without an expiry", "ci", &name, None, later),
            ("of another prefix", "cd", &name, Some(expiry), later),
            ("of a shorter prefix", "c", &name, Some(expiry), later),
            ("a name of another origin", "ci", "ci-production", Some(expiry), later),
            ("a longer name", "ci", &format!("{name}a"), Some(expiry), later),
            ("a shorter name", "ci", &name[..name.len() - 1], Some(expiry), later),
            ("other letters", "ci", &name.to_uppercase(), Some(expiry), later),
        ] {
            assert!(!is_orphan(prefix, name, expires_at, now), "{why}");
        }
    }
}
