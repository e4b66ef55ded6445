//! What things are called, and StarTree Resource Names made of it.

use std::fmt;
use std::str::FromStr;

/// The name of a role or of a policy.
///
/// Which names the platform accepts is not documented. So a name that Terraform is to create is restricted ([`FromStr`]) to
/// what stays the same in an SRN and in a path, whatever a proxy does to the path; the name of something that exists is opaque
/// ([`Name::existing`]).
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

/// A text is not the name of a role or a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// There is no text.
    #[error("must not be empty")]
    Empty,
    /// There is nothing but blanks, or blanks around it.
    #[error("must not be empty, nor begin or end with a blank")]
    Blank,
    /// It would not stay one name in a path or in an SRN.
    #[error("must not hold line breaks, other control characters, or any of # : / \\ ? % *")]
    Character,
}

impl Name {
    /// The name of something that exists, or that a configuration refers to: any text but none. In a path it is one
    /// percent-encoded segment.
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

    /// The name.
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

/// The access key of a service token: what it is known by, and its user name. No secret.
///
/// The documentation says 16 letters and digits; other lengths and some more characters are taken, but nothing as long as a secret key, and nothing
/// that could become another path.
///
/// ```
/// # use token_providers::startree::api::AccessKey;
/// assert!("".parse::<AccessKey>().is_err());
/// assert!("st-XkQBXKr652MV1VF9-5gkhGWNaGAdA1NU5yrHXRSPKMCcNRlRg".parse::<AccessKey>().is_err());
/// assert!("XkQBXKr652MV1VF9".parse::<AccessKey>().is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AccessKey(String);

/// A text is not an access key. Does not quote it: it may be a whole token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be an access key: the letters and digits between \"st-\" and the next hyphen of a token, and no more of it"
)]
pub struct InvalidAccessKey;

impl AccessKey {
    /// The key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AccessKey {
    type Err = InvalidAccessKey;

    fn from_str(text: &str) -> Result<Self, InvalidAccessKey> {
        // What a path does not give a meaning to. A whole token is longer, and begins as no key does.
        let is_taken = |byte: u8| byte.is_ascii_alphanumeric() || b"-_=~+".contains(&byte);
        let is_one = (1..=31).contains(&text.len()) && text.bytes().all(is_taken) && !text.starts_with("st-");
        is_one.then(|| Self(text.to_owned())).ok_or(InvalidAccessKey)
    }
}

impl fmt::Display for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A StarTree Resource Name, as bodies spell it: `srn2:role#table-reader`. In a path, `#` becomes `%23`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Srn<'a> {
    /// A role's.
    Role(&'a Name),
    /// A policy's.
    Policy(&'a Name),
    /// A service token's. That it is made of the access key is documented, its type is not shown.
    ServiceToken(&'a AccessKey),
}

impl Srn<'_> {
    /// What stands before the name of each role, policy or service token.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Role(_) => "role",
            Self::Policy(_) => "policy",
            Self::ServiceToken(_) => "service-token",
        }
    }

    /// The name, or the key.
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
    fn what_would_become_another_path_or_another_srn_is_no_name() {
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
    fn existing_name_is_opaque_text() {
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
    fn neither_nothing_nor_a_whole_token_is_an_access_key() {
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
            let told = text.parse::<AccessKey>().unwrap_err().to_string();
            assert!(text.is_empty() || !told.contains(text) || text.len() < 4, "{told}");
        }
    }

    #[test]
    fn an_srn_is_spelled_as_documented() {
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
