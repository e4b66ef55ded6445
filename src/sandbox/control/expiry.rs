//! The expiry of a token in a seed.

use jiff::{Span, Timestamp, tz::TimeZone};

use super::rejection::Rejection;

/// The expiry that a seed gives as an instant or as the time from now, in calendar units of UTC.
pub(crate) fn expiry(
    at: Option<Timestamp>,
    after: Option<Span>,
    now: Timestamp,
) -> Result<Option<Timestamp>, Rejection> {
    match (at, after) {
        (Some(_), Some(_)) => Err(Rejection::invalid("expires-at and expires-in exclude each other")),
        (at, None) => Ok(at),
        (None, Some(after)) => {
            let expiry = now.to_zoned(TimeZone::UTC).checked_add(after);
            let expiry = expiry.map_err(|error| Rejection::invalid(format!("expires-in: {error}")))?;
            Ok(Some(expiry.timestamp()))
        }
    }
}
