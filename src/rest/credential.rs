//! What the client proves itself with.

use std::fmt;

use http::{HeaderName, HeaderValue, header};
use secrecy::{ExposeSecret, SecretString};

/// A secret and the header that it is sent in: `Authorization: <scheme> <secret>`, or one of its own.
#[derive(Clone)]
pub struct Credential {
    header: HeaderName,
    /// Stands before the secret; may be empty.
    scheme: &'static str,
    secret: SecretString,
}

/// A secret that no HTTP header can carry. Does not quote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is empty or holds characters that no HTTP header can carry, such as a line break at its end")]
pub struct InvalidCredential;

impl Credential {
    /// A bearer token (RFC 6750).
    ///
    /// # Errors
    ///
    /// [`InvalidCredential`] where the secret is empty or is not printable ASCII without blanks.
    pub fn bearer(secret: SecretString) -> Result<Self, InvalidCredential> {
        Self::new("Bearer", secret)
    }

    /// A secret under another scheme.
    ///
    /// # Errors
    ///
    /// As [`Credential::bearer`].
    pub fn new(scheme: &'static str, secret: SecretString) -> Result<Self, InvalidCredential> {
        Self::checked(header::AUTHORIZATION, scheme, secret)
    }

    /// A secret in a header of its own, such as Vault's `X-Vault-Token`.
    ///
    /// # Errors
    ///
    /// As [`Credential::bearer`].
    pub fn in_header(header: HeaderName, secret: SecretString) -> Result<Self, InvalidCredential> {
        Self::checked(header, "", secret)
    }

    fn checked(header: HeaderName, scheme: &'static str, secret: SecretString) -> Result<Self, InvalidCredential> {
        let text = secret.expose_secret();
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(InvalidCredential);
        }
        Ok(Self { header, scheme, secret })
    }

    /// The same header and scheme with another secret.
    pub(crate) fn with_secret(&self, secret: SecretString) -> Result<Self, InvalidCredential> {
        Self::checked(self.header.clone(), self.scheme, secret)
    }

    /// The header and its value, which is marked sensitive so that nothing prints or compresses it.
    pub(crate) fn header(&self) -> Result<(HeaderName, HeaderValue), InvalidCredential> {
        let text = format!("{} {}", self.scheme, self.secret.expose_secret());
        let mut value = HeaderValue::try_from(text.trim_start()).map_err(|_| InvalidCredential)?;
        value.set_sensitive(true);
        Ok((self.header.clone(), value))
    }

    pub(crate) fn secret(&self) -> &SecretString {
        &self.secret
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({}: {} [REDACTED])", self.header, self.scheme)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_no_header_carries_is_refused_up_front() {
        for text in ["", "a\n", "a b", "a\r\nX-Admin: 1", "ä", "\u{7f}"] {
            assert!(Credential::bearer(text.into()).is_err(), "{text:?}");
        }
    }

    #[test]
    fn neither_credential_nor_header_prints_the_secret() {
        let credential = Credential::new("Token", "s3cret".into()).unwrap();
        let (name, value) = credential.header().unwrap();
        assert_eq!(
            (name.as_str(), value.to_str().unwrap()),
            ("authorization", "Token s3cret")
        );
        assert!(!format!("{credential:?} {value:?}").contains("s3cret"));
    }

    #[test]
    fn in_a_header_of_its_own_the_secret_stands_alone() {
        let credential = Credential::in_header(HeaderName::from_static("x-vault-token"), "s3cret".into()).unwrap();
        let (name, value) = credential.header().unwrap();
        assert_eq!((name.as_str(), value.to_str().unwrap()), ("x-vault-token", "s3cret"));
        assert!(value.is_sensitive());
    }
}
