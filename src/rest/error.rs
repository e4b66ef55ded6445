//! What went wrong, what was tried, and whether the platform may have acted all the same.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

/// A request that did not succeed. Cheap to clone: one shared request may fail for many who wait for it.
///
/// Holds no secret: texts of the platform and of the transport are sanitised, the bearer is scrubbed from them, and
/// the body of a successful answer, which may hold a token, is never quoted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("could not {tried}: {kind}")]
pub struct Error {
    tried: Arc<str>,
    kind: Kind,
    ambiguous: bool,
}

/// How a request failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Kind {
    /// The request was refused on our side, and nothing was sent.
    #[error("{0}")]
    Invalid(Arc<str>),
    /// No connection: nothing was sent.
    #[error("no connection to {0}")]
    Connect(Arc<str>),
    /// No connection, and no retry would bring one: nothing was sent.
    #[error("no connection to {reason}; {advice}")]
    Unreachable {
        /// The host, and why it cannot be connected to.
        reason: Arc<str>,
        /// What to check.
        advice: &'static str,
    },
    /// What answered does not speak HTTP.
    #[error("what answered does not speak HTTP ({0}); check the scheme and the port")]
    NotHttp(Arc<str>),
    /// The connection was lost before the whole answer had arrived.
    #[error("the connection was lost before the whole answer had arrived: {0}")]
    Interrupted(Arc<str>),
    /// No whole answer within this time.
    #[error("no answer within {}", seconds(*.0))]
    Timeout(Duration),
    /// An answer other than 2xx.
    #[error("the platform answered {status}{}", Detail(.message.as_deref(), *.page))]
    Status {
        /// Its status.
        status: StatusCode,
        /// What the platform says about it, sanitised; `None` where it says nothing.
        message: Option<Arc<str>>,
        /// Whether it came with a page for a browser: then it is a gateway's or a wrong address's, not the API's.
        page: bool,
    },
    /// A successful answer with a body longer than this many bytes.
    #[error("the platform's answer is longer than {0} bytes")]
    TooLarge(usize),
    /// A successful answer whose body is not what the platform documents. The body is not quoted.
    #[error("the platform answered {status}, but {reason}")]
    Unreadable {
        /// Its status.
        status: StatusCode,
        /// What is wrong with it.
        reason: Arc<str>,
    },
    /// The operation was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// The next step would have had to wait beyond the operation's deadline.
    #[error("{}", Exceeded(*.wait, *.left, .last.as_deref()))]
    WouldExceedDeadline {
        /// How long it would have had to wait; zero where the time was already over.
        wait: Duration,
        /// How long the operation had left.
        left: Duration,
        /// What made it wait: the failure to be repeated, or `None` for our own rate limit.
        last: Option<Arc<Kind>>,
    },
}

/// Why the body of a successful answer cannot be read. Must not quote the body, which may hold a token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

impl Error {
    pub(crate) fn new(tried: &str, kind: Kind, ambiguous: bool) -> Self {
        Self {
            tried: tried.into(),
            kind,
            ambiguous,
        }
    }

    /// What was tried, in the infinitive: `create service account "ci"`.
    pub fn tried(&self) -> &str {
        &self.tried
    }

    /// How it failed.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The failure itself, also where its repetition would have come too late.
    pub fn cause(&self) -> &Kind {
        self.kind.last()
    }

    /// Whether the platform may have done what was asked, although no answer tells so. Never for a mere reading.
    pub fn is_ambiguous(&self) -> bool {
        self.ambiguous
    }

    /// The same error, after an earlier attempt that may have had its effect.
    #[must_use]
    pub fn after_an_ambiguous_one(self) -> Self {
        Self {
            ambiguous: true,
            ..self
        }
    }

    /// The status of the last answer where that was what failed, also where its repetition would have come too late.
    pub fn status(&self) -> Option<StatusCode> {
        match self.cause() {
            Kind::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// What the platform said along with [`Error::status`].
    pub fn platform_message(&self) -> Option<&str> {
        match self.cause() {
            Kind::Status { message, .. } => message.as_deref(),
            _ => None,
        }
    }

    /// Whether what was asked for does not exist (404), which for a deletion is as good as success. Not where a page
    /// for a browser says so: at a wrong address nothing exists, and a token there is would be taken for revoked.
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

    /// Whether whoever asked for it no longer wants it.
    pub fn is_cancelled(&self) -> bool {
        self.kind == Kind::Cancelled
    }
}

impl Kind {
    /// The failure itself, where waiting for its repetition would have taken too long.
    fn last(&self) -> &Kind {
        match self {
            Kind::WouldExceedDeadline { last: Some(last), .. } => last,
            kind => kind,
        }
    }

    /// Whether the platform refused the request for coming too soon.
    pub(crate) fn is_rate_limit(&self) -> bool {
        matches!(
            self,
            Kind::Status {
                status: StatusCode::TOO_MANY_REQUESTS,
                ..
            }
        )
    }

    /// Whether a request that failed so may have had its effect. A refusal (4xx) says that it had none; a failure of
    /// the platform or of the way back says nothing.
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
            Self(_, true) => f.write_str(" with a page for a browser; is the base URL right, is a proxy in between?"),
            Self(Some(message), false) => write!(f, ": {message}"),
            Self(None, false) => Ok(()),
        }
    }
}

/// How long the wait would have been, how long was left, and what made it wait.
struct Exceeded<'a>(Duration, Duration, Option<&'a Kind>);

impl fmt::Display for Exceeded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(wait, left, last) = self;
        let why: &dyn fmt::Display = match last {
            Some(last) => last,
            None if wait.is_zero() => return f.write_str("retry_timeout has run out"),
            None => &"the platform's rate limit is used up",
        };
        // The wait rounded up and the rest rounded down, so that the numbers never seem to fit.
        let (wait, left) = (seconds(*wait), left.as_secs());
        write!(f, "{why}; would have to wait {wait}, retry_timeout leaves {left}s")
    }
}

/// Whole seconds, rounded up.
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
    fn a_message_says_what_was_tried_and_what_came_back() {
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
                "could not do it: the platform answered 429 Too Many Requests; would have to wait 48s, retry_timeout \
                 leaves 20s",
            ),
            (
                wait(None),
                "could not do it: the platform's rate limit is used up; would have to wait 48s, retry_timeout leaves \
                 20s",
            ),
        ] {
            assert_eq!(Error::new("do it", kind, false).to_string(), expected);
        }
    }

    #[test]
    fn the_status_shows_through_a_wait_that_was_too_long() {
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
