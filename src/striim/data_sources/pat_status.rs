//! `data.striim_pat_status`: whether personal access tokens are enabled in the account.

use crate::framework::{DataSource, Diagnostics, Field, Model};
use crate::striim::connection::{Connection, Context};
use crate::striim::resources::pat_status::current;

/// Reads whether personal access tokens are enabled in the Striim Cloud account. The resource of the same name changes it.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::striim) struct PatStatus {
    /// The account's short name, or the host of `base_url` if no account is configured.
    #[attribute(computed)]
    id: Field<String>,
    /// Whether personal access tokens are enabled.
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
