//! The names of ephemeral service accounts: `<prefix>-<when it ends><chance>`.
//!
//! A run that is killed leaves its account behind, and the next one is to remove it, but never somebody else's. So the name
//! says when the account's token ends, and an account counts as left over only if its token *ended just then*. An
//! account of another origin does not, even if its name has the same form; nor does one that somebody has taken over by
//! rotating it.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::ops::RangeInclusive;

use jiff::Timestamp;

use crate::striim::api::ServiceAccount;

/// How long a prefix may be: with a hyphen and the suffix, 30 characters at most.
pub(super) const PREFIX: RangeInclusive<usize> = 1..=17;

/// Five bits each: RFC 4648's base32 in lower case.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
/// Seconds since 1970, up to the year 3058.
const INSTANT: u32 = 7;
/// Two accounts that end in the same second differ in 33 million ways.
const CHANCE: u32 = 5;

/// A name for an account whose token ends at `expires_at`, of which only whole seconds count.
pub(super) fn new(prefix: &str, expires_at: Timestamp) -> String {
    // Each is seeded by the system's randomness.
    let chance = RandomState::new().build_hasher().finish();
    format!("{prefix}-{}{}", instant(expires_at), letters(chance, CHANCE))
}

/// Whether an account was made under this prefix, and its token has ended as was planned.
pub(super) fn is_left_over(prefix: &str, account: &ServiceAccount, now: Timestamp) -> bool {
    let suffix = account
        .name
        .strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix('-'));
    suffix.zip(account.expires_at).is_some_and(|(suffix, expires_at)| {
        let chance = suffix.strip_prefix(&instant(expires_at));
        let is_chance = |chance: &str| chance.len() == CHANCE as usize && chance.bytes().all(|b| ALPHABET.contains(&b));
        expires_at <= now && chance.is_some_and(is_chance)
    })
}

fn instant(instant: Timestamp) -> String {
    letters(instant.as_second().unsigned_abs(), INSTANT)
}

/// The lowest bits of a number, the highest of them first.
fn letters(number: u64, count: u32) -> String {
    let letter = |place| ALPHABET.get((number >> (5 * place)) as usize % ALPHABET.len());
    (0..count).rev().filter_map(letter).copied().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(name: &str, expires_at: Option<&str>) -> ServiceAccount {
        ServiceAccount {
            name: name.to_owned(),
            token_id: None,
            description: None,
            managed_by: None,
            expires_at: expires_at.map(|instant| instant.parse().unwrap()),
            unreadable_expiry: None,
            updated_at: None,
            updated_by: None,
        }
    }

    #[test]
    fn a_name_fits_the_platform_and_no_two_are_the_same() {
        let ends: Timestamp = "2027-02-09T00:00:00.5Z".parse().unwrap();
        let longest = "p".repeat(*PREFIX.end());
        let names: std::collections::BTreeSet<_> = (0..100).map(|_| new(&longest, ends)).collect();
        assert!(names.len() > 95, "of 33 million");
        assert!(names.iter().all(|name| name.len() == 30), "{names:?}");
        assert_eq!(new("p", ends).len(), 14);
    }

    #[test]
    fn only_what_ended_just_when_its_name_says_is_left_over() {
        let ends = "2027-02-09T00:00:00Z";
        let name = new("ci", ends.parse().unwrap());
        let is_left_over = |prefix, name: &str, expires_at, now: &str| {
            super::is_left_over(prefix, &account(name, expires_at), now.parse().unwrap())
        };
        assert!(is_left_over("ci", &name, Some(ends), ends));
        assert!(is_left_over(
            "ci",
            &name,
            Some("2027-02-09T00:00:00.9Z"),
            "2030-01-01T00:00:00Z"
        ));

        let later = "2027-02-09T00:00:01Z";
        for (why, prefix, name, expires_at, now) in [
            ("not ended", "ci", &*name, Some(ends), "2027-02-08T23:59:59Z"),
            ("rotated since", "ci", &name, Some(later), later),
            ("without an end", "ci", &name, None, later),
            ("of another prefix", "cd", &name, Some(ends), later),
            ("of a shorter prefix", "c", &name, Some(ends), later),
            ("a person's name", "ci", "ci-production", Some(ends), later),
            ("a longer name", "ci", &format!("{name}a"), Some(ends), later),
            ("a shorter name", "ci", &name[..name.len() - 1], Some(ends), later),
            ("other letters", "ci", &name.to_uppercase(), Some(ends), later),
        ] {
            assert!(!is_left_over(prefix, name, expires_at, now), "{why}");
        }
    }
}
