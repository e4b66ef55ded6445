//! `data.striim_service_account_tokens`: all tokens of service accounts, without their values.
//!
//! # Assumptions
//! - The platform's list is complete. Whether it still shows what has expired, Striim's document does not say.

use async_trait::async_trait;
use jiff::Timestamp;

use super::api::ServiceAccount;
use super::session::Session;
use super::token::Ending;
use crate::framework::{Attribute, Context, DataSource, Diagnostic, Diagnostics, Schema, Type, model};
use crate::token::Expiry;

model! {
    /// The attributes of `data.striim_service_account_tokens`.
    pub(super) struct Model {
        expired: bool,
        expires_before: String,
        tokens: Vec<ListedToken>,
    }
}

model! {
    /// One of `tokens`.
    pub(super) struct ListedToken {
        name: String,
        token_id: i64,
        description: String,
        managed_by: String,
        expires_at: String,
        expired: bool,
        legacy: bool,
        updated_at: String,
    }
}

pub(super) struct ServiceAccountTokens {
    session: Session,
}

impl ServiceAccountTokens {
    pub(super) fn new(session: Session) -> Self {
        Self { session }
    }
}

#[async_trait]
impl DataSource for ServiceAccountTokens {
    type Model = Model;

    const TYPE: &'static str = "striim_service_account_tokens";

    fn schema(&self) -> Schema {
        let token = Type::object([
            ("name", Type::String),
            ("token_id", Type::Number),
            ("description", Type::String),
            ("managed_by", Type::String),
            ("expires_at", Type::String),
            ("expired", Type::Bool),
            ("legacy", Type::Bool),
            ("updated_at", Type::String),
        ]);
        Schema::new(
            "Looks up the tokens of all the account's service accounts, whoever made them. It does not bring their \
             values: the platform shows those only when they are made.",
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
                Attribute::computed(
                    "tokens",
                    Type::List(Box::new(token)),
                    "What was found, sorted by name. Each has a `name`; a `token_id`, the platform's number for the \
                     present value; a `description`; `managed_by`, that of the provider that created it, where a mark in the \
                     description tells; `expires_at`, in UTC, null for a legacy token; `expired`, whether \
                     it has ended; `legacy`, whether it has no expiry; and `updated_at`, as the platform spells it.",
                ),
            ],
        )
    }

    fn validate(&self, config: &Model, diagnostics: &mut Diagnostics) {
        diagnostics.ok(expires_before(config));
    }

    async fn read(&self, context: &Context, config: Model, diagnostics: &mut Diagnostics) -> Option<Model> {
        let connection = self.session.connection(diagnostics)?;
        let before = diagnostics.ok(expires_before(&config))?;
        let accounts = connection.look(&connection.operation(context), diagnostics).await?;
        let now = self.session.clock().now();
        let mut chosen: Vec<&ServiceAccount> = accounts
            .iter()
            .filter(|account| is_asked_for(account.expires_at, config.expired.known().copied(), before, now))
            .collect();
        chosen.sort_by(|one, other| one.name.cmp(&other.name));
        let tokens: Vec<_> = chosen.into_iter().map(|account| listed(account, now)).collect();
        Some(Model {
            tokens: tokens.into(),
            ..config
        })
    }
}

/// The filter of that name, if it is set; `Err` with an error on the attribute if it is no instant.
fn expires_before(config: &Model) -> Result<Option<Expiry>, Diagnostic> {
    let Some(text) = config.expires_before.known() else {
        return Ok(None);
    };
    Expiry::parse(text).map(Some).map_err(|error| {
        let problem = format!("`expires_before` {error}; it is {text:?}.");
        Diagnostic::error("Invalid expires_before", problem).on("expires_before")
    })
}

/// Whether both filters let a token through.
fn is_asked_for(expires_at: Option<Timestamp>, expired: Option<bool>, before: Option<Expiry>, now: Timestamp) -> bool {
    let expiry = expires_at.map(Expiry::at);
    let has_expired = expiry.is_some_and(|expiry| expiry.has_passed(now));
    expired.is_none_or(|expired| expired == has_expired)
        && before.is_none_or(|before| expiry.is_some_and(|expiry| expiry < before))
}

fn listed(account: &ServiceAccount, now: Timestamp) -> ListedToken {
    let Ending {
        expires_at,
        expired,
        legacy,
    } = Ending::of(account.expires_at, now);
    ListedToken {
        name: account.name.clone().into(),
        token_id: account.token_id.into(),
        description: account.description.clone().into(),
        managed_by: account.managed_by.clone().into(),
        expires_at,
        expired,
        legacy,
        updated_at: account.updated_at.clone().into(),
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
            let before = before.map(|text| Expiry::parse(text).unwrap());
            let names = tokens
                .iter()
                .filter(|(_, expires_at)| is_asked_for(*expires_at, expired, before, now))
                .map(|(name, _)| *name);
            assert_eq!(names.collect::<Vec<_>>().join(" "), found, "{expired:?}, {before:?}");
        }
    }
}
