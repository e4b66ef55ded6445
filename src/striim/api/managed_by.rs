//! The managed-by mark at the end of a description: `CI of the shop [managed by acme/infra/prod]`.
//!
//! The platform does not record the creator of a service account. A run that is killed between a
//! creation and the state leaves an orphan; the mark shows the next run that the orphan is its own.

const OPENING: &str = "[managed by ";
const CLOSING: char = ']';

/// The maximum length of a mark's text in characters, which leaves most of a description to the user.
const MAX_LENGTH: usize = 100;

/// Validates the text of a mark.
///
/// # Errors
/// A clause for after the argument's name, if the text could not be distinguished from the rest of a
/// description, or leaves no space for one.
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

/// Returns a description with the mark.
pub(super) fn mark(description: Option<&str>, managed_by: &str) -> String {
    let mark = format!("{OPENING}{managed_by}{CLOSING}");
    match description {
        None | Some("") => mark,
        Some(description) => format!("{description} {mark}"),
    }
}

/// Returns the number of characters that the mark adds to a description.
pub(super) fn length(managed_by: &str) -> usize {
    mark(Some("x"), managed_by).chars().count().saturating_sub(1)
}

/// Whether a description has a mark.
pub(in crate::striim) fn is_marked(description: &str) -> bool {
    unmark(description).1.is_some()
}

/// Returns a description without its mark, and the text of the mark.
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
    fn unmark_distinguishes_marks_from_similar_texts() {
        for (description, expected) in [
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
            assert_eq!(unmark(description), expected, "{description:?}");
        }
    }

    proptest! {
        #[test]
        fn unmark_reverts_mark(description in "\\PC{1,40}", managed_by in "[a-z][a-z /]{0,20}[a-z]") {
            prop_assert!(check(&managed_by).is_ok());
            let marked = mark(Some(&description), &managed_by);
            prop_assert_eq!(marked.chars().count(), description.chars().count() + length(&managed_by));
            prop_assert_eq!(unmark(&marked), (Some(description.as_str()), Some(managed_by.as_str())));
            let marked = mark(None, &managed_by);
            prop_assert_eq!(unmark(&marked), (None, Some(managed_by.as_str())));
        }
    }
}
