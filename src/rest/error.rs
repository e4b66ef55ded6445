//! Errors of requests: what was attempted, how it failed, and whether the platform may have acted
//! on it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

/// A failed request. Cheap to clone, because callers that share a request share its failure.
///
/// Contains no secret: texts of the platform and the transport are sanitised, secrets are redacted,
/// and the body of a successful answer, which may contain a token, is never quoted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("could not {action}: {kind}")]
pub struct Error {
    action: Arc<str>,
    kind: Kind,
    ambiguous: bool,
}

/// The way in which a request failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Kind {
    /// The client rejected the request; nothing was sent.
    #[error("{0}")]
    Invalid(Arc<str>),
    /// A transient connection failure; nothing was sent.
    #[error("no connection to {0}")]
    Connect(Arc<str>),
    /// A permanent connection failure, which no retry resolves; nothing was sent.
    #[error("no connection to {reason}; {advice}")]
    Unreachable {
        /// The host and the cause.
        reason: Arc<str>,
        /// The advice to the user.
        advice: &'static str,
    },
    /// The peer does not speak HTTP.
    #[error("the server does not speak HTTP ({0}); check the scheme and the port")]
    NotHttp(Arc<str>),
    /// The connection was lost before the whole answer arrived.
    #[error("the connection was lost before the whole answer arrived: {0}")]
    Interrupted(Arc<str>),
    /// The whole answer did not arrive within this time.
    #[error("no answer within {}", seconds(*.0))]
    Timeout(Duration),
    /// An answer other than 2xx.
    #[error("the platform answered {status}{}", Detail(.message.as_deref(), *.page))]
    Status {
        /// The HTTP status.
        status: StatusCode,
        /// The platform's message, sanitised; `None` if the answer has no message.
        message: Option<Arc<str>>,
        /// Whether the body is an HTML page. Such an answer comes from a gateway or a wrong
        /// address, not from the API.
        page: bool,
    },
    /// A successful answer whose body exceeds this number of bytes.
    #[error("the platform's answer is longer than {0} bytes")]
    TooLarge(usize),
    /// A successful answer whose body differs from the API's documentation. The body is not quoted.
    #[error("the platform answered {status}, but {reason}")]
    Unreadable {
        /// The HTTP status.
        status: StatusCode,
        /// The problem with the body.
        reason: Arc<str>,
    },
    /// The operation was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// The operation's deadline is before the end of the next wait.
    #[error("{}", Exceeded(*.wait, *.left, .last.as_deref()))]
    WouldExceedDeadline {
        /// The length of that wait; zero if the deadline has passed.
        wait: Duration,
        /// The time until the deadline.
        left: Duration,
        /// The reason for the wait: the failure to be retried, or `None` for the client's rate
        /// limit.
        last: Option<Arc<Kind>>,
    },
}

/// The reason the body of a successful answer cannot be parsed. It must not quote the body, which
/// may contain a token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

impl Error {
    pub(crate) fn new(action: &str, kind: Kind, ambiguous: bool) -> Self {
        Self {
            action: action.into(),
            kind,
            ambiguous,
        }
    }

    /// The attempted action in the infinitive: `create service account "ci"`.
    pub fn action(&self) -> &str {
        &self.action
    }

    /// The way in which the request failed.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The failure itself, even if the retry would have exceeded the deadline.
    pub fn cause(&self) -> &Kind {
        self.kind.last()
    }

    /// Whether the platform may have acted on the request although the client received no answer.
    /// Always false for reads.
    pub fn is_ambiguous(&self) -> bool {
        self.ambiguous
    }

    /// Marks the error as ambiguous, because an earlier attempt may have had an effect.
    #[must_use]
    pub fn mark_ambiguous(self) -> Self {
        Self {
            ambiguous: true,
            ..self
        }
    }

    /// The status of the last answer if that was the failure, even if the retry would have exceeded
    /// the deadline.
    pub fn status(&self) -> Option<StatusCode> {
        match self.cause() {
            Kind::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// The platform's message that came with [`Error::status`].
    pub fn platform_message(&self) -> Option<&str> {
        match self.cause() {
            Kind::Status { message, .. } => message.as_deref(),
            _ => None,
        }
    }

    /// Whether the platform answered that the object does not exist (404), which counts as success
    /// for a deletion.
    ///
    /// An HTML page with 404 does not count: at a wrong base URL every path is missing, and an
    /// existing token would be taken for revoked.
    pub fn is_not_found(&self) -> bool {
        matches!(
            self.kind,
            Kind::Status {
                status: StatusCode::NOT_FOUND,
                page: false,
                ..
            }
        )
    }

    /// Whether the operation was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.kind == Kind::Cancelled
    }
}

impl Kind {
    /// The failure to be retried, if the retry would have exceeded the deadline; otherwise `self`.
    fn last(&self) -> &Kind {
        match self {
            Kind::WouldExceedDeadline { last: Some(last), .. } => last,
            kind => kind,
        }
    }

    /// Whether the platform answered 429.
    pub(crate) fn is_rate_limit(&self) -> bool {
        matches!(
            self,
            Kind::Status {
                status: StatusCode::TOO_MANY_REQUESTS,
                ..
            }
        )
    }

    /// Whether the request may have had its effect. A 4xx status means that it had none; a failure
    /// of the platform or of the connection leaves it unknown.
    pub(crate) fn may_have_acted(&self) -> bool {
        match self {
            Kind::Interrupted(_)
            | Kind::NotHttp(_)
            | Kind::Timeout(_)
            | Kind::TooLarge(_)
            | Kind::Unreadable { .. } => true,
            Kind::Status { status, .. } => status.is_server_error() || *status == StatusCode::REQUEST_TIMEOUT,
            Kind::Invalid(_)
            | Kind::Connect(_)
            | Kind::Unreachable { .. }
            | Kind::Cancelled
            | Kind::WouldExceedDeadline { .. } => false,
        }
    }
}

struct Detail<'a>(Option<&'a str>, bool);

impl fmt::Display for Detail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self(_, true) => f.write_str(" with an HTML page; check the base URL, and whether a proxy answered"),
            Self(Some(message), false) => write!(f, ": {message}"),
            Self(None, false) => Ok(()),
        }
    }
}

/// The length of the wait, the time until the deadline, and the reason for the wait.
struct Exceeded<'a>(Duration, Duration, Option<&'a Kind>);

impl fmt::Display for Exceeded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(wait, left, last) = self;
        let reason: &dyn fmt::Display = match last {
            Some(last) => last,
            None if wait.is_zero() => return f.write_str("retry_timeout has elapsed"),
            None => &"the platform's rate limit is exhausted",
        };
        // The wait is rounded up and the remaining time down, so that the message never shows two
        // equal numbers.
        let (wait, left) = (seconds(*wait), left.as_secs());
        write!(
            f,
            "{reason}; the next attempt must wait {wait}, but retry_timeout leaves {left}s"
        )
    }
}

/// Formats whole seconds, rounded up.
fn seconds(duration: Duration) -> String {
    format!(
        "{}s",
        duration
            .as_secs()
            .saturating_add(u64::from(duration.subsec_nanos() > 0))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(code: u16, message: Option<&str>) -> Kind {
        Kind::Status {
            status: StatusCode::from_u16(code).unwrap(),
            message: message.map(Into::into),
            page: false,
        }
    }

    #[test]
    fn error_message_names_action_and_answer() {
        let wait = |last| Kind::WouldExceedDeadline {
            wait: Duration::from_millis(47_200),
            left: Duration::from_millis(20_900),
            last,
        };
        for (kind, expected) in [
            (
                status(409, Some("name taken")),
                "could not do it: the platform answered 409 Conflict: name taken",
            ),
            (
                status(503, None),
                "could not do it: the platform answered 503 Service Unavailable",
            ),
            (
                Kind::Timeout(Duration::from_secs(30)),
                "could not do it: no answer within 30s",
            ),
            (
                wait(Some(Arc::new(status(429, None)))),
                "could not do it: the platform answered 429 Too Many Requests; the next attempt must wait 48s, but \
                 retry_timeout leaves 20s",
            ),
            (
                Kind::WouldExceedDeadline {
                    wait: Duration::ZERO,
                    left: Duration::ZERO,
                    last: None,
                },
                "could not do it: retry_timeout has elapsed",
            ),
            (
                wait(None),
                "could not do it: the platform's rate limit is exhausted; the next attempt must wait 48s, but \
                 retry_timeout leaves 20s",
            ),
        ] {
            assert_eq!(Error::new("do it", kind, false).to_string(), expected);
        }
    }

    #[test]
    fn status_is_reported_when_retry_exceeds_deadline() {
        let last = Arc::new(status(429, Some("slow down")));
        let kind = Kind::WouldExceedDeadline {
            wait: Duration::MAX,
            left: Duration::ZERO,
            last: Some(last),
        };
        let error = Error::new("x", kind, false);
        assert_eq!(error.status(), Some(StatusCode::TOO_MANY_REQUESTS));
        assert_eq!(error.platform_message(), Some("slow down"));
        assert!(error.to_string().contains("18446744073709551615s"), "{error}");
    }
}
