//! The behaviour of the platform: one option for each detail that its documentation leaves open.

use http::StatusCode;
use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::sandbox::status_code;

/// The behaviour of the sandboxed platform. Every option can be changed while the sandbox runs.
///
/// StarTree's page *Using the RBAC API* shows every request but only describes the answers.
/// Therefore nearly every option is about undocumented behaviour, and a robust client must work
/// with each value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Options {
    /// The statuses of successful requests.
    pub success: Success,
    /// Whether the answer to a creation or an update contains the object. It always contains a
    /// service token.
    pub returns_objects: bool,
    /// The envelope of a list.
    pub list: Envelope,
    /// Whether a single object has the envelope `{"data": {…}}`.
    pub wraps_objects: bool,
    /// The rows in the list of a role's policies.
    pub attached: Attached,
    /// The format of SRNs in answers. In requests it is `srn2:role#name`, with `%23` for `#` in a
    /// path.
    pub srns: Srns,
    /// The format of subject types in answers. Requests have `user-email`.
    pub subject_types: SubjectTypes,
    /// Whether answers contain email addresses and domains in lower case.
    pub lowercases_subjects: bool,
    /// Whether answers contain the descriptions of roles and service tokens. Those of policies are
    /// documented.
    pub returns_descriptions: bool,
    /// The time of the creation of a service token in answers.
    pub creation_time: CreationTime,
    /// The format of a policy's document in answers.
    pub document: Document,
    /// Whether an update of a policy without a description keeps the previous one.
    pub keeps_description: bool,
    /// Whether roles and policies without a description are rejected.
    pub requires_description: bool,
    /// The valid names of roles and policies.
    pub names: Names,
    /// The status for a name that is in use.
    #[serde(with = "status_code")]
    #[schemars(with = "u16", range(min = 100, max = 999))]
    pub name_taken: StatusCode,
    /// The status for an object that does not exist.
    #[serde(with = "status_code")]
    #[schemars(with = "u16", range(min = 100, max = 999))]
    pub not_found: StatusCode,
    /// The status for the deletion of an attached policy or of an assigned role.
    #[serde(with = "status_code")]
    #[schemars(with = "u16", range(min = 100, max = 999))]
    pub in_use: StatusCode,
    /// The answer to an assignment or attachment that exists, or to a removal of one that does not.
    pub repeated: Repeated,
    /// Whether a role with attached policies can be deleted.
    pub deletes_roles_with_policies: bool,
    /// Whether the deletion of a service token removes its assignments.
    pub drops_assignments: bool,
    /// Whether a role can be assigned to a service token that does not exist.
    pub assigns_unknown_tokens: bool,
    /// The delay until an assignment or its removal takes effect in Pinot. Documented as up to an
    /// hour. The deletion of a token takes effect immediately.
    pub propagation: SignedDuration,
    /// The condition under which Pinot accepts a service token.
    pub pinot_access: PinotAccess,
    /// Pinot's status for a service token that it does not accept.
    #[serde(with = "status_code")]
    #[schemars(with = "u16", range(min = 100, max = 999))]
    pub forbidden: StatusCode,
    /// Whether Pinot also accepts user name and password.
    pub basic_auth: bool,
    /// The body of an error.
    pub errors: ErrorBody,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            success: Success::Ok,
            returns_objects: true,
            list: Envelope::Bare,
            wraps_objects: false,
            attached: Attached::Rows,
            srns: Srns::Plain,
            subject_types: SubjectTypes::AsSent,
            lowercases_subjects: false,
            returns_descriptions: true,
            creation_time: CreationTime::Rfc3339,
            document: Document::AsSent,
            keeps_description: false,
            requires_description: false,
            names: Names::Any,
            name_taken: StatusCode::CONFLICT,
            not_found: StatusCode::NOT_FOUND,
            in_use: StatusCode::CONFLICT,
            repeated: Repeated::Accepted,
            deletes_roles_with_policies: true,
            drops_assignments: true,
            assigns_unknown_tokens: false,
            propagation: SignedDuration::ZERO,
            pinot_access: PinotAccess::AnyRole,
            forbidden: StatusCode::FORBIDDEN,
            basic_auth: true,
            errors: ErrorBody::Message,
        }
    }
}

/// Options that together show every behaviour that the documentation leaves open, for tests that
/// must pass with each.
#[must_use]
pub fn option_variants() -> Vec<Options> {
    vec![
        Options::default(),
        Options {
            success: Success::Precise,
            returns_objects: false,
            list: Envelope::Named,
            attached: Attached::PolicySrns,
            srns: Srns::PoliciesOnly,
            subject_types: SubjectTypes::UpperSnakeCase,
            creation_time: CreationTime::Milliseconds,
            document: Document::Reformatted,
            name_taken: StatusCode::BAD_REQUEST,
            in_use: StatusCode::BAD_REQUEST,
            not_found: StatusCode::BAD_REQUEST,
            repeated: Repeated::Rejected,
            errors: ErrorBody::Spring,
            ..Options::default()
        },
        Options {
            list: Envelope::Page,
            wraps_objects: true,
            attached: Attached::Strings,
            srns: Srns::Encoded,
            lowercases_subjects: true,
            returns_descriptions: false,
            creation_time: CreationTime::Absent,
            document: Document::Json,
            keeps_description: true,
            names: Names::Plain,
            in_use: StatusCode::UNPROCESSABLE_ENTITY,
            repeated: Repeated::Rejected,
            deletes_roles_with_policies: false,
            drops_assignments: false,
            assigns_unknown_tokens: true,
            errors: ErrorBody::Empty,
            ..Options::default()
        },
        Options {
            returns_objects: false,
            list: Envelope::Data,
            not_found: StatusCode::INTERNAL_SERVER_ERROR,
            in_use: StatusCode::INTERNAL_SERVER_ERROR,
            name_taken: StatusCode::INTERNAL_SERVER_ERROR,
            errors: ErrorBody::Plain,
            ..Options::default()
        },
    ]
}

/// The statuses of successful requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Success {
    /// 200 for everything.
    Ok,
    /// 201 for creations, 204 for deletions.
    Precise,
}

/// The envelope of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Attached {
    /// An object per policy, as in the list of all policies.
    Rows,
    /// `{"policySrn": …}` per policy, as in the request.
    PolicySrns,
    /// The SRNs as strings.
    Strings,
}

/// The format of SRNs in answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Srns {
    /// `srn2:role#name`
    Plain,
    /// `srn2:role%23name`
    Encoded,
    /// No SRNs, except for policies, where they are documented.
    PoliciesOnly,
}

/// The format of subject types in answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SubjectTypes {
    /// `user-email`
    AsSent,
    /// `USER_EMAIL`
    UpperSnakeCase,
}

/// The time of the creation of a service token in answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CreationTime {
    /// `"createdAt": "2027-02-07T00:00:00Z"`
    Rfc3339,
    /// `"creationTime": 1801958400000`
    Milliseconds,
    /// None: only the Security Manager is documented to show it.
    Absent,
}

/// The format of a policy's document in answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Document {
    /// The text of the request.
    AsSent,
    /// The same JSON with different white space.
    Reformatted,
    /// A JSON object instead of a string.
    Json,
}

/// The valid names of roles and policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Names {
    /// All names that are not empty.
    Any,
    /// Letters, digits, hyphens and underscores; other names are rejected with 400.
    Plain,
}

/// The answer to a repeated request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Repeated {
    /// Success without an effect.
    Accepted,
    /// 409 for a repeated addition; for a repeated removal, the status of an object that does not
    /// exist.
    Rejected,
}

/// The condition under which Pinot accepts a service token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PinotAccess {
    /// "A token is unusable until assigned to a role": any role.
    AnyRole,
    /// A role with a policy attached.
    RoleWithPolicy,
}

/// The body of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorBody {
    /// `{"message": "…"}`
    Message,
    /// `{"timestamp": …, "status": 409, "error": "…"}`
    Spring,
    /// The message as plain text.
    Plain,
    /// An empty body.
    Empty,
}
