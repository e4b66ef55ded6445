//! `startree_role`: a role, to which policies are attached and which is assigned to subjects.
//!
//! # Flow
//! - Create reads the list of roles, creates the role unless the name is taken, and reads the list
//!   again.
//! - Read fetches the description.
//! - There is no update: the API has no request to change a role, so every change replaces it.
//! - Delete checks that the role is not assigned, deletes it, and reads the list until the role is
//!   gone.
//!
//! # Guarantees
//! - A role that existed before is not adopted. A role that this resource created is in the state
//!   even if the answer was lost.
//! - A role leaves the state only if a complete list of roles does not have it.
//! - A role that is assigned is not deleted; the error lists the subjects.
//!
//! # Assumptions
//! - The list of roles is complete. A list that says that it is one page of several is an error.
//! - No other client creates a role of the same name between the check and the creation, with a
//!   lost answer to ours.

use crate::framework::{Change, Diagnostic, Diagnostics, Field, Identity, Model, Outcome, Resource, Schema, Value};
use crate::platform::ensure::{self, CreateError};
use crate::rest::Operation;
use crate::startree::absence::{exists_after_delete, or_absent};
use crate::startree::api::{Assignment, Name, Reported, Srn};
use crate::startree::connection::{Connection, Context};
use crate::startree::description;
use crate::startree::environment_guard;
use crate::startree::errors::failure;
use crate::startree::identity::InEnvironment;
use crate::startree::names::{is_name, name};
use crate::startree::planned_names::already_exists;

/// Manages a role. Attach policies to it with
/// [`startree_role_policy_attachment`](role_policy_attachment.md), and assign it with
/// [`startree_role_assignment`](role_assignment.md).
///
/// -> **Refer to a role by its `id`**, not by its `name`. When Terraform replaces the role, it then
/// also replaces the resources that refer to it, in the right order. The platform does not delete a
/// role that is assigned.
///
/// The platform has no documented request to change a role, so a change of `description` replaces
/// it. The platform also does not document:
///
/// - whether it reports a role's description; if it does not, the provider cannot detect drift of
///   it;
/// - which names are valid, and whether a role may lack a description;
/// - whether a role with attached policies can be deleted.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::startree) struct Role {
    /// The role's name. It must not contain `#`, `:`, `/`, `\`, `?`, `%` or `*`, which would change
    /// the meaning of its SRN.
    #[attribute(required, requires_replace, check = is_name)]
    pub(in crate::startree) name: Field<String>,
    /// A description of the role.
    #[attribute(optional, empty_is_null, requires_replace)]
    pub(in crate::startree) description: Field<String>,
    /// The role's name, known after the role is created.
    #[attribute(computed, use_state_for_unknown)]
    pub(in crate::startree) id: Field<String>,
    /// The role's StarTree Resource Name: `srn2:role#<name>`.
    #[attribute(computed, use_state_for_unknown)]
    pub(in crate::startree) srn: Field<String>,
}

impl Role {
    fn new(name: &Name, description: Field<String>) -> Self {
        Self {
            id: name.as_str().into(),
            name: name.as_str().into(),
            srn: Srn::Role(name).to_string().into(),
            description,
        }
    }
}

/// The identity of a role.
#[derive(Model)]
struct RoleIdentity {
    #[attribute(flatten)]
    environment: InEnvironment,
    /// The role's name.
    #[attribute(required)]
    name: Field<String>,
}

/// Implements `startree_role`.
pub(in crate::startree) struct RoleResource;

impl Resource for RoleResource {
    type Model = Role;
    type Client = Connection;

    const TYPE: &'static str = "startree_role";

    async fn plan(&self, context: &Context, change: &mut Change<Role>) -> Result<(), Diagnostics> {
        if let (Some(connection), Ok(name)) = (context.known_client(), name("name", &change.planned.name)) {
            let is_listed = async { connection.has_role(&connection.operation(context), &name).await };
            let prior = change.prior.as_ref().map(|prior| &prior.name);
            let names = &connection.planned.roles;
            let problem = names.check(&context.private, ("role", &name), change, prior, is_listed);
            context.diagnostics().extend(problem.await);
        }
        Ok(())
    }

    async fn plan_destroy(&self, context: &Context, prior: &Role) -> Result<(), Diagnostics> {
        if let (Some(connection), Some(name)) = (context.known_client(), prior.name.known()) {
            connection.planned.roles.destroyed(name);
        }
        Ok(())
    }

    async fn create(&self, context: &Context, planned: Role) -> Outcome<Role> {
        let connection = context.client()?;
        let name = name("name", &planned.name)?;
        connection.planned.roles.applied(name.as_str());
        let created = create(&connection, &connection.operation(context), &name, &planned).await;
        CreateError::outcome(created, Role::new(&name, planned.description))
    }

    async fn read(&self, context: &Context, mut state: Role) -> Outcome<Role, Option<Role>> {
        if context.is_config_unknown() {
            return Ok(Some(state));
        }
        let (connection, name) = (context.client()?, name("name", &state.name)?);
        connection.planned.roles.refreshed(name.as_str());
        let operation = connection.operation(context);
        let read = connection.api.role(&operation, &name).await;
        let Some(description) = or_absent(read, connection.still_has_role(&operation, &name)).await? else {
            return Ok(None);
        };
        description::refresh(&mut state.description, description);
        Ok(Some(state))
    }

    async fn delete(&self, context: &Context, state: Role) -> Outcome<Role, ()> {
        let (connection, name) = (context.client()?, name("name", &state.name)?);
        Ok(delete(&connection, &connection.operation(context), &name).await?)
    }

    async fn import(&self, context: &Context, id: &str) -> Outcome<Role, Option<Role>> {
        let name = name("name", &id.into())?;
        let connection = context.client()?;
        let description = connection.api.role(&connection.operation(context), &name).await;
        let description = description.map_err(|error| failure(&error))?;
        if description == Reported::Absent {
            context.report(description_unknown(&name));
        }
        Ok(Some(Role::new(&name, description::imported(description))))
    }

    async fn permits(&self, context: &Context, state: &Role) -> Result<(), Diagnostics> {
        let what = self.title(state).unwrap_or_else(|| "The role".to_owned());
        environment_guard::verify(context, &what).await
    }

    fn record_place(&self, context: &Context) {
        environment_guard::record(context);
    }

    fn title(&self, state: &Role) -> Option<String> {
        name("name", &state.name).ok().map(|name| title(&name))
    }

    fn identity_schema(&self) -> Option<Schema> {
        Some(RoleIdentity::schema())
    }

    fn identity(&self, context: &Context, state: &Value) -> Option<Identity> {
        Some(Identity::of(RoleIdentity {
            environment: InEnvironment::of(context),
            name: Role::from_value(state).ok()?.name,
        }))
    }

    fn import_id(&self, context: &Context, identity: &Identity) -> Result<String, Diagnostic> {
        let RoleIdentity { environment, name } = identity.read()?;
        environment.check(context)?;
        Ok(name.into_known().unwrap_or_default())
    }
}

async fn create(
    connection: &Connection,
    operation: &Operation,
    name: &Name,
    planned: &Role,
) -> Result<(), CreateError> {
    let create = || connection.create_role(operation, name, description::for_request(&planned.description));
    let exists = |operation| async move { connection.has_role(&operation, name).await };
    let taken = || already_exists("role", name);
    ensure::created(operation, &title(name), taken, failure, create, exists).await
}

async fn delete(connection: &Connection, operation: &Operation, name: &Name) -> Result<(), Diagnostic> {
    // The cache may be stale, and only a list that is fetched now proves that the role is not
    // assigned.
    connection.invalidate_assignments(name);
    let assignments = connection.assignments(operation, name).await;
    let assignments = or_absent(assignments, connection.still_has_role(operation, name)).await?;
    let Some(assignments) = assignments else { return Ok(()) };
    if !assignments.is_empty() {
        return Err(is_assigned(name, &assignments));
    }
    let deleted = ensure::absent(operation, &title(name), || async {
        let deleted = connection.delete_role(operation, name).await;
        exists_after_delete(deleted, connection.has_role(operation, name)).await
    })
    .await;
    let Err(mut error) = deleted else { return Ok(()) };
    // The platform does not document that attached policies prevent a deletion, but it is a likely
    // cause.
    let attached = connection.policies_of(operation, name).await.unwrap_or_default();
    if !attached.is_empty() {
        error.detail.push_str(&format!(
            "\n\nThese policies are still attached to it: {}.",
            attached.join(", ")
        ));
    }
    Err(error)
}

/// Names a role in a message.
fn title(name: &Name) -> String {
    format!("The role {:?}", name.as_str())
}

/// The warning of an import for which the platform does not report a description.
fn description_unknown(name: &Name) -> Diagnostic {
    Diagnostic::warning(
        format!("The description of the role {:?} is unknown", name.as_str()),
        "The platform does not report it. Remove `description` from the configuration, or ignore its changes \
         (`lifecycle { ignore_changes = [description] }`). Otherwise the next plan replaces the role.",
    )
}

/// The error of a deletion of a role that is still assigned.
fn is_assigned(name: &Name, assignments: &[Assignment]) -> Diagnostic {
    let subjects: String = assignments.iter().map(|one| format!("\n  - {one}")).collect();
    Diagnostic::error(
        format!("{} is still assigned", title(name)),
        format!(
            "The platform does not delete a role that is assigned, so the provider did not try to. The role is assigned \
             to:{subjects}\n\nRemove these assignments first, from the configuration or in the Security Manager. If they are \
             in this configuration, let them refer to the role by its `id`, so that Terraform destroys them before the role."
        ),
    )
}

#[cfg(test)]
mod tests;
