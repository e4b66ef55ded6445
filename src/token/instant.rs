//! Parses instants in the answers of platforms, which use more formats than they document.

use jiff::Timestamp;
use jiff::civil::DateTime;
use serde_json::Value;

/// The last whole second that a [`Timestamp`] can represent. Later instants are parsed as this one.
pub(super) const LATEST: Timestamp = Timestamp::constant(253_402_207_200, 0);

/// Parses an instant in an answer; `None` if its meaning is uncertain. A local time is rejected
/// because its time zone is unknown. A number is the time since 1970 in the unit that yields a
/// plausible date.
pub(crate) fn read_instant(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => read_text(text.trim()),
        Value::Number(number) => match number.as_i64() {
            Some(number) => since_1970(number),
            None => whole_seconds(&number.to_string()),
        },
        _ => None,
    }
}

fn read_text(text: &str) -> Option<Timestamp> {
    if let Ok(instant) = text.parse() {
        return Some(instant);
    }
    if let Some(instant) = text.parse().ok().and_then(since_1970).or_else(|| whole_seconds(text)) {
        return Some(instant);
    }
    if let Ok(expiry) = super::Expiry::parse(text) {
        return Some(expiry.instant());
    }
    // `2027-02-09 00:00:00 UTC`
    if let Some(utc) = text.strip_suffix(" UTC").or_else(|| text.strip_suffix(" GMT"))
        && let Ok(utc) = utc.parse::<DateTime>()
    {
        return utc.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|utc| utc.timestamp());
    }
    // `Tue, 09 Feb 2027 00:00:00 GMT`
    jiff::fmt::rfc2822::parse(text).ok().map(|zoned| zoned.timestamp())
}

/// Parses `1801958400.000000000`, the format of some Java serialisers: seconds with a fraction.
fn whole_seconds(text: &str) -> Option<Timestamp> {
    let (seconds, fraction) = text.split_once('.')?;
    let is_fraction = !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
    since_1970(seconds.parse().ok().filter(|_| is_fraction)?)
}

/// Parses seconds from 2001 to 5138, or milliseconds, microseconds and nanoseconds from 1973 on.
/// The ranges do not overlap.
fn since_1970(number: i64) -> Option<Timestamp> {
    match number {
        1_000_000_000..100_000_000_000 => Timestamp::from_second(number).ok(),
        100_000_000_000..100_000_000_000_000 => Timestamp::from_millisecond(number).ok(),
        100_000_000_000_000..100_000_000_000_000_000 => Timestamp::from_microsecond(number).ok(),
        100_000_000_000_000_000.. => Timestamp::from_nanosecond(number.into()).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn latest_is_last_whole_second() {
        assert_eq!(LATEST.as_second(), Timestamp::MAX.as_second());
    }

    #[test]
    fn read_instant_accepts_every_unambiguous_format() {
        for value in [
            json!("2027-02-07T00:00:00Z"),
            json!(" 2027-02-07T01:00:00+01:00\n"),
            json!("2027-02-07T00:00:00+0000"),
            json!("2027-02-07 00:00:00Z"),
            json!("2027-02-07T00:00Z[UTC]"),
            json!("2027-02-07 00:00:00 UTC"),
            json!("Sun, 07 Feb 2027 00:00:00 GMT"),
            json!(1_801_958_400),
            json!(1_801_958_400_000_i64),
            json!(1_801_958_400_000_000_i64),
            json!(1_801_958_400_000_000_000_i64),
            json!(1_801_958_400.0),
            json!("1801958400"),
            json!("1801958400000"),
            json!("1801958400.000000000"),
        ] {
            let read = read_instant(&value).map(|instant| instant.to_string());
            assert_eq!(read.as_deref(), Some("2027-02-07T00:00:00Z"), "{value}");
        }
        for value in [json!("9999-12-31T23:59:59Z"), json!("+10000-01-01T00:00:00Z")] {
            assert_eq!(read_instant(&value), Some(LATEST), "{value}");
        }
    }

    #[test]
    fn read_instant_of_ambiguous_value_is_none() {
        for value in [
            json!("2027-02-07T00:00:00"),
            json!("2027-02-07"),
            json!("02/07/2027"),
            json!("never"),
            json!(""),
            json!(0),
            json!(-1),
            json!(31_536_000),
            json!("-1"),
            json!(1.5),
            json!("1801958400."),
            json!(true),
            json!({"seconds": 1_801_958_400}),
            json!([2027, 2, 7, 0, 0]),
        ] {
            assert_eq!(read_instant(&value), None, "{value}");
        }
    }

    proptest! {
        #[test]
        fn read_instant_never_panics(text in "\\PC*", number: i64, fraction: f64) {
            let _ = read_instant(&json!(text));
            let _ = read_instant(&json!(number));
            let _ = read_instant(&json!(fraction));
        }
    }
}
