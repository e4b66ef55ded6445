//! The behaviour of the platform: one option for each detail that its documentation leaves open.

use http::StatusCode;
use jiff::SignedDuration;

/// The behaviour of the sandboxed platform. Every option can be changed while the sandbox runs.
///
/// StarTree's page *Using the RBAC API* shows every request, but only describes the answers. Nearly
/// every option is therefore about something undocumented, and a robust client must work with each
/// value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The statuses of successful requests.
    pub success: Success,
    /// Whether the answer to a creation or a change contains the object. For a service token it
    /// always does.
    pub echoes: bool,
    /// The envelope of a list.
    pub list: Envelope,
    /// Whether a single object has an envelope: `{"data": {…}}`.
    pub wraps: bool,
    /// The rows in the list of a role's policies.
    pub attached: Attached,
    /// The format of SRNs in answers. In requests it is `srn2:role#name`, with `%23` for `#` in a
    /// path.
    pub srns: Srns,
    /// The format of subject types in answers. Requests have `user-email`.
    pub subject_types: SubjectTypes,
    /// Whether answers contain email addresses and domains in lower case.
    pub lowers_subjects: bool,
    /// Whether answers contain the descriptions of roles and service tokens. For policies this is
    /// documented.
    pub tells_descriptions: bool,
    /// The format of a policy's document in answers.
    pub document: Document,
    /// Whether a change of a policy without a description keeps the previous one.
    pub keeps_description: bool,
    /// Whether roles and policies without a description are rejected.
    pub needs_description: bool,
    /// The valid names of roles and policies.
    pub names: Names,
    /// The status for a name that is in use.
    pub taken: StatusCode,
    /// The status for an object that does not exist.
    pub absent: StatusCode,
    /// The status for the deletion of an attached policy or of an assigned role.
    pub in_use: StatusCode,
    /// The answer to a repeated assignment or attachment, or to a repeated removal.
    pub again: Again,
    /// Whether a role with attached policies can be deleted.
    pub deletes_roles_with_policies: bool,
    /// Whether the deletion of a service token removes its assignments.
    pub drops_assignments: bool,
    /// Whether a role can be assigned to a service token that does not exist.
    pub assigns_unknown_tokens: bool,
    /// The time until Pinot learns of an assignment or its removal. Documented as up to an hour.
    /// The deletion of a token takes effect immediately.
    pub propagation: SignedDuration,
    /// The condition under which Pinot accepts a service token.
    pub admits: Admits,
    /// Pinot's status for a service token without the permission.
    pub roleless: StatusCode,
    /// Whether Pinot also accepts user name and password.
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

/// Options that show every behaviour that the platform's pages leave open, for tests that must hold with each.
#[must_use]
pub fn every_shape() -> Vec<Options> {
    vec![
        Options::default(),
        Options {
            success: Success::Precise,
            echoes: false,
            list: Envelope::Named,
            attached: Attached::PolicySrns,
            srns: Srns::Seldom,
            subject_types: SubjectTypes::Shouting,
            document: Document::Respelled,
            taken: StatusCode::BAD_REQUEST,
            in_use: StatusCode::BAD_REQUEST,
            absent: StatusCode::BAD_REQUEST,
            again: Again::Refused,
            errors: ErrorBody::Spring,
            ..Options::default()
        },
        Options {
            list: Envelope::Page,
            wraps: true,
            attached: Attached::Texts,
            srns: Srns::Encoded,
            lowers_subjects: true,
            tells_descriptions: false,
            document: Document::Json,
            keeps_description: true,
            names: Names::Plain,
            in_use: StatusCode::UNPROCESSABLE_ENTITY,
            again: Again::Refused,
            deletes_roles_with_policies: false,
            drops_assignments: false,
            assigns_unknown_tokens: true,
            errors: ErrorBody::Empty,
            ..Options::default()
        },
        Options {
            echoes: false,
            list: Envelope::Data,
            absent: StatusCode::INTERNAL_SERVER_ERROR,
            in_use: StatusCode::INTERNAL_SERVER_ERROR,
            taken: StatusCode::INTERNAL_SERVER_ERROR,
            errors: ErrorBody::Plain,
            ..Options::default()
        },
    ]
}

/// The statuses of successful requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Success {
    /// 200 for everything.
    Ok,
    /// 201 for creations, 204 for deletions.
    Precise,
}

/// The envelope of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Envelope {
    /// None.
    Bare,
    /// `{"roles": […]}`
    Named,
    /// `{"data": […], "status": "OK"}`
    Data,
    /// `{"content": […], "totalElements": 2, "last": true}`
    Page,
}

/// The rows in the list of a role's policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attached {
    /// An object per policy, as in the list of all policies.
    Rows,
    /// `{"policySrn": …}` per policy, as in the request.
    PolicySrns,
    /// The SRNs as strings.
    Texts,
}

/// The format of SRNs in answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Srns {
    /// `srn2:role#name`
    Plain,
    /// `srn2:role%23name`
    Encoded,
    /// No SRNs, except for policies, where they are documented.
    Seldom,
}

/// The format of subject types in answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectTypes {
    /// `user-email`
    AsSent,
    /// `USER_EMAIL`
    Shouting,
}

/// The format of a policy's document in answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Document {
    /// The text that was sent.
    AsSent,
    /// The same JSON with different white space.
    Respelled,
    /// A JSON object instead of a string.
    Json,
}

/// The valid names of roles and policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// All names that are not empty.
    Any,
    /// Letters, digits, hyphens and underscores; other names are rejected with 400.
    Plain,
}

/// The answer to a repeated request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// Success, without an effect.
    Accepted,
    /// 409 for a repeated addition; for a repeated removal, the status of an object that does not
    /// exist.
    Refused,
}

/// The condition under which Pinot accepts a service token.
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
    /// The text alone.
    Plain,
    /// An empty body.
    Empty,
}
