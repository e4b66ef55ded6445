//! `data.quix_permission`: queries a permission.

use crate::framework::{DataSource, Diagnostics, Field, Model};
use crate::quix::connection::{Connection, Context};
use crate::quix::errors::request_failed;

/// Queries whether the owner of the provider's token has a permission. A configuration can use it
/// to fail early, with its own error message, if the token is insufficient. Quix documents no
/// permission for rotating streaming tokens, which requires the role Admin.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::quix) struct Permission {
    /// The type of the resource: `Organisation`, `Repository`, `Workspace` (an environment),
    /// `Topic`, `Deployment`, `User`, `Session` or `Plugin`. The provider passes on any value,
    /// including types that Quix adds later.
    #[attribute(required)]
    resource_type: Field<String>,
    /// The id of the resource; for a `Topic`, `Deployment` or `Plugin`, the id of its environment.
    #[attribute(required)]
    resource_id: Field<String>,
    /// The permission: `Create`, `Read`, `Update`, `Delete`, `Write` (streams only) or `All`. The
    /// provider passes on any value.
    #[attribute(required)]
    permission: Field<String>,
    /// Whether the owner of the token has the permission.
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
            .map_err(|error| request_failed(&error))?;
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
    async fn read_returns_the_permission_of_the_platform() {
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
