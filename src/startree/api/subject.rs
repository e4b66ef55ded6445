//! The subjects that a role can be assigned to.

use std::fmt;
use std::str::FromStr;

use super::srn::AccessKey;

/// The type of a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SubjectType {
    /// A person, identified by an email address.
    UserEmail,
    /// A group of the identity provider, identified by its name.
    Group,
    /// All people with an email address in a domain.
    Domain,
    /// A service token, identified by its access key.
    ServiceToken,
}

impl SubjectType {
    /// All documented types.
    pub const ALL: [Self; 4] = [Self::UserEmail, Self::Group, Self::Domain, Self::ServiceToken];

    /// Returns the type as requests spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UserEmail => "user-email",
            Self::Group => "group",
            Self::Domain => "domain",
            Self::ServiceToken => "service-token",
        }
    }
}

/// An unknown type of subject.
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

/// A subject that a role can be assigned to. It is never empty, and never contains the secret of a
/// service token.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject {
    subject_type: SubjectType,
    subject: String,
}

/// An invalid subject. The message does not quote the text, which may be a whole token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSubject {
    /// The text is empty, has white space around it, or has control characters.
    #[error("must not be empty, begin or end with white space, or contain control characters")]
    Blank,
    /// The text is not an access key, as the type requires.
    #[error(
        "must be the access key of a service token: only the letters and digits between \"st-\" and the next hyphen"
    )]
    AccessKey,
}

impl Subject {
    /// Creates a subject of this type.
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

    /// Creates the subject for a service token.
    pub fn token(access_key: &AccessKey) -> Self {
        Self {
            subject_type: SubjectType::ServiceToken,
            subject: access_key.to_string(),
        }
    }

    /// Returns the access key, if the subject is a service token.
    pub fn access_key(&self) -> Option<AccessKey> {
        match self.subject_type {
            SubjectType::ServiceToken => self.subject.parse().ok(),
            SubjectType::UserEmail | SubjectType::Group | SubjectType::Domain => None,
        }
    }

    /// Returns the type of the subject.
    pub fn subject_type(&self) -> SubjectType {
        self.subject_type
    }

    /// Returns the email address, name, domain or access key.
    pub fn as_str(&self) -> &str {
        &self.subject
    }

    /// Returns whether the platform treats both as the same subject.
    pub fn is_same(&self, other: &Self) -> bool {
        self.has(&Assignment {
            subject_type: other.subject_type.as_str().to_owned(),
            subject: other.subject.clone(),
        })
    }

    /// Returns whether an assignment is to this subject. Addresses and domains are compared without
    /// regard to case, and types without regard to the platform's spelling (`USER_EMAIL`,
    /// `user-email`).
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

/// An assignment of a role as the platform lists it. Its type may be one that is not documented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The type of the subject.
    pub subject_type: String,
    /// The email address, name, domain or access key.
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
    fn subject_rejects_whole_tokens_and_blanks() {
        for text in ["st-XkQBXKr652MV1VF9-5gkhGWNaGAdA1NU5yrHXRSPKMCcNRlRg", "a b", ""] {
            let error = Subject::new(SubjectType::ServiceToken, text).unwrap_err();
            assert_eq!(error, InvalidSubject::AccessKey);
        }
        for text in ["", " a", "a\n"] {
            assert_eq!(Subject::new(SubjectType::Group, text), Err(InvalidSubject::Blank));
        }
    }

    #[test]
    fn assignment_matches_its_subject_in_every_spelling() {
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
