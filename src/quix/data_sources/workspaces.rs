//! `data.quix_workspaces`: lists environments.

use super::workspace::ListedWorkspace;
use crate::framework::{DataSource, Diagnostics, Field, Model};
use crate::quix::connection::{Connection, Context};
use crate::quix::errors::request_failed;

/// Lists the environments that the provider's token gives access to. Quix's API calls them
/// workspaces. For a streaming token, that is its own environment. For a personal access token, it
/// is not documented; according to a comment in Quix's Python client, the list may be empty.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::quix) struct Workspaces {
    /// The environments, in the platform's order.
    #[attribute(computed)]
    workspaces: Field<Vec<ListedWorkspace>>,
}

pub(in crate::quix) struct WorkspacesDataSource;

impl DataSource for WorkspacesDataSource {
    type Model = Workspaces;
    type Client = Connection;

    const TYPE: &'static str = "quix_workspaces";

    async fn read(&self, context: &Context, _: Workspaces) -> Result<Workspaces, Diagnostics> {
        let connection = context.client()?;
        let found = connection.api.workspaces(&connection.operation(context)).await;
        let found = found.map_err(|error| request_failed(&error))?.into_iter();
        Ok(Workspaces {
            workspaces: found.map(ListedWorkspace::from).collect::<Vec<_>>().into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::framework::testing::Start;
    use crate::quix::tests::{DEV, provider, provider_with, sandbox, workspace};
    use crate::sandbox::quix::{Options, Role};

    #[tokio::test(start_paused = true)]
    async fn read_lists_the_environments_that_the_token_gives_access_to() {
        let sandbox = sandbox(Options::default());
        sandbox.add_workspace("acme-shop-prod");
        let [token, _] = sandbox.tokens(DEV).unwrap();
        async fn found(
            sandbox: &crate::sandbox::quix::Sandbox,
            start: impl Start,
            users_list_workspaces: bool,
        ) -> Vec<String> {
            sandbox.set_options(|options| options.users_list_workspaces = users_list_workspaces);
            let read = workspace(sandbox)
                .read_data_source(start, WorkspacesDataSource::TYPE, json!({}))
                .await;
            let workspaces = read.model::<Workspaces>().workspaces.into_known().unwrap();
            workspaces
                .into_iter()
                .filter_map(|workspace| workspace.id.into_known())
                .collect()
        }
        assert_eq!(
            found(&sandbox, provider(&sandbox, Role::Viewer), true).await,
            [DEV, "acme-shop-prod"]
        );
        assert!(found(&sandbox, provider(&sandbox, Role::Admin), false).await.is_empty());
        assert_eq!(found(&sandbox, provider_with(&sandbox, &token), false).await, [DEV]);
    }
}
