//! When a failed request is repeated: policy without I/O.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

use super::error::Kind;

/// Whether a request may be sent again although the platform may have acted on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetrySafety {
    /// Twice is as good as once: a reading, or a deletion whose "already gone" counts as success.
    Safe,
    /// Twice is not once: a creation, a rotation, a toggle.
    Unsafe,
}

/// What follows on a failure.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    GiveUp,
    /// Repeat after as long as the platform asks for.
    After(Duration),
    /// Repeat after the next pause of [`backoff`].
    BackOff,
}

/// Without a connection that may come about: a port that stays closed shows within half a minute.
const CONNECT_RETRIES: u32 = 4;
/// Failures of the platform or the network pass within one or two minutes, or need someone to look at them.
const FAILURE_RETRIES: u32 = 6;
/// An answer that makes no sense twice will not make sense the third time.
const UNREADABLE_RETRIES: u32 = 2;

/// Pauses of 1s, 2s, 4s … 30s, each stretched by a random part of itself so that many clients do not come at once.
pub(super) fn backoff() -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(Duration::from_secs(1))
        .with_max_delay(Duration::from_secs(30))
        .with_jitter()
        .without_max_times()
        .build()
}

/// Decides what follows on `failure`, after `failures` earlier ones other than 429.
///
/// 429 was not acted on, so it is waited out as long as the deadline allows; the same goes for a connection that did
/// not come about, but not for long. Everything else may have been acted on and is repeated only where that is safe.
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
    // "Retry-After: 0" must not become a tight loop.
    retry_after.map_or(Next::BackOff, |wait| Next::After(wait.max(Duration::from_secs(1))))
}

/// Reads `Retry-After` (RFC 9110, 10.2.3): seconds, or a date, which is compared with the answer's own `Date` so that
/// clocks need not agree; `now` stands in where there is none.
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
    // A date that has passed means: now.
    Some(Duration::try_from(at.duration_since(date.unwrap_or_else(now))).unwrap_or(Duration::ZERO))
}

/// When an answer was written, by the clock of whoever gave it; `None` where a cache may have kept it since.
pub(super) fn date_of(headers: &HeaderMap) -> Option<Timestamp> {
    let is_kept = headers.get(header::AGE).is_some_and(|age| age.as_bytes() != b"0");
    let date = headers.get(header::DATE).filter(|_| !is_kept)?;
    http_date(date.to_str().ok()?)
}

/// The only form that RFC 9110 lets servers send: `Sun, 06 Nov 1994 08:49:37 GMT`.
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
    fn the_policy() {
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
    fn pauses_grow_to_half_a_minute_and_are_stretched_at_most_twofold() {
        for (pause, base) in backoff().zip([1, 2, 4, 8, 16, 30, 30, 30]) {
            let base = Duration::from_secs(base);
            assert!((base..=base * 2).contains(&pause), "{pause:?}");
        }
    }

    #[test]
    fn no_two_clients_pause_alike() {
        let pauses = || backoff().take(8).collect::<Vec<_>>();
        assert_ne!(pauses(), pauses());
    }

    #[test]
    fn date_of_fresh_answer_is_read_and_of_cached_one_is_not() {
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
    fn retry_after_is_seconds_or_a_date() {
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
        fn no_header_makes_it_panic(value in "[ -~]{0,40}", date in "[A-Z][a-z]{2}, [0-9]{2} Jan [0-9]{4} 00:00:00 GMT") {
            let mut headers = HeaderMap::new();
            headers.insert(header::RETRY_AFTER, value.parse().unwrap());
            headers.insert(header::DATE, date.parse().unwrap());
            retry_after(&headers, Timestamp::now);
            headers.insert(header::RETRY_AFTER, date.parse().unwrap());
            retry_after(&headers, Timestamp::now);
        }
    }
}
