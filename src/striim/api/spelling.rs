//! Comparison of names: the platform may trim them, change their case, or normalize them.

use icu_normalizer::ComposingNormalizerBorrowed;

/// Whether two names are the same but for letter case, blanks and Unicode normalization.
pub(in crate::striim) fn is_same_name(one: &str, other: &str) -> bool {
    one == other || folded(one) == folded(other)
}

fn folded(name: &str) -> String {
    let words: Vec<_> = name.split_whitespace().collect();
    let composed = ComposingNormalizerBorrowed::new_nfkc();
    let lower_case = composed.normalize(&words.join(" ")).to_lowercase();
    composed.normalize(&lower_case).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_another_spelling_are_the_same() {
        for (one, other, same) in [
            ("ci", "ci", true),
            ("ci", " CI\t", true),
            ("d\u{e9}ploy", "de\u{301}ploy", true),
            ("D\u{c9}PLOY", "de\u{301}ploy", true),
            ("ci  prod", "ci prod", true),
            ("ci", "cd", false),
            ("ci", "ci-1", false),
            ("", "ci", false),
        ] {
            assert_eq!(is_same_name(one, other), same, "{one:?} {other:?}");
        }
    }
}
