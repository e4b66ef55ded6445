//! Who manages a service account, told at the end of its description: `CI of the shop [managed by acme/infra/prod]`.
//!
//! The platform keeps nothing that says who made an account. A run that is killed between a creation and the state
//! leaves an account that no state knows of; with this mark the next run can prove that it is its own.

const OPENING: &str = "[managed by ";
const CLOSING: char = ']';

/// How long a mark's text may be, in characters: most of a description is the user's.
const MAX_LENGTH: usize = 100;

/// Says what is wrong with the text of a mark, to follow the argument's name.
///
/// # Errors
/// Where it could not be told from the rest of a description, or leaves no room for one.
pub(in crate::striim) fn check(managed_by: &str) -> Result<(), String> {
    let length = managed_by.chars().count();
    if managed_by.trim() != managed_by || !(1..=MAX_LENGTH).contains(&length) {
        return Err(format!(
            "must have 1 to {MAX_LENGTH} characters, and no space at either end"
        ));
    }
    if managed_by.contains(|c: char| c.is_control() || c == '[' || c == CLOSING) {
        return Err("must have no brackets and no control characters".to_owned());
    }
    Ok(())
}

/// A description with the mark of who manages the account.
pub(super) fn mark(description: Option<&str>, managed_by: &str) -> String {
    let mark = format!("{OPENING}{managed_by}{CLOSING}");
    match description {
        None | Some("") => mark,
        Some(description) => format!("{description} {mark}"),
    }
}

/// How many characters of a description the mark takes.
pub(super) fn length(managed_by: &str) -> usize {
    mark(Some("x"), managed_by).chars().count().saturating_sub(1)
}

/// Whether a description bears a mark.
pub(in crate::striim) fn is_marked(description: &str) -> bool {
    unmark(description).1.is_some()
}

/// A description without its mark, and what the mark says.
pub(super) fn unmark(description: &str) -> (Option<&str>, Option<&str>) {
    let marked = description
        .strip_suffix(CLOSING)
        .and_then(|description| description.rsplit_once(OPENING));
    match marked {
        Some(("", managed_by)) if check(managed_by).is_ok() => (None, Some(managed_by)),
        Some((before, managed_by)) if check(managed_by).is_ok() && before.ends_with(' ') => {
            (before.strip_suffix(' '), Some(managed_by))
        }
        _ => (Some(description), None),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_mark_is_told_from_what_only_looks_like_one() {
        for (description, told) in [
            ("CI [managed by acme]", (Some("CI"), Some("acme"))),
            ("[managed by acme]", (None, Some("acme"))),
            (
                "CI [managed by a] [managed by b]",
                (Some("CI [managed by a]"), Some("b")),
            ),
            ("CI", (Some("CI"), None)),
            ("", (Some(""), None)),
            ("CI[managed by acme]", (Some("CI[managed by acme]"), None)),
            ("CI [managed by ]", (Some("CI [managed by ]"), None)),
            ("CI [managed by acme] ", (Some("CI [managed by acme] "), None)),
        ] {
            assert_eq!(unmark(description), told, "{description:?}");
        }
    }

    proptest! {
        #[test]
        fn what_was_marked_is_read_back(description in "\\PC{1,40}", managed_by in "[a-z][a-z /]{0,20}[a-z]") {
            prop_assert!(check(&managed_by).is_ok());
            let marked = mark(Some(&description), &managed_by);
            prop_assert_eq!(marked.chars().count(), description.chars().count() + length(&managed_by));
            prop_assert_eq!(unmark(&marked), (Some(description.as_str()), Some(managed_by.as_str())));
            let marked = mark(None, &managed_by);
            prop_assert_eq!(unmark(&marked), (None, Some(managed_by.as_str())));
        }
    }
}
