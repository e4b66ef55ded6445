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

use async_trait::async_trait;

use super::api::{Assignment, Name, Srn, Told};
use super::connection::{Connection, Session};
use super::description;
use super::failure::failure;
use super::identity;
use super::planned_names::{prior_name, taken};
use super::presence::{after_its_end, deleted_outside, or_absent};
use crate::framework::{Attribute, Change, Context, Diagnostic, Diagnostics, Field, Resource, Schema, Type, model};
use crate::platform::attributes::invalid;
use crate::platform::{Unmade, end_until_gone, make_new};
use crate::rest::Operation;

model! {
    /// The identity of a role.
    pub(super) struct Identity {
        environment: String,
        name: String,
    }
}

model! {
    /// The attributes of `startree_role`.
    pub(super) struct Model {
        id: String,
        name: String,
        description: String,
        srn: String,
    }
}

pub(super) struct Role {
    session: Session,
}

impl Role {
    pub(super) fn new(session: Session) -> Self {
        Self { session }
    }
}

/// Reads the name of a role or a policy that was judged before; a state may have been changed by hand.
pub(super) fn name(attribute: &'static str, field: &Field<String>) -> Result<Name, Diagnostic> {
    let text = field.known().map_or("", String::as_str);
    text.parse().map_err(|error| invalid(attribute, error))
}

/// Reads the name of a role or a policy that a resource refers to: one that exists may have any name.
pub(super) fn existing_name(attribute: &'static str, field: &Field<String>) -> Result<Name, Diagnostic> {
    let text = field.known().map_or("", String::as_str);
    Name::existing(text).map_err(|error| invalid(attribute, error))
}

/// Judges the reference to a role or a policy in a configuration.
pub(super) fn validate_reference(attribute: &'static str, field: &Field<String>, diagnostics: &mut Diagnostics) {
    if field.known().is_some() {
        diagnostics.ok(existing_name(attribute, field));
    }
}

/// Judges the name of a role or a policy in a configuration.
pub(super) fn validate_name(attribute: &'static str, field: &Field<String>, diagnostics: &mut Diagnostics) {
    if field.known().is_some() {
        diagnostics.ok(name(attribute, field));
    }
}

#[async_trait]
impl Resource for Role {
    type Model = Model;
    type Identity = Identity;

    const TYPE: &'static str = "startree_role";

    fn schema(&self) -> Schema {
        Schema::new(
            "A role of the environment. What it allows, the policies say that are attached to it \
             ([`startree_role_policy_attachment`](role_policy_attachment.md)); who has it, its assignments do \
             ([`startree_role_assignment`](role_assignment.md)).\n\n\
             **Refer to a role by its `id`**, not by its name: where the role is replaced, what refers to the `id` is replaced \
             along with it, in the right order. The platform does not delete a role that is assigned to anybody.\n\n\
             No way to change a role is documented, so a change of its description replaces it. Whether the platform tells a \
             role's description is not documented, either; where it does not, a change outside Terraform goes unnoticed. Nor \
             is documented which names it takes, whether a role may go without a description, and whether one can be deleted \
             that has policies attached.",
            [
                Attribute::required(
                    "name",
                    Type::String,
                    "The role's name. None of `#`, `:`, `/`, `\\`, `?`, `%` and `*`, which would make another SRN of it.",
                )
                .replaces(),
                Attribute::optional("description", Type::String, "What the role is for.")
                    .empty_is_none()
                    .replaces(),
                Attribute::computed("id", Type::String, "The role's name, known once the role is there."),
                Attribute::computed("srn", Type::String, "Its StarTree Resource Name: `srn2:role#<name>`."),
            ],
        )
    }

    fn validate(&self, config: &Model, diagnostics: &mut Diagnostics) {
        validate_name("name", &config.name, diagnostics);
    }

    async fn plan(&self, context: &Context, change: &mut Change<Model>, diagnostics: &mut Diagnostics) {
        let (Some(connection), Some(name)) = (self.session.connected(), change.planned.name.known()) else {
            return;
        };
        let Ok(name) = name.parse::<Name>() else { return };
        let is_listed = async { connection.has_role(&connection.operation(context), &name).await };
        let names = &connection.planned.roles;
        names
            .report(
                context,
                ("role", &name),
                prior_name(&change.prior, |prior| &prior.name),
                &change.config,
                is_listed,
                diagnostics,
            )
            .await;
    }

    async fn plan_destroy(&self, _: &Context, prior: &Model, _: &mut Diagnostics) {
        if let (Some(connection), Some(name)) = (self.session.connected(), prior.name.known()) {
            connection.planned.roles.destroyed(name);
        }
    }

    async fn create(&self, context: &Context, planned: Model, diagnostics: &mut Diagnostics) -> Option<Model> {
        let connection = self.session.connection(diagnostics)?;
        let name = diagnostics.ok(name("name", &planned.name))?;
        connection.planned.roles.applied(name.as_str());
        let operation = connection.operation(context);
        let created = create(&connection, &operation, &name, planned.description.known()).await;
        let state = Model {
            id: name.to_string().into(),
            srn: Srn::Role(&name).to_string().into(),
            ..planned
        };
        Unmade::or_state(created, state, diagnostics)
    }

    async fn read(&self, context: &Context, mut state: Model, diagnostics: &mut Diagnostics) -> Option<Model> {
        if self.session.is_waiting() {
            return Some(state);
        }
        let name = diagnostics.ok(name("name", &state.name));
        let Some((connection, name)) = self.session.connection(diagnostics).zip(name) else {
            return Some(state);
        };
        connection.planned.roles.refreshed(name.as_str());
        let operation = connection.operation(context);
        let read = connection.api.role(&operation, &name).await;
        match or_absent(read, connection.still_has_role(&operation, &name)).await {
            Ok(Some(told)) => {
                description::follow(&mut state.description, told);
            }
            Ok(None) => {
                diagnostics.push(deleted_outside(
                    &what(&name),
                    "Its assignments and attachments are gone with it.",
                ));
                return None;
            }
            Err(why) => diagnostics.push(why),
        }
        Some(state)
    }

    /// Only another spelling of no description is recorded: every other change replaces.
    async fn update(&self, _: &Context, _: Model, planned: Model, _: &mut Diagnostics) -> Model {
        planned
    }

    async fn delete(&self, context: &Context, state: Model, diagnostics: &mut Diagnostics) -> Option<Model> {
        let name = diagnostics.ok(name("name", &state.name));
        let Some((connection, name)) = self.session.connection(diagnostics).zip(name) else {
            return Some(state);
        };
        let deleted = delete(&connection, &connection.operation(context), &name).await;
        match diagnostics.ok(deleted) {
            Some(()) => None,
            None => Some(state),
        }
    }

    async fn import(&self, context: &Context, id: &str, diagnostics: &mut Diagnostics) -> Option<Model> {
        let name = diagnostics.ok(id.parse::<Name>().map_err(|error| invalid("name", error)))?;
        let connection = self.session.connection(diagnostics)?;
        let told = connection.api.role(&connection.operation(context), &name).await;
        let told = diagnostics.ok(told.map_err(|error| failure(&error)))?;
        let mut state = Model {
            id: name.to_string().into(),
            name: name.to_string().into(),
            srn: Srn::Role(&name).to_string().into(),
            ..Model::default()
        };
        if told == Told::Nothing {
            diagnostics.push(Diagnostic::warning(
                format!("The description of the role {id:?} is not known"),
                "The platform does not tell it. Leave `description` out of the configuration, or have its changes ignored \
                 (`lifecycle { ignore_changes = [description] }`): otherwise the next plan replaces the role.",
            ));
        }
        state.description = description::imported(told);
        Some(state)
    }

    fn identity_schema(&self) -> Option<Schema> {
        let name = Attribute::required("name", Type::String, "The role's name.");
        Some(identity::schema([name]))
    }

    fn identity(&self, state: &Model) -> Option<Identity> {
        Some(Identity {
            environment: identity::environment(&self.session),
            name: state.name.clone(),
        })
    }

    fn import_id(&self, asked: Identity) -> Result<String, Diagnostic> {
        identity::check(&self.session, &asked.environment)?;
        Ok(asked.name.into_known().unwrap_or_default())
    }
}

async fn create(
    connection: &Connection,
    operation: &Operation,
    name: &Name,
    described: Option<&String>,
) -> Result<(), Unmade> {
    let make = || {
        let description = described.map(String::as_str).and_then(description::to_send);
        connection.create_role(operation, name, description)
    };
    let is_there = |look| async move { connection.has_role(&look, name).await };
    let taken = || taken("role", name);
    make_new(operation, &what(name), taken, failure, make, is_there).await
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
    let deleted = end_until_gone(operation, &what(name), || async {
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
