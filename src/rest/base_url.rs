//! Where an API is, and whether a bearer may be sent there.

use std::fmt;

use url::{Host, Url};

/// The address that every path of an API is appended to, without a trailing slash.
///
/// `https`, or `http` on a loopback address only (127.0.0.0/8, `::1`, `localhost`): a bearer never crosses a network
/// in the clear. No credentials, query or fragment.
#[derive(Clone, PartialEq, Eq)]
pub struct BaseUrl(Url);

/// Why a text is not a [`BaseUrl`]. Never quotes the text, which may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBaseUrl {
    /// No URL at all.
    #[error("not an absolute URL; expected one such as https://example.com/api/v1")]
    NotAUrl,
    /// Another scheme than `https`, or `http` beyond loopback.
    #[error("must start with https:// (http:// is allowed on a loopback address only, as the token is sent there)")]
    Insecure,
    /// `user:password@`.
    #[error("must not hold a user name or password")]
    Credentials,
    /// `?…` or `#…`.
    #[error("must not have a query or a fragment")]
    QueryOrFragment,
}

impl BaseUrl {
    /// Reads and normalises a URL.
    ///
    /// # Errors
    ///
    /// [`InvalidBaseUrl`] says which of the rules above is broken.
    pub fn parse(text: &str) -> Result<Self, InvalidBaseUrl> {
        let mut url = Url::parse(text.trim()).map_err(|_| InvalidBaseUrl::NotAUrl)?;
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            _ => return Err(InvalidBaseUrl::Insecure),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidBaseUrl::Credentials);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(InvalidBaseUrl::QueryOrFragment);
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(Self(url))
    }

    /// The URL without a trailing slash, ready for a path that starts with one.
    pub fn as_str(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }

    /// The host, without a port.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// Whether a path follows the host.
    pub fn has_path(&self) -> bool {
        !matches!(self.0.path(), "" | "/")
    }

    /// Whether requests are sent without TLS; only ever on loopback.
    pub fn is_plain(&self) -> bool {
        self.0.scheme() == "http"
    }

    /// Whether the host is this machine, where no proxy has a place.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.0)
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BaseUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_https_and_plain_loopback_and_drops_the_trailing_slash() {
        for (text, normal) in [
            ("https://acme.striim.cloud/api/v1", "https://acme.striim.cloud/api/v1"),
            ("https://acme.striim.cloud/api/v1/", "https://acme.striim.cloud/api/v1"),
            ("https://acme.striim.cloud/api/v1//", "https://acme.striim.cloud/api/v1"),
            (" https://acme.striim.cloud\n", "https://acme.striim.cloud"),
            ("https://acme.striim.cloud/", "https://acme.striim.cloud"),
            ("HTTPS://ACME.striim.cloud:443/api", "https://acme.striim.cloud/api"),
            (
                "https://acme.striim.cloud:8443/api",
                "https://acme.striim.cloud:8443/api",
            ),
            ("http://127.0.0.1:8080/api/v1", "http://127.0.0.1:8080/api/v1"),
            ("http://127.8.9.10/api", "http://127.8.9.10/api"),
            ("http://[::1]:8080/api", "http://[::1]:8080/api"),
            ("http://localhost:8080", "http://localhost:8080"),
            ("http://LocalHost/api", "http://localhost/api"),
        ] {
            assert_eq!(
                BaseUrl::parse(text).map(|url| url.to_string()),
                Ok(normal.to_owned()),
                "{text}"
            );
        }
    }

    #[test]
    fn refuses_what_would_expose_the_bearer_or_confuse_the_path() {
        use InvalidBaseUrl::*;
        for (text, error) in [
            ("", NotAUrl),
            ("acme.striim.cloud", NotAUrl),
            ("/api/v1", NotAUrl),
            ("https://", NotAUrl),
            ("http://acme.striim.cloud/api/v1", Insecure),
            ("http://10.0.0.1/api", Insecure),
            ("http://0.0.0.0/api", Insecure),
            ("http://localhost.example.com/", Insecure),
            ("http://127.0.0.1.example.com/", Insecure),
            ("http://[::ffff:10.0.0.1]/", Insecure),
            ("ftp://acme.striim.cloud", Insecure),
            ("file:///etc/passwd", Insecure),
            ("unix:/run/x", Insecure),
            ("https://user@acme.striim.cloud/", Credentials),
            ("https://user:pass@acme.striim.cloud/", Credentials),
            ("https://:pass@acme.striim.cloud/", Credentials),
            ("http://127.0.0.1@evil.example.com/", Insecure),
            ("https://acme.striim.cloud/?a=b", QueryOrFragment),
            ("https://acme.striim.cloud/#top", QueryOrFragment),
        ] {
            assert_eq!(BaseUrl::parse(text), Err(error), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics_and_never_accepts_plain_http_elsewhere(text in "(https?://)?[ -~]{0,40}") {
            if let Ok(url) = BaseUrl::parse(&text) {
                assert!(!url.is_plain() || url.is_loopback(), "{text}");
                assert!(!url.as_str().ends_with('/'), "{text}");
            }
        }
    }
}
