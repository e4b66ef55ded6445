//! The descriptions of ephemeral service tokens: `<prefix> (for one run of Terraform, until <end of
//! its lifetime>)`.
//!
//! A killed run leaves an orphan, which does not expire. A later run deletes it, but must delete
//! neither the token of another run in progress nor any other token. So the description contains
//! the end of the token's lifetime, and only a token whose description has exactly this form, and
//! whose lifetime is over, is an orphan.

use jiff::Timestamp;

use crate::token::Expiry;

/// Returns the description of a token whose lifetime ends at `end`.
pub(in crate::startree) fn new(prefix: &str, end: Expiry) -> String {
    format!("{prefix} (for one run of Terraform, until {end})")
}

/// Returns whether a token with this description was created with this prefix, and its lifetime is
/// over.
pub(in crate::startree) fn is_orphan(prefix: &str, description: &str, now: Timestamp) -> bool {
    let end = description.trim_end_matches(')').rsplit(' ').next();
    let end = end.and_then(|end| Expiry::parse(end).ok());
    end.is_some_and(|end| end.has_passed(now) && description == new(prefix, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exact_descriptions_with_a_past_expiry_are_orphans() {
        let end = Expiry::parse("2027-02-09T00:00:00Z").unwrap();
        let (before, after) = ("2027-02-08T23:59:59Z", "2027-02-09T00:00:00Z");
        let description = new("ci", end);
        assert_eq!(description, "ci (for one run of Terraform, until 2027-02-09T00:00:00Z)");
        for (case, expected, prefix, description, now) in [
            ("lifetime is over", true, "ci", &*description, after),
            ("lifetime is not over", false, "ci", &description, before),
            ("another prefix", false, "cd", &description, after),
            ("a shorter prefix", false, "c", &description, after),
            ("a longer prefix", false, "ci (for", &description, after),
            ("a user's description", false, "ci", "ci", after),
            ("trailing text", false, "ci", &format!("{description}!"), after),
            (
                "missing text",
                false,
                "ci",
                &description[..description.len() - 1],
                after,
            ),
            (
                "invalid end",
                false,
                "ci",
                "ci (for one run of Terraform, until tomorrow)",
                after,
            ),
            (
                "end in another spelling",
                false,
                "ci",
                "ci (for one run of Terraform, until 2027-02-08T01:00:00+01:00)",
                after,
            ),
        ] {
            let now = now.parse().unwrap();
            assert_eq!(is_orphan(prefix, description, now), expected, "{case}");
        }
    }
}
