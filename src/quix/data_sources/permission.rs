//! `data.quix_permission`: whether the provider's token may do something.

use crate::framework::{DataSource, Diagnostics, Field, Model};
use crate::quix::connection::{Connection, Context};
use crate::quix::errors::failure;

/// Whether the holder of the provider's token has a permission. So a configuration can say early, and in words of its own,
/// that a token will not do. No permission is documented for rotating streaming tokens: that is for the role Admin.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::quix) struct Permission {
    /// What it is about: `Organisation`, `Repository`, `Workspace` (an environment), `Topic`, `Deployment`, `User`, `Session`
    /// or `Plugin`. It is passed on as it is, so that what Quix adds can be queried, too.
    #[attribute(required)]
    resource_type: Field<String>,
    /// Its id; for a `Topic`, a `Deployment` and a `Plugin` that of the environment.
    #[attribute(required)]
    resource_id: Field<String>,
    /// `Create`, `Read`, `Update`, `Delete`, `Write` (of streams only) or `All`. It is passed on as it is.
    #[attribute(required)]
    permission: Field<String>,
    /// Whether the token's holder has it.
    #[attribute(computed)]
    allowed: Field<bool>,
}

pub(in crate::quix) struct PermissionDataSource;

impl DataSource for PermissionDataSource {
    type Model = Permission;
    type Client = Connection;

    const TYPE: &'static str = "quix_permission";

    async fn read(&self, context: &Context, config: Permission) -> Result<Permission, Diagnostics> {
        let connection = context.client()?;
        let (resource_type, resource_id) = (config.resource_type.get()?, config.resource_id.get()?);
        let allowed = connection
            .api
            .permission(
                &connection.operation(context),
                resource_type,
                resource_id,
                config.permission.get()?,
            )
            .await
            .map_err(|error| failure(&error))?;
        Ok(Permission {
            allowed: allowed.into(),
            ..config
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::quix::tests::{DEV, provider, sandbox, workspace};
    use crate::sandbox::quix::{Options, Role};

    #[tokio::test(start_paused = true)]
    async fn read_returns_the_permission_as_the_platform_has_it() {
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
            let config = json!({ "resource_type": resource_type, "resource_id": id, "permission": permission });
            let read = workspace(&sandbox)
                .read_data_source(provider(&sandbox, role), PermissionDataSource::TYPE, config)
                .await;
            let read = (!read.has_errors()).then(|| read.model::<Permission>());
            assert_eq!(
                read.and_then(|read| read.allowed.into_known()),
                allowed,
                "{role:?} {permission}"
            );
        }
    }
}
