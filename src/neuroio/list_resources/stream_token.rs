//! `list.neuroio_stream_token`: all stream tokens, for `terraform query`.
//!
//! # Guarantees
//! - The configuration that is generated from what is found plans nothing after its import.
//! - No value is requested: an import reads it, and a query does not print it.
//!
//! # Assumptions
//! - The platform's list is complete. Whether it still shows what has expired is not documented.

use crate::framework::{Diagnostics, ListItem, ListResource, Model};
use crate::neuroio::connection::Context;
use crate::neuroio::filter::{Filter, Found};
use crate::neuroio::resources::stream_token::{StreamToken, StreamTokenResource};

/// Finds the stream tokens of the account, space or managers that the provider's `api_token` belongs to, whoever created them,
/// for `terraform query` (Terraform 1.14): to bring under Terraform what was created by hand, or what is an orphan of a run
/// that was killed. `terraform query -generate-config-out=tokens.tf` writes a resource and an `import` block for each.
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
        object: StreamToken::of(found),
    }
}
