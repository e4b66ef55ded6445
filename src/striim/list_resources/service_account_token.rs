//! `list.striim_service_account_token`: the tokens of all service accounts, for `terraform query`.
//!
//! # Guarantees
//! - A listed token has the same state as an imported one, so the generated configuration plans no
//!   change.
//!
//! # Assumptions
//! - The platform's list is complete. Striim does not document whether it includes expired accounts.

use crate::framework::{Diagnostics, ListItem, ListResource, Model};
use crate::striim::connection::Context;
use crate::striim::diagnostics::expiry_in_words;
use crate::striim::resources::service_account_token::{ServiceAccountToken, ServiceAccountTokenResource};
use crate::striim::token_filter::TokenFilter;

/// Lists the tokens of all service accounts in the account, including those created outside Terraform, for `terraform query`.
/// Use it to see which tokens expire soon, or to import existing tokens:
/// `terraform query -generate-config-out=tokens.tf` writes a resource and an `import` block for each.
///
/// An import rotates nothing, and the generated configuration plans no change: it sets `expires_at` to the present expiry. The
/// values cannot be read, because the platform shows them only when it issues them.
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
