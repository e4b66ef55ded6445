//! Names of roles and policies, access keys, and the StarTree Resource Names (SRN) that contain
//! them.

use std::fmt;
use std::str::FromStr;

/// The name of a role or of a policy.
///
/// The platform does not document which names it accepts. A name for a new object is therefore
/// restricted ([`FromStr`]) to characters that keep their meaning in an SRN and in a path, even if
/// a proxy normalises the path. The name of an existing object is opaque ([`Name::existing`]).
///
/// ```
/// # use token_providers::startree::api::Name;
/// assert!("".parse::<Name>().is_err());
/// assert!("a/delete-assignment".parse::<Name>().is_err());
/// assert_eq!("table readers".parse::<Name>().unwrap().as_str(), "table readers");
/// assert_eq!(Name::existing("team/reader").unwrap().as_str(), "team/reader");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name(String);

/// An invalid name of a role or a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// The name is empty.
    #[error("must not be empty")]
    Empty,
    /// The name is empty, or begins or ends with white space.
    #[error("must not be empty, nor begin or end with white space")]
    Blank,
    /// The name has a character that a path or an SRN could interpret.
    #[error("must not contain line breaks, other control characters, or any of # : / \\ ? % *")]
    Character,
}

impl Name {
    /// Wraps the name of an object that exists, or that a configuration refers to: any text but the
    /// empty one. In a path it becomes one percent-encoded segment.
    ///
    /// # Errors
    ///
    /// [`InvalidName::Empty`].
    pub fn existing(text: &str) -> Result<Self, InvalidName> {
        match text {
            "" => Err(InvalidName::Empty),
            text => Ok(Self(text.to_owned())),
        }
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        if text.is_empty() || text.trim() != text {
            return Err(InvalidName::Blank);
        }
        let splits = |c: char| c.is_control() || matches!(c, '#' | ':' | '/' | '\\' | '?' | '%' | '*');
        if text.contains(splits) {
            return Err(InvalidName::Character);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The access key of a service token, which identifies the token and is its user name. It is not a
/// secret.
///
/// It is documented as 16 letters and digits. Other lengths and a few more characters are accepted,
/// but no text as long as a secret key, and none that could change a path.
///
/// ```
/// # use token_providers::startree::api::AccessKey;
/// assert!("".parse::<AccessKey>().is_err());
/// assert!("st-XkQBXKr652MV1VF9-5gkhGWNaGAdA1NU5yrHXRSPKMCcNRlRg".parse::<AccessKey>().is_err());
/// assert!("XkQBXKr652MV1VF9".parse::<AccessKey>().is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AccessKey(String);

/// An invalid access key. The message does not quote the text, which may be a whole token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an access key: only the letters and digits between \"st-\" and the next hyphen of a token")]
pub struct InvalidAccessKey;

impl AccessKey {
    /// Returns the key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AccessKey {
    type Err = InvalidAccessKey;

    fn from_str(text: &str) -> Result<Self, InvalidAccessKey> {
        // These characters have no meaning in a path. A whole token is longer, and begins with
        // "st-".
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_=~+".contains(&byte);
        let is_one = (1..=31).contains(&text.len()) && text.bytes().all(is_allowed) && !text.starts_with("st-");
        is_one.then(|| Self(text.to_owned())).ok_or(InvalidAccessKey)
    }
}

impl fmt::Display for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A StarTree Resource Name, as request bodies spell it: `srn2:role#table-reader`. In a path, `#`
/// becomes `%23`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Srn<'a> {
    /// The SRN of a role.
    Role(&'a Name),
    /// The SRN of a policy.
    Policy(&'a Name),
    /// The SRN of a service token. Its documentation says that it contains the access key, and does
    /// not show its type.
    ServiceToken(&'a AccessKey),
}

impl Srn<'_> {
    /// Returns the type in the SRN, such as `role`.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Role(_) => "role",
            Self::Policy(_) => "policy",
            Self::ServiceToken(_) => "service-token",
        }
    }

    /// Returns the name or the access key in the SRN.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Role(name) | Self::Policy(name) => name.as_str(),
            Self::ServiceToken(key) => key.as_str(),
        }
    }
}

impl fmt::Display for Srn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "srn2:{}#{}", self.kind(), self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_name_with_a_path_or_srn_character_is_invalid() {
        for text in [
            "", " ", " a", "a ", "a/b", "a\\b", "a#b", "a:b", "a%23b", "a?b", "a\nb", "*", "a\u{7f}",
        ] {
            assert!(text.parse::<Name>().is_err(), "{text:?}");
        }
        for text in ["a", "Data Analysts", "ä", "a.b_c-d~e", "..", "a@b"] {
            assert_eq!(text.parse::<Name>().unwrap().as_str(), text);
        }
    }

    #[test]
    fn existing_name_may_be_any_text() {
        assert_eq!(Name::existing(""), Err(InvalidName::Empty));
        for text in [
            " ",
            "reader ",
            "team/reader",
            "team:reader",
            "50%",
            "all*",
            "a#b",
            "a%23b",
            "\u{65}\u{301}",
            "a\nb",
        ] {
            assert_eq!(Name::existing(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn access_key_rejects_whole_tokens_and_does_not_quote_them() {
        let token = "st-XkQBXKr652MV1VF9-5gkhGWNaGAdA1NU5yrHXRSPKMCcNRlRg";
        for text in [
            "",
            " ",
            "a b",
            "a/b",
            "a#b",
            "..",
            token,
            &token[3..],
            "5gkhGWNaGAdA1NU5yrHXRSPKMCcNRlRg",
        ] {
            let error = text.parse::<AccessKey>().unwrap_err().to_string();
            assert!(text.is_empty() || !error.contains(text) || text.len() < 4, "{error}");
        }
    }

    #[test]
    fn srn_has_the_documented_form() {
        let (name, key) = ("table-reader".parse().unwrap(), "XkQBXKr652MV1VF9".parse().unwrap());
        for (srn, spelled) in [
            (Srn::Role(&name), "srn2:role#table-reader"),
            (Srn::Policy(&name), "srn2:policy#table-reader"),
            (Srn::ServiceToken(&key), "srn2:service-token#XkQBXKr652MV1VF9"),
        ] {
            assert_eq!(srn.to_string(), spelled);
        }
    }
}
