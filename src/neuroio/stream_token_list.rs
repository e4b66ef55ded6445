//! `list.neuroio_stream_token`: all stream tokens, for `terraform query`.
//!
//! # Guarantees
//! - The configuration that is generated from what is found plans nothing after its import.
//! - No value is asked for: what an import brings, a query does not print.
//!
//! # Assumptions
//! - The platform's list is complete. Whether it still shows what has ended is not documented.

use async_trait::async_trait;

use super::filter::{self, Filter as Asked, Found};
use super::stream_token::{Model, StreamToken};
use crate::framework::{Context, Diagnostics, ListResource, Listed, Schema, model};

model! {
    /// The `config` of a `list` block.
    pub(super) struct Filter {
        permanent: bool,
        is_active: bool,
        expired: bool,
    }
}

#[async_trait]
impl ListResource for StreamToken {
    type Filter = Filter;

    fn filter_schema(&self) -> Schema {
        Schema::new(
            "Finds the stream tokens of the account, space or managers that the provider's `api_token` belongs to, whoever \
             made them, for `terraform query` (Terraform 1.14): to bring under Terraform what was made by hand, or what a run \
             left behind that was killed. `terraform query -generate-config-out=tokens.tf` writes a resource and an \
             `import` block for each.",
            filter::attributes(),
        )
    }

    fn validate_filter(&self, _: &Filter, _: &mut Diagnostics) {}

    async fn list(&self, context: &Context, filter: Filter, diagnostics: &mut Diagnostics) -> Vec<Listed<Model>> {
        let Some(connection) = self.session().connection(diagnostics) else {
            return Vec::new();
        };
        let Filter {
            permanent,
            is_active,
            expired,
        } = filter;
        let asked = Asked {
            permanent,
            is_active,
            expired,
        };
        let clock = self.session().clock();
        let found = asked.find(&connection.api, &connection.operation(context), clock).await;
        let found = diagnostics.ok(found).unwrap_or_default();
        found.iter().map(listed).collect()
    }
}

fn listed(found: &Found) -> Listed<Model> {
    let kind = match found.expiry() {
        _ if found.permanent => "permanent".to_owned(),
        Some(expiry) => format!("temporary, until {expiry}"),
        None => "temporary".to_owned(),
    };
    Listed {
        display_name: format!("{}, {kind}", found.token.id),
        object: Model::of(found),
    }
}
