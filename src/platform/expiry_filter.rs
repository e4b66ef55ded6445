//! The arguments of data sources and lists that select tokens by their expiry.

use jiff::Timestamp;

use crate::framework::{Diagnostic, Field, Model};
use crate::token::Expiry;

/// The conditions that a token's expiry must meet. An argument that is not set accepts all tokens.
#[derive(Model, Clone, Debug, Default)]
pub(crate) struct ExpiryFilter {
    /// If true, only expired tokens; if false, only those that have not expired.
    #[attribute(optional)]
    expired: Field<bool>,
    /// Only tokens that expire before this instant: RFC 3339 with an offset, such as `2027-02-09T00:00:00Z`. A token
    /// without an expiry never does.
    #[attribute(optional, check = is_instant)]
    expires_before: Field<String>,
}

fn is_instant(text: &str) -> Result<(), String> {
    let parsed = Expiry::parse(text);
    parsed.map(drop).map_err(|error| format!("{error}; it is {text:?}"))
}

impl ExpiryFilter {
    /// Returns a predicate on a token's expiry.
    ///
    /// # Errors
    /// `expires_before` is not an instant.
    pub(crate) fn predicate(&self, now: Timestamp) -> Result<impl Fn(Option<Timestamp>) -> bool, Diagnostic> {
        let expired = self.expired.known().copied();
        let before = self.expires_before.known().map(|text| Expiry::parse(text)).transpose();
        let before = before.map_err(|error| Diagnostic::invalid("expires_before", error))?;
        Ok(move |expires_at: Option<Timestamp>| {
            let expiry = expires_at.map(Expiry::at);
            let has_expired = expiry.is_some_and(|expiry| expiry.has_passed(now));
            expired.is_none_or(|expired| expired == has_expired)
                && before.is_none_or(|before| expiry.is_some_and(|expiry| expiry < before))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_filter_selects_matching_tokens() {
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
            let filter = ExpiryFilter {
                expired: expired.into(),
                expires_before: before.into(),
            };
            let matches = filter.predicate(now).unwrap();
            let names = tokens
                .iter()
                .filter(|(_, expires_at)| matches(*expires_at))
                .map(|(name, _)| *name);
            assert_eq!(names.collect::<Vec<_>>().join(" "), found, "{filter:?}");
        }
    }

    #[test]
    fn invalid_instant_is_reported_on_its_attribute() {
        let filter = ExpiryFilter {
            expires_before: "tomorrow".into(),
            ..ExpiryFilter::default()
        };
        let diagnostics = ExpiryFilter::schema().validate(&filter.into_value());
        let error = diagnostics.iter().next().unwrap();
        assert_eq!(error.attribute.as_ref().unwrap(), &"expires_before");
    }
}
