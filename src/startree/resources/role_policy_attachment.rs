//! `startree_role_policy_attachment`: a policy that is attached to a role.
//!
//! # Flow
//! - Create reads the role's list of policies, attaches the policy unless it is attached, and reads
//!   the list again.
//! - Read reads the list.
//! - There is no update: every change replaces the attachment.
//! - Delete detaches the policy, and reads the list until the policy is no longer in it.
//!
//! # Guarantees
//! - A declared policy is attached even if an answer was lost, and a detached one is not in the
//!   role's list.
//! - An attachment that may exist is in the state, because it may grant access.
//! - An attachment leaves the state only if the complete list of the role's policies, or of the
//!   roles, does not have it.
//!
//! # Assumptions
//! - A role's list of policies is complete. A list that says that it is one page of several is an
//!   error.

use crate::framework::{Change, Diagnostic, Diagnostics, Field, Identity, Model, Outcome, Resource, Schema, Value};
use crate::platform::ensure::{self, CreateError};
use crate::rest::Operation;
use crate::startree::absence::{exists_after_delete, or_absent};
use crate::startree::api::Name;
use crate::startree::connection::{Connection, Context};
use crate::startree::environment_guard;
use crate::startree::errors::failure;
use crate::startree::identity::InEnvironment;
use crate::startree::names::{existing_name, is_existing_name};
use crate::startree::planned_names::{Availability, declared_twice};

/// Attaches a policy to a role. Use one attachment for each policy of a role.
///
/// If the policy is already attached, the resource adopts the attachment, and destroying the
/// resource detaches the policy. The platform does not document how long an attachment takes to
/// take effect. An assignment can take up to an hour.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::startree) struct RolePolicyAttachment {
    /// The role's `id`, which is its name, such as `startree_role.<name>.id`.
    #[attribute(required, requires_replace, check = is_existing_name)]
    pub(in crate::startree) role: Field<String>,
    /// The policy's `id`, which is its name. Refer to it as `startree_policy.<name>.id`, so that
    /// Terraform destroys the attachment before the policy.
    #[attribute(required, requires_replace, check = is_existing_name)]
    pub(in crate::startree) policy: Field<String>,
    /// `<role>/<policy>`
    #[attribute(computed, use_state_for_unknown)]
    pub(in crate::startree) id: Field<String>,
}

impl RolePolicyAttachment {
    fn new(role: &Name, policy: &Name) -> Self {
        Self {
            id: format!("{role}/{policy}").into(),
            role: role.as_str().into(),
            policy: policy.as_str().into(),
        }
    }

    fn role_and_policy(&self) -> Result<(Name, Name), Diagnostic> {
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

/// Implements `startree_role_policy_attachment`.
pub(in crate::startree) struct RolePolicyAttachmentResource;

impl Resource for RolePolicyAttachmentResource {
    type Model = RolePolicyAttachment;
    type Client = Connection;

    const TYPE: &'static str = "startree_role_policy_attachment";

    async fn plan(&self, context: &Context, change: &mut Change<RolePolicyAttachment>) -> Result<(), Diagnostics> {
        let (Some(connection), Ok((role, policy))) = (context.known_client(), change.planned.role_and_policy()) else {
            return Ok(());
        };
        let prior = change.prior.as_ref().and_then(|prior| prior.role_and_policy().ok());
        let prior = prior.map(|(role, policy)| claim_key(&role, &policy));
        let config = change.config.clone().into_value();
        let names = &connection.planned.attachments;
        let availability = names.plan(&context.private, prior.as_deref(), &claim_key(&role, &policy), &config);
        if let Availability::DeclaredTwice(twin) = availability {
            context.report(twin.report(declared_twice(&title(&role, &policy))));
        }
        Ok(())
    }

    async fn create(&self, context: &Context, planned: RolePolicyAttachment) -> Outcome<RolePolicyAttachment> {
        let connection = context.client()?;
        let (role, policy) = planned.role_and_policy()?;
        let operation = connection.operation(context);
        connection.planned.attachments.applied(&claim_key(&role, &policy));
        let mut claim = connection.claims.lock(claim_key(&role, &policy)).await;
        claim.take(&context.private);
        let attached = attach(&connection, &operation, &role, &policy).await;
        CreateError::outcome(attached, RolePolicyAttachment::new(&role, &policy))
    }

    async fn read(
        &self,
        context: &Context,
        state: RolePolicyAttachment,
    ) -> Outcome<RolePolicyAttachment, Option<RolePolicyAttachment>> {
        if context.is_config_unknown() {
            return Ok(Some(state));
        }
        let (connection, (role, policy)) = (context.client()?, state.role_and_policy()?);
        let operation = connection.operation(context);
        let policies = connection.policies_of(&operation, &role).await;
        let policies = or_absent(policies, connection.still_has_role(&operation, &role)).await?;
        let is_attached = policies.is_some_and(|policies| policies.iter().any(|one| one == policy.as_str()));
        Ok(is_attached.then_some(state))
    }

    async fn delete(&self, context: &Context, state: RolePolicyAttachment) -> Outcome<RolePolicyAttachment, ()> {
        let (connection, (role, policy)) = (context.client()?, state.role_and_policy()?);
        let operation = connection.operation(context);
        let claim = connection.claims.lock(claim_key(&role, &policy)).await;
        if claim.belongs_to_other_resource(&context.private) {
            return Ok(());
        }
        ensure::absent(&operation, &title(&role, &policy), || async {
            let detached = connection.detach(&operation, &role, &policy).await;
            exists_after_delete(detached, connection.is_attached(&operation, &role, &policy)).await
        })
        .await?;
        Ok(())
    }

    async fn import(&self, context: &Context, id: &str) -> Outcome<RolePolicyAttachment, Option<RolePolicyAttachment>> {
        let connection = context.client()?;
        let operation = connection.operation(context);
        let candidates = parse_id(id);
        for (role, policy) in &candidates {
            if connection.is_attached(&operation, role, policy).await? {
                return Ok(Some(RolePolicyAttachment::new(role, policy)));
            }
        }
        Err(match candidates.first() {
            Some((role, policy)) => not_attached(role, policy),
            None => invalid_id(),
        })?
    }

    async fn permits(&self, context: &Context, state: &RolePolicyAttachment) -> Result<(), Diagnostics> {
        let what = self.title(state).unwrap_or_else(|| "The attachment".to_owned());
        environment_guard::verify(context, &what).await
    }

    fn record_place(&self, context: &Context) {
        environment_guard::record(context);
    }

    fn title(&self, state: &RolePolicyAttachment) -> Option<String> {
        state.role_and_policy().ok().map(|(role, policy)| title(&role, &policy))
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

/// Attaches the policy, unless it is attached.
async fn attach(connection: &Connection, operation: &Operation, role: &Name, policy: &Name) -> Result<(), CreateError> {
    let is_attached = |operation| async move { connection.is_attached(&operation, role, policy).await };
    let attach = || connection.attach(operation, role, policy);
    ensure::present(operation, &title(role, policy), failure, attach, is_attached).await
}

/// Returns the key of an attachment in [`Claims`](crate::startree::claims::Claims).
fn claim_key(role: &Name, policy: &Name) -> String {
    format!("{:?} policy {:?}", role.as_str(), policy.as_str())
}

/// Names an attachment in a message.
fn title(role: &Name, policy: &Name) -> String {
    format!(
        "The attachment of the policy {:?} to the role {:?}",
        policy.as_str(),
        role.as_str()
    )
}

/// Returns the attachments that an id can name. There may be several, because both names may
/// contain slashes.
fn parse_id(id: &str) -> Vec<(Name, Name)> {
    let slashes = id.match_indices('/');
    let candidates =
        slashes.filter_map(|(at, _)| Name::existing(&id[..at]).ok().zip(Name::existing(&id[at + 1..]).ok()));
    candidates.collect()
}

/// The error of an import whose id has no slash.
fn invalid_id() -> Diagnostic {
    Diagnostic::error(
        "Invalid import id",
        "Import an attachment by `<role>/<policy>`, such as `reader/read-only`.",
    )
}

/// The error of an import whose policy is not attached to its role.
fn not_attached(role: &Name, policy: &Name) -> Diagnostic {
    Diagnostic::error(
        "Attachment not found",
        format!(
            "The policy {:?} is not attached to the role {:?}.",
            policy.as_str(),
            role.as_str()
        ),
    )
}

#[cfg(test)]
mod tests;
