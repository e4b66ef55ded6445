//! Whom a role is assigned to.

use std::fmt;
use std::str::FromStr;

use super::srn::AccessKey;

/// What a subject is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SubjectType {
    /// A person, by an email address.
    UserEmail,
    /// A group of the identity provider, by its name.
    Group,
    /// Everybody with an address in a domain.
    Domain,
    /// A service token, by its access key.
    ServiceToken,
}

impl SubjectType {
    /// All that are documented.
    pub const ALL: [Self; 4] = [Self::UserEmail, Self::Group, Self::Domain, Self::ServiceToken];

    /// As requests spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UserEmail => "user-email",
            Self::Group => "group",
            Self::Domain => "domain",
            Self::ServiceToken => "service-token",
        }
    }
}

/// A text is not the type of a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be user-email, group, domain or service-token")]
pub struct InvalidSubjectType;

impl FromStr for SubjectType {
    type Err = InvalidSubjectType;

    fn from_str(text: &str) -> Result<Self, InvalidSubjectType> {
        let found = Self::ALL.into_iter().find(|ty| ty.as_str() == text);
        found.ok_or(InvalidSubjectType)
    }
}

/// Whom a role can be assigned to. Never nobody, and of a service token never its secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject {
    subject_type: SubjectType,
    subject: String,
}

/// A text is not a subject of its type. Does not quote it: it may be a whole token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSubject {
    /// There is nothing.
    #[error("must not be empty, nor begin or end with a blank, nor hold control characters")]
    Blank,
    /// An access key is expected.
    #[error(
        "must be the access key of a service token: the letters and digits between \"st-\" and the next hyphen, and no more \
         of it"
    )]
    AccessKey,
}

impl Subject {
    /// A subject of this type.
    ///
    /// # Errors
    ///
    /// [`InvalidSubject`].
    pub fn new(subject_type: SubjectType, subject: &str) -> Result<Self, InvalidSubject> {
        if subject_type == SubjectType::ServiceToken && subject.parse::<AccessKey>().is_err() {
            return Err(InvalidSubject::AccessKey);
        }
        if subject.is_empty() || subject.trim() != subject || subject.contains(char::is_control) {
            return Err(InvalidSubject::Blank);
        }
        let subject = subject.to_owned();
        Ok(Self { subject_type, subject })
    }

    /// A service token.
    pub fn token(access_key: &AccessKey) -> Self {
        Self {
            subject_type: SubjectType::ServiceToken,
            subject: access_key.to_string(),
        }
    }

    /// The access key, of a service token.
    pub fn access_key(&self) -> Option<AccessKey> {
        match self.subject_type {
            SubjectType::ServiceToken => self.subject.parse().ok(),
            SubjectType::UserEmail | SubjectType::Group | SubjectType::Domain => None,
        }
    }

    /// What it is.
    pub fn subject_type(&self) -> SubjectType {
        self.subject_type
    }

    /// An address, a name, or an access key.
    pub fn as_str(&self) -> &str {
        &self.subject
    }

    /// Whether both are the same to the platform.
    pub fn is_same(&self, other: &Self) -> bool {
        self.has(&Assignment {
            subject_type: other.subject_type.as_str().to_owned(),
            subject: other.subject.clone(),
        })
    }

    /// Whether an assignment is to this subject. Addresses and domains are compared as people do, whatever their case;
    /// types however the platform spells them.
    pub fn has(&self, assignment: &Assignment) -> bool {
        let same_type = assignment.subject_type.to_ascii_lowercase().replace('_', "-") == self.subject_type.as_str();
        same_type
            && match self.subject_type {
                SubjectType::UserEmail | SubjectType::Domain => assignment.subject.eq_ignore_ascii_case(&self.subject),
                SubjectType::Group | SubjectType::ServiceToken => assignment.subject == self.subject,
            }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.subject_type.as_str(), self.subject)
    }
}

/// Whom a role is assigned to, as the platform tells it: it may know of types that are not documented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// What the subject is.
    pub subject_type: String,
    /// An address, a name, or an access key.
    pub subject: String,
}

impl fmt::Display for Assignment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.subject_type, self.subject)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_token_is_no_subject_and_is_not_quoted() {
        for text in ["st-XkQBXKr652MV1VF9-5gkhGWNaGAdA1NU5yrHXRSPKMCcNRlRg", "a b", ""] {
            let told = Subject::new(SubjectType::ServiceToken, text).unwrap_err();
            assert_eq!(told, InvalidSubject::AccessKey);
        }
        for text in ["", " a", "a\n"] {
            assert_eq!(Subject::new(SubjectType::Group, text), Err(InvalidSubject::Blank));
        }
    }

    #[test]
    fn a_subject_is_known_however_it_is_spelled_and_no_other_is() {
        let subject = |ty, text| Subject::new(ty, text).unwrap();
        let listed = |ty: &str, text: &str| Assignment {
            subject_type: ty.to_owned(),
            subject: text.to_owned(),
        };
        let ann = subject(SubjectType::UserEmail, "Ann@Acme.com");
        assert!(ann.has(&listed("user-email", "Ann@Acme.com")));
        assert!(ann.has(&listed("USER_EMAIL", "ann@acme.com")));
        assert!(!ann.has(&listed("group", "Ann@Acme.com")));
        let group = subject(SubjectType::Group, "Data");
        assert!(group.has(&listed("GROUP", "Data")) && !group.has(&listed("group", "data")));
    }
}
