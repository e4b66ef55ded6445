//! How the platform behaves: what its documentation shows, and one choice for each thing that it leaves open.

use http::StatusCode;
use jiff::SignedDuration;

/// How the sandboxed platform behaves. All of it may change while the sandbox runs.
///
/// StarTree's page *Using the RBAC API* shows every request, and of the answers only what they are about. So nearly each
/// field here is something that is not documented, and a client that claims to be tolerant must work with each value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The statuses of what succeeds.
    pub success: Success,
    /// Whether a creation or a change answers with what it is about. Of a service token it always does.
    pub echoes: bool,
    /// What is around the rows of a list.
    pub list: Envelope,
    /// Whether a single thing is inside an object of its own: `{"data": {…}}`.
    pub wraps: bool,
    /// What the list of a role's policies has.
    pub attached: Attached,
    /// How answers spell the SRN of a thing. In requests it is `srn2:role#name`, and `#` is `%23` in a path.
    pub srns: Srns,
    /// How answers spell the type of a subject. Requests have `user-email`.
    pub subject_types: SubjectTypes,
    /// Whether the subjects that are email addresses and domains come back in lower case.
    pub lowers_subjects: bool,
    /// Whether a role and a service token tell their description. Of a policy the documentation says so.
    pub tells_descriptions: bool,
    /// How a policy tells its document.
    pub document: Document,
    /// Whether a policy's description stays as it was where a change leaves it out.
    pub keeps_description: bool,
    /// What becomes of a role or a policy without a description.
    pub needs_description: bool,
    /// Which names of roles and policies are taken.
    pub names: Names,
    /// How a name that is in use already is refused.
    pub taken: StatusCode,
    /// What a request for something that is not there is answered with.
    pub absent: StatusCode,
    /// How the deletion of an attached policy, or of a role with subjects, is refused.
    pub in_use: StatusCode,
    /// What becomes of what is done twice: an assignment, an attachment, or the end of one.
    pub again: Again,
    /// Whether a role can be deleted that has policies attached.
    pub deletes_roles_with_policies: bool,
    /// Whether the assignments of a service token go when it is deleted.
    pub drops_assignments: bool,
    /// Whether a role can be assigned to a service token that there is not.
    pub assigns_unknown_tokens: bool,
    /// How long an assignment takes until Pinot knows of it, and its end, too. The documentation: up to an hour. The end of
    /// a token is known at once.
    pub propagation: SignedDuration,
    /// What lets a service token in at Pinot.
    pub admits: Admits,
    /// What Pinot answers a service token that may not do what it asks for.
    pub roleless: StatusCode,
    /// Whether Pinot takes user name and password, as well.
    pub basic: bool,
    /// The body of an error.
    pub errors: ErrorBody,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            success: Success::Ok,
            echoes: true,
            list: Envelope::Bare,
            wraps: false,
            attached: Attached::Rows,
            srns: Srns::Plain,
            subject_types: SubjectTypes::AsSent,
            lowers_subjects: false,
            tells_descriptions: true,
            document: Document::AsSent,
            keeps_description: false,
            needs_description: false,
            names: Names::Any,
            taken: StatusCode::CONFLICT,
            absent: StatusCode::NOT_FOUND,
            in_use: StatusCode::CONFLICT,
            again: Again::Accepted,
            deletes_roles_with_policies: true,
            drops_assignments: true,
            assigns_unknown_tokens: false,
            propagation: SignedDuration::ZERO,
            admits: Admits::Role,
            roleless: StatusCode::FORBIDDEN,
            basic: true,
            errors: ErrorBody::Message,
        }
    }
}

/// The statuses of what succeeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Success {
    /// 200 for everything.
    Ok,
    /// 201 for what is made, 204 for what is ended.
    Precise,
}

/// What is around the rows of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Envelope {
    /// Nothing.
    Bare,
    /// `{"roles": […]}`
    Named,
    /// `{"data": […], "status": "OK"}`
    Data,
    /// `{"content": […], "totalElements": 2, "last": true}`
    Page,
}

/// What the list of a role's policies has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attached {
    /// An object for each, as in the list of all policies.
    Rows,
    /// `{"policySrn": …}` for each, as in the request.
    PolicySrns,
    /// The SRNs alone.
    Texts,
}

/// How answers spell SRNs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Srns {
    /// `srn2:role#name`
    Plain,
    /// `srn2:role%23name`
    Encoded,
    /// Not at all, but for policies, where the documentation says so.
    Seldom,
}

/// How answers spell the type of a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectTypes {
    /// `user-email`
    AsSent,
    /// `USER_EMAIL`
    Shouting,
}

/// How a policy tells its document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Document {
    /// The text that was sent.
    AsSent,
    /// The same JSON, spelled another way.
    Respelled,
    /// The JSON itself, not a text of it.
    Json,
}

/// Which names of roles and policies are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// All that are not empty.
    Any,
    /// Letters, digits, hyphens and underscores; others are refused with 400.
    Plain,
}

/// What becomes of what is done twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// It changes nothing, and the answer is that of the first time.
    Accepted,
    /// What is there already is a 409; what is not there any more, as all that is not there.
    Refused,
}

/// What lets a service token in at Pinot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admits {
    /// "A token is unusable until assigned to a role": any role.
    Role,
    /// A role with a policy attached.
    Policy,
}

/// The body of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorBody {
    /// `{"message": "…"}`
    Message,
    /// `{"timestamp": …, "status": 409, "error": "…"}`
    Spring,
    /// The text itself.
    Plain,
    /// None.
    Empty,
}
