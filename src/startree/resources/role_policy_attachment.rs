//! `startree_role_policy_attachment`: which policies a role has.
//!
//! # Flow
//! Create looks whether the policy is attached already; if not, attaches it, and looks again. A refresh looks. A change of
//! anything makes another attachment. Destroy detaches the policy, and looks.
//!
//! # Guarantees
//! - What is declared is attached, although an answer was lost; what is reported as detached is not in the role's list.
//! - An attachment that may be there, although nobody could tell, is in the state: it has power.
//! - Nothing leaves the state unless the role's list, or that of the roles, well received, no longer has it.
//!
//! # Assumptions
//! - A role's list of policies is complete. One that says that there is more of it is not read.

use crate::framework::{Change, Diagnostic, Diagnostics, Field, Identity, Model, Outcome, Resource, Schema, Value};
use crate::platform::ensure::{self, CreateError};
use crate::rest::Operation;
use crate::startree::absence::{after_its_end, or_absent};
use crate::startree::api::Name;
use crate::startree::connection::{Connection, Context};
use crate::startree::errors::failure;
use crate::startree::identity::InEnvironment;
use crate::startree::planned_names::{Planned, twice};
use crate::startree::resources::role::{existing_name, is_existing_name};

/// Attaches a policy to a role. A role may have several policies, each by an attachment of its own.
///
/// A policy that is attached already stays so, and the resource takes that over: when it is destroyed, the policy is
/// detached. How long it takes until the platform knows of it everywhere is not documented; of assignments it may take up to
/// an hour.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::startree) struct RolePolicyAttachment {
    /// The role's `id`, which is its name. Refer to it as `startree_role.<name>.id`.
    #[attribute(required, requires_replace, check = is_existing_name)]
    pub(in crate::startree) role: Field<String>,
    /// The policy's `id`, which is its name. Refer to it as `startree_policy.<name>.id`, so that an attachment goes before
    /// its policy does.
    #[attribute(required, requires_replace, check = is_existing_name)]
    pub(in crate::startree) policy: Field<String>,
    /// `<role>/<policy>`
    #[attribute(computed, use_state_for_unknown)]
    pub(in crate::startree) id: Field<String>,
}

impl RolePolicyAttachment {
    fn of(role: &Name, policy: &Name) -> Self {
        Self {
            id: format!("{role}/{policy}").into(),
            role: role.as_str().into(),
            policy: policy.as_str().into(),
        }
    }

    fn parts(&self) -> Result<(Name, Name), Diagnostic> {
        Ok((
            existing_name("role", &self.role)?,
            existing_name("policy", &self.policy)?,
        ))
    }
}

/// The identity of an attachment.
#[derive(Model)]
struct RolePolicyAttachmentIdentity {
    #[attribute(flatten)]
    environment: InEnvironment,
    /// The role's name.
    #[attribute(required)]
    role: Field<String>,
    /// The policy's name.
    #[attribute(required)]
    policy: Field<String>,
}

pub(in crate::startree) struct RolePolicyAttachmentResource;

impl Resource for RolePolicyAttachmentResource {
    type Model = RolePolicyAttachment;
    type Client = Connection;

    const TYPE: &'static str = "startree_role_policy_attachment";

    async fn plan(&self, context: &Context, change: &mut Change<RolePolicyAttachment>) -> Result<(), Diagnostics> {
        let (Some(connection), Ok((role, policy))) = (context.known_client(), change.planned.parts()) else {
            return Ok(());
        };
        let prior = change.prior.as_ref().and_then(|prior| prior.parts().ok());
        let prior = prior.map(|(role, policy)| key(&role, &policy));
        let config = change.config.clone().into_value();
        let names = &connection.planned.attachments;
        if let Planned::Twice(twin) = names.plan(context, prior.as_deref(), &key(&role, &policy), &config) {
            context.report(twin.report(twice(&what(&role, &policy))));
        }
        Ok(())
    }

    async fn create(&self, context: &Context, planned: RolePolicyAttachment) -> Outcome<RolePolicyAttachment> {
        let connection = context.client()?;
        let (role, policy) = planned.parts()?;
        let operation = connection.operation(context);
        connection.planned.attachments.applied(&key(&role, &policy));
        let mut claim = connection.claims.lock(key(&role, &policy)).await;
        claim.hold(context);
        let attached = attach(&connection, &operation, &role, &policy).await;
        CreateError::outcome(attached, RolePolicyAttachment::of(&role, &policy))
    }

    async fn read(
        &self,
        context: &Context,
        state: RolePolicyAttachment,
    ) -> Outcome<RolePolicyAttachment, Option<RolePolicyAttachment>> {
        if context.is_config_unknown() {
            return Ok(Some(state));
        }
        let (connection, (role, policy)) = (context.client()?, state.parts()?);
        let operation = connection.operation(context);
        let policies = connection.policies_of(&operation, &role).await;
        let policies = or_absent(policies, connection.still_has_role(&operation, &role)).await?;
        let is_attached = policies.is_some_and(|policies| policies.iter().any(|one| one == policy.as_str()));
        Ok(is_attached.then_some(state))
    }

    async fn delete(&self, context: &Context, state: RolePolicyAttachment) -> Outcome<RolePolicyAttachment, ()> {
        let (connection, (role, policy)) = (context.client()?, state.parts()?);
        let operation = connection.operation(context);
        let claim = connection.claims.lock(key(&role, &policy)).await;
        if claim.is_of_another(context) {
            return Ok(());
        }
        ensure::absent(&operation, &what(&role, &policy), || async {
            let detached = connection.detach(&operation, &role, &policy).await;
            after_its_end(detached, connection.is_attached(&operation, &role, &policy)).await
        })
        .await?;
        Ok(())
    }

    async fn import(&self, context: &Context, id: &str) -> Outcome<RolePolicyAttachment, Option<RolePolicyAttachment>> {
        let connection = context.client()?;
        let operation = connection.operation(context);
        let candidates = readings(id);
        for (role, policy) in &candidates {
            if connection.is_attached(&operation, role, policy).await? {
                return Ok(Some(RolePolicyAttachment::of(role, policy)));
            }
        }
        Err(candidates.first().map_or_else(no_id, |(role, policy)| {
            Diagnostic::error(
                "No such attachment",
                format!(
                    "The policy {:?} is not attached to the role {:?}.",
                    policy.as_str(),
                    role.as_str()
                ),
            )
        }))?
    }

    fn title(&self, state: &RolePolicyAttachment) -> Option<String> {
        state.parts().ok().map(|(role, policy)| what(&role, &policy))
    }

    fn identity_schema(&self) -> Option<Schema> {
        Some(RolePolicyAttachmentIdentity::schema())
    }

    fn identity(&self, context: &Context, state: &Value) -> Option<Identity> {
        let RolePolicyAttachment { role, policy, .. } = Model::from_value(state).ok()?;
        Some(Identity::of(RolePolicyAttachmentIdentity {
            environment: InEnvironment::of(context),
            role,
            policy,
        }))
    }

    fn import_id(&self, context: &Context, identity: &Identity) -> Result<String, Diagnostic> {
        let RolePolicyAttachmentIdentity {
            environment,
            role,
            policy,
        } = identity.read()?;
        environment.check(context)?;
        Ok([role, policy]
            .map(|part| part.into_known().unwrap_or_default())
            .join("/"))
    }
}

/// Attaches the policy, unless it is.
async fn attach(connection: &Connection, operation: &Operation, role: &Name, policy: &Name) -> Result<(), CreateError> {
    let is_there = |look| async move { connection.is_attached(&look, role, policy).await };
    let make = || connection.attach(operation, role, policy);
    ensure::present(operation, &what(role, policy), failure, make, is_there).await
}

/// What a claim on an attachment is known by.
fn key(role: &Name, policy: &Name) -> String {
    format!("{:?} policy {:?}", role.as_str(), policy.as_str())
}

fn what(role: &Name, policy: &Name) -> String {
    format!(
        "The attachment of the policy {:?} to the role {:?}",
        policy.as_str(),
        role.as_str()
    )
}

/// What the id of an attachment may mean: both names may hold slashes.
fn readings(id: &str) -> Vec<(Name, Name)> {
    let slashes = id.match_indices('/');
    let readings = slashes.filter_map(|(at, _)| Name::existing(&id[..at]).ok().zip(Name::existing(&id[at + 1..]).ok()));
    readings.collect()
}

fn no_id() -> Diagnostic {
    Diagnostic::error(
        "Not the id of an attachment",
        "An attachment is imported by `<role>/<policy>`, such as `reader/read-only`.",
    )
}

#[cfg(test)]
mod tests;
