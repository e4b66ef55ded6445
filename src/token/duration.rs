//! Parses durations as users write them: `90d`, `12h`, `1h30m`, `2w`.

use std::time::Duration;

/// The unit letters with their seconds, in the order in which they may be combined.
const UNITS: [(u8, u64); 5] = [(b'w', 7 * 86_400), (b'd', 86_400), (b'h', 3_600), (b'm', 60), (b's', 1)];

/// A text that is not a duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a duration such as 90d, 12h or 1h30m: whole numbers with w, d, h, m or s, the largest unit first")]
pub struct InvalidDuration;

/// Parses whole numbers with descending units, each at most once. A day has 24 hours.
///
/// # Errors
/// Returns [`InvalidDuration`] for any other text and for a number of seconds that exceeds 64 bits.
pub fn parse_duration(text: &str) -> Result<Duration, InvalidDuration> {
    let mut units = UNITS.iter();
    let mut seconds: u64 = 0;
    let mut rest = text;
    while let Some(end) = rest.find(|c: char| !c.is_ascii_digit()) {
        let (number, tail) = rest.split_at_checked(end).ok_or(InvalidDuration)?;
        let number: u64 = number.parse().map_err(|_| InvalidDuration)?;
        let letter = tail.bytes().next().ok_or(InvalidDuration)?;
        // The iterator does not go back, so that the units must be in descending order.
        let (_, worth) = units.find(|(unit, _)| *unit == letter).ok_or(InvalidDuration)?;
        let worth = number.checked_mul(*worth).ok_or(InvalidDuration)?;
        seconds = seconds.checked_add(worth).ok_or(InvalidDuration)?;
        rest = tail.get(1..).ok_or(InvalidDuration)?;
    }
    let read_all = rest.is_empty() && !text.is_empty();
    if read_all {
        Ok(Duration::from_secs(seconds))
    } else {
        Err(InvalidDuration)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parse_duration_accepts_whole_numbers_with_descending_units() {
        let cases = [
            ("90d", Some(90 * 86_400)),
            ("12h", Some(12 * 3_600)),
            ("1h30m", Some(5_400)),
            ("2w", Some(14 * 86_400)),
            ("1w1d1h1m1s", Some(694_861)),
            ("0s", Some(0)),
            ("", None),
            ("90", None),
            ("d", None),
            ("30m1h", None),
            ("1h1h", None),
            ("1.5h", None),
            ("-1h", None),
            ("1 h", None),
            (" 1h", None),
            ("1H", None),
            ("1h30", None),
            ("1é", None),
            ("99999999999999999999s", None),
            ("18446744073709551615w", None),
        ];
        for (text, seconds) in cases {
            assert_eq!(parse_duration(text).ok(), seconds.map(Duration::from_secs), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn parse_duration_never_panics(text in "\\PC*") {
            let _ = parse_duration(&text);
        }
    }
}
