//! The retry policy. No I/O.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

use super::error::Kind;

/// Whether a request may be repeated although the platform may have acted on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetrySafety {
    /// The request is idempotent: a read, or a deletion for which "not found" counts as success.
    Safe,
    /// The request is not idempotent: a creation, a rotation, a toggle.
    Unsafe,
}

/// The next step after a failure.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    GiveUp,
    /// Retry after the time that the platform demands.
    After(Duration),
    /// Retry after the next pause of [`backoff`].
    BackOff,
}

/// Retries of a failed connection: a permanently closed port is reported within half a minute.
const CONNECT_RETRIES: u32 = 4;
/// Retries of a failed request: outages of the platform or the network pass within one or two
/// minutes, or need a person's attention.
const FAILURE_RETRIES: u32 = 6;
/// Retries of an answer that cannot be parsed: after two more attempts another one is unlikely to
/// help.
const UNREADABLE_RETRIES: u32 = 2;

/// Pauses of 1s, 2s, 4s … 30s, each with random jitter so that many clients do not retry at the
/// same time.
pub(super) fn backoff() -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(Duration::from_secs(1))
        .with_max_delay(Duration::from_secs(30))
        .with_jitter()
        .without_max_times()
        .build()
}

/// Decides the next step after `failure`; `failures` counts earlier ones other than 429.
///
/// The platform does not act on a request that it answers with 429, so the client waits until the
/// deadline if need be. The same holds for a failed connection, with fewer retries. After any other
/// failure the platform may have acted, so that the request is repeated only where that is safe.
pub(super) fn next(safety: RetrySafety, failure: &Kind, retry_after: Option<Duration>, failures: u32) -> Next {
    let (limit, only_if_safe) = match failure {
        kind if kind.is_rate_limit() => (u32::MAX, false),
        Kind::Status {
            status: StatusCode::NOT_IMPLEMENTED,
            ..
        } => return Next::GiveUp,
        Kind::Status { status, .. } if status.is_server_error() => (FAILURE_RETRIES, true),
        Kind::Status {
            status: StatusCode::REQUEST_TIMEOUT,
            ..
        } => (FAILURE_RETRIES, true),
        Kind::Connect(_) => (CONNECT_RETRIES, false),
        Kind::Interrupted(_) | Kind::Timeout(_) => (FAILURE_RETRIES, true),
        Kind::Unreadable { .. } => (UNREADABLE_RETRIES, true),
        Kind::Status { .. }
        | Kind::Unreachable { .. }
        | Kind::NotHttp(_)
        | Kind::TooLarge(_)
        | Kind::Invalid(_)
        | Kind::Cancelled
        | Kind::WouldExceedDeadline { .. } => return Next::GiveUp,
    };
    if failures >= limit || (only_if_safe && safety == RetrySafety::Unsafe) {
        return Next::GiveUp;
    }
    // Prevents "Retry-After: 0" from causing a tight loop.
    retry_after.map_or(Next::BackOff, |wait| Next::After(wait.max(Duration::from_secs(1))))
}

/// Reads `Retry-After` (RFC 9110, 10.2.3): seconds or a date. A date is compared with the answer's
/// own `Date`, so that clock skew does not matter, or with `now` if the answer has no date.
pub(super) fn retry_after(headers: &HeaderMap, now: impl FnOnce() -> Timestamp) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = http_date(value)?;
    let date = headers
        .get(header::DATE)
        .and_then(|value| value.to_str().ok())
        .and_then(http_date);
    // A date in the past means no wait.
    Some(Duration::try_from(at.duration_since(date.unwrap_or_else(now))).unwrap_or(Duration::ZERO))
}

/// The answer's `Date`; `None` if the answer comes from a cache.
pub(super) fn date_of(headers: &HeaderMap) -> Option<Timestamp> {
    let is_cached = headers.get(header::AGE).is_some_and(|age| age.as_bytes() != b"0");
    let date = headers.get(header::DATE).filter(|_| !is_cached)?;
    http_date(date.to_str().ok()?)
}

/// Parses the only date format that RFC 9110 allows servers to send: `Sun, 06 Nov 1994 08:49:37
/// GMT`.
fn http_date(text: &str) -> Option<Timestamp> {
    static PARSER: DateTimeParser = DateTimeParser::new();
    PARSER.parse_timestamp(text).ok()
}

#[cfg(test)]
mod tests {
    use RetrySafety::{Safe, Unsafe};

    use super::*;

    fn status(code: u16) -> Kind {
        Kind::Status {
            status: StatusCode::from_u16(code).unwrap(),
            message: None,
            page: false,
        }
    }

    #[test]
    fn next_follows_retry_policy() {
        let unreadable = Kind::Unreadable {
            status: StatusCode::OK,
            reason: "".into(),
        };
        let ten = Some(Duration::from_secs(10));
        for (failure, retry_after, failures, safe, not_safe) in [
            (status(429), None, 0, Next::BackOff, Next::BackOff),
            (status(429), None, 1000, Next::BackOff, Next::BackOff),
            (
                status(429),
                ten,
                0,
                Next::After(Duration::from_secs(10)),
                Next::After(Duration::from_secs(10)),
            ),
            (
                status(429),
                Some(Duration::ZERO),
                0,
                Next::After(Duration::from_secs(1)),
                { Next::After(Duration::from_secs(1)) },
            ),
            (status(500), None, 0, Next::BackOff, Next::GiveUp),
            (status(503), ten, 0, Next::After(Duration::from_secs(10)), Next::GiveUp),
            (status(504), None, 5, Next::BackOff, Next::GiveUp),
            (status(504), None, 6, Next::GiveUp, Next::GiveUp),
            (status(501), None, 0, Next::GiveUp, Next::GiveUp),
            (status(408), None, 0, Next::BackOff, Next::GiveUp),
            (status(302), None, 0, Next::GiveUp, Next::GiveUp),
            (status(400), ten, 0, Next::GiveUp, Next::GiveUp),
            (status(401), None, 0, Next::GiveUp, Next::GiveUp),
            (status(403), None, 0, Next::GiveUp, Next::GiveUp),
            (status(404), None, 0, Next::GiveUp, Next::GiveUp),
            (status(409), None, 0, Next::GiveUp, Next::GiveUp),
            (Kind::Connect("".into()), None, 0, Next::BackOff, Next::BackOff),
            (Kind::Connect("".into()), None, 4, Next::GiveUp, Next::GiveUp),
            (
                Kind::Unreachable {
                    reason: "".into(),
                    advice: "",
                },
                None,
                0,
                Next::GiveUp,
                Next::GiveUp,
            ),
            (Kind::NotHttp("".into()), None, 0, Next::GiveUp, Next::GiveUp),
            (Kind::Interrupted("".into()), None, 0, Next::BackOff, Next::GiveUp),
            (Kind::Timeout(Duration::ZERO), None, 0, Next::BackOff, Next::GiveUp),
            (unreadable.clone(), None, 1, Next::BackOff, Next::GiveUp),
            (unreadable, None, 2, Next::GiveUp, Next::GiveUp),
            (Kind::TooLarge(1), None, 0, Next::GiveUp, Next::GiveUp),
            (Kind::Invalid("".into()), None, 0, Next::GiveUp, Next::GiveUp),
            (Kind::Cancelled, None, 0, Next::GiveUp, Next::GiveUp),
        ] {
            assert_eq!(
                next(Safe, &failure, retry_after, failures),
                safe,
                "safe: {failure:?} {failures}"
            );
            assert_eq!(
                next(Unsafe, &failure, retry_after, failures),
                not_safe,
                "unsafe: {failure:?} {failures}"
            );
        }
    }

    #[test]
    fn backoff_doubles_up_to_thirty_seconds_with_at_most_twofold_jitter() {
        for (pause, base) in backoff().zip([1, 2, 4, 8, 16, 30, 30, 30]) {
            let base = Duration::from_secs(base);
            assert!((base..=base * 2).contains(&pause), "{pause:?}");
        }
    }

    #[test]
    fn backoff_differs_between_clients() {
        let pauses = || backoff().take(8).collect::<Vec<_>>();
        assert_ne!(pauses(), pauses());
    }

    #[test]
    fn date_of_cached_answer_is_ignored() {
        let read = |headers: &[(header::HeaderName, &'static str)]| {
            let headers: HeaderMap = headers
                .iter()
                .map(|(name, value)| (name.clone(), http::HeaderValue::from_static(value)))
                .collect();
            date_of(&headers).map(|date| date.to_string())
        };
        let date = (header::DATE, "Thu, 01 Jan 2026 00:00:30 GMT");
        let expected = Some("2026-01-01T00:00:30Z".to_owned());
        assert_eq!(read(std::slice::from_ref(&date)), expected);
        assert_eq!(read(&[date.clone(), (header::AGE, "0")]), expected);
        assert_eq!(read(&[date, (header::AGE, "30")]), None);
        assert_eq!(read(&[(header::DATE, "yesterday")]), None);
        assert_eq!(read(&[]), None);
    }

    #[test]
    fn retry_after_accepts_seconds_or_date() {
        let now = || "2026-01-01T00:00:00Z".parse().unwrap();
        let read = |value: &str, date: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RETRY_AFTER, value.parse().unwrap());
            if let Some(date) = date {
                headers.insert(header::DATE, date.parse().unwrap());
            }
            retry_after(&headers, now).map(|wait| wait.as_secs())
        };
        assert_eq!(read("17", None), Some(17));
        assert_eq!(read(" 0 ", None), Some(0));
        assert_eq!(read("18446744073709551615", None), Some(u64::MAX));
        assert_eq!(read("Thu, 01 Jan 2026 00:00:30 GMT", None), Some(30));
        assert_eq!(
            read("Thu, 01 Jan 2026 05:00:30 GMT", Some("Thu, 01 Jan 2026 05:00:00 GMT")),
            Some(30)
        );
        assert_eq!(read("Wed, 31 Dec 2025 00:00:00 GMT", None), Some(0));
        for nonsense in ["", "-1", "1.5", "soon", "Thu, 99 Jan 2026 00:00:30 GMT"] {
            assert_eq!(read(nonsense, None), None, "{nonsense}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }

    proptest::proptest! {
        #[test]
        fn retry_after_never_panics(value in "[ -~]{0,40}", date in "[A-Z][a-z]{2}, [0-9]{2} Jan [0-9]{4} 00:00:00 GMT") {
            let mut headers = HeaderMap::new();
            headers.insert(header::RETRY_AFTER, value.parse().unwrap());
            headers.insert(header::DATE, date.parse().unwrap());
            retry_after(&headers, Timestamp::now);
            headers.insert(header::RETRY_AFTER, date.parse().unwrap());
            retry_after(&headers, Timestamp::now);
        }
    }
}
