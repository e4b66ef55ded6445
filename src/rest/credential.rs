//! The credential that authenticates a client's requests.

use std::fmt;

use http::{HeaderName, HeaderValue, header};
use secrecy::{ExposeSecret, SecretString};

/// A secret and the header that carries it: `Authorization: <scheme> <secret>`, or a header without
/// a scheme.
#[derive(Clone)]
pub struct Credential {
    header: HeaderName,
    /// The word before the secret; empty in a header without a scheme.
    scheme: &'static str,
    /// Empty if there is no secret yet.
    secret: SecretString,
}

/// A secret that is not valid in an HTTP header. The message does not quote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is empty or contains characters that are invalid in an HTTP header, such as a line break at the end")]
pub struct InvalidCredential;

impl Credential {
    /// Creates a bearer token (RFC 6750).
    ///
    /// # Errors
    ///
    /// Returns [`InvalidCredential`] if the secret is empty or contains anything but visible ASCII
    /// characters.
    pub fn bearer(secret: SecretString) -> Result<Self, InvalidCredential> {
        Self::new("Bearer", secret)
    }

    /// Creates a credential with another scheme than `Bearer`.
    ///
    /// # Errors
    ///
    /// See [`Credential::bearer`].
    pub fn new(scheme: &'static str, secret: SecretString) -> Result<Self, InvalidCredential> {
        Self::checked(header::AUTHORIZATION, scheme, secret)
    }

    /// Creates a credential in a header without a scheme, such as Vault's `X-Vault-Token`.
    ///
    /// # Errors
    ///
    /// See [`Credential::bearer`].
    pub fn in_header(header: HeaderName, secret: SecretString) -> Result<Self, InvalidCredential> {
        Self::checked(header, "", secret)
    }

    /// Creates a credential in a header without a scheme whose secret is not known yet. Requests are
    /// sent without the header until [`Client::set_secret`](super::Client::set_secret).
    pub(crate) fn pending(header: HeaderName) -> Self {
        Self {
            header,
            scheme: "",
            secret: SecretString::default(),
        }
    }

    fn checked(header: HeaderName, scheme: &'static str, secret: SecretString) -> Result<Self, InvalidCredential> {
        let text = secret.expose_secret();
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(InvalidCredential);
        }
        Ok(Self { header, scheme, secret })
    }

    /// Replaces the secret; header and scheme stay the same.
    pub(crate) fn with_secret(&self, secret: SecretString) -> Result<Self, InvalidCredential> {
        Self::checked(self.header.clone(), self.scheme, secret)
    }

    /// The header and its value, which is marked sensitive so that it is neither printed nor
    /// compressed; `None` without a secret.
    pub(crate) fn header(&self) -> Result<Option<(HeaderName, HeaderValue)>, InvalidCredential> {
        if self.secret.expose_secret().is_empty() {
            return Ok(None);
        }
        let text = format!("{} {}", self.scheme, self.secret.expose_secret());
        let mut value = HeaderValue::try_from(text.trim_start()).map_err(|_| InvalidCredential)?;
        value.set_sensitive(true);
        Ok(Some((self.header.clone(), value)))
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
    fn new_rejects_secret_that_is_invalid_in_header() {
        for text in ["", "a\n", "a b", "a\r\nX-Admin: 1", "ä", "\u{7f}"] {
            assert!(Credential::bearer(text.into()).is_err(), "{text:?}");
        }
    }

    #[test]
    fn debug_of_credential_and_header_omits_secret() {
        let credential = Credential::new("Token", "s3cret".into()).unwrap();
        let (name, value) = credential.header().unwrap().unwrap();
        assert_eq!(
            (name.as_str(), value.to_str().unwrap()),
            ("authorization", "Token s3cret")
        );
        assert!(!format!("{credential:?} {value:?}").contains("s3cret"));
    }

    #[test]
    fn pending_credential_has_no_header_until_secret_is_set() {
        let pending = Credential::pending(HeaderName::from_static("x-vault-token"));
        assert_eq!(pending.header(), Ok(None));
        let set = pending.with_secret("s3cret".into()).unwrap();
        assert_eq!(set.header().unwrap().unwrap().1, "s3cret");
    }

    #[test]
    fn header_without_scheme_contains_only_secret() {
        let credential = Credential::in_header(HeaderName::from_static("x-vault-token"), "s3cret".into()).unwrap();
        let (name, value) = credential.header().unwrap().unwrap();
        assert_eq!((name.as_str(), value.to_str().unwrap()), ("x-vault-token", "s3cret"));
        assert!(value.is_sensitive());
    }
}
