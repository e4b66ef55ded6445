//! `data.striim_service_account_tokens`: all tokens of service accounts, without their values.
//!
//! # Assumptions
//! - The platform's list is complete. Whether it still shows what has expired, Striim's document does not say.

use async_trait::async_trait;
use jiff::Timestamp;

use super::api::ServiceAccount;
use super::session::Session;
use super::token::{Ending, ending_of_account};
use super::token_filter::{self, TokenFilter};
use crate::framework::{Attribute, Context, DataSource, Diagnostics, Schema, Type, model};

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
        let tokens = Attribute::computed(
            "tokens",
            Type::List(Box::new(token)),
            "What was found, sorted by name. Each has a `name`; a `token_id`, the platform's number for the present value; \
             a `description`; `managed_by`, that of the provider that created it, where a mark in the description tells; `expires_at`, in UTC, null for a legacy token; `expired`, whether it has ended; `legacy`, \
             whether it has no expiry; and `updated_at`, as the platform spells it.",
        );
        let [expired, expires_before] = token_filter::attributes();
        Schema::new(
            "Looks up the tokens of all the account's service accounts, whoever made them. It does not bring their \
             values: the platform shows those only when they are made.",
            [expired, expires_before, tokens],
        )
    }

    fn validate(&self, config: &Model, diagnostics: &mut Diagnostics) {
        diagnostics.ok(TokenFilter::read(&config.expired, &config.expires_before));
    }

    async fn read(&self, context: &Context, config: Model, diagnostics: &mut Diagnostics) -> Option<Model> {
        let connection = self.session.connection(diagnostics)?;
        let filter = diagnostics.ok(TokenFilter::read(&config.expired, &config.expires_before))?;
        let accounts = connection.look(&connection.operation(context), diagnostics).await?;
        let now = self.session.clock().now();
        self.session.report_skew(diagnostics);
        let chosen = filter.choose(&accounts, now).into_iter();
        let tokens: Vec<_> = chosen.map(|account| listed(account, now, diagnostics)).collect();
        Some(Model {
            tokens: tokens.into(),
            ..config
        })
    }
}

fn listed(account: &ServiceAccount, now: Timestamp, diagnostics: &mut Diagnostics) -> ListedToken {
    let Ending {
        expires_at,
        expired,
        legacy,
    } = ending_of_account(account, now, diagnostics);
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
