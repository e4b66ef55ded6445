//! `list.neuroio_stream_token`: lists stream tokens for `terraform query`.
//!
//! # Guarantees
//! - Imports with the generated configuration plan no changes.
//! - A query requests no values, so it prints none. An import reads the value.
//!
//! # Assumptions
//! - The platform's list is complete. It is not documented whether it contains expired tokens.

use crate::framework::{Diagnostics, ListItem, ListResource, Model};
use crate::neuroio::connection::Context;
use crate::neuroio::filter::Filter;
use crate::neuroio::found::Found;
use crate::neuroio::resources::stream_token::{StreamToken, StreamTokenResource};

/// Finds the stream tokens of the account, of the space or of the managers that the provider's
/// `api_token` belongs to. Use it with `terraform query` to import tokens that were created by hand,
/// or orphans of a killed run. `terraform query -generate-config-out=tokens.tf` writes a resource
/// and an `import` block for each token.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::neuroio) struct Query {
    #[attribute(flatten)]
    filter: Filter,
}

impl ListResource for StreamTokenResource {
    type Filter = Query;

    async fn list(&self, context: &Context, query: Query) -> Result<Vec<ListItem<StreamToken>>, Diagnostics> {
        let connection = context.client()?;
        let operation = connection.operation(context);
        let found = query.filter.find(&connection.api, &operation, self.session().clock());
        Ok(found.await?.iter().map(item).collect())
    }
}

fn item(found: &Found) -> ListItem<StreamToken> {
    let kind = match found.expiry() {
        _ if found.permanent => "permanent".to_owned(),
        Some(expiry) => format!("temporary, until {expiry}"),
        None => "temporary".to_owned(),
    };
    ListItem {
        display_name: format!("{}, {kind}", found.token.id),
        object: StreamToken::from_listed(found),
    }
}
