//! `list.quix_personal_access_token`: lists personal access tokens for `terraform query`.
//!
//! # Guarantees
//! - A listed token has the same state as an imported one, so the generated configuration plans no
//!   change.
//! - A query shows no values: the platform does not return them.

use crate::framework::{Diagnostics, ListItem, ListResource, Model};
use crate::quix::connection::Context;
use crate::quix::resources::personal_access_token::{PersonalAccessToken, PersonalAccessTokenResource};
use crate::quix::token_filter::{TokenFilter, has_expired};
use crate::token::Expiry;

/// Finds the personal access tokens of the provider's user. Use it with `terraform query` to see
/// which tokens expire soon, or to import tokens that were created by hand. `terraform query
/// -generate-config-out=tokens.tf` writes a resource and an `import` block for each token. An import rotates nothing; the values cannot be read.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::quix) struct Query {
    #[attribute(flatten)]
    filter: TokenFilter,
}

impl ListResource for PersonalAccessTokenResource {
    type Filter = Query;

    async fn list(&self, context: &Context, query: Query) -> Result<Vec<ListItem<PersonalAccessToken>>, Diagnostics> {
        let (connection, clock) = (context.client()?, self.session().clock());
        let found = query
            .filter
            .find(&connection, &connection.operation(context), clock)
            .await?;
        let now = clock.now();
        let items = found.iter().map(|token| {
            let name = token.name.as_deref().unwrap_or("without a name");
            let expiry = match token.expires_at.map(Expiry::at) {
                Some(expiry) if has_expired(token, now) => format!("expired at {expiry}"),
                Some(expiry) => format!("expires at {expiry}"),
                None if token.unreadable_expiry.is_some() => "with an expiry that cannot be read".to_owned(),
                None => "never expires".to_owned(),
            };
            ListItem {
                display_name: format!("{name}, {expiry}"),
                object: PersonalAccessToken::imported(token),
            }
        });
        Ok(items.collect())
    }
}
