//! `data.striim_service_account_tokens`: the tokens of all service accounts, without their values.
//!
//! # Assumptions
//! - The platform's list is complete. Striim does not document whether it includes expired accounts.

use jiff::Timestamp;

use crate::framework::{DataSource, Diagnostics, Field, Model};
use crate::platform::Session;
use crate::striim::api::ServiceAccount;
use crate::striim::connection::{Connection, Context};
use crate::striim::data_sources::token::{TokenExpiry, expiry_of_account};
use crate::striim::token_filter::TokenFilter;

/// Lists the tokens of all service accounts in the account, including those created outside Terraform. Values are not
/// available: the platform shows them only when it issues them.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::striim) struct ServiceAccountTokens {
    #[attribute(flatten)]
    filter: TokenFilter,
    /// The matching tokens, sorted by name.
    #[attribute(computed)]
    tokens: Field<Vec<ListedToken>>,
}

/// An element of `tokens`.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::striim) struct ListedToken {
    /// The name of the service account.
    #[attribute(computed)]
    name: Field<String>,
    /// The platform's number of the current value.
    #[attribute(computed)]
    token_id: Field<i64>,
    /// The description of the service account.
    #[attribute(computed)]
    description: Field<String>,
    /// The `managed_by` of the provider that created the service account, read from the mark in its description. Null
    /// without a mark.
    #[attribute(computed)]
    managed_by: Field<String>,
    #[attribute(flatten)]
    expiry: TokenExpiry,
    /// The time of the last change, in the platform's format.
    #[attribute(computed)]
    updated_at: Field<String>,
}

pub(in crate::striim) struct ServiceAccountTokensDataSource {
    session: Session,
}

impl ServiceAccountTokensDataSource {
    pub(in crate::striim) fn new(session: Session) -> Self {
        Self { session }
    }
}

impl DataSource for ServiceAccountTokensDataSource {
    type Model = ServiceAccountTokens;
    type Client = Connection;

    const TYPE: &'static str = "striim_service_account_tokens";

    async fn read(&self, context: &Context, config: ServiceAccountTokens) -> Result<ServiceAccountTokens, Diagnostics> {
        let diagnostics = &mut *context.diagnostics();
        let connection = context.client()?;
        let accounts = connection.service_accounts(&connection.operation(context)).await?;
        let now = self.session.clock().now();
        self.session.report_skew(diagnostics);
        let chosen = config.filter.select(&accounts, now)?.into_iter();
        let tokens: Vec<_> = chosen.map(|account| listed(account, now, diagnostics)).collect();
        Ok(ServiceAccountTokens {
            tokens: tokens.into(),
            ..config
        })
    }
}

fn listed(account: &ServiceAccount, now: Timestamp, diagnostics: &mut Diagnostics) -> ListedToken {
    ListedToken {
        name: account.name.clone().into(),
        token_id: account.token_id.into(),
        description: account.description.clone().into(),
        managed_by: account.managed_by.clone().into(),
        expiry: expiry_of_account(account, now, diagnostics),
        updated_at: account.updated_at.clone().into(),
    }
}
