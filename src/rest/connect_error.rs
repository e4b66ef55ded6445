//! Classification of connection failures: transient ones are retried, permanent ones fail with
//! advice. No I/O.

use std::error::Error as StdError;
use std::io;

use rustls::{AlertDescription, CertificateError};

use super::destination::Roots;

/// An error of a transport.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// A failure to connect. Nothing was sent.
#[derive(Debug, thiserror::Error)]
#[error("{source}")]
pub struct ConnectError {
    source: BoxError,
    advice: Option<&'static str>,
}

/// A host name that does not resolve to an address. The message is the system resolver's.
#[derive(Debug, thiserror::Error)]
#[error("the host name {host:?} cannot be resolved: {source}")]
pub(super) struct ResolveError {
    pub(super) host: String,
    pub(super) source: io::Error,
}

impl ConnectError {
    /// Creates a transient failure: the request is retried.
    pub fn transient(source: impl Into<BoxError>) -> Self {
        Self {
            source: source.into(),
            advice: None,
        }
    }

    /// Creates a permanent failure, which lasts until the user follows `advice`: the request fails
    /// at once.
    pub fn permanent(source: impl Into<BoxError>, advice: &'static str) -> Self {
        Self {
            source: source.into(),
            advice: Some(advice),
        }
    }

    /// Classifies a network failure by its chain of causes.
    pub(super) fn classified(source: BoxError, roots: &Roots) -> Self {
        let advice = permanent_cause(&*source).map(|cause| cause.advice(roots));
        Self { source, advice }
    }

    /// The advice for a permanent failure; `None` for a transient one.
    pub(super) fn advice(&self) -> Option<&'static str> {
        self.advice
    }
}

/// A cause that no retry resolves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PermanentCause {
    UnknownHost,
    UntrustedCertificate,
    CertificateForOtherHost,
    CertificateNotCurrent,
    NotTls,
    TlsRefused,
    ProxyCredentials,
    Setup,
}

impl PermanentCause {
    fn advice(self, roots: &Roots) -> &'static str {
        /// Whether `rustls-platform-verifier` reads `SSL_CERT_FILE` on this operating system.
        const READS_SSL_CERT_FILE: bool = cfg!(all(unix, not(target_vendor = "apple"), not(target_os = "android")));
        match (self, roots) {
            (Self::UnknownHost, _) => "check the spelling of the host name, and this machine's DNS",
            (Self::UntrustedCertificate, Roots::Only(_)) => {
                "the server's certificate was not issued by an authority in the given file"
            }
            (Self::UntrustedCertificate, Roots::System) if READS_SSL_CERT_FILE => {
                "the server's certificate is not trusted by this machine; if a company's proxy or a private authority \
                 issued it, set SSL_CERT_FILE to a PEM file of all authorities to trust"
            }
            (Self::UntrustedCertificate, Roots::System) => {
                "the server's certificate is not trusted by this machine; if a company's proxy or a private authority \
                 issued it, add that authority to the system's certificate store (SSL_CERT_FILE has no effect here)"
            }
            (Self::CertificateForOtherHost, _) => {
                "the server's certificate is for another host name; check the host name"
            }
            (Self::CertificateNotCurrent, _) => {
                "by this machine's clock the server's certificate has expired or is not valid yet; check the clock, then \
                 the certificate"
            }
            (Self::NotTls, _) => "the server does not speak TLS on this port; check the scheme and the port",
            (Self::TlsRefused, _) => {
                "the server and this client share no TLS version or cipher suite; is a proxy in between?"
            }
            (Self::ProxyCredentials, _) => "the proxy in HTTPS_PROXY requires a user name and password",
            (Self::Setup, Roots::Only(_)) => "check the given file of certificate authorities",
            (Self::Setup, Roots::System) if READS_SSL_CERT_FILE => {
                "check the system's certificate authorities, or the file in SSL_CERT_FILE"
            }
            (Self::Setup, Roots::System) => "check the system's certificate authorities",
        }
    }
}

fn permanent_cause(error: &(dyn StdError + 'static)) -> Option<PermanentCause> {
    causes(error).find_map(|cause| {
        if let Some(error) = cause.downcast_ref::<rustls::Error>() {
            return cause_of_tls_error(error);
        }
        if let Some(ResolveError { source, .. }) = cause.downcast_ref::<ResolveError>() {
            return is_unknown_host(source).then_some(PermanentCause::UnknownHost);
        }
        if let Some(error) = cause.downcast_ref::<reqwest::Error>() {
            return error.is_builder().then_some(PermanentCause::Setup);
        }
        // The type is private to hyper-util.
        (cause.to_string() == "tunnel error: proxy authorization required").then_some(PermanentCause::ProxyCredentials)
    })
}

/// An error and its causes, outermost first. `io::Error::source` skips the wrapped error itself,
/// hence `get_ref`.
fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| {
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        match wrapped {
            Some(wrapped) => Some(wrapped as &(dyn StdError + 'static)),
            None => error.source(),
        }
    })
}

fn cause_of_tls_error(error: &rustls::Error) -> Option<PermanentCause> {
    use rustls::Error;
    match error {
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => Some(PermanentCause::CertificateForOtherHost),
        Error::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        ) => Some(PermanentCause::CertificateNotCurrent),
        Error::InvalidCertificate(_) | Error::NoCertificatesPresented => Some(PermanentCause::UntrustedCertificate),
        Error::InvalidMessage(_) => Some(PermanentCause::NotTls),
        // Transient: the server may be restarting, or be one of several behind one address.
        Error::AlertReceived(
            AlertDescription::InternalError | AlertDescription::CloseNotify | AlertDescription::UserCanceled,
        ) => None,
        Error::AlertReceived(_)
        | Error::PeerIncompatible(_)
        | Error::UnsupportedNameType
        | Error::NoApplicationProtocol => Some(PermanentCause::TlsRefused),
        _ => None,
    }
}

/// Whether the resolver answered that the name does not exist or has no address, as opposed to a
/// failed lookup. The standard library keeps the code of `getaddrinfo` only on Windows; elsewhere
/// only the text is available.
fn is_unknown_host(error: &io::Error) -> bool {
    const WSAHOST_NOT_FOUND: i32 = 11_001;
    const WSANO_DATA: i32 = 11_004;
    const TEXTS: [&str; 6] = [
        // glibc
        "Name or service not known",
        "No address associated with hostname",
        // musl
        "Name does not resolve",
        "Name has no usable address",
        // Apple, BSD
        "nodename nor servname provided, or not known",
        "hostname nor servname provided, or not known",
    ];
    if let Some(code) = error.raw_os_error() {
        return cfg!(windows) && matches!(code, WSAHOST_NOT_FOUND | WSANO_DATA);
    }
    let text = error.to_string();
    TEXTS.iter().any(|known| text.ends_with(known))
}

#[cfg(test)]
mod tests {
    use rustls::{Error as TlsError, InvalidMessage, OtherError, PeerIncompatible};

    use super::*;

    fn wrapped(error: TlsError) -> BoxError {
        // The same wrapping as in tokio-rustls and hyper-rustls.
        io::Error::other(io::Error::new(io::ErrorKind::InvalidData, error)).into()
    }

    #[test]
    fn permanent_cause_of_tls_failure_is_found_through_io_errors() {
        let certificate = |error| wrapped(TlsError::InvalidCertificate(error));
        let other = CertificateError::Other(OtherError(std::sync::Arc::new(io::Error::other("keychain"))));
        for (error, expected) in [
            (
                certificate(CertificateError::UnknownIssuer),
                Some(PermanentCause::UntrustedCertificate),
            ),
            (
                certificate(CertificateError::Revoked),
                Some(PermanentCause::UntrustedCertificate),
            ),
            (certificate(other), Some(PermanentCause::UntrustedCertificate)),
            (
                certificate(CertificateError::NotValidForName),
                Some(PermanentCause::CertificateForOtherHost),
            ),
            (
                certificate(CertificateError::Expired),
                Some(PermanentCause::CertificateNotCurrent),
            ),
            (
                certificate(CertificateError::NotValidYet),
                Some(PermanentCause::CertificateNotCurrent),
            ),
            (
                wrapped(TlsError::InvalidMessage(InvalidMessage::InvalidContentType)),
                Some(PermanentCause::NotTls),
            ),
            (
                wrapped(TlsError::AlertReceived(AlertDescription::HandshakeFailure)),
                Some(PermanentCause::TlsRefused),
            ),
            (
                wrapped(TlsError::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon)),
                Some(PermanentCause::TlsRefused),
            ),
            (wrapped(TlsError::AlertReceived(AlertDescription::InternalError)), None),
            (wrapped(TlsError::General("busy".to_owned())), None),
            (io::Error::from(io::ErrorKind::ConnectionRefused).into(), None),
            (io::Error::from(io::ErrorKind::ConnectionReset).into(), None),
            (io::Error::from(io::ErrorKind::UnexpectedEof).into(), None),
            (io::Error::from(io::ErrorKind::TimedOut).into(), None),
            (io::Error::from(io::ErrorKind::NetworkUnreachable).into(), None),
            (
                "tunnel error: proxy authorization required".into(),
                Some(PermanentCause::ProxyCredentials),
            ),
            ("tunnel error: unsuccessful".into(), None),
        ] {
            assert_eq!(permanent_cause(&*error), expected, "{error}");
        }
    }

    #[test]
    fn unknown_host_is_permanent_and_resolver_failure_is_transient() {
        let resolved = |text: &str| {
            let source = io::Error::other(format!("failed to lookup address information: {text}"));
            let host = "acme.example.com".to_owned();
            permanent_cause(&*BoxError::from(ResolveError { host, source }))
        };
        for text in [
            "Name or service not known",
            "No address associated with hostname",
            "Name does not resolve",
            "nodename nor servname provided, or not known",
        ] {
            assert_eq!(resolved(text), Some(PermanentCause::UnknownHost), "{text}");
        }
        for text in [
            "Temporary failure in name resolution",
            "Try again",
            "Non-recoverable failure in name resolution",
            "System error",
        ] {
            assert_eq!(resolved(text), None, "{text}");
        }
        // WSAHOST_NOT_FOUND on Windows, and another error elsewhere.
        let (host, source) = ("acme.example.com".to_owned(), io::Error::from_raw_os_error(11_001));
        let cause = permanent_cause(&*BoxError::from(ResolveError { host, source }));
        assert_eq!(cause.is_some(), cfg!(windows));
    }

    #[test]
    fn only_permanent_failure_has_advice() {
        assert_eq!(ConnectError::permanent("no", "do that").advice(), Some("do that"));
        assert_eq!(ConnectError::transient("refused").advice(), None);
        let classified = |error| ConnectError::classified(wrapped(error), &Roots::System).advice();
        let not_tls = TlsError::InvalidMessage(InvalidMessage::InvalidContentType);
        assert!(classified(not_tls).is_some_and(|advice| advice.contains("does not speak TLS")));
        assert_eq!(classified(TlsError::General("busy".to_owned())), None);
    }

    #[test]
    fn advice_for_untrusted_certificate_names_source_of_authorities() {
        let only = Roots::Only(Vec::new());
        for (cause, system) in [
            (PermanentCause::UntrustedCertificate, "set SSL_CERT_FILE to"),
            (PermanentCause::Setup, "the file in SSL_CERT_FILE"),
        ] {
            let advice = cause.advice(&Roots::System);
            assert!(advice.contains(system) || !cfg!(target_os = "linux"), "{advice}");
            let advice = cause.advice(&only);
            assert!(
                advice.contains("the given file") && !advice.contains("SSL_CERT_FILE"),
                "{advice}"
            );
        }
    }
}
