//! `data.quix_workspace`: reads an environment.
//!
//! # Guarantees
//! - The platform's answer contains the password of the environment's broker. It is not read, so it
//!   is in no state.

use crate::framework::{DataSource, Diagnostics, Field, Model};
use crate::quix::api;
use crate::quix::connection::{Connection, Context};
use crate::quix::errors::request_failed;

/// Reads an environment, which Quix's API calls a workspace. An attribute that the platform does
/// not return is null.
///
/// The settings of the environment's broker are omitted, because their password would be stored in
/// the state. Use the ephemeral resource
/// [`quix_broker_config`](../ephemeral-resources/broker_config.md) for them.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::quix) struct Workspace {
    /// The environment's id, which is not its name. Its deployments have it in
    /// `Quix__Workspace__Id`.
    #[attribute(required)]
    id: Field<String>,
    #[attribute(flatten)]
    details: Details,
}

/// An environment.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::quix) struct ListedWorkspace {
    /// The environment's id.
    #[attribute(computed)]
    pub(in crate::quix) id: Field<String>,
    #[attribute(flatten)]
    details: Details,
}

/// The attributes of an environment except its id.
#[derive(Model, Clone, Debug, Default)]
struct Details {
    /// The environment's name.
    #[attribute(computed)]
    name: Field<String>,
    /// The status as returned by the platform, such as `Ready`.
    #[attribute(computed)]
    status: Field<String>,
    /// The environment's name within its project.
    #[attribute(computed)]
    environment_name: Field<String>,
    /// The branch of the project's repository that the environment follows.
    #[attribute(computed)]
    branch: Field<String>,
    /// Whether the branch is protected.
    #[attribute(computed)]
    branch_protected: Field<bool>,
    /// The type of the broker as returned by the platform, such as `SharedKafka`.
    #[attribute(computed)]
    broker_type: Field<String>,
    /// When the environment was created, as returned by the platform.
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
            .map_err(|error| request_failed(&error).on("id"))?;
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
    async fn read_finds_an_environment_by_its_exact_id_only() {
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
