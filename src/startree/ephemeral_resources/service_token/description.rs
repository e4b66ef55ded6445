//! The descriptions of ephemeral service tokens: `<prefix> (for one run of Terraform, until <when it may be removed>)`.
//!
//! A run that is killed leaves its token behind, which does not end by itself. The next one is to remove it, but neither
//! that of another run which is still under way, nor one of another origin. So the description says from when on nobody
//! needs the token, and only what says so in just these words counts as left over.

use jiff::Timestamp;

use crate::token::Expiry;

/// The description of a token that nobody needs after `end`.
pub(in crate::startree) fn new(prefix: &str, end: Expiry) -> String {
    format!("{prefix} (for one run of Terraform, until {end})")
}

/// Whether a token of this description was made under this prefix, and nobody needs it any more.
pub(in crate::startree) fn is_left_over(prefix: &str, description: &str, now: Timestamp) -> bool {
    let end = description.trim_end_matches(')').rsplit(' ').next();
    let end = end.and_then(|end| Expiry::parse(end).ok());
    end.is_some_and(|end| end.has_passed(now) && description == new(prefix, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_says_that_its_time_is_over_is_left_over() {
        let end = Expiry::parse("2027-02-09T00:00:00Z").unwrap();
        let (before, after) = ("2027-02-08T23:59:59Z", "2027-02-09T00:00:00Z");
        let description = new("ci", end);
        assert_eq!(description, "ci (for one run of Terraform, until 2027-02-09T00:00:00Z)");
        for (why, expected, prefix, description, now) in [
            ("its time is over", true, "ci", &*description, after),
            ("not yet", false, "ci", &description, before),
            ("of another prefix", false, "cd", &description, after),
            ("of a shorter prefix", false, "c", &description, after),
            ("of a longer prefix", false, "ci (for", &description, after),
            ("a person's", false, "ci", "ci", after),
            ("with more to it", false, "ci", &format!("{description}!"), after),
            (
                "with less to it",
                false,
                "ci",
                &description[..description.len() - 1],
                after,
            ),
            (
                "no instant",
                false,
                "ci",
                "ci (for one run of Terraform, until tomorrow)",
                after,
            ),
            (
                "an instant of another spelling",
                false,
                "ci",
                "ci (for one run of Terraform, until 2027-02-08T01:00:00+01:00)",
                after,
            ),
        ] {
            let now = now.parse().unwrap();
            assert_eq!(is_left_over(prefix, description, now), expected, "{why}");
        }
    }
}
