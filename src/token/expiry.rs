//! The expiry of a token.
//!
//! A user writes an instant in RFC 3339 with any offset and precision; the platforms store UTC and
//! whole seconds. Two expiries are therefore equal if they fall into the same second, however they
//! are written.

use std::fmt;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::instant::LATEST;

/// The instant at which a token expires, in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Expiry(Timestamp);

/// A text that is not an instant in RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an instant in RFC 3339 with an offset, such as 2027-02-09T00:00:00Z or 2027-02-09T01:00:00+01:00")]
pub struct InvalidExpiry;

/// The maximum lifetime that a platform allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// A number of calendar months.
    Months(i32),
    /// A number of days of 24 hours.
    Days(i32),
    /// The platform documents no maximum.
    Undocumented,
}

/// The reason an expiry cannot be requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpiryProblem {
    /// The expiry is not in the future.
    #[error("{0} is in the past")]
    Past(Expiry),
    /// The expiry is later than the platform allows.
    #[error("{expiry} is more than {lifetime} ahead: the latest possible is {latest}")]
    TooFar {
        /// The expiry.
        expiry: Expiry,
        /// The maximum lifetime.
        lifetime: Lifetime,
        /// The latest expiry that the platform allows now.
        latest: Expiry,
    },
}

impl Expiry {
    /// The last representable instant, which also represents all later ones.
    const LATEST: Self = Self(LATEST);

    /// The expiry at an instant; fractions of a second are dropped.
    pub fn at(instant: Timestamp) -> Self {
        // The whole second before any instant is representable.
        Self(Timestamp::from_second(instant.as_second()).unwrap_or(instant))
    }

    /// Parses an instant in RFC 3339, including its offset.
    ///
    /// # Errors
    /// Returns [`InvalidExpiry`] if the format differs or the instant does not exist.
    pub fn parse(text: &str) -> Result<Self, InvalidExpiry> {
        if let Some(within) = without_large_year(text) {
            return Self::parse(&within).map(|_| Self::LATEST);
        }
        let (date_time, offset) = split_rfc3339(text).ok_or(InvalidExpiry)?;
        match format!("{date_time}{offset}").parse() {
            Ok(instant) => Ok(Self(instant)),
            // A valid date and time that is not representable: the last hours of the year 9999.
            Err(_) if date_time.starts_with("9999-12-3") && date_time.parse::<DateTime>().is_ok() => Ok(Self::LATEST),
            Err(_) => Err(InvalidExpiry),
        }
    }

    /// The expiry as an instant.
    pub fn instant(self) -> Timestamp {
        self.0
    }

    /// Whether the token has expired.
    pub fn has_passed(self, now: Timestamp) -> bool {
        self.0 <= now
    }

    /// Checks that a token can have this expiry if it is issued now.
    ///
    /// # Errors
    /// Returns an [`ExpiryProblem`] if the expiry is in the past or exceeds `lifetime`.
    pub fn check(self, now: Timestamp, lifetime: Lifetime) -> Result<(), ExpiryProblem> {
        let latest = lifetime.after(now);
        if self.has_passed(now) {
            Err(ExpiryProblem::Past(self))
        } else if self > latest {
            Err(ExpiryProblem::TooFar {
                expiry: self,
                lifetime,
                latest,
            })
        } else {
            Ok(())
        }
    }
}

/// Formats UTC in whole seconds, as the platforms expect it. The latest expiry is written as the
/// conventional "end of time".
impl fmt::Display for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::LATEST {
            return f.write_str("9999-12-31T23:59:59Z");
        }
        self.0.fmt(f)
    }
}

impl Lifetime {
    /// The end of this lifetime if it begins at `now`.
    fn after(self, now: Timestamp) -> Expiry {
        let span = match self {
            Self::Months(months) => months.months(),
            Self::Days(days) => days.days(),
            Self::Undocumented => return Expiry::LATEST,
        };
        let end = now.to_zoned(TimeZone::UTC).checked_add(span);
        Expiry::at(end.map_or(Timestamp::MAX, |end| end.timestamp()))
    }
}

impl fmt::Display for Lifetime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Months(months) => write!(f, "{months} months"),
            Self::Days(days) => write!(f, "{days} days"),
            Self::Undocumented => f.write_str("any time"),
        }
    }
}

/// Splits `dddd-dd-ddTdd:dd:dd[.d…](Z|±dd:dd)` into date and time, and offset. The fraction may
/// have any length.
///
/// jiff's parser accepts more, such as a space for the `T` or the name of a time zone, which
/// Terraform's functions and the platforms reject.
fn split_rfc3339(text: &str) -> Option<(&str, &str)> {
    let (date_time, rest) = text.split_at_checked(19)?;
    let offset = match rest.strip_prefix('.') {
        Some(fraction) => fraction
            .strip_prefix(|c: char| c.is_ascii_digit())?
            .trim_start_matches(|c: char| c.is_ascii_digit()),
        None => rest,
    };
    let is_offset = match offset.as_bytes() {
        [b'Z' | b'z'] => true,
        [b'+' | b'-', offset @ ..] => matches(offset, b"dd:dd") && offset < b"24:00".as_slice(),
        _ => false,
    };
    (is_offset && matches(date_time.as_bytes(), b"dddd-dd-ddTdd:dd:dd")).then_some((date_time, offset))
}

/// The same instant a multiple of 400 years earlier if the year has more than four digits:
/// `+10000-01-01T00:00:00Z`. The calendar repeats after 400 years.
fn without_large_year(text: &str) -> Option<String> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    let (year, rest) = digits.split_once('-')?;
    let is_number = year.bytes().all(|byte| byte.is_ascii_digit());
    let year: u64 = is_number.then(|| year.parse().ok())??;
    (year > 9999).then(|| format!("{}-{rest}", 2000 + year % 400))
}

/// Whether `text` matches `template`, in which `d` matches any digit.
fn matches(text: &[u8], template: &[u8]) -> bool {
    let same = |(have, want): (&u8, &u8)| match want {
        b'd' => have.is_ascii_digit(),
        want => have.eq_ignore_ascii_case(want),
    };
    text.len() == template.len() && text.iter().zip(template).all(same)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn instant(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn parse_of_equal_instants_yields_equal_expiries() {
        let expiry = Expiry::parse("2027-02-09T00:00:00Z").unwrap();
        for text in [
            "2027-02-09T00:00:00+00:00",
            "2027-02-09T00:00:00-00:00",
            "2027-02-09T10:00:00+10:00",
            "2027-02-08T18:30:00-05:30",
            "2027-02-09t00:00:00z",
            "2027-02-09T00:00:00.000Z",
            "2027-02-09T00:00:00.758175685Z",
            "2027-02-09T00:00:00.7581756851234567Z",
        ] {
            assert_eq!(Expiry::parse(text), Ok(expiry), "{text}");
        }
        assert_eq!(expiry.to_string(), "2027-02-09T00:00:00Z");
    }

    #[test]
    fn parse_rejects_anything_but_rfc3339_with_offset() {
        for text in [
            "",
            "tomorrow",
            "2027-02-09",
            "2027-02-09T00:00:00",
            "2027-02-09 00:00:00Z",
            "2027-02-09T00:00Z",
            "2027-02-30T00:00:00Z",
            "2027-02-09T24:00:00Z",
            "2027-02-09T00:00:00.Z",
            "2027-02-09T00:00:00+0100",
            "2027-02-09T00:00:00+24:00",
            "2027-02-09T00:00:00+01:60",
            "2027-02-09T00:00:00[Europe/Berlin]",
            "2027-02-09T00:00:00Z[UTC]",
            "+002027-02-09T00:00:00Z",
            "+2027-02-09T00:00:00Z",
            "10001-02-29T00:00:00Z",
            "+10000-13-01T00:00:00Z",
            "++10000-01-01T00:00:00Z",
            "9999-12-32T00:00:00Z",
            "9999-12-31T24:00:00Z",
            "99999999999999999999999-01-01T00:00:00Z",
            " 2027-02-09T00:00:00Z",
            "2027-02-09T00:00:00é",
            "２027-02-09T00:00:00Z",
        ] {
            assert_eq!(Expiry::parse(text), Err(InvalidExpiry), "{text}");
        }
    }

    #[test]
    fn parse_saturates_only_after_year_9999() {
        for (text, expected) in [
            ("9999-01-01T00:00:00Z", "9999-01-01T00:00:00Z"),
            ("9999-12-31T00:00:00Z", "9999-12-31T23:59:59Z"),
            ("10000-01-01T00:00:00Z", "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(Expiry::parse(text).unwrap().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn check_accepts_only_future_expiry_within_lifetime() {
        let now = instant("2026-11-21T12:00:00Z");
        let cases = [
            ("2026-11-21T12:00:00Z", Lifetime::Months(12), Some("is in the past")),
            ("2020-01-01T00:00:00Z", Lifetime::Months(12), Some("is in the past")),
            ("2026-11-21T12:00:01Z", Lifetime::Months(12), None),
            ("2027-11-21T12:00:00Z", Lifetime::Months(12), None),
            (
                "2027-11-21T12:00:01Z",
                Lifetime::Months(12),
                Some("the latest possible is 2027-11-21T12:00:00Z"),
            ),
            ("2027-02-19T12:00:00Z", Lifetime::Days(90), None),
            (
                "2027-02-19T12:00:01Z",
                Lifetime::Days(90),
                Some("more than 90 days ahead"),
            ),
            (
                "9999-12-30T22:00:00Z",
                Lifetime::Months(12),
                Some("more than 12 months ahead"),
            ),
            (
                "9999-12-31T23:59:59Z",
                Lifetime::Months(12),
                Some("9999-12-31T23:59:59Z is more than 12 months ahead"),
            ),
            (
                "9999-12-31T23:59:59.999999999-14:00",
                Lifetime::Days(90),
                Some("more than 90 days ahead"),
            ),
            (
                "10000-02-29T00:00:00Z",
                Lifetime::Months(12),
                Some("more than 12 months ahead"),
            ),
            (
                "+1000000000-12-31T23:59:59.999999999Z",
                Lifetime::Months(12),
                Some("more than 12 months ahead"),
            ),
        ];
        for (expiry, lifetime, problem) in cases {
            let checked = Expiry::parse(expiry).unwrap().check(now, lifetime);
            let message = checked.err().map(|problem| problem.to_string());
            assert_eq!(message.is_some(), problem.is_some(), "{expiry}: {message:?}");
            assert!(
                message.unwrap_or_default().contains(problem.unwrap_or_default()),
                "{expiry}"
            );
        }
    }

    #[test]
    fn twelve_months_end_on_last_day_of_shorter_month() {
        let leap_day = instant("2028-02-29T00:00:00Z");
        assert_eq!(Lifetime::Months(12).after(leap_day).to_string(), "2029-02-28T00:00:00Z");
    }

    proptest! {
        #[test]
        fn parse_never_panics(text in "\\PC*") {
            let _ = Expiry::parse(&text);
        }

        #[test]
        fn display_is_parsed_to_same_expiry(second in -62_135_596_800_i64..253_402_207_200) {
            let expiry = Expiry::at(Timestamp::from_second(second).unwrap());
            prop_assert_eq!(Expiry::parse(&expiry.to_string()), Ok(expiry));
        }

        #[test]
        fn passed_expiry_remains_passed(second in 0_i64..4_000_000_000, now in 0_i64..4_000_000_000, later in 0_i64..4_000_000_000) {
            let expiry = Expiry::at(Timestamp::from_second(second).unwrap());
            let (now, later) = (Timestamp::from_second(now.min(later)).unwrap(), Timestamp::from_second(now.max(later)).unwrap());
            prop_assert!(!expiry.has_passed(now) || expiry.has_passed(later));
        }
    }
}
