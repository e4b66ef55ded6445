//! What went wrong with Vault.

use std::fmt;

use http::StatusCode;

use super::place::Place;
use crate::rest::{self, Kind};

/// Why a secret could not be read, written or removed. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A request did not succeed.
    #[error("could not {}", .0.tried())]
    Request(#[from] rest::Error),
    /// Nothing is mounted there.
    #[error("there is no KV version 2 where the secret \"{0}\" is to be")]
    NoMount(Place),
    /// Something else is mounted there.
    #[error("there is no KV version 2 where the secret \"{0}\" is to be, but {1}")]
    NotVersion2(Place, String),
    /// A value was written to something else than a KV version 2.
    #[error("there is no KV version 2 where the secret \"{place}\" was written")]
    Unversioned {
        /// Where it was written.
        place: Place,
        /// Why it could not be deleted again, if it could not.
        remains: Option<Box<Error>>,
    },
    /// The token's policies do not allow it.
    #[error("Vault's token lacks {} on {path:?}", .missing.join(", "))]
    NotAllowed {
        /// The path of the policy's rule.
        path: String,
        /// The capabilities that are missing.
        missing: Vec<&'static str>,
    },
    /// Somebody else wrote another version first.
    #[error("somebody else wrote the secret \"{0}\" at the same time")]
    Overtaken(Place),
}

impl Error {
    /// What Vault answered, or why it did not, if there was a request to answer.
    pub fn answer(&self) -> Option<String> {
        match self {
            Self::Request(error) => Some(Answered(error.kind()).to_string()),
            _ => None,
        }
    }

    /// Whether it may have been done all the same.
    pub fn is_ambiguous(&self) -> bool {
        matches!(self, Self::Request(error) if error.is_ambiguous())
    }

    pub(super) fn is_status(&self, status: StatusCode) -> bool {
        matches!(self, Self::Request(error) if error.status() == Some(status))
    }

    pub(super) fn after_an_ambiguous_one(self) -> Self {
        match self {
            Self::Request(error) => Self::Request(error.after_an_ambiguous_one()),
            error => error,
        }
    }

    /// Whether the same request may succeed a little later, for a value that would be lost otherwise. By statuses as
    /// Vault's documentation lists them ("HTTP status codes"): sealed and standby servers, and replicas that lag behind
    /// (412), get over it; a refusal does not. The server was reached when the permission to write was proved, so even a
    /// host name that does not exist may pass.
    pub(super) fn may_pass(&self) -> bool {
        let Self::Request(error) = self else { return false };
        match error.kind() {
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

/// How a request failed, with Vault named where others would be "the platform".
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
    use super::*;

    #[test]
    fn what_may_pass_is_tried_again_and_a_refusal_is_not() {
        for (status, may_pass) in [
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
                Error::from(rest::Error::new("", kind, false)).may_pass(),
                may_pass,
                "{status}"
            );
        }
        assert!(Error::from(rest::Error::new("", Kind::Connect("".into()), false)).may_pass());
        assert!(!Error::from(rest::Error::new("", Kind::Cancelled, false)).may_pass());
    }
}
