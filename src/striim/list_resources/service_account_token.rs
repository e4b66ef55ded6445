//! `list.striim_service_account_token`: the tokens of all service accounts, for `terraform query`.
//!
//! # Guarantees
//! - A listed token has the state that its import would have: the configuration generated from it plans
//!   no change.
//!
//! # Assumptions
//! - The platform's list is complete. Striim's document does not say whether it shows expired accounts.

use crate::framework::{Diagnostics, ListItem, ListResource, Model};
use crate::striim::connection::Context;
use crate::striim::diagnostics::expiry_in_words;
use crate::striim::resources::service_account_token::{ServiceAccountToken, ServiceAccountTokenResource};
use crate::striim::token_filter::TokenFilter;

/// Finds the tokens of all the account's service accounts, whoever created them, for `terraform query` (Terraform 1.14): to
/// see what is about to expire, or to bring under Terraform what was created outside it.
/// `terraform query -generate-config-out=tokens.tf` writes a resource and an `import` block for each.
///
/// An import rotates nothing, and the generated configuration plans no change: it fixes `expires_at` as it is. The values
/// cannot be read, because the platform shows them only when they are issued.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::striim) struct Filter {
    #[attribute(flatten)]
    filter: TokenFilter,
}

impl ListResource for ServiceAccountTokenResource {
    type Filter = Filter;

    async fn list(&self, context: &Context, filter: Filter) -> Result<Vec<ListItem<ServiceAccountToken>>, Diagnostics> {
        let connection = context.client()?;
        let accounts = connection.service_accounts(&connection.operation(context)).await?;
        let now = self.session().clock().now();
        let chosen = filter.filter.select(&accounts, now)?.into_iter();
        let items = chosen.map(|account| ListItem {
            display_name: format!("{}, {}", account.name, expiry_in_words(account, now)),
            object: ServiceAccountToken::imported(account),
        });
        Ok(items.collect())
    }
}
