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

use serde_json::Value as Json;

use crate::framework::{
    Change, Diagnostic, Diagnostics, Failed, Field, Identity, Model, Outcome, Resource, Schema, Value,
};
use crate::platform::ensure::{self, CreateError};
use crate::rest::Operation;
use crate::startree::absence::{after_its_end, or_absent};
use crate::startree::api::{Name, Policy as Read, Srn};
use crate::startree::connection::{Connection, Context};
use crate::startree::description;
use crate::startree::errors::failure;
use crate::startree::identity::InEnvironment;
use crate::startree::planned_names::taken;
use crate::startree::resources::role::{is_name, name};

/// A policy of the environment: what is allowed or denied on which resources. It takes effect for those who have a role that
/// it is attached to ([`startree_role_policy_attachment`](role_policy_attachment.md)).
///
/// **Refer to a policy by its `id`**, not by its name: where the policy is replaced, what refers to the `id` is replaced
/// along with it, in the right order. The platform does not delete a policy that is attached to a role.
///
/// Not documented by the platform: which names it takes, and whether a policy may go without a description.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::startree) struct Policy {
    /// The policy's name. None of `#`, `:`, `/`, `\`, `?`, `%` and `*`, which would make another SRN of it.
    #[attribute(required, requires_replace, check = is_name)]
    pub(in crate::startree) name: Field<String>,
    /// The policy's document: a JSON object, best made with `jsonencode`. It is compared as JSON, so another spelling of the
    /// same is no change. What it may say, the platform's page
    /// [Custom policies](https://docs.startree.ai/corecapabilities/security/custom-policies) tells.
    #[attribute(required, check = is_json_object)]
    pub(in crate::startree) document: Field<String>,
    /// What the policy is for.
    #[attribute(optional, empty_is_null)]
    pub(in crate::startree) description: Field<String>,
    /// The policy's name, known once the policy is there.
    #[attribute(computed, use_state_for_unknown)]
    pub(in crate::startree) id: Field<String>,
    /// Its StarTree Resource Name: `srn2:policy#<name>`.
    #[attribute(computed, use_state_for_unknown)]
    pub(in crate::startree) srn: Field<String>,
}

impl Policy {
    fn of(name: &Name, description: Field<String>, document: Field<String>) -> Self {
        Self {
            id: name.as_str().into(),
            name: name.as_str().into(),
            srn: Srn::Policy(name).to_string().into(),
            description,
            document,
        }
    }

    /// Refreshes it. A document that means the same keeps the spelling of the state.
    fn refresh_from(&mut self, Read { description, document }: Read) {
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

/// The identity of a policy.
#[derive(Model)]
struct PolicyIdentity {
    #[attribute(flatten)]
    environment: InEnvironment,
    /// The policy's name.
    #[attribute(required)]
    name: Field<String>,
}

fn is_json_object(document: &str) -> Result<(), String> {
    match serde_json::from_str(document) {
        Ok(Json::Object(_)) => Ok(()),
        Ok(_) => Err("must be a JSON object, as `jsonencode({ … })` makes one".to_owned()),
        Err(error) => Err(format!("is no JSON: {error}")),
    }
}

/// Whether both are the same JSON.
fn same_json(one: &Field<String>, other: &Field<String>) -> bool {
    let json = |field: &Field<String>| field.known().and_then(|text| serde_json::from_str::<Json>(text).ok());
    json(one).is_some_and(|one| json(other) == Some(one))
}

pub(in crate::startree) struct PolicyResource;

impl Resource for PolicyResource {
    type Model = Policy;
    type Client = Connection;

    const TYPE: &'static str = "startree_policy";

    async fn plan(&self, context: &Context, change: &mut Change<Policy>) -> Result<(), Diagnostics> {
        if let (Some(connection), Ok(name)) = (context.known_client(), name("name", &change.planned.name)) {
            let is_listed = async { connection.has_policy(&connection.operation(context), &name).await };
            let prior = change.prior.as_ref().map(|prior| &prior.name);
            let names = &connection.planned.policies;
            names.report(context, ("policy", &name), change, prior, is_listed).await;
        }
        if let Some(prior) = &change.prior
            && same_json(&change.planned.document, &prior.document)
        {
            change.planned.document = prior.document.clone();
        }
        Ok(())
    }

    async fn plan_destroy(&self, context: &Context, prior: &Policy) -> Result<(), Diagnostics> {
        if let (Some(connection), Some(name)) = (context.known_client(), prior.name.known()) {
            connection.planned.policies.destroyed(name);
        }
        Ok(())
    }

    async fn create(&self, context: &Context, planned: Policy) -> Outcome<Policy> {
        let connection = context.client()?;
        let name = name("name", &planned.name)?;
        connection.planned.policies.applied(name.as_str());
        let created = create(&connection, &connection.operation(context), &name, &planned).await;
        CreateError::outcome(created, Policy::of(&name, planned.description, planned.document))
    }

    async fn read(&self, context: &Context, mut state: Policy) -> Outcome<Policy, Option<Policy>> {
        if context.is_config_unknown() {
            return Ok(Some(state));
        }
        let (connection, name) = (context.client()?, name("name", &state.name)?);
        connection.planned.policies.refreshed(name.as_str());
        let operation = connection.operation(context);
        let read = connection.api.policy(&operation, &name).await;
        let Some(read) = or_absent(read, connection.still_has_policy(&operation, &name)).await? else {
            return Ok(None);
        };
        state.refresh_from(read);
        Ok(Some(state))
    }

    async fn update(&self, context: &Context, prior: Policy, planned: Policy) -> Outcome<Policy> {
        let (connection, name) = (context.client()?, name("name", &prior.name)?);
        update(&connection, &connection.operation(context), &name, prior, planned).await
    }

    async fn delete(&self, context: &Context, state: Policy) -> Outcome<Policy, ()> {
        let (connection, name) = (context.client()?, name("name", &state.name)?);
        Ok(delete(&connection, &connection.operation(context), &name).await?)
    }

    async fn import(&self, context: &Context, id: &str) -> Outcome<Policy, Option<Policy>> {
        let name = name("name", &id.into())?;
        let connection = context.client()?;
        let read = connection.api.policy(&connection.operation(context), &name).await;
        let Read { description, document } = read.map_err(|error| failure(&error))?;
        let description = description::imported(description);
        Ok(Some(Policy::of(&name, description, document.into())))
    }

    fn title(&self, state: &Policy) -> Option<String> {
        name("name", &state.name).ok().map(|name| what(&name))
    }

    fn identity_schema(&self) -> Option<Schema> {
        Some(PolicyIdentity::schema())
    }

    fn identity(&self, context: &Context, state: &Value) -> Option<Identity> {
        Some(Identity::of(PolicyIdentity {
            environment: InEnvironment::of(context),
            name: Policy::from_value(state).ok()?.name,
        }))
    }

    fn import_id(&self, context: &Context, identity: &Identity) -> Result<String, Diagnostic> {
        let PolicyIdentity { environment, name } = identity.read()?;
        environment.check(context)?;
        Ok(name.into_known().unwrap_or_default())
    }
}

async fn create(
    connection: &Connection,
    operation: &Operation,
    name: &Name,
    planned: &Policy,
) -> Result<(), CreateError> {
    let make = || {
        let document = planned.document.known().map_or("", String::as_str);
        connection.create_policy(operation, name, description::to_send(&planned.description), document)
    };
    let is_there = |look| async move { connection.has_policy(&look, name).await };
    let taken = || taken("policy", name);
    ensure::created(operation, &what(name), taken, failure, make, is_there).await
}

/// Changes the policy, and reads the outcome: an answer may be lost, or come from something else than the platform.
async fn update(
    connection: &Connection,
    operation: &Operation,
    name: &Name,
    prior: Policy,
    planned: Policy,
) -> Outcome<Policy> {
    // Only another spelling of no description is recorded.
    if prior.is_as(&planned) {
        return Ok(planned);
    }
    // One that is to go is sent as an empty one: it may stay where it is left out.
    let had = prior.description.known().map(|_| "");
    let description = planned.description.known().map(String::as_str).or(had);
    let document = planned.document.known().map_or("", String::as_str);
    let api = &connection.api;
    let changed = api.update_policy(operation, name, description, document).await;
    let mut state = prior;
    match (api.policy(&operation.detached(), name).await, &changed) {
        (Ok(read), _) => state.refresh_from(read),
        (Err(_), Err(error)) => return Err(failure(error).into()),
        (Err(error), Ok(())) => return Err(failure(&error).into()),
    }
    if state.is_as(&planned) {
        return Ok(planned);
    }
    let why = match changed {
        Err(error) => failure(&error),
        Ok(()) => Diagnostic::error(
            format!("{} did not change", what(name)),
            "The platform has answered that it was changed, and does not show it as it is declared. The state has what it \
             shows.",
        ),
    };
    Err(Failed::from(why).leaving(state))
}

async fn delete(connection: &Connection, operation: &Operation, name: &Name) -> Result<(), Diagnostic> {
    let deleted = ensure::absent(operation, &what(name), || async {
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
