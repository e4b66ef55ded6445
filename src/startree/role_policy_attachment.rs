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

use async_trait::async_trait;

use super::api::Name;
use super::connection::{Connection, Session};
use super::failure::failure;
use super::identity;
use super::planned_names::{Planned, twice};
use super::presence::{after_its_end, deleted_outside, or_absent};
use super::role::{existing_name, validate_reference};
use crate::framework::{
    Attribute, Change, Context, Diagnostic, Diagnostics, Model as _, Resource, Schema, Type, model,
};
use crate::platform::{Unmade, end_until_gone, make_unless_there};
use crate::rest::Operation;

model! {
    /// The identity of an attachment.
    pub(super) struct Identity {
        environment: String,
        role: String,
        policy: String,
    }
}

model! {
    /// The attributes of `startree_role_policy_attachment`.
    pub(super) struct Model {
        id: String,
        role: String,
        policy: String,
    }
}

impl Model {
    fn of(role: &Name, policy: &Name) -> Self {
        Self {
            id: format!("{role}/{policy}").into(),
            role: role.to_string().into(),
            policy: policy.to_string().into(),
        }
    }

    fn parts(&self) -> Result<(Name, Name), Diagnostic> {
        Ok((
            existing_name("role", &self.role)?,
            existing_name("policy", &self.policy)?,
        ))
    }
}

pub(super) struct RolePolicyAttachment {
    session: Session,
}

impl RolePolicyAttachment {
    pub(super) fn new(session: Session) -> Self {
        Self { session }
    }
}

#[async_trait]
impl Resource for RolePolicyAttachment {
    type Model = Model;
    type Identity = Identity;

    const TYPE: &'static str = "startree_role_policy_attachment";

    fn schema(&self) -> Schema {
        Schema::new(
            "Attaches a policy to a role. A role may have several policies, each by an attachment of its own.\n\n\
             A policy that is attached already stays so, and the resource takes that over: when it is destroyed, the policy is \
             detached. How long it takes until the platform knows of it everywhere is not documented; of assignments it may \
             take up to an hour.",
            [
                Attribute::required(
                    "role",
                    Type::String,
                    "The role's `id`, which is its name. Refer to it as `startree_role.<name>.id`.",
                )
                .replaces(),
                Attribute::required(
                    "policy",
                    Type::String,
                    "The policy's `id`, which is its name. Refer to it as `startree_policy.<name>.id`, so that an attachment \
                     goes before its policy does.",
                )
                .replaces(),
                Attribute::computed("id", Type::String, "`<role>/<policy>`"),
            ],
        )
    }

    fn validate(&self, config: &Model, diagnostics: &mut Diagnostics) {
        validate_reference("role", &config.role, diagnostics);
        validate_reference("policy", &config.policy, diagnostics);
    }

    async fn plan(&self, context: &Context, change: &mut Change<Model>, diagnostics: &mut Diagnostics) {
        let (Some(connection), Ok((role, policy))) = (self.session.connected(), change.planned.parts()) else {
            return;
        };
        let prior = change.prior.as_ref().and_then(|prior| prior.parts().ok());
        let prior = prior.map(|(role, policy)| key(&role, &policy));
        let config = change.config.clone().into_value();
        let planned = connection
            .planned
            .attachments
            .plan(context, prior.as_deref(), &key(&role, &policy), &config);
        if let Planned::Twice(twin) = planned {
            diagnostics.push(twin.report(twice(&what(&role, &policy))));
        }
    }

    async fn create(&self, context: &Context, planned: Model, diagnostics: &mut Diagnostics) -> Option<Model> {
        let connection = self.session.connection(diagnostics)?;
        let (role, policy) = diagnostics.ok(planned.parts())?;
        let operation = connection.operation(context);
        connection.planned.attachments.applied(&key(&role, &policy));
        let mut claim = connection.claims.lock(key(&role, &policy)).await;
        claim.hold(context);
        let attached = attach(&connection, &operation, &role, &policy).await;
        let state = Model::of(&role, &policy);
        Unmade::or_state(attached, state, diagnostics)
    }

    async fn read(&self, context: &Context, state: Model, diagnostics: &mut Diagnostics) -> Option<Model> {
        if self.session.is_waiting() {
            return Some(state);
        }
        let parts = diagnostics.ok(state.parts());
        let Some((connection, (role, policy))) = self.session.connection(diagnostics).zip(parts) else {
            return Some(state);
        };
        let operation = connection.operation(context);
        let policies = connection.policies_of(&operation, &role).await;
        match or_absent(policies, connection.still_has_role(&operation, &role)).await {
            Ok(Some(policies)) if policies.iter().any(|one| one == policy.as_str()) => Some(state),
            Ok(_) => {
                diagnostics.push(deleted_outside(
                    &what(&role, &policy),
                    "The role no longer has the policy.",
                ));
                None
            }
            Err(why) => {
                diagnostics.push(why);
                Some(state)
            }
        }
    }

    /// Never called: every change replaces.
    async fn update(&self, _: &Context, prior: Model, _: Model, _: &mut Diagnostics) -> Model {
        prior
    }

    async fn delete(&self, context: &Context, state: Model, diagnostics: &mut Diagnostics) -> Option<Model> {
        let parts = diagnostics.ok(state.parts());
        let Some((connection, (role, policy))) = self.session.connection(diagnostics).zip(parts) else {
            return Some(state);
        };
        let operation = connection.operation(context);
        let claim = connection.claims.lock(key(&role, &policy)).await;
        if claim.is_of_another(context) {
            return None;
        }
        let detached = end_until_gone(&operation, &what(&role, &policy), || async {
            let detached = connection.detach(&operation, &role, &policy).await;
            after_its_end(detached, connection.is_attached(&operation, &role, &policy)).await
        })
        .await;
        match diagnostics.ok(detached) {
            Some(()) => None,
            None => Some(state),
        }
    }

    async fn import(&self, context: &Context, id: &str, diagnostics: &mut Diagnostics) -> Option<Model> {
        let candidates = readings(id);
        let connection = self.session.connection(diagnostics)?;
        let operation = connection.operation(context);
        for (role, policy) in &candidates {
            let is_attached = connection.is_attached(&operation, role, policy).await;
            if diagnostics.ok(is_attached)? {
                return Some(Model::of(role, policy));
            }
        }
        diagnostics.push(match candidates.first() {
            None => no_id(),
            Some((role, policy)) => Diagnostic::error(
                "No such attachment",
                format!(
                    "The policy {:?} is not attached to the role {:?}.",
                    policy.as_str(),
                    role.as_str()
                ),
            ),
        });
        None
    }

    fn identity_schema(&self) -> Option<Schema> {
        Some(identity::schema([
            Attribute::required("role", Type::String, "The role's name."),
            Attribute::required("policy", Type::String, "The policy's name."),
        ]))
    }

    fn identity(&self, state: &Model) -> Option<Identity> {
        Some(Identity {
            environment: identity::environment(&self.session),
            role: state.role.clone(),
            policy: state.policy.clone(),
        })
    }

    fn import_id(&self, asked: Identity) -> Result<String, Diagnostic> {
        identity::check(&self.session, &asked.environment)?;
        let parts = [asked.role, asked.policy];
        Ok(parts.map(|part| part.into_known().unwrap_or_default()).join("/"))
    }
}

/// Attaches the policy, unless it is.
async fn attach(connection: &Connection, operation: &Operation, role: &Name, policy: &Name) -> Result<(), Unmade> {
    let is_there = |look| async move { connection.is_attached(&look, role, policy).await };
    let make = || connection.attach(operation, role, policy);
    make_unless_there(operation, &what(role, policy), failure, make, is_there).await
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
