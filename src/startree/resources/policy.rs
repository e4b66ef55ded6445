//! `startree_policy`: what is allowed or denied on which resources.
//!
//! # Flow
//! - Create reads the list of policies, creates the policy unless the name is taken, and reads the
//!   list again.
//! - Read fetches description and document.
//! - Update changes them in place (PUT) and reads the result.
//! - Delete deletes the policy, and reads the list until the policy is no longer in it.
//!
//! # Guarantees
//! - A policy that existed before is not adopted. A policy that this resource created is in the
//!   state even if the answer was lost.
//! - Documents are compared as JSON: formatting is no change, in the configuration or by the
//!   platform.
//! - A policy leaves the state only if a complete list of policies does not have it.
//! - The error of a rejected deletion lists the roles that the policy is attached to.
//!
//! # Assumptions
//! - The list of policies is complete. A list that says that it is one page of several is an error.
//! - The platform stores the document unchanged as JSON, and adds nothing to it.

use serde_json::Value as Json;

use crate::framework::{
    Change, Diagnostic, Diagnostics, Failed, Field, Identity, Model, Outcome, Resource, Schema, Value,
};
use crate::platform::ensure::{self, CreateError};
use crate::rest::Operation;
use crate::startree::absence::{exists_after_delete, or_absent};
use crate::startree::api::{Name, Policy as RemotePolicy, Srn};
use crate::startree::connection::{Connection, Context};
use crate::startree::description;
use crate::startree::environment_guard;
use crate::startree::errors::failure;
use crate::startree::identity::InEnvironment;
use crate::startree::names::{is_name, name};
use crate::startree::planned_names::already_exists;

/// Manages a policy: what is allowed or denied on which resources. Attach it to roles with
/// [`startree_role_policy_attachment`](role_policy_attachment.md).
///
/// -> **Refer to a policy by its `id`**, not by its `name`. When Terraform replaces the policy, it
/// then also replaces the resources that refer to it, in the right order. The platform does not
/// delete a policy that is attached to a role.
///
/// The platform does not document which names are valid, and whether a policy may lack a
/// description.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::startree) struct Policy {
    /// The policy's name. It must not contain `#`, `:`, `/`, `\`, `?`, `%` or `*`, which would
    /// change the meaning of its SRN.
    #[attribute(required, requires_replace, check = is_name)]
    pub(in crate::startree) name: Field<String>,
    /// The policy's document: a JSON object, usually written with `jsonencode`. It is compared as
    /// JSON, so a change of formatting is no change. Its contents are described in [Custom
    /// policies](https://docs.startree.ai/corecapabilities/security/custom-policies).
    #[attribute(required, check = is_json_object)]
    pub(in crate::startree) document: Field<String>,
    /// A description of the policy.
    #[attribute(optional, empty_is_null)]
    pub(in crate::startree) description: Field<String>,
    /// The policy's name, known after the policy is created.
    #[attribute(computed, use_state_for_unknown)]
    pub(in crate::startree) id: Field<String>,
    /// The policy's StarTree Resource Name: `srn2:policy#<name>`.
    #[attribute(computed, use_state_for_unknown)]
    pub(in crate::startree) srn: Field<String>,
}

impl Policy {
    fn new(name: &Name, description: Field<String>, document: Field<String>) -> Self {
        Self {
            id: name.as_str().into(),
            name: name.as_str().into(),
            srn: Srn::Policy(name).to_string().into(),
            description,
            document,
        }
    }

    /// Refreshes the state. A document that is the same JSON keeps its formatting.
    fn refresh_from(&mut self, RemotePolicy { description, document }: RemotePolicy) {
        description::refresh(&mut self.description, description);
        let remote = document.into();
        if !is_same_json(&remote, &self.document) {
            self.document = remote;
        }
    }

    /// Returns whether the policy has the planned description and document.
    fn matches(&self, planned: &Self) -> bool {
        let text = |field: &Field<String>| field.known().cloned().unwrap_or_default();
        text(&self.description) == text(&planned.description) && is_same_json(&self.document, &planned.document)
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
        Ok(_) => Err("must be a JSON object, such as `jsonencode({ … })` returns".to_owned()),
        Err(error) => Err(format!("must be valid JSON: {error}")),
    }
}

/// Returns whether both texts are the same JSON.
fn is_same_json(one: &Field<String>, other: &Field<String>) -> bool {
    let json = |field: &Field<String>| field.known().and_then(|text| serde_json::from_str::<Json>(text).ok());
    json(one).is_some_and(|one| json(other) == Some(one))
}

/// Implements `startree_policy`.
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
            let problem = names.check(&context.private, ("policy", &name), change, prior, is_listed);
            context.diagnostics().extend(problem.await);
        }
        if let Some(prior) = &change.prior
            && is_same_json(&change.planned.document, &prior.document)
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
        CreateError::outcome(created, Policy::new(&name, planned.description, planned.document))
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
        let RemotePolicy { description, document } = read.map_err(|error| failure(&error))?;
        let description = description::imported(description);
        Ok(Some(Policy::new(&name, description, document.into())))
    }

    async fn permits(&self, context: &Context, state: &Policy) -> Result<(), Diagnostics> {
        let what = self.title(state).unwrap_or_else(|| "The policy".to_owned());
        environment_guard::verify(context, &what).await
    }

    fn record_place(&self, context: &Context) {
        environment_guard::record(context);
    }

    fn title(&self, state: &Policy) -> Option<String> {
        name("name", &state.name).ok().map(|name| title(&name))
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
    let create = || {
        let document = planned.document.known().map_or("", String::as_str);
        connection.create_policy(
            operation,
            name,
            description::for_request(&planned.description),
            document,
        )
    };
    let exists = |operation| async move { connection.has_policy(&operation, name).await };
    let taken = || already_exists("policy", name);
    ensure::created(operation, &title(name), taken, failure, create, exists).await
}

/// Updates the policy, and reads the result: the answer may be lost, or may not come from the
/// platform.
async fn update(
    connection: &Connection,
    operation: &Operation,
    name: &Name,
    prior: Policy,
    planned: Policy,
) -> Outcome<Policy> {
    // The only difference is a null or an empty description, or the formatting of the document.
    if prior.matches(&planned) {
        return Ok(planned);
    }
    // A description to be removed is sent as an empty one: the platform may keep it if the request
    // leaves it out.
    let removed = prior.description.known().map(|_| "");
    let description = planned.description.known().map(String::as_str).or(removed);
    let document = planned.document.known().map_or("", String::as_str);
    let api = &connection.api;
    let updated = api.update_policy(operation, name, description, document).await;
    let mut state = prior;
    match (api.policy(&operation.detached(), name).await, &updated) {
        (Ok(remote), _) => state.refresh_from(remote),
        (Err(_), Err(error)) => return Err(failure(error).into()),
        (Err(error), Ok(())) => return Err(failure(&error).into()),
    }
    if state.matches(&planned) {
        return Ok(planned);
    }
    let error = match updated {
        Err(error) => failure(&error),
        Ok(()) => update_had_no_effect(name),
    };
    Err(Failed::from(error).leaving(state))
}

async fn delete(connection: &Connection, operation: &Operation, name: &Name) -> Result<(), Diagnostic> {
    let deleted = ensure::absent(operation, &title(name), || async {
        let deleted = connection.delete_policy(operation, name).await;
        exists_after_delete(deleted, connection.has_policy(operation, name)).await
    })
    .await;
    let Err(mut error) = deleted else { return Ok(()) };
    let roles = attached_to(connection, operation, name).await;
    if !roles.is_empty() {
        error.detail.push_str(&is_attached(&roles));
    }
    Err(error)
}

/// Returns the roles that the policy is attached to, as far as they can be read.
async fn attached_to(connection: &Connection, operation: &Operation, policy: &Name) -> Vec<String> {
    let mut attached = Vec::new();
    for role in connection.role_names(operation).await.unwrap_or_default().iter() {
        let Ok(name) = Name::existing(role) else { continue };
        if connection.is_attached(operation, &name, policy).await == Ok(true) {
            attached.push(role.clone());
        }
    }
    attached
}

/// Names a policy in a message.
fn title(name: &Name) -> String {
    format!("The policy {:?}", name.as_str())
}

/// The error where the platform accepted an update and does not show it.
fn update_had_no_effect(name: &Name) -> Diagnostic {
    Diagnostic::error(
        format!("{} was not updated", title(name)),
        "The platform accepted the update, but does not return the policy as it is declared. The state has what the platform \
         returns. Run again; if the error persists, compare the policy in the Security Manager with the configuration.",
    )
}

/// The part of an error that explains why a policy is not deleted.
fn is_attached(roles: &[String]) -> String {
    format!(
        "\n\nThe platform does not delete a policy that is attached to a role. It is attached to: {}. Remove these attachments \
         first, from the configuration or in the Security Manager. If they are in this configuration, let them refer to the \
         policy by its `id`, so that Terraform destroys them before the policy.",
        roles.join(", ")
    )
}

#[cfg(test)]
mod tests;
