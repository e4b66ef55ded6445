//! `data.quix_workspace`: one environment.
//!
//! # Guarantees
//! - What the platform tells of an environment holds the password of its broker. It is not read, so it is in no state.

use async_trait::async_trait;

use super::api;
use super::connection::Session;
use super::failure::failure;
use crate::framework::{Attribute, Context, DataSource, Diagnostics, Schema, Type, model};

model! {
    /// The attributes of an environment.
    pub(super) struct Model {
        id: String,
        name: String,
        status: String,
        environment_name: String,
        branch: String,
        branch_protected: bool,
        broker_type: String,
        created_at: String,
    }
}

impl From<api::Workspace> for Model {
    fn from(workspace: api::Workspace) -> Self {
        Self {
            id: workspace.id.into(),
            name: workspace.name.into(),
            status: workspace.status.into(),
            environment_name: workspace.environment_name.into(),
            branch: workspace.branch.into(),
            branch_protected: workspace.branch_protected.into(),
            broker_type: workspace.broker_type.into(),
            created_at: workspace.created_at.into(),
        }
    }
}

/// What is told of an environment beside its id.
fn details() -> [Attribute; 7] {
    let text = |name, description| Attribute::computed(name, Type::String, description);
    [
        text("name", "Its name."),
        text("status", "Its status, as the platform spells it, such as `Ready`."),
        text("environment_name", "Its name within its project."),
        text("branch", "The branch of the project's repository that it follows."),
        Attribute::computed("branch_protected", Type::Bool, "Whether that branch is protected."),
        text(
            "broker_type",
            "Its kind of broker, as the platform spells it, such as `SharedKafka`.",
        ),
        text("created_at", "When it was made, as the platform spells it."),
    ]
}

/// The type of an environment in a list.
pub(super) fn object_type() -> Type {
    let id = ("id", Type::String);
    let details = details().map(|attribute| (attribute.name, attribute.ty));
    Type::object(details.into_iter().chain([id]))
}

pub(super) struct Workspace {
    session: Session,
}

impl Workspace {
    pub(super) fn new(session: Session) -> Self {
        Self { session }
    }
}

#[async_trait]
impl DataSource for Workspace {
    type Model = Model;

    const TYPE: &'static str = "quix_workspace";

    fn schema(&self) -> Schema {
        let mut attributes = vec![Attribute::required(
            "id",
            Type::String,
            "The environment's id, which its deployments have in `Quix__Workspace__Id`. It is not its name.",
        )];
        attributes.extend(details());
        Schema::new(
            "One environment, which Quix's API calls a workspace. What the platform does not tell is null.\n\n\
             The platform's answer also holds how to connect to the environment's broker, with a password. That is left out, \
             because it would lie in the state; the ephemeral resource \
             [`quix_broker_config`](../ephemeral-resources/broker_config.md) brings it without.",
            attributes,
        )
    }

    fn validate(&self, _: &Model, _: &mut Diagnostics) {}

    async fn read(&self, context: &Context, config: Model, diagnostics: &mut Diagnostics) -> Option<Model> {
        let connection = self.session.connection(diagnostics)?;
        let id = config.id.into_known().unwrap_or_default();
        let workspace = connection.api.workspace(&connection.operation(context), &id).await;
        diagnostics.ok(workspace.map(Model::from).map_err(|error| failure(&error).on("id")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quix::testing::{DEV, sandbox, session};
    use crate::sandbox::quix::{Options, Role};

    #[tokio::test(start_paused = true)]
    async fn an_environment_is_found_by_its_id_and_by_nothing_else() {
        let sandbox = sandbox(Options::default());
        let source = Workspace::new(session(&sandbox, Role::Viewer));
        for (id, found) in [(DEV, true), ("other", false), ("", false), ("..", false)] {
            let config = Model {
                id: id.into(),
                ..Model::default()
            };
            let mut diagnostics = Diagnostics::default();
            let read = source.read(&Context::default(), config, &mut diagnostics).await;
            assert_eq!((read.is_some(), diagnostics.has_errors()), (found, !found), "{id:?}");
        }
        assert_eq!(sandbox.calls("GET", "/workspaces"), 0);
    }
}
