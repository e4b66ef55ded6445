//! `startree_role_assignment`: who has a role.
//!
//! # Flow
//! Create looks whether the subject has the role already; if not, assigns it, and looks again. A refresh looks. Another
//! subject gets the role first, and only then it is taken from the one before: so a service token that is rotated hands its
//! roles on without a gap. Another role makes another assignment. Destroy takes the role from the subject, and looks.
//!
//! # Guarantees
//! - What is declared is assigned, although an answer was lost; what is reported as ended is not in the role's list.
//! - An assignment that may be there, although nobody could tell, is in the state: it has power.
//! - Nothing leaves the state unless the role's list, or that of the roles, well received, no longer has it.
//! - The token that the provider works with does not lose a role. While a service token and the one before it are both valid
//!   (`overlap`), the role is given to and taken from both; [`succession`](crate::startree::succession) says how that is known.
//! - A change of the subject that fails half-way leaves all in the state who may have the role (`previous`), and the next
//!   apply goes on with it.
//! - An assignment that two resources of one run declare, as when the address of a resource changes, stays with the later one.
//!
//! # Assumptions
//! - A role's list of assignments is complete. One that says that there is more of it is not read.
//! - Addresses and domains that differ in nothing but case are the same subject.

use crate::framework::{Change, Diagnostic, Diagnostics, Failed, Field, Model, Outcome, Resource};
use crate::platform::ensure::{self, CreateError};
use crate::rest::Operation;
use crate::startree::absence::{after_its_end, or_absent};
use crate::startree::api::{AccessKey, InvalidSubject, Name, Subject, SubjectType};
use crate::startree::connection::{Connection, Context};
use crate::startree::errors::failure;
use crate::startree::planned_names::{Planned, twice};
use crate::startree::resources::role::{existing_name, is_existing_name};
use crate::startree::succession::Predecessor;

/// Gives a role to a person, a group, everybody of an email domain, or a service token.
///
/// **It may take up to an hour** until the platform knows everywhere that somebody has a role, or has it no more. To end a
/// service token's access at once, revoke the token.
///
/// **Where a service token is rotated**, its `access_key` changes, and with it the assignment: the new token gets the role
/// in the same apply, before the old one loses it. During an `overlap` the assignment concerns both tokens: an added one
/// reaches both, and a removed one is taken from both, which the plan says. An added one reaches the previous token only if
/// the platform reports the descriptions of tokens.
///
/// Who has the role already keeps it, and the resource takes that over: when it is destroyed, the role is taken away. The
/// role is not taken from the service token that the provider works with.
#[derive(Model, Clone, Debug, Default)]
pub(in crate::startree) struct RoleAssignment {
    /// The role's `id`, which is its name. Refer to it as `startree_role.<name>.id`, so that an assignment goes before its
    /// role does.
    #[attribute(required, requires_replace, check = is_existing_name)]
    pub(in crate::startree) role: Field<String>,
    /// What the subject is.
    #[attribute(required, one_of = SubjectType::ALL.map(SubjectType::as_str))]
    pub(in crate::startree) subject_type: Field<String>,
    /// Who gets the role: an email address; the name of a group of the identity provider; a domain such as `acme.com`; or the
    /// access key of a service token, which is the part between `st-` and the next hyphen. Never a whole token. Another
    /// subject gets the role before it is taken from the one that had it.
    #[attribute(required)]
    pub(in crate::startree) subject: Field<String>,
    /// `<role>/<subject_type>/<subject>`
    #[attribute(computed, planned)]
    pub(in crate::startree) id: Field<String>,
    /// Who has the role in addition to the subject, because it could not be taken from them when the subject changed: each
    /// as `<subject_type>/<subject>`. The next apply takes it. Null otherwise.
    #[attribute(computed, planned)]
    pub(in crate::startree) previous: Field<Vec<String>>,
}

impl RoleAssignment {
    /// The state in which these have the role: the first as declared, the others because it could not be taken from them.
    /// `None` if there are none.
    fn of(role: &Name, holders: &[Subject]) -> Option<Self> {
        let (subject, previous) = holders.split_first()?;
        let name = |subject: &Subject| format!("{}/{}", subject.subject_type().as_str(), subject.as_str());
        let previous: Vec<_> = previous.iter().map(name).collect();
        Some(Self {
            id: format!("{role}/{}", name(subject)).into(),
            role: role.as_str().into(),
            subject_type: subject.subject_type().as_str().into(),
            subject: subject.as_str().into(),
            previous: Some(previous).filter(|previous| !previous.is_empty()).into(),
        })
    }

    /// The role and the subject; a state may have been changed by hand.
    fn parts(&self) -> Result<(Name, Subject), Diagnostic> {
        let role = existing_name("role", &self.role)?;
        let text = |field: &Field<String>| field.known().cloned().unwrap_or_default();
        Ok((role, subject(&text(&self.subject_type), &text(&self.subject))?))
    }

    /// The role and all who have it by this assignment.
    pub(in crate::startree) fn holders(&self) -> Result<(Name, Vec<Subject>), Diagnostic> {
        let (role, first) = self.parts()?;
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
    Subject::new(subject_type, subject).map_err(|error| {
        let mut invalid = Diagnostic::invalid("subject", error);
        if error == InvalidSubject::AccessKey {
            invalid
                .detail
                .push_str(" The rest of a token is a secret, and does not belong into a configuration or a state.");
        }
        invalid
    })
}

/// The key in the private state: the access key of the other token of the same resource, which has the role, too, as both
/// are valid (`overlap`).
const OVERLAPPING: &str = "overlapping_access_key";

fn overlapping(context: &Context) -> Option<Subject> {
    let access_key: AccessKey = context.private.get::<String>(OVERLAPPING)?.parse().ok()?;
    Some(Subject::token(&access_key))
}

/// Records the other token. What was recorded stays after the overlap, as a refresh that forgets it would be a difference.
fn set_overlapping(context: &Context, subject: Option<&Subject>) {
    if let Some(subject) = subject {
        context.private.set(OVERLAPPING, subject.as_str());
    }
}

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
            && let (Ok((role, before)), Ok((_, after))) = (prior.parts(), change.config.parts())
            && !before.is_same(&after)
            && let Some(other) = overlapping_in_plan(context, &role).await
            && after != other
            && !is_successor(context, &after, &before)
        {
            context.report(taken_from_both(&role, &before, &other));
        }
        let config = change.config.clone().into_value();
        let planned = &mut change.planned;
        planned.previous = Field::Null;
        let parts = planned.parts().ok();
        if let (Some(connection), Some((role, subject))) = (context.known_client(), &parts) {
            let prior = change.prior.as_ref().and_then(|prior| prior.parts().ok());
            let prior = prior.map(|(role, subject)| key(&role, &subject));
            let names = &connection.planned.assignments;
            if let Planned::Twice(twin) = names.plan(context, prior.as_deref(), &key(role, subject), &config) {
                context.report(twin.report(twice(&what(role, subject))));
            }
        }
        let whole = parts.and_then(|(role, subject)| RoleAssignment::of(&role, &[subject]));
        planned.id = whole.map_or(Field::Unknown, |whole| whole.id);
        Ok(())
    }

    async fn plan_destroy(&self, context: &Context, prior: &RoleAssignment) -> Result<(), Diagnostics> {
        let Ok((role, subject)) = prior.parts() else {
            return Ok(());
        };
        let other = overlapping_in_plan(context, &role).await;
        if let Some(other) = &other {
            context.report(taken_from_both(&role, &subject, other));
        }
        if let Some(connection) = context.known_client()
            && [Some(subject), other]
                .iter()
                .flatten()
                .any(|one| is_own(&connection, one))
        {
            context.report(own(&role).as_warning());
        }
        Ok(())
    }

    async fn create(&self, context: &Context, planned: RoleAssignment) -> Outcome<RoleAssignment> {
        let connection = context.client()?;
        let (role, subject) = planned.parts()?;
        let operation = connection.operation(context);
        let assigned = hold(&connection, &operation, &role, &subject, context).await;
        if assigned.is_ok() {
            let other = give_to_predecessor(&connection, &operation, &role, &subject, context).await;
            set_overlapping(context, other.as_ref());
        }
        CreateError::outcome(assigned, RoleAssignment::of(&role, &[subject]).unwrap_or(planned))
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
        let other = other_token(&connection, &holders, context).filter(has_role);
        set_overlapping(context, other.as_ref());
        holders.retain(has_role);
        // While one of both tokens has the role, the assignment is there: another plan completes it.
        if holders.is_empty() {
            holders.extend(other);
        }
        Ok(RoleAssignment::of(&role, &holders))
    }

    /// Another subject, or the removal of those from whom the role could not be taken before.
    async fn update(
        &self,
        context: &Context,
        prior: RoleAssignment,
        planned: RoleAssignment,
    ) -> Outcome<RoleAssignment> {
        let connection = context.client()?;
        let ((role, mut holders), (_, subject)) = (prior.holders()?, planned.parts()?);
        let operation = connection.operation(context);
        match hold(&connection, &operation, &role, &subject, context).await {
            Ok(()) => {
                let other = give_to_predecessor(&connection, &operation, &role, &subject, context).await;
                holders.extend(connection.overlapping_with_role(&operation, &role, context).await);
                set_overlapping(context, other.as_ref());
                holders.retain(|one| !one.is_same(&subject) && other.as_ref() != Some(one));
                holders = relieve(&connection, &operation, &role, holders, context).await;
                holders.insert(0, subject);
            }
            Err(CreateError {
                diagnostic: why,
                may_exist,
            }) => {
                context.report(why);
                if may_exist && !holders.contains(&subject) {
                    holders.push(subject);
                }
            }
        }
        Ok(RoleAssignment::of(&role, &holders).unwrap_or(prior))
    }

    async fn delete(&self, context: &Context, state: RoleAssignment) -> Outcome<RoleAssignment, ()> {
        let (connection, (role, mut holders)) = (context.client()?, state.holders()?);
        let operation = connection.operation(context);
        let access_key = holders.first().and_then(Subject::access_key);
        if let Some((access_key, other)) = access_key.zip(overlapping(context))
            && connection.tokens.predecessor(&access_key).is_none()
        {
            // What is created in the place of this assignment concerns both, too.
            let predecessor = other.access_key().map(|access_key| Predecessor {
                access_key,
                overlaps: true,
            });
            connection.tokens.follows(access_key, predecessor);
        }
        // Where another resource continues the assignment, it does so for both tokens.
        let is_continued = match holders.first() {
            Some(holder) => connection.claims.lock(key(&role, holder)).await.is_of_another(context),
            None => false,
        };
        if let Some(other) = other_token(&connection, &holders, context)
            && !is_continued
            && !holders.contains(&other)
            && connection.is_assigned(&operation, &role, &other).await != Ok(false)
        {
            holders.push(other);
        }
        let left = relieve(&connection, &operation, &role, holders, context).await;
        match RoleAssignment::of(&role, &left) {
            Some(left) => Err(Failed::reported().leaving(left)),
            None => Ok(()),
        }
    }

    async fn import(&self, context: &Context, id: &str) -> Outcome<RoleAssignment, Option<RoleAssignment>> {
        let connection = context.client()?;
        let operation = connection.operation(context);
        let candidates = readings(id);
        for (role, subject) in &candidates {
            if connection.is_assigned(&operation, role, subject).await? {
                return Ok(RoleAssignment::of(role, std::slice::from_ref(subject)));
            }
        }
        Err(candidates.first().map_or_else(no_id, |(role, subject)| {
            Diagnostic::error(
                "No such assignment",
                format!("The role {:?} is not assigned to the {subject}.", role.as_str()),
            )
        }))?
    }

    fn title(&self, state: &RoleAssignment) -> Option<String> {
        state.parts().ok().map(|(role, subject)| what(&role, &subject))
    }
}

/// Whether one subject is a token that was put in the place of the other.
fn is_successor(context: &Context, successor: &Subject, predecessor: &Subject) -> bool {
    let known = context.known_client().zip(predecessor.access_key());
    let found = known.and_then(|(connection, predecessor)| connection.tokens.successor(&predecessor));
    found.is_some() && found == successor.access_key()
}

/// The other token of the same resource that has the role as well, for a plan. Errors are ignored here: apply reports them.
async fn overlapping_in_plan(context: &Context, role: &Name) -> Option<Subject> {
    let connection = context.known_client()?;
    let operation = connection.operation(context);
    connection.overlapping_with_role(&operation, role, context).await
}

impl Connection {
    /// The recorded other token, if it has the role.
    async fn overlapping_with_role(&self, operation: &Operation, role: &Name, context: &Context) -> Option<Subject> {
        let other = overlapping(context)?;
        let has_it = self.is_assigned(operation, role, &other).await;
        (has_it != Ok(false)).then_some(other)
    }
}

/// Gives the role to the token before the subject as well, where both are valid; answers which one that is.
async fn give_to_predecessor(
    connection: &Connection,
    operation: &Operation,
    role: &Name,
    subject: &Subject,
    context: &Context,
) -> Option<Subject> {
    let Predecessor { access_key, overlaps } = connection.predecessor(operation, &subject.access_key()?).await?;
    let predecessor = Subject::token(&access_key);
    if !overlaps {
        // The next apply revokes it, and takes its roles.
        let has_it = connection.is_assigned(operation, role, &predecessor).await;
        return (has_it != Ok(false)).then_some(predecessor);
    }
    match hold(connection, operation, role, &predecessor, context).await {
        Ok(()) => Some(predecessor),
        Err(CreateError {
            diagnostic: why,
            may_exist,
        }) => {
            context.report(Diagnostic::warning(
                format!(
                    "The role {:?} could not be assigned to the previous token {}",
                    role.as_str(),
                    predecessor.as_str()
                ),
                format!(
                    "The present token, {}, has the role. The previous one is still valid (`overlap`) and may lack it. \
                     {}: {}",
                    subject.as_str(),
                    why.summary,
                    why.detail
                ),
            ));
            may_exist.then_some(predecessor)
        }
    }
}

/// The other token of the resource that the first holder is a token of: by what this process knows, or else by what the last
/// one recorded.
fn other_token(connection: &Connection, holders: &[Subject], context: &Context) -> Option<Subject> {
    let access_key = holders.first()?.access_key()?;
    match connection.tokens.successor(&access_key) {
        Some(successor) => Some(Subject::token(&successor)),
        None => match connection.tokens.predecessor(&access_key) {
            Some(predecessor) => predecessor.map(|before| Subject::token(&before.access_key)),
            None => overlapping(context),
        },
    }
}

/// The warning of a plan that takes the role from both tokens of a resource.
fn taken_from_both(role: &Name, subject: &Subject, other: &Subject) -> Diagnostic {
    Diagnostic::warning(
        format!("The role {:?} is taken from both tokens", role.as_str()),
        format!(
            "The service token {} overlaps with {}, and both have the role by this assignment. Clients that still use \
             the previous token lose what the role allows, too.",
            subject.as_str(),
            other.as_str()
        ),
    )
}

/// Gives the role to the subject, unless it has it.
///
/// # Errors
/// [`CreateError`].
pub(in crate::startree) async fn assign(
    connection: &Connection,
    operation: &Operation,
    role: &Name,
    subject: &Subject,
) -> Result<(), CreateError> {
    let is_there = |look| async move { connection.is_assigned(&look, role, subject).await };
    let make = || connection.assign(operation, role, subject);
    ensure::present(operation, &what(role, subject), failure, make, is_there).await
}

/// Gives the role to the subject for this resource: from now on, no other one of this process takes it away.
async fn hold(
    connection: &Connection,
    operation: &Operation,
    role: &Name,
    subject: &Subject,
    context: &Context,
) -> Result<(), CreateError> {
    connection.planned.assignments.applied(&key(role, subject));
    let mut claim = connection.claims.lock(key(role, subject)).await;
    claim.hold(context);
    assign(connection, operation, role, subject).await
}

/// What a claim on an assignment is known by.
fn key(role: &Name, subject: &Subject) -> String {
    let subject = match subject.subject_type() {
        SubjectType::UserEmail | SubjectType::Domain => subject.to_string().to_ascii_lowercase(),
        SubjectType::Group | SubjectType::ServiceToken => subject.to_string(),
    };
    format!("{:?} {subject}", role.as_str())
}

/// Takes the role from all of these but those for whom another resource holds it by now; answers whom it could not be taken
/// from, or may not have been.
async fn relieve(
    connection: &Connection,
    operation: &Operation,
    role: &Name,
    holders: Vec<Subject>,
    context: &Context,
) -> Vec<Subject> {
    let mut left = Vec::new();
    for subject in holders {
        let claim = connection.claims.lock(key(role, &subject)).await;
        if claim.is_of_another(context) {
            continue;
        }
        let successor = subject.access_key().and_then(|key| connection.tokens.takes(role, &key));
        if let Err(why) = unassign(connection, operation, role, &subject).await {
            context.report(why);
            left.push(subject);
        } else if let Some(successor) = successor {
            let taken = take_handed_on(connection, operation, role, &Subject::token(&successor)).await;
            context.diagnostics().ok(taken);
        }
    }
    left
}

/// Takes a role that a rotation handed on to a token, unless an assignment of this process holds it.
///
/// # Errors
/// The error to report if the token still has it, or may have it.
pub(in crate::startree) async fn take_handed_on(
    connection: &Connection,
    operation: &Operation,
    role: &Name,
    successor: &Subject,
) -> Result<(), Diagnostic> {
    let claim = connection.claims.lock(key(role, successor)).await;
    match claim.is_held() {
        true => Ok(()),
        false => unassign(connection, operation, role, successor).await,
    }
}

/// Takes the role from the subject. What is gone already is gone.
///
/// # Errors
/// What to tell the user if the subject has it still, or may have.
pub(in crate::startree) async fn unassign(
    connection: &Connection,
    operation: &Operation,
    role: &Name,
    subject: &Subject,
) -> Result<(), Diagnostic> {
    if is_own(connection, subject) {
        return Err(own(role));
    }
    ensure::absent(operation, &what(role, subject), || async {
        let ended = connection.unassign(operation, role, subject).await;
        after_its_end(ended, connection.is_assigned(operation, role, subject)).await
    })
    .await
}

/// Whether the provider works with this service token.
fn is_own(connection: &Connection, subject: &Subject) -> bool {
    let own = connection.tokens.own();
    own.is_some_and(|key| Subject::token(&key) == *subject)
}

fn own(role: &Name) -> Diagnostic {
    Diagnostic::error(
        format!(
            "Cannot take the role {:?} from the token that the provider works with",
            role.as_str()
        ),
        "To take it could lock the provider out. Give the provider another token first. To have Terraform forget this \
         assignment, use a `removed` block or `terraform state rm`.",
    )
}

fn what(role: &Name, subject: &Subject) -> String {
    format!("The assignment of the role {:?} to the {subject}", role.as_str())
}

/// What the id of an assignment may mean: role and subject may hold slashes.
fn readings(id: &str) -> Vec<(Name, Subject)> {
    let slashes = id.match_indices('/');
    let readings = slashes.filter_map(|(at, _)| {
        let (subject_type, text) = id[at + 1..].split_once('/')?;
        Name::existing(&id[..at]).ok().zip(subject(subject_type, text).ok())
    });
    readings.collect()
}

fn no_id() -> Diagnostic {
    Diagnostic::error(
        "Not the id of an assignment",
        "An assignment is imported by `<role>/<subject_type>/<subject>`, such as `reader/group/data-analysts`, or \
         `reader/service-token/` and the access key of a token, and no more of it.",
    )
}

#[cfg(test)]
mod tests;
