//! Makes a text from outside fit to be shown: one line, no terminal tricks, bounded, without a secret.

use std::str::Chars;

use secrecy::SecretString;

use crate::redaction::KnownSecrets;

/// How many characters of a foreign text are shown.
const LIMIT: usize = 500;

/// What is shown instead of a text that holds a part of a secret. What is left of it would not be worth the risk.
const WITHHELD: &str = "[redacted: the message repeats a part of a secret]";

/// What no text about a request may repeat.
pub(super) struct Concealed<'a> {
    known: &'a KnownSecrets,
    more: Vec<&'a SecretString>,
    /// What is shown of the request itself.
    open: String,
}

impl<'a> Concealed<'a> {
    pub(super) fn new(known: &'a KnownSecrets, open: String) -> Self {
        let more = Vec::new();
        Self { known, more, open }
    }

    pub(super) fn with(mut self, secret: &'a SecretString) -> Self {
        self.more.push(secret);
        self
    }

    pub(super) fn with_all(mut self, secrets: &'a [SecretString]) -> Self {
        self.more.extend(secrets);
        self
    }

    /// One line of at most 500 characters without control characters or escape sequences; a fixed text where it would
    /// hold a part of a secret.
    pub(super) fn sanitise(&self, text: &str) -> String {
        let plain = strip(text);
        let reveals = |text| self.known.are_in(text, &self.open, self.more.iter().copied());
        if reveals(text) || reveals(&plain) {
            return WITHHELD.to_owned();
        }
        match plain.char_indices().nth(LIMIT) {
            Some((end, _)) => format!("{}…", plain.get(..end).unwrap_or_default()),
            None => plain,
        }
    }
}

/// Drops escape sequences and characters that change how the rest is shown; joins lines and runs of blanks.
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

/// Zero-width characters and those that reorder text (Unicode's Bidi_Control).
fn is_invisible(char: char) -> bool {
    matches!(char, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With this secret alone.
    fn sanitise(text: &str, secret: &str) -> String {
        let (known, secret) = (KnownSecrets::default(), SecretString::from(secret));
        Concealed::new(&known, String::new()).with(&secret).sanitise(text)
    }

    #[test]
    fn only_plain_text_is_left() {
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
    fn text_with_secret_is_withheld_even_in_disguise_or_at_the_limit() {
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
    fn a_long_text_is_cut_at_a_character() {
        let text = sanitise(&"ü".repeat(10_000), "");
        assert_eq!(text, format!("{}…", "ü".repeat(LIMIT)));
    }

    proptest::proptest! {
        #[test]
        fn no_text_leaves_a_control_character_or_the_secret(text in "(\\PC|\\p{C}|\u{1b}|\\[|hunter2){0,80}") {
            let plain = sanitise(&text, "hunter2");
            assert!(!plain.chars().any(char::is_control), "{plain:?}");
            assert!(!plain.contains("hunter2"), "{plain:?}");
            assert!(plain.chars().count() <= LIMIT + 1);
        }
    }
}
