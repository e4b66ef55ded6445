//! `list.striim_service_account_token`: the tokens of all service accounts, for `terraform query`.
//!
//! # Guarantees
//! - What is found has the state that its import would lead to: the configuration generated from it plans nothing.
//!
//! # Assumptions
//! - The platform's list is complete. Whether it still shows what has expired, Striim's document does not say.

use async_trait::async_trait;

use super::quota::ending;
use super::service_account_token::{Model, ServiceAccountToken, imported};
use super::token_filter::{self, TokenFilter};
use crate::framework::{Context, Diagnostic, Diagnostics, ListResource, Listed, Schema, model};

model! {
    /// The `config` of a `list` block.
    pub(super) struct Filter {
        expired: bool,
        expires_before: String,
    }
}

impl Filter {
    fn read(&self) -> Result<TokenFilter, Diagnostic> {
        TokenFilter::read(&self.expired, &self.expires_before)
    }
}

#[async_trait]
impl ListResource for ServiceAccountToken {
    type Filter = Filter;

    fn filter_schema(&self) -> Schema {
        Schema::new(
            "Finds the tokens of all the account's service accounts, whoever made them, for `terraform query` (Terraform \
             1.14): to see what is about to end, or to bring under Terraform what was made by hand. \
             `terraform query -generate-config-out=tokens.tf` writes a resource and an `import` block for each.\n\n\
             An import rotates nothing, and the generated configuration plans no change: it fixes `expires_at` as it is. \
             The values are not to be had, because the platform shows them only when they are made.",
            token_filter::attributes(),
        )
    }

    fn validate_filter(&self, filter: &Filter, diagnostics: &mut Diagnostics) {
        diagnostics.ok(filter.read());
    }

    async fn list(&self, context: &Context, filter: Filter, diagnostics: &mut Diagnostics) -> Vec<Listed<Model>> {
        let (Some(filter), Some(connection)) = (diagnostics.ok(filter.read()), self.session().connection(diagnostics))
        else {
            return Vec::new();
        };
        let Some(accounts) = connection.look(&connection.operation(context), diagnostics).await else {
            return Vec::new();
        };
        let now = self.session().clock().now();
        let chosen = filter.choose(&accounts, now).into_iter().map(|account| Listed {
            display_name: format!("{}, {}", account.name, ending(account, now)),
            object: imported(account),
        });
        chosen.collect()
    }
}
