//! Which of the account's tokens are asked for: the arguments that data source and list have in common.

use jiff::Timestamp;

use super::api::ServiceAccount;
use crate::framework::{Attribute, Diagnostic, Field, Type};
use crate::token::Expiry;

/// What must hold of a token.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TokenFilter {
    expired: Option<bool>,
    before: Option<Expiry>,
}

pub(super) fn attributes() -> [Attribute; 2] {
    [
        Attribute::optional(
            "expired",
            Type::Bool,
            "`true` for those only that have ended, `false` for those only that have not.",
        ),
        Attribute::optional(
            "expires_before",
            Type::String,
            "For those only that end, or have ended, before this instant: RFC 3339 with an offset, such as \
             `2027-02-09T00:00:00Z`. A legacy token never ends.",
        ),
    ]
}

impl TokenFilter {
    /// What the arguments ask for; `Err` with an error on the attribute if `expires_before` is no instant.
    pub(super) fn read(expired: &Field<bool>, expires_before: &Field<String>) -> Result<Self, Diagnostic> {
        let before = expires_before.known().map(|text| {
            Expiry::parse(text).map_err(|error| {
                let problem = format!("`expires_before` {error}; it is {text:?}.");
                Diagnostic::error("Invalid expires_before", problem).on("expires_before")
            })
        });
        Ok(Self {
            expired: expired.known().copied(),
            before: before.transpose()?,
        })
    }

    /// Those that it lets through, sorted by name.
    pub(super) fn choose(self, accounts: &[ServiceAccount], now: Timestamp) -> Vec<&ServiceAccount> {
        let mut chosen: Vec<_> = accounts
            .iter()
            .filter(|account| self.lets_through(account.expires_at, now))
            .collect();
        chosen.sort_by(|one, other| one.name.cmp(&other.name));
        chosen
    }

    fn lets_through(self, expires_at: Option<Timestamp>, now: Timestamp) -> bool {
        let expiry = expires_at.map(Expiry::at);
        let has_expired = expiry.is_some_and(|expiry| expiry.has_passed(now));
        self.expired.is_none_or(|expired| expired == has_expired)
            && self
                .before
                .is_none_or(|before| expiry.is_some_and(|expiry| expiry < before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_filter_lets_through_what_it_asks_for() {
        let instant = |text: &str| -> Timestamp { text.parse().unwrap() };
        let now = instant("2027-02-09T00:00:00Z");
        let (past, soon, late) = ("2027-02-09T00:00:00Z", "2027-02-10T00:00:00Z", "2028-01-01T00:00:00Z");
        let tokens = [
            ("past", Some(instant(past))),
            ("soon", Some(instant(soon))),
            ("late", Some(instant(late))),
            ("legacy", None),
        ];
        for (expired, before, found) in [
            (None, None, "past soon late legacy"),
            (Some(true), None, "past"),
            (Some(false), None, "soon late legacy"),
            (None, Some(past), ""),
            (None, Some(soon), "past"),
            (None, Some(late), "past soon"),
            (Some(false), Some(late), "soon"),
            (Some(true), Some(late), "past"),
        ] {
            let before = before.map(str::to_owned);
            let filter = TokenFilter::read(&expired.into(), &before.into()).unwrap();
            let names = tokens
                .iter()
                .filter(|(_, expires_at)| filter.lets_through(*expires_at, now))
                .map(|(name, _)| *name);
            assert_eq!(names.collect::<Vec<_>>().join(" "), found, "{filter:?}");
        }
    }

    #[test]
    fn what_is_no_instant_is_an_error_on_its_attribute() {
        let error = TokenFilter::read(&Field::Null, &"tomorrow".into()).unwrap_err();
        assert_eq!(error.attribute, Some("expires_before"));
    }
}
