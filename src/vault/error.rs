//! Errors of Vault.

use std::fmt;

use http::StatusCode;

use super::login::AuthMethod;
use super::secret_path::SecretPath;
use crate::rest::{self, Kind};

/// The reason a secret could not be read, written or deleted. Contains no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A request failed.
    #[error("could not {}", .0.action())]
    Request(#[from] rest::Error),
    /// The login failed.
    #[error("could not {}", .1.action())]
    Login(AuthMethod, rest::Error),
    /// Nothing is mounted at the path.
    #[error("no KV version 2 is mounted at the path of the secret \"{0}\"")]
    NoMount(SecretPath),
    /// Something other than a KV version 2 is mounted at the path.
    #[error("no KV version 2 is mounted at the path of the secret \"{0}\", but {1}")]
    NotVersion2(SecretPath, String),
    /// The value was written to something other than a KV version 2.
    #[error("the secret \"{secret_path}\" was written to a mount that is not a KV version 2")]
    Unversioned {
        /// The path of the value.
        secret_path: SecretPath,
        /// The error that prevented its deletion; `None` if it was deleted.
        remains: Option<Box<Error>>,
    },
    /// The token's policies do not allow the write.
    #[error("Vault's token lacks {} on {path:?}", .missing.join(", "))]
    NotAllowed {
        /// The path for which the policy lacks capabilities.
        path: String,
        /// The missing capabilities.
        missing: Vec<&'static str>,
    },
    /// Another client wrote another version first.
    #[error("another client wrote the secret \"{0}\" at the same time")]
    Conflict(SecretPath),
}

impl Error {
    /// Vault's answer, or the reason why no answer arrived; `None` for errors without a request.
    pub fn answer(&self) -> Option<String> {
        match self {
            Self::Request(error) | Self::Login(_, error) => Some(Answered(error.kind()).to_string()),
            _ => None,
        }
    }

    /// Whether Vault may have executed the request nevertheless.
    pub fn is_ambiguous(&self) -> bool {
        matches!(self, Self::Request(error) if error.is_ambiguous())
    }

    pub(super) fn is_status(&self, status: StatusCode) -> bool {
        matches!(self, Self::Request(error) if error.status() == Some(status))
    }

    pub(super) fn mark_ambiguous(self) -> Self {
        match self {
            Self::Request(error) => Self::Request(error.mark_ambiguous()),
            error => error,
        }
    }

    /// Whether a later retry may succeed, which is worth trying for a value that would be lost
    /// otherwise.
    ///
    /// The statuses are those of Vault's documentation ("HTTP status codes"): sealed and standby
    /// servers and lagging replicas (412) recover, a rejection is final. The preceding permission
    /// check reached the server, so even an unknown host name may be transient.
    pub(super) fn is_transient(&self) -> bool {
        let (Self::Request(error) | Self::Login(_, error)) = self else {
            return false;
        };
        // A login is retried until its deadline, which hides the failure itself.
        match error.cause() {
            Kind::Status { status, .. } => {
                let code = status.as_u16();
                matches!(code, 408 | 412 | 429 | 472 | 473) || (status.is_server_error() && code != 501)
            }
            Kind::Connect(_)
            | Kind::Unreachable { .. }
            | Kind::Interrupted(_)
            | Kind::Timeout(_)
            | Kind::Unreadable { .. } => true,
            _ => false,
        }
    }
}

/// Formats a failure with "Vault" in place of "the platform".
struct Answered<'a>(&'a Kind);

impl fmt::Display for Answered<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Kind::Status {
                status,
                message: Some(message),
                ..
            } => write!(f, "Vault answered {status}: {message}"),
            Kind::Status { status, .. } => write!(f, "Vault answered {status}"),
            Kind::Unreadable { status, reason } => write!(f, "Vault answered {status}, but {reason}"),
            kind => kind.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn transient_failure_is_retried_and_rejection_is_not() {
        for (status, is_transient) in [
            (400, false),
            (403, false),
            (404, false),
            (405, false),
            (412, true),
            (429, true),
            (472, true),
            (473, true),
            (500, true),
            (501, false),
            (502, true),
            (503, true),
        ] {
            let kind = Kind::Status {
                status: StatusCode::from_u16(status).unwrap(),
                message: None,
                page: false,
            };
            assert_eq!(
                Error::from(rest::Error::new("", kind, false)).is_transient(),
                is_transient,
                "{status}"
            );
        }
        assert!(Error::from(rest::Error::new("", Kind::Connect("".into()), false)).is_transient());
        assert!(!Error::from(rest::Error::new("", Kind::Cancelled, false)).is_transient());
        for (last, is_transient) in [(None, false), (Some(Kind::Timeout(Duration::ZERO).into()), true)] {
            let kind = Kind::WouldExceedDeadline {
                wait: Duration::ZERO,
                left: Duration::ZERO,
                last,
            };
            let error = Error::Login(AuthMethod::AppRole, rest::Error::new("", kind, false));
            assert_eq!(error.is_transient(), is_transient);
        }
    }
}
