//! `data.quix_permission`: whether the provider's token may do something.

use async_trait::async_trait;

use super::connection::Session;
use super::failure::failure;
use crate::framework::{Attribute, Context, DataSource, Diagnostics, Schema, Type, model};

model! {
    /// The attributes of `data.quix_permission`.
    pub(super) struct Model {
        resource_type: String,
        resource_id: String,
        permission: String,
        allowed: bool,
    }
}

pub(super) struct Permission {
    session: Session,
}

impl Permission {
    pub(super) fn new(session: Session) -> Self {
        Self { session }
    }
}

#[async_trait]
impl DataSource for Permission {
    type Model = Model;

    const TYPE: &'static str = "quix_permission";

    fn schema(&self) -> Schema {
        Schema::new(
            "Whether the holder of the provider's token has a permission. So a configuration can say early, and in words of \
             its own, that a token will not do. No permission is documented for rotating streaming tokens: that is for the \
             role Admin.",
            [
                Attribute::required(
                    "resource_type",
                    Type::String,
                    "What it is about: `Organisation`, `Repository`, `Workspace` (an environment), `Topic`, `Deployment`, \
                     `User`, `Session` or `Plugin`. It is passed on as it is, so that what Quix adds can be asked, too.",
                ),
                Attribute::required(
                    "resource_id",
                    Type::String,
                    "Its id; for a `Topic`, a `Deployment` and a `Plugin` that of the environment.",
                ),
                Attribute::required(
                    "permission",
                    Type::String,
                    "`Create`, `Read`, `Update`, `Delete`, `Write` (of streams only) or `All`. It is passed on as it is.",
                ),
                Attribute::computed("allowed", Type::Bool, "Whether it is had."),
            ],
        )
    }

    fn validate(&self, _: &Model, _: &mut Diagnostics) {}

    async fn read(&self, context: &Context, config: Model, diagnostics: &mut Diagnostics) -> Option<Model> {
        let connection = self.session.connection(diagnostics)?;
        let [resource_type, resource_id, permission] = [&config.resource_type, &config.resource_id, &config.permission]
            .map(|field| field.known().map_or("", |text| text));
        let operation = connection.operation(context);
        let asked = connection
            .api
            .permission(&operation, resource_type, resource_id, permission);
        let allowed = diagnostics.ok(asked.await.map_err(|error| failure(&error)))?;
        Some(Model {
            allowed: allowed.into(),
            ..config
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framework::Field;
    use crate::quix::testing::{DEV, sandbox, session};
    use crate::sandbox::quix::{Options, Role};

    #[tokio::test(start_paused = true)]
    async fn a_permission_is_told_as_the_platform_has_it() {
        let sandbox = sandbox(Options::default());
        for (role, resource_type, id, permission, allowed) in [
            (Role::Admin, "Workspace", DEV, "All", Some(true)),
            (Role::Viewer, "Workspace", DEV, "Read", Some(true)),
            (Role::Viewer, "Workspace", DEV, "Update", Some(false)),
            (Role::Editor, "Deployment", DEV, "Update", Some(true)),
            (Role::Admin, "Workspace", "other", "Read", Some(false)),
            (Role::Admin, "workspace", DEV, "Read", None),
            (Role::Admin, "Workspace", "", "Read", None),
        ] {
            let config = Model {
                resource_type: resource_type.into(),
                resource_id: id.into(),
                permission: permission.into(),
                allowed: Field::Unknown,
            };
            let source = Permission::new(session(&sandbox, role));
            let mut diagnostics = Diagnostics::default();
            let read = source.read(&Context::default(), config, &mut diagnostics).await;
            assert_eq!(
                read.and_then(|read| read.allowed.into_known()),
                allowed,
                "{role:?} {permission}"
            );
        }
    }
}
