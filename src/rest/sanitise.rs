//! Sanitises text of a platform for display: one line, no escape sequences, bounded length, no
//! secrets.

use std::str::Chars;

use secrecy::SecretString;

use crate::redaction::KnownSecrets;

/// The maximum number of displayed characters.
const LIMIT: usize = 500;

/// The replacement for a text that contains a part of a secret. Redacting only that part would risk
/// revealing the rest.
const WITHHELD: &str = "[redacted: the message repeats a part of a secret]";

/// Sanitises the texts about one request.
pub(super) struct Sanitiser<'a> {
    known: &'a KnownSecrets,
    more: Vec<&'a SecretString>,
    /// The part of the request that messages show anyway.
    visible: String,
}

impl<'a> Sanitiser<'a> {
    pub(super) fn new(known: &'a KnownSecrets, visible: String) -> Self {
        let more = Vec::new();
        Self { known, more, visible }
    }

    pub(super) fn with(mut self, secret: &'a SecretString) -> Self {
        self.more.push(secret);
        self
    }

    pub(super) fn with_all(mut self, secrets: &'a [SecretString]) -> Self {
        self.more.extend(secrets);
        self
    }

    /// Returns one line of at most 500 characters without control characters or escape sequences,
    /// or a fixed text if it would contain a part of a secret.
    pub(super) fn sanitise(&self, text: &str) -> String {
        let plain = strip(text);
        let reveals = |text| self.known.found_in(text, &self.visible, self.more.iter().copied());
        if reveals(text) || reveals(&plain) {
            return WITHHELD.to_owned();
        }
        match plain.char_indices().nth(LIMIT) {
            Some((end, _)) => format!("{}…", plain.get(..end).unwrap_or_default()),
            None => plain,
        }
    }
}

/// Removes escape sequences and characters that affect the display of others; collapses white
/// space.
fn strip(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        match char {
            '\u{1b}' => skip_escape(&mut chars),
            char if char.is_whitespace() => {
                if !plain.is_empty() && !plain.ends_with(' ') {
                    plain.push(' ');
                }
            }
            char if char.is_control() || is_invisible(char) => {}
            char => plain.push(char),
        }
    }
    plain.truncate(plain.trim_end().len());
    plain
}

/// Skips the rest of an escape sequence (ECMA-48): `ESC [ … final`, `ESC ] … BEL`, `ESC ] … ESC \`, `ESC x`.
fn skip_escape(chars: &mut Chars<'_>) {
    let end = match chars.next() {
        Some('[') => chars.find(|char| ('@'..='~').contains(char)),
        Some(']') => chars.find(|char| matches!(char, '\u{7}' | '\u{1b}')),
        _ => None,
    };
    if end == Some('\u{1b}') {
        chars.next();
    }
}

/// Whether a character is zero-width or reorders text (Unicode's Bidi_Control).
fn is_invisible(char: char) -> bool {
    matches!(char, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sanitises with this one secret.
    fn sanitise(text: &str, secret: &str) -> String {
        let (known, secret) = (KnownSecrets::default(), SecretString::from(secret));
        Sanitiser::new(&known, String::new()).with(&secret).sanitise(text)
    }

    #[test]
    fn control_characters_and_escape_sequences_are_removed() {
        for (text, expected) in [
            ("name taken", "name taken"),
            ("  two\r\n\tlines \n", "two lines"),
            ("\u{1b}[31mred\u{1b}[0m alert", "red alert"),
            ("\u{1b}]0;title\u{7}shown", "shown"),
            ("\u{1b}]8;;https://evil\u{1b}\\link", "link"),
            ("bell\u{7} null\0 c1\u{9b}", "bell null c1"),
            ("\u{1b}", ""),
            ("\u{1b}[", ""),
            ("abc\u{202e}dcba\u{200b}", "abcdcba"),
            ("grüße 🙂", "grüße 🙂"),
        ] {
            assert_eq!(sanitise(text, ""), expected, "{text:?}");
        }
    }

    #[test]
    fn text_with_disguised_or_cut_off_secret_is_withheld() {
        let beyond = format!("{}s3cret", "x".repeat(LIMIT - 3));
        for text in [
            "Bearer s3cret is invalid: s3cret",
            "s3\u{200b}cr\u{0}et",
            "s3\u{1b}[31mcret",
            "s3\u{1b}]0;title\u{7}cret",
            "token czNjcmV0",
            &beyond,
        ] {
            assert_eq!(sanitise(text, "s3cret"), WITHHELD, "{text:?}");
        }
    }

    #[test]
    fn long_text_is_truncated_at_character_boundary() {
        let text = sanitise(&"ü".repeat(10_000), "");
        assert_eq!(text, format!("{}…", "ü".repeat(LIMIT)));
    }

    proptest::proptest! {
        #[test]
        fn sanitised_text_contains_no_control_character_and_no_secret(text in "(\\PC|\\p{C}|\u{1b}|\\[|hunter2){0,80}") {
            let plain = sanitise(&text, "hunter2");
            assert!(!plain.chars().any(char::is_control), "{plain:?}");
            assert!(!plain.contains("hunter2"), "{plain:?}");
            assert!(plain.chars().count() <= LIMIT + 1);
        }
    }
}
