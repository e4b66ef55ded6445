//! `startree_role_assignment`: a role that is assigned to a subject.
//!
//! # Flow
//! - Create reads the role's assignments, assigns the role unless the subject has it, and reads
//!   them again.
//! - Read reads the assignments.
//! - Update assigns the role to the new subject first, and then revokes it from the old one, so a
//!   rotated service token has its roles without a gap. Another role replaces the resource.
//! - Delete revokes the role, and reads the assignments until they no longer contain it.
//!
//! # Guarantees
//! - A declared role is assigned even if an answer was lost, and a revoked one is not in the role's
//!   list.
//! - An assignment that may exist is in the state, because it grants access.
//! - An assignment leaves the state only if the complete list of the role's assignments, or of the
//!   roles, does not have it.
//! - No role is revoked from the token that the provider uses. While a service token and its
//!   predecessor are both valid (`overlap`), the role is assigned to and revoked from both; see
//!   [`predecessor`](crate::startree::predecessor).
//! - An update that fails half-way records every subject that may have the role (`previous`), and
//!   the next apply retries it.
//! - An assignment that two resources of one run declare, as when the address of a resource
//!   changes, belongs to the one that is applied last.
//!
//! # Assumptions
//! - A role's list of assignments is complete. A list that says that it is one page of several is
//!   an error.
//! - The platform ignores case in email addresses and domains.

mod assign;
mod diagnostics;
mod overlap;
#[cfg(test)]
mod tests;

use self::assign::{claim_and_assign, revoke_all};
use self::diagnostics::{invalid_id, invalid_subject, not_assigned, revoked_from_both};
use crate::framework::{Change, Diagnostic, Diagnostics, Failed, Field, Model, Outcome, Resource};
use crate::platform::ensure::CreateError;
use crate::startree::absence::or_absent;
use crate::startree::api::{Name, Subject, SubjectType};
use crate::startree::connection::{Connection, Context};
use crate::startree::environment_guard;
use crate::startree::names::{existing_name, is_existing_name};
use crate::startree::planned_names::{Availability, declared_twice};
use crate::startree::predecessor::Predecessor;
use crate::startree::role_grants::{assignment_id, claim_key, is_own_token, own_token_keeps_role, subject_id, title};

/// Assigns a role to a person, a group, all people of an email domain, or a service token.
///
/// ~> **A change can take up to an hour** to take effect everywhere, both when a role is assigned
/// and when it is revoked. To revoke a service token's access at once, delete the token.
///
/// If the subject already has the role, the resource adopts the assignment, and destroying the
/// resource revokes the role. The provider does not revoke a role from the service token that it
/// uses itself.
///
/// When a service token is rotated, its `access_key` changes, and with it the assignment. In the
/// same apply, the new token gets the role before the old one loses it. During an `overlap`, the
/// assignment concerns both tokens: a new assignment assigns the role to both, and removing it
/// revokes the role from both, which the plan shows. A new assignment reaches the previous token
/// only if the platform reports the descriptions of tokens.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::startree) struct RoleAssignment {
    /// The role's `id`, which is its name. Refer to it as `startree_role.<name>.id`, so that
    /// Terraform destroys the assignment before the role.
    #[attribute(required, requires_replace, check = is_existing_name)]
    pub(in crate::startree) role: Field<String>,
    /// The type of the subject.
    #[attribute(required, one_of = SubjectType::ALL.map(SubjectType::as_str))]
    pub(in crate::startree) subject_type: Field<String>,
    /// The subject that gets the role: an email address, the name of a group of the identity
    /// provider, a domain such as `acme.com`, or the access key of a service token. The access key
    /// is the part between `st-` and the next hyphen; never give the whole token. When the subject
    /// changes, the new one gets the role before the old one loses it.
    #[attribute(required)]
    pub(in crate::startree) subject: Field<String>,
    /// `<role>/<subject_type>/<subject>`
    #[attribute(computed, planned)]
    pub(in crate::startree) id: Field<String>,
    /// Former subjects that still have the role because revoking it failed, each as
    /// `<subject_type>/<subject>`. The next apply revokes it. Null if there are none.
    #[attribute(computed, planned)]
    pub(in crate::startree) previous: Field<Vec<String>>,
}

impl RoleAssignment {
    /// Returns the state in which these subjects have the role: first the declared one, then those
    /// from which it could not be revoked. `None` if there are none.
    fn held_by(role: &Name, holders: &[Subject]) -> Option<Self> {
        let (subject, previous) = holders.split_first()?;
        let previous: Vec<_> = previous.iter().map(subject_id).collect();
        Some(Self {
            id: assignment_id(role, subject).into(),
            role: role.as_str().into(),
            subject_type: subject.subject_type().as_str().into(),
            subject: subject.as_str().into(),
            previous: Some(previous).filter(|previous| !previous.is_empty()).into(),
        })
    }

    /// Returns the role and the subject; an error if the state was edited by hand.
    fn role_and_subject(&self) -> Result<(Name, Subject), Diagnostic> {
        let role = existing_name("role", &self.role)?;
        let text = |field: &Field<String>| field.known().cloned().unwrap_or_default();
        Ok((role, subject(&text(&self.subject_type), &text(&self.subject))?))
    }

    /// Returns the role and all subjects that have it by this assignment.
    pub(in crate::startree) fn holders(&self) -> Result<(Name, Vec<Subject>), Diagnostic> {
        let (role, first) = self.role_and_subject()?;
        let previous = self.previous.known().into_iter().flatten().map(|one| {
            let (subject_type, text) = one.split_once('/').unwrap_or_default();
            subject(subject_type, text)
        });
        let holders = [Ok(first)].into_iter().chain(previous).collect::<Result<_, _>>()?;
        Ok((role, holders))
    }
}

fn subject(subject_type: &str, subject: &str) -> Result<Subject, Diagnostic> {
    let subject_type: SubjectType = subject_type
        .parse()
        .map_err(|error| Diagnostic::invalid("subject_type", error))?;
    Subject::new(subject_type, subject).map_err(invalid_subject)
}

/// Returns the assignments that an id can name. There may be several, because role and subject may
/// contain slashes.
fn parse_id(id: &str) -> Vec<(Name, Subject)> {
    let slashes = id.match_indices('/');
    let candidates = slashes.filter_map(|(at, _)| {
        let (subject_type, text) = id[at + 1..].split_once('/')?;
        Name::existing(&id[..at]).ok().zip(subject(subject_type, text).ok())
    });
    candidates.collect()
}

/// Implements `startree_role_assignment`.
pub(in crate::startree) struct RoleAssignmentResource;

impl Resource for RoleAssignmentResource {
    type Model = RoleAssignment;
    type Client = Connection;

    const TYPE: &'static str = "startree_role_assignment";

    fn validate(&self, config: &RoleAssignment, diagnostics: &mut Diagnostics) {
        if let (Some(subject_type), Some(text)) = (config.subject_type.known(), config.subject.known())
            && subject_type.parse::<SubjectType>().is_ok()
        {
            diagnostics.ok(subject(subject_type, text));
        }
    }

    async fn plan(&self, context: &Context, change: &mut Change<RoleAssignment>) -> Result<(), Diagnostics> {
        if let Some(prior) = &change.prior
            && let (Ok((role, before)), Ok((_, after))) = (prior.role_and_subject(), change.config.role_and_subject())
            && !before.is_same(&after)
            && let Some(other) = overlap::in_plan(context, &role).await
            && after != other
            && !overlap::is_successor(context, &after, &before)
        {
            context.report(revoked_from_both(&role, &before, &other));
        }
        let config = change.config.clone().into_value();
        let planned = &mut change.planned;
        planned.previous = Field::Null;
        let parts = planned.role_and_subject().ok();
        if let (Some(connection), Some((role, subject))) = (context.known_client(), &parts) {
            let prior = change.prior.as_ref().and_then(|prior| prior.role_and_subject().ok());
            let prior = prior.map(|(role, subject)| claim_key(&role, &subject));
            let names = &connection.planned.assignments;
            let availability = names.plan(&context.private, prior.as_deref(), &claim_key(role, subject), &config);
            if let Availability::DeclaredTwice(twin) = availability {
                context.report(twin.report(declared_twice(&title(role, subject))));
            }
        }
        let complete = parts.and_then(|(role, subject)| RoleAssignment::held_by(&role, &[subject]));
        planned.id = complete.map_or(Field::Unknown, |complete| complete.id);
        Ok(())
    }

    async fn plan_destroy(&self, context: &Context, prior: &RoleAssignment) -> Result<(), Diagnostics> {
        let Ok((role, subject)) = prior.role_and_subject() else {
            return Ok(());
        };
        let other = overlap::in_plan(context, &role).await;
        if let Some(other) = &other {
            context.report(revoked_from_both(&role, &subject, other));
        }
        if let Some(connection) = context.known_client()
            && [Some(subject), other]
                .iter()
                .flatten()
                .any(|one| is_own_token(&connection, one))
        {
            context.report(own_token_keeps_role(&role).as_warning());
        }
        Ok(())
    }

    async fn create(&self, context: &Context, planned: RoleAssignment) -> Outcome<RoleAssignment> {
        let connection = context.client()?;
        let (role, subject) = planned.role_and_subject()?;
        let operation = connection.operation(context);
        let assigned = claim_and_assign(&connection, &operation, &role, &subject, context).await;
        if assigned.is_ok() {
            let other = overlap::assign_to_predecessor(&connection, &operation, &role, &subject, context).await;
            overlap::record(context, other.as_ref());
        }
        CreateError::outcome(assigned, RoleAssignment::held_by(&role, &[subject]).unwrap_or(planned))
    }

    async fn read(&self, context: &Context, state: RoleAssignment) -> Outcome<RoleAssignment, Option<RoleAssignment>> {
        if context.is_config_unknown() {
            return Ok(Some(state));
        }
        let (connection, (role, mut holders)) = (context.client()?, state.holders()?);
        let operation = connection.operation(context);
        let assignments = connection.assignments(&operation, &role).await;
        let assignments = or_absent(assignments, connection.still_has_role(&operation, &role)).await?;
        let Some(assignments) = assignments else {
            return Ok(None);
        };
        let has_role = |subject: &Subject| assignments.iter().any(|one| subject.has(one));
        let other = overlap::other_token(&connection, &holders, context).filter(has_role);
        overlap::record(context, other.as_ref());
        holders.retain(has_role);
        // While either token has the role, the assignment exists, and a plan repairs it.
        if holders.is_empty() {
            holders.extend(other);
        }
        Ok(RoleAssignment::held_by(&role, &holders))
    }

    /// Changes the subject, or retries to revoke the role from former subjects.
    async fn update(
        &self,
        context: &Context,
        prior: RoleAssignment,
        planned: RoleAssignment,
    ) -> Outcome<RoleAssignment> {
        let connection = context.client()?;
        let ((role, mut holders), (_, subject)) = (prior.holders()?, planned.role_and_subject()?);
        let operation = connection.operation(context);
        match claim_and_assign(&connection, &operation, &role, &subject, context).await {
            Ok(()) => {
                let other = overlap::assign_to_predecessor(&connection, &operation, &role, &subject, context).await;
                holders.extend(overlap::recorded_with_role(&connection, &operation, &role, context).await);
                overlap::record(context, other.as_ref());
                holders.retain(|one| !one.is_same(&subject) && other.as_ref() != Some(one));
                holders = revoke_all(&connection, &operation, &role, holders, context).await;
                holders.insert(0, subject);
            }
            Err(CreateError { diagnostic, may_exist }) => {
                context.report(diagnostic);
                if may_exist && !holders.contains(&subject) {
                    holders.push(subject);
                }
            }
        }
        Ok(RoleAssignment::held_by(&role, &holders).unwrap_or(prior))
    }

    async fn delete(&self, context: &Context, state: RoleAssignment) -> Outcome<RoleAssignment, ()> {
        let (connection, (role, mut holders)) = (context.client()?, state.holders()?);
        let operation = connection.operation(context);
        let access_key = holders.first().and_then(Subject::access_key);
        if let Some((access_key, other)) = access_key.zip(overlap::recorded(context))
            && connection.tokens.predecessor(&access_key).is_none()
        {
            // An assignment that replaces this one concerns both tokens, too.
            let predecessor = other.access_key().map(|access_key| Predecessor {
                access_key,
                overlaps: true,
            });
            connection.tokens.record_predecessor(access_key, predecessor);
        }
        // If another resource owns the assignment, it owns it for both tokens.
        let is_continued = match holders.first() {
            Some(holder) => {
                let claim = connection.claims.lock(claim_key(&role, holder)).await;
                claim.belongs_to_other_resource(&context.private)
            }
            None => false,
        };
        if let Some(other) = overlap::other_token(&connection, &holders, context)
            && !is_continued
            && !holders.contains(&other)
            && connection.is_assigned(&operation, &role, &other).await != Ok(false)
        {
            holders.push(other);
        }
        let remaining = revoke_all(&connection, &operation, &role, holders, context).await;
        match RoleAssignment::held_by(&role, &remaining) {
            Some(remaining) => Err(Failed::reported().leaving(remaining)),
            None => Ok(()),
        }
    }

    async fn import(&self, context: &Context, id: &str) -> Outcome<RoleAssignment, Option<RoleAssignment>> {
        let connection = context.client()?;
        let operation = connection.operation(context);
        let candidates = parse_id(id);
        for (role, subject) in &candidates {
            if connection.is_assigned(&operation, role, subject).await? {
                return Ok(RoleAssignment::held_by(role, std::slice::from_ref(subject)));
            }
        }
        Err(match candidates.first() {
            Some((role, subject)) => not_assigned(role, subject),
            None => invalid_id(),
        })?
    }

    async fn permits(&self, context: &Context, state: &RoleAssignment) -> Result<(), Diagnostics> {
        let what = self.title(state).unwrap_or_else(|| "The assignment".to_owned());
        environment_guard::verify(context, &what).await
    }

    fn record_place(&self, context: &Context) {
        environment_guard::record(context);
    }

    fn title(&self, state: &RoleAssignment) -> Option<String> {
        state
            .role_and_subject()
            .ok()
            .map(|(role, subject)| title(&role, &subject))
    }
}
