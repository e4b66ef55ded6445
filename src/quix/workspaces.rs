//! `data.quix_workspaces`: the environments that the provider's token may see.

use async_trait::async_trait;

use super::connection::Session;
use super::failure::failure;
use super::workspace;
use crate::framework::{Attribute, Context, DataSource, Diagnostics, Schema, Type, model};

model! {
    /// The attributes of `data.quix_workspaces`.
    pub(super) struct Model {
        workspaces: Vec<workspace::Model>,
    }
}

pub(super) struct Workspaces {
    session: Session,
}

impl Workspaces {
    pub(super) fn new(session: Session) -> Self {
        Self { session }
    }
}

#[async_trait]
impl DataSource for Workspaces {
    type Model = Model;

    const TYPE: &'static str = "quix_workspaces";

    fn schema(&self) -> Schema {
        let workspaces = Attribute::computed(
            "workspaces",
            Type::List(Box::new(workspace::object_type())),
            "The environments, in the platform's order. Each has what the data source \
             [`quix_workspace`](workspace.md) tells of one: `id`, `name`, `status`, `environment_name`, `branch`, \
             `branch_protected`, `broker_type` and `created_at`.",
        );
        Schema::new(
            "Lists the environments that the provider's token may see; Quix's API calls them workspaces. With a streaming \
             token that is its own environment. Which ones a personal access token is shown is not documented; Quix's Python \
             client remarks that it may be none.",
            [workspaces],
        )
    }

    fn validate(&self, _: &Model, _: &mut Diagnostics) {}

    async fn read(&self, context: &Context, _: Model, diagnostics: &mut Diagnostics) -> Option<Model> {
        let connection = self.session.connection(diagnostics)?;
        let found = connection.api.workspaces(&connection.operation(context)).await;
        let found = diagnostics.ok(found.map_err(|error| failure(&error)))?;
        let workspaces: Vec<_> = found.into_iter().map(workspace::Model::from).collect();
        Some(Model {
            workspaces: workspaces.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quix::testing::{DEV, sandbox, session, session_with};
    use crate::sandbox::quix::{Options, Role};

    #[tokio::test(start_paused = true)]
    async fn each_token_has_its_environments() {
        let sandbox = sandbox(Options::default());
        sandbox.add_workspace("acme-shop-prod");
        let [token, _] = sandbox.tokens(DEV).unwrap();
        let found = async |session, lists_for_users| {
            sandbox.set_options(|options| options.lists_for_users = lists_for_users);
            let source = Workspaces::new(session);
            let mut diagnostics = Diagnostics::default();
            let read = source
                .read(&Context::default(), Model::default(), &mut diagnostics)
                .await;
            let workspaces = read.unwrap().workspaces.into_known().unwrap();
            workspaces
                .into_iter()
                .filter_map(|workspace| workspace.id.into_known())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            found(session(&sandbox, Role::Viewer), true).await,
            [DEV, "acme-shop-prod"]
        );
        assert!(found(session(&sandbox, Role::Admin), false).await.is_empty());
        assert_eq!(found(session_with(&sandbox, &token), false).await, [DEV]);
    }
}
