//! Encryption of token values to age recipients (<https://age-encryption.org/v1>), so that only the
//! holders of the identities can read them.
//!
//! Recipients are public keys, identities are the private keys. A recipient that is rejected is not
//! quoted in the error, because it may be an identity that was pasted by mistake.

use std::io::{Read, Write};
use std::str::FromStr;

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use age::{Decryptor, Encryptor};
use secrecy::{ExposeSecret, SecretString};

/// The largest decrypted value, in bytes. No platform has tokens of this size.
const MAX_VALUE: u64 = 1 << 20;

/// The recipients of a value. Each of them can decrypt it.
pub(crate) struct Recipients(Vec<Box<dyn age::Recipient + Send + Sync>>);

/// The reason that a value cannot be decrypted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DecryptError {
    /// The encrypted value is invalid.
    #[error("{0}")]
    Encrypted(&'static str),
    /// The identity is invalid, or none of the value's recipients belongs to it.
    #[error("{0}")]
    Identity(&'static str),
}

impl Recipients {
    /// Parses recipients.
    ///
    /// # Errors
    /// The problem of the first invalid recipient, or of their combination.
    pub(crate) fn parse<'a>(recipients: impl IntoIterator<Item = &'a str>) -> Result<Self, &'static str> {
        let recipients = recipients.into_iter().map(recipient).collect::<Result<_, _>>()?;
        let recipients = Self(recipients);
        recipients.encryptor()?;
        Ok(recipients)
    }

    /// Encrypts a value to an armored age file, as `age --armor` writes it.
    ///
    /// # Errors
    /// The encryption failed. The recipients were checked before, so this is not expected.
    pub(crate) fn encrypt(&self, value: &SecretString) -> Result<String, &'static str> {
        let encryptor = self.encryptor()?;
        let encrypted = || -> std::io::Result<Vec<u8>> {
            let armor = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor)?;
            let mut writer = encryptor.wrap_output(armor)?;
            writer.write_all(value.expose_secret().as_bytes())?;
            writer.finish()?.finish()
        };
        let encrypted = encrypted().ok().and_then(|text| String::from_utf8(text).ok());
        encrypted.ok_or("the encryption with age failed")
    }

    fn encryptor(&self) -> Result<Encryptor, &'static str> {
        let recipients = self.0.iter().map(|recipient| recipient.as_ref() as &dyn age::Recipient);
        Encryptor::with_recipients(recipients).map_err(|error| match error {
            age::EncryptError::MissingRecipients => {
                "must have at least one recipient; null stores the value unencrypted"
            }
            age::EncryptError::IncompatibleRecipients { .. } => {
                "must not mix post-quantum recipients (age1tagpq1…) with others, which would make them vulnerable again"
            }
            _ => "has a recipient to which age cannot encrypt",
        })
    }
}

/// Parses a recipient.
fn recipient(text: &str) -> Result<Box<dyn age::Recipient + Send + Sync>, &'static str> {
    parsed::<age::x25519::Recipient>(text)
        .or_else(|| parsed::<age::tag::Recipient>(text))
        .or_else(|| parsed::<age::tagpq::Recipient>(text))
        .ok_or_else(|| problem_of(text))
}

fn parsed<R>(text: &str) -> Option<Box<dyn age::Recipient + Send + Sync>>
where
    R: FromStr + age::Recipient + Send + Sync + 'static,
{
    let recipient: R = text.parse().ok()?;
    Some(Box::new(recipient))
}

/// Explains why a text is no recipient.
fn problem_of(text: &str) -> &'static str {
    let lower = text.to_ascii_lowercase();
    let begins_with = |prefix| lower.starts_with(prefix);
    if text.trim() != text {
        "has a recipient that begins or ends with a blank or a line break"
    } else if begins_with("age-secret-key-") || begins_with("age-plugin-") {
        "has an identity, which is a private key, instead of a recipient. Replace it by its recipient, which `age-keygen -y` \
         prints, and consider the identity exposed if it was committed"
    } else if begins_with("ssh-") {
        "has an SSH key, which is not supported. Create an age key with `age-keygen`"
    } else if begins_with("age1pq1") {
        "has a recipient of the type age1pq, which is not supported yet. Use one that begins with age1 or age1tagpq1"
    } else {
        "has an entry that is not an age recipient. A recipient begins with age1, age1tag1 or age1tagpq1; `age-keygen -y` \
         prints that of an identity"
    }
}

/// Decrypts an armored age file with an identity: `AGE-SECRET-KEY-1…`, or the content of a file of
/// `age-keygen`, which may have several.
///
/// # Errors
/// The reason it cannot be decrypted. It quotes neither argument.
pub(crate) fn decrypt(encrypted: &str, identity: &SecretString) -> Result<SecretString, DecryptError> {
    let damaged =
        |_| DecryptError::Encrypted("is damaged: age cannot decrypt it. Use the text as the resource returned it");
    let identities = identities(identity)?;
    let encrypted = encrypted.trim();
    if !encrypted.starts_with("-----BEGIN AGE ENCRYPTED FILE-----") {
        return Err(DecryptError::Encrypted(
            "is not an armored age file, which begins with -----BEGIN AGE ENCRYPTED FILE-----",
        ));
    }
    let decryptor = Decryptor::new(ArmoredReader::new(encrypted.as_bytes())).map_err(damaged)?;
    if decryptor.is_scrypt() {
        return Err(DecryptError::Encrypted(
            "is encrypted with a passphrase, not to a recipient",
        ));
    }
    let reader = decryptor.decrypt(identities.iter().map(|identity| identity as &dyn age::Identity));
    let reader = reader.map_err(|error| match error {
        age::DecryptError::NoMatchingKeys => DecryptError::Identity(
            "is not an identity of this value: it was encrypted to other recipients. If `age_recipients` has changed, \
             apply first",
        ),
        error => damaged(error),
    })?;
    let mut value = String::new();
    let read = reader.take(MAX_VALUE).read_to_string(&mut value);
    // Moved before the check, so that a partly decrypted value is overwritten, too.
    let value = SecretString::from(value);
    match read {
        Ok(_) => Ok(value),
        Err(error) => Err(damaged(age::DecryptError::Io(error))),
    }
}

/// Parses the identities in a text.
fn identities(text: &SecretString) -> Result<Vec<age::x25519::Identity>, DecryptError> {
    let lines = text.expose_secret().lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let identities: Vec<_> = lines.map(identity).collect::<Result<_, _>>()?;
    match identities.is_empty() {
        true => Err(DecryptError::Identity("must not be empty")),
        false => Ok(identities),
    }
}

fn identity(line: &str) -> Result<age::x25519::Identity, DecryptError> {
    line.parse().map_err(|_| {
        DecryptError::Identity(match line.to_ascii_lowercase().as_str() {
            lower if lower.starts_with("age1") => {
                "has a recipient, which can only encrypt. Use its identity, which begins with AGE-SECRET-KEY-1"
            }
            lower if lower.starts_with("age-plugin-") || lower.starts_with("age-secret-key-pq-") => {
                "has an identity of a plugin or of a type that is not supported. Decrypt with the age program instead"
            }
            _ => "is not an age identity, which begins with AGE-SECRET-KEY-1, nor the content of a file of age-keygen",
        })
    })
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use proptest::prelude::*;

    use super::*;
    use crate::platform::testing::age_key as key;

    fn encrypt(value: &str, recipients: &[&str]) -> String {
        let recipients = Recipients::parse(recipients.iter().copied()).unwrap_or_else(|problem| panic!("{problem}"));
        recipients.encrypt(&SecretString::from(value)).unwrap()
    }

    fn decrypted(encrypted: &str, identity: &SecretString) -> Result<String, DecryptError> {
        decrypt(encrypted, identity).map(|value| value.expose_secret().to_owned())
    }

    #[test]
    fn each_recipient_can_decrypt_and_no_other() {
        let [(alice, to_alice), (bob, to_bob), (eve, _)] = [key(), key(), key()];
        let encrypted = encrypt("st-value", &[&to_alice, &to_bob]);
        assert!(!encrypted.contains("value"));
        assert_eq!(decrypted(&encrypted, &alice).unwrap(), "st-value");
        assert_eq!(decrypted(&encrypted, &bob).unwrap(), "st-value");
        assert!(matches!(decrypted(&encrypted, &eve), Err(DecryptError::Identity(_))));
        let both = format!(
            "# created: today\n# public key: {to_bob}\n{}\n\n{}\n",
            eve.expose_secret(),
            bob.expose_secret()
        );
        assert_eq!(decrypted(&encrypted, &both.into()).unwrap(), "st-value");
    }

    #[test]
    fn invalid_recipient_is_explained_without_quoting_it() {
        let (identity, recipient) = key();
        let mistyped = recipient.replace("age1", "age1q");
        let padded = format!("{recipient}\n");
        for (text, expected) in [
            ("", "not an age recipient"),
            ("alice", "not an age recipient"),
            (mistyped.as_str(), "not an age recipient"),
            ("age1tag1qqqq", "not an age recipient"),
            ("age1tagpq1qqqq", "not an age recipient"),
            ("age1pq1qqqq", "not supported yet"),
            ("age1yubikey1qqqq", "not an age recipient"),
            ("ssh-ed25519 AAAA", "SSH key"),
            (padded.as_str(), "blank or a line break"),
            (identity.expose_secret(), "private key"),
        ] {
            let problem = Recipients::parse([recipient.as_str(), text]).err().unwrap();
            assert!(problem.contains(expected), "{text:?}: {problem}");
            assert!(text.is_empty() || !problem.contains(text), "{problem}");
        }
        assert!(Recipients::parse([]).err().unwrap().contains("at least one"));
    }

    #[test]
    fn post_quantum_recipients_are_accepted_and_not_mixed_with_others() {
        // The test vector of the type's specification.
        let post_quantum = include_str!("testing/post_quantum_recipient.txt");
        let encrypted = encrypt("st-value", &[post_quantum]);
        assert!(encrypted.starts_with("-----BEGIN AGE ENCRYPTED FILE-----\n"));
        let problem = Recipients::parse([post_quantum, &key().1]).err().unwrap();
        assert!(problem.contains("must not mix"), "{problem}");
    }

    #[test]
    fn damaged_text_and_wrong_identity_are_distinguished() {
        let (identity, recipient) = key();
        let encrypted = encrypt("st-value", &[&recipient]);
        let middle = encrypted.len() / 2;
        let flipped: String = encrypted
            .char_indices()
            .map(|(at, character)| match (at == middle, character) {
                (true, 'A') => 'B',
                (true, _) => 'A',
                (false, character) => character,
            })
            .collect();
        let truncated: String = encrypted.lines().take(2).collect();
        for (text, expected) in [
            ("", "not an armored age file"),
            ("st-value", "not an armored age file"),
            (&flipped, "damaged"),
            (&truncated, "damaged"),
        ] {
            let Err(DecryptError::Encrypted(problem)) = decrypted(text, &identity) else {
                panic!("{text:?}");
            };
            assert!(problem.contains(expected), "{text:?}: {problem}");
        }
        for (text, expected) in [
            ("", "empty"),
            ("# a comment\n", "empty"),
            ("secret", "not an age identity"),
            (&recipient, "can only encrypt"),
            ("AGE-SECRET-KEY-PQ-1QQQQ", "not supported"),
            ("AGE-PLUGIN-YUBIKEY-1QQQQ", "not supported"),
            (key().0.expose_secret(), "other recipients"),
        ] {
            let Err(DecryptError::Identity(problem)) = decrypted(&encrypted, &text.into()) else {
                panic!("{text:?}");
            };
            assert!(problem.contains(expected), "{text:?}: {problem}");
        }
        assert_eq!(decrypted(&format!("\n{encrypted}\n"), &identity).unwrap(), "st-value");
    }

    /// Written by the program age 1.1.1, for an identity that nothing else uses.
    #[test]
    fn file_of_the_program_age_is_decrypted() {
        let identity = SecretString::from("AGE-SECRET-KEY-1SM209GLV4PMM7K4C0R8AK3J5EPNE4LXTVXJHS8HX8XR779X5QJRQETFT5K");
        let encrypted = "-----BEGIN AGE ENCRYPTED FILE-----
YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBHZVg4eDdFWEFvN0NBTXNt
aW1kYkZqRjlZTktyd0VzaW1iN0RUT2MwL2pBClh6UXY5Y0kwUS8zOFJHT3E3V01Y
NURjYVQvOEFMWVdzcVlMSUJJbEJjR3MKLS0tIERUaUJHTVVJMkluOGlrTmxPZzB0
YUp1WkRwYTVCZ0lRZlNUNWpZQVVwZ2cKAbBvF5lk0B481fVY/n9AdD0TH6N9jKKW
cvd9LND/EH1ipfG0qatl0g==
-----END AGE ENCRYPTED FILE-----
";
        assert_eq!(decrypted(encrypted, &identity).unwrap(), "st-value");
    }

    /// The program decrypts what this module encrypts, and the other way round. Where it is not installed, the test above
    /// remains.
    #[test]
    fn program_age_decrypts_encrypted_values() {
        let run = |arguments: &[&str], input: &str| {
            let mut command = Command::new("age");
            command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
            let mut program = command.spawn()?;
            program.stdin.take().unwrap().write_all(input.as_bytes())?;
            let output = program.wait_with_output()?;
            assert!(output.status.success());
            std::io::Result::Ok(String::from_utf8(output.stdout).unwrap())
        };
        if run(&["--version"], "").is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
            println!("The program age is not installed, so it was not run.");
            return;
        }
        let (identity, recipient) = key();
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "# created: today\n{}", identity.expose_secret()).unwrap();
        let path = file.path().to_str().unwrap();
        let encrypted = encrypt("st-value", &[&recipient, &key().1]);
        assert_eq!(run(&["--decrypt", "--identity", path], &encrypted).unwrap(), "st-value");
        let encrypted = run(&["--armor", "--recipient", &recipient], "st-value").unwrap();
        assert_eq!(decrypted(&encrypted, &identity).unwrap(), "st-value");
    }

    proptest! {
        #[test]
        fn any_value_is_decrypted_unchanged(value in "\\PC{0,200}") {
            let (identity, recipient) = key();
            let encrypted = encrypt(&value, &[&recipient]);
            prop_assert_eq!(decrypted(&encrypted, &identity).unwrap(), value);
        }

        #[test]
        fn decrypt_of_any_text_does_not_panic(text in "(-----BEGIN AGE ENCRYPTED FILE-----\n)?\\PC{0,300}") {
            prop_assert!(decrypted(&text, &key().0).is_err());
        }
    }
}
