//! `startree_role`: a role, to which policies are attached and which is assigned to subjects.
//!
//! # Flow
//! Create looks whether there is a role of that name, makes it, and looks again. A refresh reads its description. No update
//! is documented, so a change of anything makes another role. Destroy looks whom it is assigned to, deletes it, and looks.
//!
//! # Guarantees
//! - A role that was there before is not taken for ours; one that we made is in the state, although an answer was lost.
//! - Nothing leaves the state unless the list of roles, well received, no longer has it.
//! - A role that somebody has is not deleted; the error says who.
//!
//! # Assumptions
//! - The list of roles is complete. One that says that there is more of it is not read.
//! - Between a look and the creation that follows, nobody else makes a role of the same name whose creation shows only
//!   after the answer to ours was lost.

use crate::framework::{Change, Diagnostic, Diagnostics, Field, Identity, Model, Outcome, Resource, Schema, Value};
use crate::platform::ensure::{self, CreateError};
use crate::rest::Operation;
use crate::startree::absence::{after_its_end, or_absent};
use crate::startree::api::{Assignment, InvalidName, Name, Srn, Told};
use crate::startree::connection::{Connection, Context};
use crate::startree::description;
use crate::startree::errors::failure;
use crate::startree::identity::InEnvironment;
use crate::startree::planned_names::taken;

/// A role of the environment. What it allows, the policies say that are attached to it
/// ([`startree_role_policy_attachment`](role_policy_attachment.md)); who has it, its assignments do
/// ([`startree_role_assignment`](role_assignment.md)).
///
/// **Refer to a role by its `id`**, not by its name: where the role is replaced, what refers to the `id` is replaced along
/// with it, in the right order. The platform does not delete a role that is assigned to anybody.
///
/// No way to change a role is documented, so a change of its description replaces it. Whether the platform tells a role's
/// description is not documented, either; where it does not, a change outside Terraform goes unnoticed. Nor is documented
/// which names it takes, whether a role may go without a description, and whether one can be deleted that has policies
/// attached.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::startree) struct Role {
    /// The role's name. None of `#`, `:`, `/`, `\`, `?`, `%` and `*`, which would make another SRN of it.
    #[attribute(required, requires_replace, check = is_name)]
    pub(in crate::startree) name: Field<String>,
    /// What the role is for.
    #[attribute(optional, empty_is_null, requires_replace)]
    pub(in crate::startree) description: Field<String>,
    /// The role's name, known once the role is there.
    #[attribute(computed, use_state_for_unknown)]
    pub(in crate::startree) id: Field<String>,
    /// Its StarTree Resource Name: `srn2:role#<name>`.
    #[attribute(computed, use_state_for_unknown)]
    pub(in crate::startree) srn: Field<String>,
}

impl Role {
    fn of(name: &Name, description: Field<String>) -> Self {
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

/// Checks the name of a role or a policy that is to be created.
pub(in crate::startree) fn is_name(text: &str) -> Result<(), InvalidName> {
    text.parse::<Name>().map(drop)
}

/// Checks a reference to a role or a policy.
pub(in crate::startree) fn is_existing_name(text: &str) -> Result<(), InvalidName> {
    Name::existing(text).map(drop)
}

/// Reads the name of a role or a policy, which a state that was changed by hand may not have.
pub(in crate::startree) fn name(attribute: &'static str, field: &Field<String>) -> Result<Name, Diagnostic> {
    let text = field.known().map_or("", String::as_str);
    text.parse().map_err(|error| Diagnostic::invalid(attribute, error))
}

/// Reads the name of a role or a policy that a resource refers to: one that exists may have any name.
pub(in crate::startree) fn existing_name(attribute: &'static str, field: &Field<String>) -> Result<Name, Diagnostic> {
    let text = field.known().map_or("", String::as_str);
    Name::existing(text).map_err(|error| Diagnostic::invalid(attribute, error))
}

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
            names.report(context, ("role", &name), change, prior, is_listed).await;
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
        CreateError::outcome(created, Role::of(&name, planned.description))
    }

    async fn read(&self, context: &Context, mut state: Role) -> Outcome<Role, Option<Role>> {
        if context.is_config_unknown() {
            return Ok(Some(state));
        }
        let (connection, name) = (context.client()?, name("name", &state.name)?);
        connection.planned.roles.refreshed(name.as_str());
        let operation = connection.operation(context);
        let read = connection.api.role(&operation, &name).await;
        let Some(told) = or_absent(read, connection.still_has_role(&operation, &name)).await? else {
            return Ok(None);
        };
        description::follow(&mut state.description, told);
        Ok(Some(state))
    }

    async fn delete(&self, context: &Context, state: Role) -> Outcome<Role, ()> {
        let (connection, name) = (context.client()?, name("name", &state.name)?);
        Ok(delete(&connection, &connection.operation(context), &name).await?)
    }

    async fn import(&self, context: &Context, id: &str) -> Outcome<Role, Option<Role>> {
        let name = name("name", &id.into())?;
        let connection = context.client()?;
        let told = connection.api.role(&connection.operation(context), &name).await;
        let told = told.map_err(|error| failure(&error))?;
        if told == Told::Nothing {
            context.report(Diagnostic::warning(
                format!("The description of the role {id:?} is not known"),
                "The platform does not tell it. Leave `description` out of the configuration, or have its changes ignored \
                 (`lifecycle { ignore_changes = [description] }`): otherwise the next plan replaces the role.",
            ));
        }
        Ok(Some(Role::of(&name, description::imported(told))))
    }

    fn title(&self, state: &Role) -> Option<String> {
        name("name", &state.name).ok().map(|name| what(&name))
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
    let make = || connection.create_role(operation, name, description::to_send(&planned.description));
    let is_there = |look| async move { connection.has_role(&look, name).await };
    let taken = || taken("role", name);
    ensure::created(operation, &what(name), taken, failure, make, is_there).await
}

async fn delete(connection: &Connection, operation: &Operation, name: &Name) -> Result<(), Diagnostic> {
    // Only a list requested now says that no one has it.
    connection.invalidate_assignments(name);
    let assignments = connection.assignments(operation, name).await;
    let assignments = or_absent(assignments, connection.still_has_role(operation, name)).await?;
    let Some(assignments) = assignments else { return Ok(()) };
    if !assignments.is_empty() {
        return Err(assigned(name, &assignments));
    }
    let deleted = ensure::absent(operation, &what(name), || async {
        let deleted = connection.delete_role(operation, name).await;
        after_its_end(deleted, connection.has_role(operation, name)).await
    })
    .await;
    let Err(mut why) = deleted else { return Ok(()) };
    // That this is in the way is not documented, but likely.
    let attached = connection.policies_of(operation, name).await.unwrap_or_default();
    if !attached.is_empty() {
        why.detail.push_str(&format!(
            "\n\nIt still has these policies attached: {}.",
            attached.join(", ")
        ));
    }
    Err(why)
}

fn what(name: &Name) -> String {
    format!("The role {:?}", name.as_str())
}

fn assigned(name: &Name, assignments: &[Assignment]) -> Diagnostic {
    let whom: String = assignments.iter().map(|one| format!("\n  - {one}")).collect();
    Diagnostic::error(
        format!("{} is assigned to somebody", what(name)),
        format!(
            "The platform does not delete a role that anybody has, so nothing was tried. It is assigned to:{whom}\n\nTake it \
             from them first: remove what declares these assignments, or do it in the Security Manager. Where they are \
             declared in this configuration, let them refer to the role by its `id`, so that they go first."
        ),
    )
}

#[cfg(test)]
mod tests;
