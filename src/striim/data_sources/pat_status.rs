//! `data.striim_pat_status`: whether the account's users may use personal access tokens.

use crate::framework::{DataSource, Diagnostics, Field, Model};
use crate::striim::connection::{Connection, Context};
use crate::striim::resources::pat_status::current;

/// Looks up whether personal access tokens may be used in the Striim Cloud account, and changes nothing. The resource of the
/// same name decides it.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::striim) struct PatStatus {
    /// The account's short name; where the provider has only a `base_url`, the host in it.
    #[attribute(computed)]
    id: Field<String>,
    /// Whether personal access tokens may be used.
    #[attribute(computed)]
    enabled: Field<bool>,
}

pub(in crate::striim) struct PatStatusDataSource;

impl DataSource for PatStatusDataSource {
    type Model = PatStatus;
    type Client = Connection;

    const TYPE: &'static str = "striim_pat_status";

    async fn read(&self, context: &Context, _: PatStatus) -> Result<PatStatus, Diagnostics> {
        let connection = context.client()?;
        let enabled = current(&connection, &connection.operation(context)).await?;
        Ok(PatStatus {
            id: connection.account.clone().into(),
            enabled: enabled.into(),
        })
    }
}
