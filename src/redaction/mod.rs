//! Detection of secrets in texts, in every common encoding. No I/O.
//!
//! # Flow
//! [`KnownSecrets`] collects everything that a process knows to be secret: credentials, values that
//! a platform issues, and every sensitive value that Terraform sends or receives
//! ([`KnownSecrets::learn`]). Before a text of a server is displayed, [`KnownSecrets::found_in`]
//! compares it with every encoding of every secret.
//!
//! # Guarantees
//! - A text is detected if it contains eight consecutive characters of a secret: verbatim, in
//!   Base64 (either alphabet, any alignment), in hexadecimal, percent-encoded, or escaped for JSON
//!   or HTML, in any letter case, and with any line breaks, blanks and punctuation in between. Eight
//!   characters of the Base64 encoding or sixteen of the hexadecimal one suffice, too.
//! - A text is detected if it contains a string in the format of a Vault token or a JSON Web Token,
//!   known or not.
//!
//! # Assumptions
//! - A secret that is encrypted, compressed or encoded twice by different means is not detected.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

/// The number of consecutive characters of a secret that reveal it.
const RUN: usize = 8;
/// A shorter secret is searched for verbatim only, because its fragments would match almost any
/// text.
const SHORTEST_RUN: usize = 4;
/// The minimum length of a token. No platform issues shorter values.
const SHORTEST_TOKEN: usize = 12;
/// The maximum number of secrets. A run has a few; the oldest ones are dropped first.
const CAPACITY: usize = 1_000;

tokio::task_local! {
    static CURRENT_CALL: KnownSecrets;
}

/// The secrets that a process knows. Clones share them.
#[derive(Clone, Default)]
pub struct KnownSecrets(Arc<Mutex<VecDeque<SecretString>>>);

impl KnownSecrets {
    /// Adds a secret.
    pub fn add(&self, secret: &SecretString) {
        if secret.expose_secret().is_empty() {
            return;
        }
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |known: &SecretString| known.expose_secret() == secret.expose_secret();
        if known.iter().any(same) {
            return;
        }
        if known.len() >= CAPACITY {
            known.pop_front();
        }
        known.push_back(secret.clone());
    }

    /// Adds all secrets of `others`.
    pub fn add_all(&self, others: &Self) {
        let others: Vec<_> = {
            let others = others.0.lock().unwrap_or_else(PoisonError::into_inner);
            others.iter().cloned().collect()
        };
        others.iter().for_each(|secret| self.add(secret));
    }

    /// Runs `work` and collects the secrets that it passes to [`KnownSecrets::learn`].
    pub async fn collecting<F: Future>(self, work: F) -> F::Output {
        CURRENT_CALL.scope(self, work).await
    }

    /// Adds a secret to the current [`collecting`](KnownSecrets::collecting) scope, if there is
    /// one. A text shorter than any token is ignored: it may be a common word, such as a setting
    /// stored with secrets.
    pub fn learn(secret: &SecretString) {
        if fold(secret.expose_secret()).len() < SHORTEST_TOKEN {
            return;
        }
        // There is no scope outside a call of Terraform.
        let _ = CURRENT_CALL.try_with(|known| known.add(secret));
    }

    /// Whether a text contains a part of a known secret or of one of `more`. Parts that are also in
    /// `open` are ignored because they are displayed anyway, such as the public part of a token
    /// that a request names.
    pub fn found_in<'a>(&self, text: &str, open: &str, more: impl IntoIterator<Item = &'a SecretString>) -> bool {
        let mut secrets: Vec<SecretString> = {
            let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            known.iter().cloned().collect()
        };
        secrets.extend(more.into_iter().cloned());
        reveals(text, open, secrets.iter().map(ExposeSecret::expose_secret))
    }
}

impl std::fmt::Debug for KnownSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KnownSecrets([REDACTED])")
    }
}

/// Whether `text` contains a part of one of `secrets` that is not in `open`, or a string in the
/// format of a token.
fn reveals<'a>(text: &str, open: &str, secrets: impl IntoIterator<Item = &'a str>) -> bool {
    if contains_token(text) {
        return true;
    }
    let (unescaped_forms, open) = (unescaped_forms(text), fold(open));
    let mut runs: BTreeMap<usize, HashSet<&[u8]>> = BTreeMap::new();
    secrets.into_iter().any(|secret| {
        let too_short = !secret.is_empty() && fold(secret).len() < SHORTEST_RUN;
        if too_short && text.contains(secret) {
            return true;
        }
        encodings(secret).iter().any(|(encoding, run)| {
            let in_text = runs.entry(*run).or_insert_with(|| {
                let mut runs: HashSet<_> = unescaped_forms
                    .iter()
                    .flat_map(|text| text.as_bytes().windows(*run))
                    .collect();
                for open in open.as_bytes().windows(*run) {
                    runs.remove(open);
                }
                runs
            });
            encoding.as_bytes().windows(*run).any(|part| in_text.contains(part))
        })
    })
}

/// The text as it is and with its escapes resolved once and twice, each [`fold`]ed. `0x41` is
/// resolved in some forms only, because it may also be a part of the secret.
fn unescaped_forms(text: &str) -> Vec<Zeroizing<String>> {
    let mut unescaped_forms = vec![fold(text)];
    for resolves_0x in [false, true] {
        let mut text = Zeroizing::new(text.to_owned());
        for _ in 0..2 {
            let unescaped = unescape(&text, resolves_0x);
            if unescaped == text {
                break;
            }
            unescaped_forms.push(fold(&unescaped));
            text = unescaped;
        }
    }
    unescaped_forms
}

/// The encodings of a secret, each [`fold`]ed, with the number of consecutive characters that
/// reveal it.
fn encodings(secret: &str) -> Vec<(Zeroizing<String>, usize)> {
    let folded = fold(secret);
    let mut encodings = Vec::new();
    let mut add = |encoding: Zeroizing<String>, run: usize| {
        let run = run.min(encoding.len());
        if run >= SHORTEST_RUN {
            encodings.push((encoding, run));
        }
    };
    add(folded, RUN);
    if secret.len() < SHORTEST_RUN {
        return encodings;
    }
    let hexadecimal = secret.bytes().flat_map(|byte| [byte >> 4, byte & 0xf]);
    add(
        Zeroizing::new(
            hexadecimal
                .filter_map(|digit| char::from_digit(digit.into(), 16))
                .collect(),
        ),
        2 * RUN,
    );
    if secret.len() < 6 {
        return encodings;
    }
    // Text before the secret in the same Base64 shifts its alignment by zero, one or two bytes.
    for shift in 0..3 {
        let mut bytes = Zeroizing::new(vec![0; shift]);
        bytes.extend_from_slice(secret.as_bytes());
        let encoded = Zeroizing::new(BASE64_STANDARD_NO_PAD.encode(&bytes));
        // The first and last characters also depend on the neighbouring bytes.
        let end = bytes.len() * 8 / 6;
        let own = encoded.get(shift + usize::from(shift > 0)..end).unwrap_or_default();
        add(fold(own), RUN);
    }
    encodings
}

/// Reduces a text to lower-case letters and digits: separators and the differences between
/// alphabets are dropped.
fn fold(text: &str) -> Zeroizing<String> {
    let mut folded = Zeroizing::new(String::with_capacity(text.len()));
    folded.extend(
        text.chars()
            .filter(|char| char.is_alphanumeric())
            .flat_map(char::to_lowercase),
    );
    folded
}

/// Resolves `%41`, `\u0041`, `\x41`, `\n` and the like, `&#65;`, `&#x41;` and `&amp;`, and `0x41` if
/// `resolves_0x` is set.
fn unescape(text: &str, resolves_0x: bool) -> Zeroizing<String> {
    let mut plain = Zeroizing::new(String::with_capacity(text.len()));
    let mut rest = text;
    while let Some(char) = rest.chars().next() {
        match escaped(rest).filter(|_| resolves_0x || char != '0') {
            Some((character, length)) => {
                plain.push(character);
                rest = rest.get(length..).unwrap_or_default();
            }
            None => {
                plain.push(char);
                rest = rest.get(char.len_utf8()..).unwrap_or_default();
            }
        }
    }
    plain
}

/// The character of an escape sequence at the start of `text`, and the length of the sequence.
fn escaped(text: &str) -> Option<(char, usize)> {
    let number = |digits: &str, radix| u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
    let hexadecimal = |range: std::ops::Range<usize>| {
        let digits = text
            .get(range.clone())
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        Some((number(digits, 16)?, range.end))
    };
    match text.as_bytes() {
        [b'%', ..] => hexadecimal(1..3),
        [b'\\', b'u' | b'U', ..] => hexadecimal(2..6),
        [b'\\' | b'0', b'x' | b'X', ..] => hexadecimal(2..4),
        // A line break, a blank or punctuation: `fold` drops them all.
        [
            b'\\',
            b'b' | b'f' | b'n' | b'r' | b't' | b'"' | b'\'' | b'/' | b'\\',
            ..,
        ] => Some((' ', 2)),
        [b'&', ..] => {
            let end = text.bytes().take(10).position(|byte| byte == b';')?;
            let name = text.get(1..end)?;
            let character = match name.strip_prefix('#') {
                Some(digits) => match digits.strip_prefix(['x', 'X']) {
                    Some(digits) => number(digits, 16),
                    None => number(digits, 10),
                },
                None => (!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphabetic())).then_some(' '),
            };
            Some((character?, end + 1))
        }
        _ => None,
    }
}

/// Whether a word of the text has the prefix and the length of a Vault token or a JSON Web Token.
fn contains_token(text: &str) -> bool {
    const PREFIXES: [&str; 5] = ["hvs.", "hvb.", "hvr.", "eyJ", "s."];
    const LENGTH: usize = 20;
    let in_token = |char: char| char.is_ascii_alphanumeric() || matches!(char, '.' | '_' | '-');
    text.split(|char| !in_token(char)).any(|word| {
        let rest = PREFIXES.iter().find_map(|prefix| word.strip_prefix(prefix));
        rest.is_some_and(|rest| rest.len() >= LENGTH)
    })
}

#[cfg(test)]
mod tests {
    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD};
    use percent_encoding::{NON_ALPHANUMERIC, percent_encode_byte, utf8_percent_encode};
    use proptest::prelude::*;

    use super::*;

    const SECRET: &str = "St-7gH/kQ2+Vx9_mZ4=pL8~wR1tY6.uN3";

    fn hexadecimal(text: &str, separator: &str) -> String {
        let bytes: Vec<_> = text.bytes().map(|byte| format!("{byte:02x}")).collect();
        bytes.join(separator)
    }

    fn each(text: &str, encode: impl Fn(u8) -> String) -> String {
        text.bytes().map(encode).collect()
    }

    #[test]
    fn secret_is_detected_in_every_encoding() {
        let line_broken = |text: &str, by: &str| {
            let (start, end) = text.split_at(5);
            format!("{start}{by}{end}")
        };
        let cases: Vec<(&str, String)> = vec![
            ("verbatim", SECRET.to_owned()),
            ("quoted in a sentence", format!("the token \"{SECRET}\" is not valid")),
            ("lower case", SECRET.to_lowercase()),
            ("upper case", SECRET.to_uppercase()),
            ("prefix", SECRET[..20].to_owned()),
            ("suffix", SECRET[14..].to_owned()),
            ("middle", format!("…{}…", &SECRET[8..20])),
            ("line break", line_broken(SECRET, "\r\n  ")),
            ("zero width", line_broken(SECRET, "\u{200b}")),
            (
                "every character apart",
                each(SECRET, |byte| format!("{} ", char::from(byte))),
            ),
            ("Base64", BASE64_STANDARD.encode(SECRET)),
            ("Base64 for URLs", BASE64_URL_SAFE.encode(SECRET)),
            ("Base64 without padding", BASE64_URL_SAFE_NO_PAD.encode(SECRET)),
            ("Base64 after one byte", BASE64_STANDARD.encode(format!(":{SECRET}"))),
            ("Base64 after two bytes", BASE64_STANDARD.encode(format!("u:{SECRET}"))),
            (
                "Base64 of user and password",
                BASE64_STANDARD.encode(format!("admin:{SECRET}:x")),
            ),
            ("Base64 cut", BASE64_STANDARD.encode(SECRET)[6..24].to_owned()),
            ("Base64 in lines", line_broken(&BASE64_STANDARD.encode(SECRET), "\n")),
            (
                "Base64 percent-encoded",
                utf8_percent_encode(&BASE64_STANDARD.encode(SECRET), NON_ALPHANUMERIC).to_string(),
            ),
            ("hexadecimal", hexadecimal(SECRET, "")),
            ("hexadecimal in upper case", hexadecimal(SECRET, "").to_uppercase()),
            ("hexadecimal with colons", hexadecimal(SECRET, ":")),
            ("hexadecimal with blanks", hexadecimal(SECRET, " ")),
            ("hexadecimal cut", hexadecimal(&SECRET[4..18], "")),
            (
                "percent-encoded",
                utf8_percent_encode(SECRET, NON_ALPHANUMERIC).to_string(),
            ),
            (
                "percent-encoded throughout",
                each(SECRET, |byte| percent_encode_byte(byte).to_owned()),
            ),
            (
                "percent-encoded twice",
                utf8_percent_encode(
                    &each(SECRET, |byte| percent_encode_byte(byte).to_owned()),
                    NON_ALPHANUMERIC,
                )
                .to_string(),
            ),
            ("escaped for JSON", each(SECRET, |byte| format!("\\u{byte:04x}"))),
            (
                "escaped for JSON in part",
                SECRET.replace('/', "\\/").replace('g', "\\u0067"),
            ),
            ("line break escaped for JSON", line_broken(SECRET, "\\n")),
            ("escaped as bytes", each(SECRET, |byte| format!("\\x{byte:02X}"))),
            ("bytes of a program", each(SECRET, |byte| format!("0x{byte:02x}, "))),
            ("escaped for HTML", each(SECRET, |byte| format!("&#{byte};"))),
            (
                "escaped for HTML in hexadecimal",
                each(SECRET, |byte| format!("&#x{byte:x};")),
            ),
            ("UTF-16", each(SECRET, |byte| format!("{}\0", char::from(byte)))),
        ];
        for (encoding, text) in cases {
            assert!(reveals(&text, "", [SECRET]), "{encoding}: {text}");
            assert!(
                reveals(&format!("invalid_token: {text} (401)"), "", ["other-secret", SECRET]),
                "{encoding}: {text}"
            );
        }
    }

    #[test]
    fn secret_that_contains_0x_is_detected_if_percent_encoded() {
        assert!(reveals("aa0a%21%210Xa0", "", ["AAaa0a!!0Xa0:AaAa"]));
    }

    #[test]
    fn harmless_message_is_not_detected() {
        for text in [
            "",
            "name taken",
            "The service account \"ci-pipeline\" has expired at 2027-02-09T00:00:00Z",
            "request 7f3c2a90-1b2c-4d5e-8f60-718293a4b5c6 failed: 100% of the quota is used",
            "Bearer token St-7gH… is not valid",
            "see https://example.com/docs?topic=tokens&lang=en#expiry",
            "1 error occurred: * permission denied",
        ] {
            assert!(!reveals(text, "", [SECRET, "", "hunter2-hunter2"]), "{text}");
        }
    }

    #[test]
    fn open_part_of_secret_is_ignored_and_rest_is_detected() {
        const BEARER: &str = "st-XkQBXKr652MV1VF9-5gkhGWNaGAdA1NU5yrHXRSPKMCcNRlRg";
        let open = "delete service token XkQBXKr652MV1VF9";
        assert!(!reveals("XkQBXKr652MV1VF9 does not exist", open, [BEARER]));
        assert!(reveals("XkQBXKr652MV1VF9-5gkhGWNa", open, [BEARER]));
        assert!(reveals(BEARER, open, [BEARER]));
    }

    #[tokio::test]
    async fn learn_adds_only_within_scope() {
        let known = KnownSecrets::default();
        KnownSecrets::learn(&"secret-before-0".into());
        known
            .clone()
            .collecting(async { KnownSecrets::learn(&"secret-during-0".into()) })
            .await;
        assert!(known.found_in("secret-during-0", "", []) && !known.found_in("secret-before-0", "", []));
    }

    #[test]
    fn short_secret_is_detected_verbatim() {
        for (secret, text, expected) in [
            ("s3cret", "S3-CRET", true),
            ("s3cret", "s3cre", false),
            ("s3cret", "czNjcmV0", true),
            ("s3cret", "733363726574", true),
            ("abcd", "no abcd here", true),
            ("a+", "what is a+ for", true),
            ("a+", "what is a for", false),
            ("", "anything", false),
        ] {
            assert_eq!(reveals(text, "", [secret]), expected, "{secret} in {text}");
        }
    }

    #[test]
    fn unknown_token_is_detected_by_its_format() {
        for text in [
            "bad token hvs.CAESIJlU9JMYEhOPYv4igdhm9PnZDrabYTobQ4Ymnlq1qY",
            "s.iyNUhq8Ov4hIAx6snw5mB2nL is expired",
            "claims of eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc",
        ] {
            assert!(reveals(text, "", []), "{text}");
        }
        assert!(!reveals("vault says. nothing about hvs. or eyJ", "", []));
    }

    #[test]
    fn known_secrets_are_shared_by_clones_and_bounded() {
        let known = KnownSecrets::default();
        let clone = known.clone();
        for number in 0..CAPACITY + 1 {
            clone.add(&format!("secret-number-{number:08}").into());
        }
        assert!(known.found_in("secret-number-00001000", "", []));
        assert_eq!(known.0.lock().unwrap().len(), CAPACITY);
        let more = SecretString::from("an0ther-secret");
        assert!(!known.found_in("an0ther-secret", "", []));
        assert!(known.found_in("an0ther-secret", "", [&more]));
        assert!(!format!("{known:?}").contains("number"));
    }

    proptest! {
        #[test]
        fn every_fragment_is_detected_anywhere(
            secret in "[!-~]{8,60}",
            start in 0_usize..53,
            before in "\\PC{0,40}",
            after in "\\PC{0,40}",
            encoding in 0_usize..6,
        ) {
            let bytes = secret.as_bytes();
            // Eight letters or digits of the secret.
            let start = start % (bytes.len() - 7);
            let mut end = start;
            while end < bytes.len() && fold(&secret[start..end]).len() < RUN {
                end += 1;
            }
            prop_assume!(fold(&secret[start..end]).len() == RUN);
            let part = &secret[start..end];
            let text = match encoding {
                0 => part.to_owned(),
                1 => part.to_uppercase(),
                2 => hexadecimal(part, ""),
                3 => utf8_percent_encode(part, NON_ALPHANUMERIC).to_string(),
                4 => each(part, |byte| format!("\\u{byte:04x}")),
                _ => part.chars().flat_map(|char| [char, '\n']).collect(),
            };
            // Letters or digits next to hexadecimal digits could be taken for such digits.
            prop_assert!(reveals(&format!("{before} {text} {after}"), "", [secret.as_str()]), "{text}");
        }

        #[test]
        fn base64_of_secret_with_surroundings_is_detected(
            secret in "[A-Za-z0-9]{16,60}",
            before in "\\PC{0,20}",
            after in "\\PC{0,20}",
        ) {
            let text = format!("{before}{secret}{after}");
            for text in [BASE64_STANDARD.encode(&text), BASE64_URL_SAFE_NO_PAD.encode(&text)] {
                prop_assert!(reveals(&text, "", [secret.as_str()]), "{text}");
            }
        }

        #[test]
        fn reveals_never_panics(text in "(\\PC|\\p{C}|[%&\\\\#;ux0-9a-f]){0,80}", secret in "\\PC{0,20}") {
            reveals(&text, "", [secret.as_str()]);
        }
    }
}
