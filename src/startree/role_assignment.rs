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
//!   (`overlap`), the role is given to and taken from both; [`succession`](super::succession) says how that is known.
//! - A change of the subject that fails half-way leaves all in the state who may have the role (`previous`), and the next
//!   apply goes on with it.
//! - An assignment that two resources of one run declare, as when the address of a resource changes, stays with the later one.
//!
//! # Assumptions
//! - A role's list of assignments is complete. One that says that there is more of it is not read.
//! - Addresses and domains that differ in nothing but case are the same subject.

use async_trait::async_trait;

use super::api::{AccessKey, InvalidSubject, Name, Subject, SubjectType};
use super::connection::{Connection, Session};
use super::failure::failure;
use super::planned_names::{Planned, twice};
use super::presence::{after_its_end, deleted_outside, or_absent};
use super::role::{existing_name, validate_reference};
use super::succession::Predecessor;
use crate::framework::{
    Attribute, Change, Context, Diagnostic, Diagnostics, Field, Model as _, NoIdentity, Resource, Schema, Type, model,
};
use crate::platform::attributes::invalid;
use crate::platform::{Unmade, end_until_gone, make_unless_there};
use crate::rest::Operation;

model! {
    /// The attributes of `startree_role_assignment`.
    pub(super) struct Model {
        id: String,
        role: String,
        subject_type: String,
        subject: String,
        /// Who had the role before, and could not be relieved of it: `<subject_type>/<subject>`.
        previous: Vec<Field<String>>,
    }
}

impl Model {
    /// That these have the role: the first as declared, the others because they could not be relieved of it. `None` if nobody
    /// has.
    fn of(role: &Name, holders: &[Subject]) -> Option<Self> {
        let (subject, previous) = holders.split_first()?;
        let name = |subject: &Subject| format!("{}/{}", subject.subject_type().as_str(), subject.as_str());
        let previous: Vec<_> = previous.iter().map(|one| name(one).into()).collect();
        Some(Self {
            id: format!("{role}/{}", name(subject)).into(),
            role: role.to_string().into(),
            subject_type: subject.subject_type().as_str().into(),
            subject: subject.as_str().into(),
            previous: Some(previous).filter(|previous| !previous.is_empty()).into(),
        })
    }

    /// The role and the subject, of an assignment that was judged before; a state may have been changed by hand.
    fn parts(&self) -> Result<(Name, Subject), Diagnostic> {
        let role = existing_name("role", &self.role)?;
        let text = |field: &Field<String>| field.known().cloned().unwrap_or_default();
        Ok((role, subject(&text(&self.subject_type), &text(&self.subject))?))
    }

    /// The role and all who have it by this assignment.
    pub(super) fn holders(&self) -> Result<(Name, Vec<Subject>), Diagnostic> {
        let (role, first) = self.parts()?;
        let previous = self.previous.known().into_iter().flatten().filter_map(Field::known);
        let previous = previous.map(|one| {
            let (subject_type, text) = one.split_once('/').unwrap_or_default();
            subject(subject_type, text)
        });
        let holders = [Ok(first)].into_iter().chain(previous).collect::<Result<_, _>>()?;
        Ok((role, holders))
    }
}

fn subject(subject_type: &str, subject: &str) -> Result<Subject, Diagnostic> {
    let subject_type: SubjectType = subject_type.parse().map_err(|error| invalid("subject_type", error))?;
    Subject::new(subject_type, subject).map_err(|error| {
        let mut told = invalid("subject", error);
        if error == InvalidSubject::AccessKey {
            told.detail
                .push_str(" The rest of a token is a secret, and does not belong into a configuration or a state.");
        }
        told
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

pub(super) struct RoleAssignment {
    session: Session,
}

impl RoleAssignment {
    pub(super) fn new(session: Session) -> Self {
        Self { session }
    }

    /// Whether one subject is a token that was put in the place of the other.
    fn is_successor(&self, successor: &Subject, predecessor: &Subject) -> bool {
        let known = self.session.connected().zip(predecessor.access_key());
        let found = known.and_then(|(connection, predecessor)| connection.tokens.successor(&predecessor));
        found.is_some() && found == successor.access_key()
    }

    /// The other token of the same resource that has the role as well, for a plan. Errors are ignored here: apply reports
    /// them.
    async fn overlapping_in_plan(&self, context: &Context, role: &Name) -> Option<Subject> {
        let connection = self.session.connected()?;
        let operation = connection.operation(context);
        connection.overlapping_with_role(&operation, role, context).await
    }
}

#[async_trait]
impl Resource for RoleAssignment {
    type Model = Model;
    type Identity = NoIdentity;

    const TYPE: &'static str = "startree_role_assignment";

    fn schema(&self) -> Schema {
        Schema::new(
            "Gives a role to a person, a group, everybody of an email domain, or a service token.\n\n\
             **It may take up to an hour** until the platform knows everywhere that somebody has a role, or has it no more. \
             To end a service token's access at once, revoke the token.\n\n\
             **Where a service token is rotated**, its `access_key` changes, and with it the assignment: the new token gets the \
             role in the same apply, before the old one loses it. During an `overlap` the assignment concerns both tokens: an \
             added one reaches both, and a removed one is taken from both, which the plan says. An added one reaches the \
             previous token only if the platform reports the descriptions of tokens.\n\n\
             Who has the role already keeps it, and the resource takes that over: when it is destroyed, the role is taken \
             away. The role is not taken from the service token that the provider works with.",
            [
                Attribute::required(
                    "role",
                    Type::String,
                    "The role's `id`, which is its name. Refer to it as `startree_role.<name>.id`, so that an assignment goes \
                     before its role does.",
                )
                .replaces(),
                Attribute::required(
                    "subject_type",
                    Type::String,
                    "What the subject is: `user-email`, `group`, `domain` or `service-token`.",
                ),
                Attribute::required(
                    "subject",
                    Type::String,
                    "Who gets the role: an email address; the name of a group of the identity provider; a domain such as \
                     `acme.com`; or the access key of a service token, which is the part between `st-` and the next hyphen. \
                     Never a whole token. Another subject gets the role before it is taken from the one that had it.",
                ),
                Attribute::computed("id", Type::String, "`<role>/<subject_type>/<subject>`"),
                Attribute::computed(
                    "previous",
                    Type::List(Type::String.into()),
                    "Who has the role beside the subject, because it could not be taken from them when the subject changed: \
                     each as `<subject_type>/<subject>`. The next apply takes it. Null otherwise.",
                ),
            ],
        )
    }

    fn validate(&self, config: &Model, diagnostics: &mut Diagnostics) {
        validate_reference("role", &config.role, diagnostics);
        match (config.subject_type.known(), config.subject.known()) {
            (Some(subject_type), Some(text)) => drop(diagnostics.ok(subject(subject_type, text))),
            (Some(subject_type), None) => {
                let read = subject_type.parse::<SubjectType>();
                diagnostics.ok(read.map_err(|error| invalid("subject_type", error)));
            }
            _ => {}
        }
    }

    async fn plan(&self, context: &Context, change: &mut Change<Model>, diagnostics: &mut Diagnostics) {
        if let Some(prior) = &change.prior
            && let (Ok((role, before)), Ok((_, after))) = (prior.parts(), change.config.parts())
            && !before.is_same(&after)
            && let Some(other) = self.overlapping_in_plan(context, &role).await
            && after != other
            && !self.is_successor(&after, &before)
        {
            diagnostics.push(taken_from_both(&role, &before, &other));
        }
        let config = change.config.clone().into_value();
        let planned = &mut change.planned;
        planned.previous = Field::Null;
        let parts = planned.parts().ok();
        if let (Some(connection), Some((role, subject))) = (self.session.connected(), &parts) {
            let prior = change.prior.as_ref().and_then(|prior| prior.parts().ok());
            let prior = prior.map(|(role, subject)| key(&role, &subject));
            let planned = connection
                .planned
                .assignments
                .plan(context, prior.as_deref(), &key(role, subject), &config);
            if let Planned::Twice(twin) = planned {
                diagnostics.push(twin.report(twice(&what(role, subject))));
            }
        }
        let whole = parts.and_then(|(role, subject)| Model::of(&role, &[subject]));
        planned.id = whole.map_or(Field::Unknown, |whole| whole.id);
    }

    async fn plan_destroy(&self, context: &Context, prior: &Model, diagnostics: &mut Diagnostics) {
        let Ok((role, subject)) = prior.parts() else { return };
        let other = self.overlapping_in_plan(context, &role).await;
        if let Some(other) = &other {
            diagnostics.push(taken_from_both(&role, &subject, other));
        }
        let Some(connection) = self.session.connected() else {
            return;
        };
        if is_own(&connection, &subject) || other.is_some_and(|other| is_own(&connection, &other)) {
            diagnostics.push(own(&role).as_warning());
        }
    }

    async fn create(&self, context: &Context, planned: Model, diagnostics: &mut Diagnostics) -> Option<Model> {
        let connection = self.session.connection(diagnostics)?;
        let (role, subject) = diagnostics.ok(planned.parts())?;
        let operation = connection.operation(context);
        let assigned = hold(&connection, &operation, &role, &subject, context).await;
        if assigned.is_ok() {
            let other = give_to_predecessor(&connection, &operation, &role, &subject, context, diagnostics).await;
            set_overlapping(context, other.as_ref());
        }
        let state = Model::of(&role, &[subject])?;
        Unmade::or_state(assigned, state, diagnostics)
    }

    async fn read(&self, context: &Context, state: Model, diagnostics: &mut Diagnostics) -> Option<Model> {
        if self.session.is_waiting() {
            return Some(state);
        }
        let holders = diagnostics.ok(state.holders());
        let Some((connection, (role, mut holders))) = self.session.connection(diagnostics).zip(holders) else {
            return Some(state);
        };
        let operation = connection.operation(context);
        let assignments = connection.assignments(&operation, &role).await;
        match or_absent(assignments, connection.still_has_role(&operation, &role)).await {
            Ok(assignments) => {
                let subject = holders.first().cloned();
                let gone = subject
                    .map(|subject| deleted_outside(&what(&role, &subject), "The subject no longer has the role."));
                let Some(assignments) = assignments else {
                    diagnostics.extend(gone);
                    return None;
                };
                let has_role = |subject: &Subject| assignments.iter().any(|one| subject.has(one));
                let other = other_token(&connection, &holders, context).filter(has_role);
                set_overlapping(context, other.as_ref());
                holders.retain(has_role);
                // While one of both tokens has the role, the assignment is there: another plan completes it.
                if holders.is_empty() {
                    holders.extend(other);
                }
                if holders.is_empty() {
                    diagnostics.extend(gone);
                }
                Model::of(&role, &holders)
            }
            Err(why) => {
                diagnostics.push(why);
                Some(state)
            }
        }
    }

    /// Another subject, or an end of what those before could not be relieved of.
    async fn update(&self, context: &Context, prior: Model, planned: Model, diagnostics: &mut Diagnostics) -> Model {
        let parts = diagnostics.ok(prior.holders()).zip(diagnostics.ok(planned.parts()));
        let Some((connection, ((role, mut holders), (_, subject)))) = self.session.connection(diagnostics).zip(parts)
        else {
            return prior;
        };
        let operation = connection.operation(context);
        match hold(&connection, &operation, &role, &subject, context).await {
            Ok(()) => {
                let other = give_to_predecessor(&connection, &operation, &role, &subject, context, diagnostics).await;
                holders.extend(connection.overlapping_with_role(&operation, &role, context).await);
                set_overlapping(context, other.as_ref());
                holders.retain(|one| !one.is_same(&subject) && other.as_ref() != Some(one));
                holders = relieve(&connection, &operation, &role, holders, context, diagnostics).await;
                holders.insert(0, subject);
            }
            Err(Unmade { why, may_be_there }) => {
                diagnostics.push(why);
                if may_be_there && !holders.contains(&subject) {
                    holders.push(subject);
                }
            }
        }
        Model::of(&role, &holders).unwrap_or(prior)
    }

    async fn delete(&self, context: &Context, state: Model, diagnostics: &mut Diagnostics) -> Option<Model> {
        let holders = diagnostics.ok(state.holders());
        let Some((connection, (role, mut holders))) = self.session.connection(diagnostics).zip(holders) else {
            return Some(state);
        };
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
        let left = relieve(&connection, &operation, &role, holders, context, diagnostics).await;
        Model::of(&role, &left)
    }

    async fn import(&self, context: &Context, id: &str, diagnostics: &mut Diagnostics) -> Option<Model> {
        let candidates = readings(id);
        let connection = self.session.connection(diagnostics)?;
        let operation = connection.operation(context);
        for (role, subject) in &candidates {
            let is_assigned = connection.is_assigned(&operation, role, subject).await;
            if diagnostics.ok(is_assigned)? {
                return Model::of(role, std::slice::from_ref(subject));
            }
        }
        diagnostics.push(match candidates.first() {
            None => no_id(),
            Some((role, subject)) => Diagnostic::error(
                "No such assignment",
                format!("The role {:?} is not assigned to the {subject}.", role.as_str()),
            ),
        });
        None
    }
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
    diagnostics: &mut Diagnostics,
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
        Err(Unmade { why, may_be_there }) => {
            diagnostics.push(Diagnostic::warning(
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
            may_be_there.then_some(predecessor)
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
/// [`Unmade`].
pub(super) async fn assign(
    connection: &Connection,
    operation: &Operation,
    role: &Name,
    subject: &Subject,
) -> Result<(), Unmade> {
    let is_there = |look| async move { connection.is_assigned(&look, role, subject).await };
    let make = || connection.assign(operation, role, subject);
    make_unless_there(operation, &what(role, subject), failure, make, is_there).await
}

/// Gives the role to the subject for this resource: from now on, no other one of this process takes it away.
async fn hold(
    connection: &Connection,
    operation: &Operation,
    role: &Name,
    subject: &Subject,
    context: &Context,
) -> Result<(), Unmade> {
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
    diagnostics: &mut Diagnostics,
) -> Vec<Subject> {
    let mut left = Vec::new();
    for subject in holders {
        let claim = connection.claims.lock(key(role, &subject)).await;
        if claim.is_of_another(context) {
            continue;
        }
        let successor = subject.access_key().and_then(|key| connection.tokens.takes(role, &key));
        let ended = unassign(connection, operation, role, &subject).await;
        if diagnostics.ok(ended).is_none() {
            left.push(subject);
            continue;
        }
        if let Some(successor) = successor {
            let taken = take_handed_on(connection, operation, role, &Subject::token(&successor)).await;
            diagnostics.ok(taken);
        }
    }
    left
}

/// Takes a role that a rotation handed on to a token, unless an assignment of this process holds it.
///
/// # Errors
/// The error to report if the token still has it, or may have it.
pub(super) async fn take_handed_on(
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
pub(super) async fn unassign(
    connection: &Connection,
    operation: &Operation,
    role: &Name,
    subject: &Subject,
) -> Result<(), Diagnostic> {
    if is_own(connection, subject) {
        return Err(own(role));
    }
    end_until_gone(operation, &what(role, subject), || async {
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
