//! The provider's functions. They are pure, so that a plan and its apply agree; the current time is an argument.

use std::time::Duration;

use super::settings;
use crate::framework::{Function, InvalidArgument, Parameter, Signature, Type};
use crate::token::{Expiry, parse_duration};

/// The function `base_url(account, cloud)`.
pub(super) struct BaseUrl;

impl Function for BaseUrl {
    type Arguments = (String, String);
    type Output = String;

    const NAME: &'static str = "base_url";

    fn signature(&self) -> Signature {
        Signature {
            summary: "The base URL of an account's API",
            description: "Returns the base URL of an account's API, as the provider derives it from `account` and `cloud` \
                          and as the console shows it on its Personal Token tab. Use it to configure other tools that use a \
                          token.",
            parameters: vec![
                Parameter::new(
                    "account",
                    Type::String,
                    "The account's short name, the first label of its host name.",
                ),
                Parameter::new(
                    "cloud",
                    Type::String,
                    "The cloud of the account: `gcp`, `azure` or `aws`.",
                ),
            ],
            returns: Type::String,
        }
    }

    fn call(&self, (account, cloud): (String, String)) -> Result<String, InvalidArgument> {
        settings::check_account(&account).map_err(InvalidArgument::at(0))?;
        let domain = settings::domain(&cloud).map_err(InvalidArgument::at(1))?;
        let url = settings::account_url(&account, domain).map_err(InvalidArgument::at(0))?;
        Ok(url.to_string())
    }
}

/// The function `duration_add(instant, duration)`.
pub(super) struct DurationAdd;

impl Function for DurationAdd {
    type Arguments = (String, String);
    type Output = String;

    const NAME: &'static str = "duration_add";

    fn signature(&self) -> Signature {
        Signature {
            summary: "Adds a duration to an instant",
            description: "Adds a duration to an instant. The result is in UTC and whole seconds, the precision of the platform's \
                          expiries. Unlike Terraform's `timeadd`, it supports days and weeks. Null is an error, because a null \
                          result would mean no expiry or no filter.",
            parameters: vec![
                Parameter::new("instant", Type::String, INSTANT),
                Parameter::new("duration", Type::String, DURATION),
            ],
            returns: Type::String,
        }
    }

    fn call(&self, (instant, duration): (String, String)) -> Result<String, InvalidArgument> {
        let instant = Expiry::parse(&instant).map_err(InvalidArgument::at(0))?;
        let duration = parse_duration(&duration).map_err(InvalidArgument::at(1))?;
        let sum = after(instant, duration).map_err(InvalidArgument::at(1))?;
        Ok(sum.to_string())
    }
}

/// The function `expires_within(instant, duration, now)`.
pub(super) struct ExpiresWithin;

impl Function for ExpiresWithin {
    type Arguments = (Option<String>, String, String);
    type Output = bool;

    const NAME: &'static str = "expires_within";

    fn signature(&self) -> Signature {
        Signature {
            summary: "Reports whether an instant lies before the end of a time span",
            description: "Returns true if the instant is not later than `now` plus the duration, so also if it has \
                          passed already. Returns false for null, the expiry of a token that never expires. Intended for \
                          `check` blocks and `terraform test`, with `plantimestamp()` as `now`.",
            parameters: vec![
                Parameter::new("instant", Type::String, NULLABLE_INSTANT).nullable(),
                Parameter::new("duration", Type::String, DURATION),
                Parameter::new(
                    "now",
                    Type::String,
                    "The time to count from, such as `plantimestamp()`.",
                ),
            ],
            returns: Type::Bool,
        }
    }

    fn call(&self, (instant, duration, now): (Option<String>, String, String)) -> Result<bool, InvalidArgument> {
        let parse = |instant: &String| Expiry::parse(instant).map_err(InvalidArgument::at(0));
        let instant = instant.as_ref().map(parse).transpose()?;
        let duration = parse_duration(&duration).map_err(InvalidArgument::at(1))?;
        let now = Expiry::parse(&now).map_err(InvalidArgument::at(2))?;
        let horizon = after(now, duration).map_err(InvalidArgument::at(1))?;
        Ok(instant.is_some_and(|instant| instant <= horizon))
    }
}

const INSTANT: &str = "An instant in RFC 3339 with an offset, such as `2027-02-09T00:00:00Z`.";

const NULLABLE_INSTANT: &str = "An instant in RFC 3339 with an offset, such as `2027-02-09T00:00:00Z`, or null for never: \
                                the `expires_at` of a legacy token is null.";

const DURATION: &str = "A duration such as `90d`, `12h` or `1h30m`: whole numbers with `w`, `d`, `h`, `m` or `s`, the \
                        largest unit first. A day has 24 hours.";

fn after(instant: Expiry, duration: Duration) -> Result<Expiry, &'static str> {
    let sum = instant.instant().checked_add(duration);
    sum.map(Expiry::at)
        .map_err(|_| "leads beyond the year 9999, the last supported year")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Returns the result of a call, or the position of the invalid argument and the problem.
    fn called<F: Function>(function: &F, arguments: F::Arguments) -> Result<F::Output, (usize, String)> {
        let outcome = function.call(arguments);
        outcome.map_err(|InvalidArgument { position, problem }| (position, problem))
    }

    fn assert_rejected<T: std::fmt::Debug>(outcome: Result<T, (usize, String)>, position: usize, phrase: &str) {
        let (at, problem) = outcome.unwrap_err();
        assert_eq!(at, position, "{problem}");
        assert!(problem.contains(phrase), "{problem}");
    }

    #[test]
    fn base_url_uses_the_domain_of_the_cloud() {
        for (cloud, url) in [
            ("gcp", "https://acme.striim.cloud/api/v1"),
            ("azure", "https://acme.us-striim.cloud/api/v1"),
            ("aws", "https://acme.us2-striim.cloud/api/v1"),
        ] {
            assert_eq!(called(&BaseUrl, ("acme".into(), cloud.into())), Ok(url.to_owned()));
        }
    }

    #[test]
    fn base_url_rejects_invalid_account_or_cloud() {
        for (account, cloud, position, phrase) in [
            ("acme", "", 1, "must be gcp, azure or aws"),
            ("acme", "GCP", 1, "must be gcp, azure or aws"),
            ("", "gcp", 0, "letters, digits and hyphens"),
            ("acme.example.com/", "gcp", 0, "letters, digits and hyphens"),
        ] {
            assert_rejected(called(&BaseUrl, (account.into(), cloud.into())), position, phrase);
        }
    }

    #[test]
    fn duration_add_returns_utc_and_whole_seconds() {
        for (instant, duration, sum) in [
            ("2027-02-09T00:00:00Z", "90d", "2027-05-10T00:00:00Z"),
            ("2027-02-09T00:00:00Z", "1h30m", "2027-02-09T01:30:00Z"),
            ("2027-02-09T01:00:00+01:00", "0s", "2027-02-09T00:00:00Z"),
            ("2027-02-09T00:00:00.999Z", "1s", "2027-02-09T00:00:01Z"),
            ("2028-02-28T12:00:00-12:00", "2w", "2028-03-14T00:00:00Z"),
        ] {
            let outcome = called(&DurationAdd, (instant.into(), duration.into()));
            assert_eq!(outcome, Ok(sum.to_owned()), "{instant} + {duration}");
        }
    }

    #[test]
    fn duration_add_reports_the_invalid_argument() {
        for (instant, duration, position, phrase) in [
            ("tomorrow", "90d", 0, "RFC 3339"),
            ("2027-02-09", "90d", 0, "RFC 3339"),
            ("2027-02-09T00:00:00Z", "90", 1, "duration such as 90d"),
            ("2027-02-09T00:00:00Z", "-1h", 1, "duration such as 90d"),
            ("2027-02-09T00:00:00Z", "9999999w", 1, "beyond the year 9999"),
            (
                "2027-02-09T00:00:00Z",
                "18446744073709551615s",
                1,
                "beyond the year 9999",
            ),
            ("9999-12-30T00:00:00Z", "1d", 1, "beyond the year 9999"),
        ] {
            assert_rejected(
                called(&DurationAdd, (instant.into(), duration.into())),
                position,
                phrase,
            );
        }
    }

    #[test]
    fn expires_within_includes_the_last_second_and_the_past() {
        let now = "2027-02-09T00:00:00Z";
        for (instant, duration, within) in [
            ("2027-02-16T00:00:00Z", "7d", true),
            ("2027-02-16T00:00:01Z", "7d", false),
            ("2027-02-16T01:00:00+01:00", "1w", true),
            ("2027-02-09T00:00:00Z", "0s", true),
            ("2027-02-09T00:00:01Z", "0s", false),
            ("2020-01-01T00:00:00Z", "0s", true),
        ] {
            let outcome = called(&ExpiresWithin, (Some(instant.into()), duration.into(), now.into()));
            assert_eq!(outcome, Ok(within), "{instant} within {duration}");
        }
    }

    #[test]
    fn expires_within_returns_false_for_null_and_checks_other_arguments() {
        let now = "2027-02-09T00:00:00Z";
        for duration in ["0s", "7d", "5200w"] {
            assert_eq!(called(&ExpiresWithin, (None, duration.into(), now.into())), Ok(false));
        }
        assert_rejected(
            called(&ExpiresWithin, (None, "soon".into(), now.into())),
            1,
            "duration such as 90d",
        );
        assert_rejected(called(&ExpiresWithin, (None, "7d".into(), "now".into())), 2, "RFC 3339");
    }

    #[test]
    fn only_instant_of_expires_within_is_nullable() {
        let nullable = |signature: Signature| -> Vec<bool> {
            signature
                .parameters
                .iter()
                .map(|parameter| parameter.nullable)
                .collect()
        };
        assert_eq!(nullable(ExpiresWithin.signature()), [true, false, false]);
        assert_eq!(nullable(DurationAdd.signature()), [false, false]);
        assert_eq!(nullable(BaseUrl.signature()), [false, false]);
    }

    #[test]
    fn expires_within_reports_the_invalid_argument() {
        let instant = "2027-02-09T00:00:00Z";
        for (arguments, position, phrase) in [
            (["never", "7d", instant], 0, "RFC 3339"),
            ([instant, "soon", instant], 1, "duration such as 90d"),
            ([instant, "7d", "now"], 2, "RFC 3339"),
            ([instant, "9999999w", instant], 1, "beyond the year 9999"),
        ] {
            let [instant, duration, now] = arguments.map(str::to_owned);
            assert_rejected(called(&ExpiresWithin, (Some(instant), duration, now)), position, phrase);
        }
    }

    proptest! {
        #[test]
        fn sum_expires_exactly_within_the_added_duration(
            second in 0_i64..4_000_000_000,
            duration in 1_u32..,
        ) {
            let now = Expiry::at(jiff::Timestamp::from_second(second).unwrap()).to_string();
            let sum = called(&DurationAdd, (now.clone(), format!("{duration}s"))).unwrap();
            let within = |duration| called(&ExpiresWithin, (Some(sum.clone()), format!("{duration}s"), now.clone()));
            prop_assert_eq!(within(duration), Ok(true));
            prop_assert_eq!(within(duration - 1), Ok(false));
        }
    }
}
