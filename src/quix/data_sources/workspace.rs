//! `data.quix_workspace`: one environment.
//!
//! # Guarantees
//! - The platform's answer about an environment holds the password of its broker. It is not read, so it is in no state.

use crate::framework::{DataSource, Diagnostics, Field, Model};
use crate::quix::api;
use crate::quix::connection::{Connection, Context};
use crate::quix::errors::failure;

/// One environment, which Quix's API calls a workspace. What the platform does not show is null.
///
/// The platform's answer also holds how to connect to the environment's broker, with a password. That is left out, because
/// it would be in the state; the ephemeral resource [`quix_broker_config`](../ephemeral-resources/broker_config.md) brings it
/// without.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::quix) struct Workspace {
    /// The environment's id, which its deployments have in `Quix__Workspace__Id`. It is not its name.
    #[attribute(required)]
    id: Field<String>,
    #[attribute(flatten)]
    details: Details,
}

/// An environment in a list.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::quix) struct ListedWorkspace {
    /// The environment's id.
    #[attribute(computed)]
    pub(in crate::quix) id: Field<String>,
    #[attribute(flatten)]
    details: Details,
}

/// What the platform shows of an environment in addition to its id.
#[derive(Model, Clone, Debug, Default)]
struct Details {
    /// Its name.
    #[attribute(computed)]
    name: Field<String>,
    /// Its status, as the platform spells it, such as `Ready`.
    #[attribute(computed)]
    status: Field<String>,
    /// Its name within its project.
    #[attribute(computed)]
    environment_name: Field<String>,
    /// The branch of the project's repository that it follows.
    #[attribute(computed)]
    branch: Field<String>,
    /// Whether that branch is protected.
    #[attribute(computed)]
    branch_protected: Field<bool>,
    /// Its kind of broker, as the platform spells it, such as `SharedKafka`.
    #[attribute(computed)]
    broker_type: Field<String>,
    /// When it was created, as the platform spells it.
    #[attribute(computed)]
    created_at: Field<String>,
}

impl From<api::Workspace> for ListedWorkspace {
    fn from(workspace: api::Workspace) -> Self {
        Self {
            id: workspace.id.into(),
            details: Details {
                name: workspace.name.into(),
                status: workspace.status.into(),
                environment_name: workspace.environment_name.into(),
                branch: workspace.branch.into(),
                branch_protected: workspace.branch_protected.into(),
                broker_type: workspace.broker_type.into(),
                created_at: workspace.created_at.into(),
            },
        }
    }
}

pub(in crate::quix) struct WorkspaceDataSource;

impl DataSource for WorkspaceDataSource {
    type Model = Workspace;
    type Client = Connection;

    const TYPE: &'static str = "quix_workspace";

    async fn read(&self, context: &Context, config: Workspace) -> Result<Workspace, Diagnostics> {
        let connection = context.client()?;
        let workspace = connection
            .api
            .workspace(&connection.operation(context), config.id.get()?)
            .await
            .map_err(|error| failure(&error).on("id"))?;
        let ListedWorkspace { id, details } = workspace.into();
        Ok(Workspace { id, details })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::quix::tests::{DEV, provider, sandbox, workspace};
    use crate::sandbox::quix::{Options, Role};

    #[tokio::test(start_paused = true)]
    async fn read_finds_an_environment_by_its_id_and_by_nothing_else() {
        let sandbox = sandbox(Options::default());
        for (id, is_found) in [(DEV, true), ("other", false), ("", false), ("..", false)] {
            let read = workspace(&sandbox)
                .read_data_source(
                    provider(&sandbox, Role::Viewer),
                    WorkspaceDataSource::TYPE,
                    json!({ "id": id }),
                )
                .await;
            assert_eq!(read.has_errors(), !is_found, "{id:?}: {read:?}");
            if is_found {
                assert_eq!(read.model::<Workspace>().id, id.into());
            }
        }
        assert_eq!(sandbox.calls("GET", "/workspaces"), 0);
    }
}
