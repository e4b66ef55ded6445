//! The base URL of an API and the check that a bearer token may be sent there.

use std::fmt;

use url::{Host, Url};

/// The address that every path of an API is appended to, without a trailing slash.
///
/// The scheme is `https`, or `http` on a loopback address (127.0.0.0/8, `::1`, `localhost`), so
/// that a bearer token never crosses a network in plain text. Credentials, a query and a fragment
/// are rejected.
#[derive(Clone, PartialEq, Eq)]
pub struct BaseUrl(Url);

/// The reason a text is not a [`BaseUrl`]. Never quotes the text, which may contain a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBaseUrl {
    /// Not an absolute URL.
    #[error("not an absolute URL; expected one such as https://example.com/api/v1")]
    NotAUrl,
    /// A scheme other than `https`, or `http` to a host that is not loopback.
    #[error(
        "must start with https:// (http:// is allowed on a loopback address only, because the token is sent there)"
    )]
    Insecure,
    /// `user:password@`.
    #[error("must not contain a user name or password")]
    Credentials,
    /// `?…` or `#…`.
    #[error("must not contain a query or a fragment")]
    QueryOrFragment,
}

impl BaseUrl {
    /// Parses and normalises a URL.
    ///
    /// # Errors
    ///
    /// Returns [`InvalidBaseUrl`], which names the rule that is broken.
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

    /// Whether the URL has a path.
    pub fn has_path(&self) -> bool {
        !matches!(self.0.path(), "" | "/")
    }

    /// Whether requests are sent without TLS, which is allowed on loopback only.
    pub fn is_plain(&self) -> bool {
        self.0.scheme() == "http"
    }

    /// Whether the host is a loopback address. Such requests bypass any proxy.
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
    fn parse_of_https_or_plain_loopback_drops_trailing_slash() {
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
    fn parts_of_url_are_recognised() {
        // (URL, host, whether it has a path, is plain HTTP, and is loopback)
        for (text, host, parts) in [
            ("https://acme.striim.cloud", "acme.striim.cloud", [false, false, false]),
            (
                "https://acme.striim.cloud:8443/",
                "acme.striim.cloud",
                [false, false, false],
            ),
            (
                "https://acme.striim.cloud/api",
                "acme.striim.cloud",
                [true, false, false],
            ),
            ("https://localhost/api", "localhost", [true, false, true]),
            ("http://localhost:8080", "localhost", [false, true, true]),
            ("http://127.0.0.1:8080/api", "127.0.0.1", [true, true, true]),
        ] {
            let url = BaseUrl::parse(text).unwrap();
            assert_eq!(url.host(), host, "{text}");
            assert_eq!([url.has_path(), url.is_plain(), url.is_loopback()], parts, "{text}");
        }
    }

    #[test]
    fn parse_rejects_insecure_scheme_credentials_query_and_fragment() {
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
        fn parse_never_panics_and_rejects_plain_http_beyond_loopback(text in "(https?://)?[ -~]{0,40}") {
            if let Ok(url) = BaseUrl::parse(&text) {
                assert!(!url.is_plain() || url.is_loopback(), "{text}");
                assert!(!url.as_str().ends_with('/'), "{text}");
            }
        }
    }
}
