//! `startree_policy`: what is allowed or denied on which resources.
//!
//! # Flow
//! Create looks whether there is a policy of that name, makes it, and looks again. A refresh reads it. Description and
//! document change in place (PUT), and what came of it is read. Destroy deletes it, and looks.
//!
//! # Guarantees
//! - A policy that was there before is not taken for ours; one that we made is in the state, although an answer was lost.
//! - Documents are compared as JSON: neither another spelling of it in the configuration nor one by the platform is a change.
//! - Nothing leaves the state unless the list of policies, well received, no longer has it.
//! - A deletion that is refused names the roles that the policy is attached to.
//!
//! # Assumptions
//! - The list of policies is complete. One that says that there is more of it is not read.
//! - The platform keeps of a document all that it means as JSON, and adds nothing.

use async_trait::async_trait;
use serde_json::Value;

use super::api::{Name, Policy as Read, Srn};
use super::connection::{Connection, Session};
use super::description;
use super::failure::failure;
use super::identity;
use super::planned_names::{prior_name, taken};
use super::presence::{after_its_end, deleted_outside, or_absent};
use super::role::{name, validate_name};
use crate::framework::{Attribute, Change, Context, Diagnostic, Diagnostics, Field, Resource, Schema, Type, model};
use crate::platform::attributes::invalid;
use crate::platform::{Unmade, end_until_gone, make_new};
use crate::rest::Operation;

model! {
    /// The identity of a policy.
    pub(super) struct Identity {
        environment: String,
        name: String,
    }
}

model! {
    /// The attributes of `startree_policy`.
    pub(super) struct Model {
        id: String,
        name: String,
        description: String,
        document: String,
        srn: String,
    }
}

impl Model {
    /// Brings it up to date. A document that means the same keeps the spelling of the state.
    fn follow(&mut self, Read { description, document }: Read) {
        description::follow(&mut self.description, description);
        let read = document.into();
        if !same_json(&read, &self.document) {
            self.document = read;
        }
    }

    /// Whether it is what was planned.
    fn is_as(&self, planned: &Self) -> bool {
        let text = |field: &Field<String>| field.known().cloned().unwrap_or_default();
        text(&self.description) == text(&planned.description) && same_json(&self.document, &planned.document)
    }
}

/// Whether both are the same JSON.
fn same_json(one: &Field<String>, other: &Field<String>) -> bool {
    let json = |field: &Field<String>| field.known().and_then(|text| serde_json::from_str::<Value>(text).ok());
    json(one).is_some_and(|one| json(other) == Some(one))
}

pub(super) struct Policy {
    session: Session,
}

impl Policy {
    pub(super) fn new(session: Session) -> Self {
        Self { session }
    }
}

impl Policy {
    /// Reports a name that is not free.
    async fn plan_name(&self, context: &Context, change: &Change<Model>, diagnostics: &mut Diagnostics) {
        let (Some(connection), Some(name)) = (self.session.connected(), change.planned.name.known()) else {
            return;
        };
        let Ok(name) = name.parse::<Name>() else { return };
        let is_listed = async { connection.has_policy(&connection.operation(context), &name).await };
        let names = &connection.planned.policies;
        names
            .report(
                context,
                ("policy", &name),
                prior_name(&change.prior, |prior| &prior.name),
                &change.config,
                is_listed,
                diagnostics,
            )
            .await;
    }
}

#[async_trait]
impl Resource for Policy {
    type Model = Model;
    type Identity = Identity;

    const TYPE: &'static str = "startree_policy";

    fn schema(&self) -> Schema {
        Schema::new(
            "A policy of the environment: what is allowed or denied on which resources. It takes effect for those who have a \
             role that it is attached to ([`startree_role_policy_attachment`](role_policy_attachment.md)).\n\n\
             **Refer to a policy by its `id`**, not by its name: where the policy is replaced, what refers to the `id` is \
             replaced along with it, in the right order. The platform does not delete a policy that is attached to a role.\n\n\
             Not documented by the platform: which names it takes, and whether a policy may go without a description.",
            [
                Attribute::required(
                    "name",
                    Type::String,
                    "The policy's name. None of `#`, `:`, `/`, `\\`, `?`, `%` and `*`, which would make another SRN of it.",
                )
                .replaces(),
                Attribute::required(
                    "document",
                    Type::String,
                    "The policy's document: a JSON object, best made with `jsonencode`. It is compared as JSON, so another \
                     spelling of the same is no change. What it may say, the platform's page \
                     [Custom policies](https://docs.startree.ai/corecapabilities/security/custom-policies) tells.",
                ),
                Attribute::optional("description", Type::String, "What the policy is for.").empty_is_none(),
                Attribute::computed("id", Type::String, "The policy's name, known once the policy is there."),
                Attribute::computed("srn", Type::String, "Its StarTree Resource Name: `srn2:policy#<name>`."),
            ],
        )
    }

    fn validate(&self, config: &Model, diagnostics: &mut Diagnostics) {
        validate_name("name", &config.name, diagnostics);
        let Some(document) = config.document.known() else {
            return;
        };
        let problem = match serde_json::from_str(document) {
            Ok(Value::Object(_)) => return,
            Ok(_) => "must be a JSON object, as `jsonencode({ … })` makes one".to_owned(),
            Err(error) => format!("is no JSON: {error}"),
        };
        diagnostics.push(invalid("document", problem));
    }

    async fn plan(&self, context: &Context, change: &mut Change<Model>, diagnostics: &mut Diagnostics) {
        self.plan_name(context, change, diagnostics).await;
        let Some(prior) = &change.prior else { return };
        let planned = &mut change.planned;
        if same_json(&planned.document, &prior.document) {
            planned.document = prior.document.clone();
        }
    }

    async fn plan_destroy(&self, _: &Context, prior: &Model, _: &mut Diagnostics) {
        if let (Some(connection), Some(name)) = (self.session.connected(), prior.name.known()) {
            connection.planned.policies.destroyed(name);
        }
    }

    async fn create(&self, context: &Context, planned: Model, diagnostics: &mut Diagnostics) -> Option<Model> {
        let connection = self.session.connection(diagnostics)?;
        let name = diagnostics.ok(name("name", &planned.name))?;
        connection.planned.policies.applied(name.as_str());
        let operation = connection.operation(context);
        let created = create(&connection, &operation, &name, &planned).await;
        let state = Model {
            id: name.to_string().into(),
            srn: Srn::Policy(&name).to_string().into(),
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
        connection.planned.policies.refreshed(name.as_str());
        let operation = connection.operation(context);
        let read = connection.api.policy(&operation, &name).await;
        match or_absent(read, connection.still_has_policy(&operation, &name)).await {
            Ok(Some(read)) => {
                state.follow(read);
            }
            Ok(None) => {
                diagnostics.push(deleted_outside(
                    &what(&name),
                    "What it allowed or denied no longer holds.",
                ));
                return None;
            }
            Err(why) => diagnostics.push(why),
        }
        Some(state)
    }

    async fn update(&self, context: &Context, prior: Model, planned: Model, diagnostics: &mut Diagnostics) -> Model {
        let name = diagnostics.ok(name("name", &prior.name));
        let Some((connection, name)) = self.session.connection(diagnostics).zip(name) else {
            return prior;
        };
        let operation = connection.operation(context);
        match update(&connection, &operation, &name, &prior, &planned).await {
            Ok(()) => planned,
            Err((why, state)) => {
                diagnostics.push(why);
                *state
            }
        }
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
        let read = connection.api.policy(&connection.operation(context), &name).await;
        let read = diagnostics.ok(read.map_err(|error| failure(&error)))?;
        let mut state = Model {
            id: name.to_string().into(),
            name: name.to_string().into(),
            srn: Srn::Policy(&name).to_string().into(),
            ..Model::default()
        };
        state.description = description::imported(read.description.clone());
        state.follow(read);
        Some(state)
    }

    fn identity_schema(&self) -> Option<Schema> {
        let name = Attribute::required("name", Type::String, "The policy's name.");
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

async fn create(connection: &Connection, operation: &Operation, name: &Name, planned: &Model) -> Result<(), Unmade> {
    let make = || {
        let (description, document) = (planned.description.known(), planned.document.known());
        let document = document.map_or("", String::as_str);
        let description = description.map(String::as_str).and_then(description::to_send);
        connection.create_policy(operation, name, description, document)
    };
    let is_there = |look| async move { connection.has_policy(&look, name).await };
    let taken = || taken("policy", name);
    make_new(operation, &what(name), taken, failure, make, is_there).await
}

/// Changes the policy, and reads what came of it: an answer may be lost, or be somebody else's.
///
/// # Errors
/// Why it is not as planned, and what is there as far as is known.
async fn update(
    connection: &Connection,
    operation: &Operation,
    name: &Name,
    prior: &Model,
    planned: &Model,
) -> Result<(), (Diagnostic, Box<Model>)> {
    // Only another spelling of no description is recorded.
    if prior.is_as(planned) {
        return Ok(());
    }
    // One that is to go is sent as an empty one: it may stay where it is left out.
    let had = prior.description.known().map(|_| "");
    let description = planned.description.known().map(String::as_str).or(had);
    let document = planned.document.known().map_or("", String::as_str);
    let api = &connection.api;
    let changed = api.update_policy(operation, name, description, document).await;
    let mut state = prior.clone();
    match api.policy(&operation.uninterrupted(), name).await {
        Ok(read) => state.follow(read),
        Err(unread) => {
            let why = failure(&changed.err().unwrap_or(unread));
            return Err((why, state.into()));
        }
    }
    if state.is_as(planned) {
        return Ok(());
    }
    let why = match changed {
        Err(error) => failure(&error),
        Ok(()) => Diagnostic::error(
            format!("{} did not change", what(name)),
            "The platform has answered that it was changed, and does not show it as it is declared. The state has what it \
             shows.",
        ),
    };
    Err((why, state.into()))
}

async fn delete(connection: &Connection, operation: &Operation, name: &Name) -> Result<(), Diagnostic> {
    let deleted = end_until_gone(operation, &what(name), || async {
        let deleted = connection.delete_policy(operation, name).await;
        after_its_end(deleted, connection.has_policy(operation, name)).await
    })
    .await;
    let Err(mut why) = deleted else { return Ok(()) };
    let roles = attached_to(connection, operation, name).await;
    if !roles.is_empty() {
        why.detail.push_str(&format!(
            "\n\nThe platform does not delete a policy that is attached to a role. It is attached to: {}. Detach it first: \
             remove what declares these attachments, or do it in the Security Manager. Where they are declared in this \
             configuration, let them refer to the policy by its `id`, so that they go first.",
            roles.join(", ")
        ));
    }
    Err(why)
}

/// The roles that have the policy, as far as they can be told.
async fn attached_to(connection: &Connection, operation: &Operation, policy: &Name) -> Vec<String> {
    let mut having = Vec::new();
    for role in connection.role_names(operation).await.unwrap_or_default().iter() {
        let Ok(name) = Name::existing(role) else { continue };
        if connection.is_attached(operation, &name, policy).await == Ok(true) {
            having.push(role.clone());
        }
    }
    having
}

fn what(name: &Name) -> String {
    format!("The policy {:?}", name.as_str())
}

#[cfg(test)]
mod tests;
