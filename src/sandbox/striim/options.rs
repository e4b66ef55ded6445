//! The behaviour of the platform: one option for each detail that the document leaves open.

use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The behaviour of the sandboxed platform. Every option can be changed while the sandbox runs.
///
/// The defaults follow every rule of Striim Cloud's document *Managing API tokens*. Where an option
/// is marked as undocumented, a robust client must work with each value.
///
/// As JSON (`PATCH /sandbox/options`) the keys are kebab-case: `{"quota": 5, "list": "wrapped"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Options {
    /// The maximum number of active service accounts. Documented as three.
    pub quota: usize,
    /// The expiry that the platform assigns if a request contains one. The document does not mention
    /// that it may differ.
    pub kept_expiry: KeptExpiry,
    /// The lifetime of a token if the request contains no expiry. Documented as one day, or "the
    /// account-level setting".
    pub default_expiry: SignedDuration,
    /// The limits of requests per minute; `None` (JSON `null`) disables them.
    pub rate_limits: Option<RateLimits>,
    /// Whether a 429 has a `Retry-After`. Not documented.
    pub retry_after: bool,

    /// The envelope of the list of service accounts. Not documented.
    pub list: Envelope,
    /// The form in which the name of a new service account is stored. Documented as unique and
    /// case-sensitive, but not as stored unchanged.
    pub names: Names,
    /// Whether rows of the list contain `token-id`. Not documented.
    pub list_token_id: bool,
    /// The rows of the list that contain `updated-at` and `updated-by`. Not documented.
    pub list_updated: ListUpdated,
    /// The envelope of `GET /user-token`. Not documented.
    pub user_token: Envelope,
    /// Whether `GET /user-token` contains `user-id` and `email`. Not documented.
    pub user_token_names_user: bool,
    /// Whether an absent value is `null` instead of omitted. Not documented.
    pub nulls: bool,
    /// The format of instants in answers. The document's samples end in `Z`; it promises ISO 8601.
    pub instants: Instants,
    /// The answer of `GET /user-token/status`. Not documented.
    pub pat_status: PatStatus,
    /// The answer of `PATCH /user-token/status`. Not documented.
    pub toggle: ToggleAnswer,
    /// The status code of a creation. Not documented.
    pub create: SuccessCode,
    /// The status code of a rotation, for both token types. Not documented.
    pub rotate: SuccessCode,
    /// The answer to a deletion or revocation. Not documented.
    pub delete: DeleteAnswer,
    /// The body of an error. Not documented.
    pub errors: ErrorBody,

    /// The state of a service account whose token has expired. Not documented.
    pub expired: Expired,
    /// Whether expired tokens count against the quota. The document counts "active" tokens without
    /// a definition.
    pub expired_use_quota: bool,
    /// The expiry of a service account that is rotated without one. The document ("reset its expiry
    /// period") does not define it.
    pub rotation_expiry: RotationExpiry,
    /// Whether the maximum lifetime (12 months, 90 days) also applies to rotations. The document
    /// states it without exception, but its own samples of rotations exceed it.
    pub rotation_obeys_maximum: bool,
    /// The status for a creation whose name is in use. The document says only that names are unique.
    pub name_taken: RefusalStatus,

    /// Whether rotating the PAT of a user without one creates it; otherwise the answer is 404. Not
    /// documented, except that after a revocation one may "create or rotate a new token".
    pub rotation_creates_pat: bool,
    /// Whether a rotation of a PAT requires an expiry. The document says that users must specify
    /// one, and also that there is a default.
    pub pat_expiry_required: bool,
    /// The status for creating or rotating a PAT while PATs are disabled. Not documented.
    pub pats_disabled: RefusalStatus,
    /// Whether administrators may rotate another user's PAT. The document's table of roles lists
    /// only its revocation; its API reference lets administrators "manage tokens for other users".
    pub admins_rotate_pats: bool,
    /// Whether administrators may revoke another user's PAT by `email`. The document shows
    /// `user-id` for another user's PAT and `email` for the caller's own.
    pub admins_revoke_by_email: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            quota: 3,
            kept_expiry: KeptExpiry::AsAsked,
            default_expiry: SignedDuration::from_hours(24),
            rate_limits: Some(RateLimits::default()),
            retry_after: false,
            list: Envelope::Bare,
            names: Names::AsSent,
            list_token_id: true,
            list_updated: ListUpdated::AfterRotation,
            user_token: Envelope::Bare,
            user_token_names_user: true,
            nulls: false,
            instants: Instants::Zulu,
            pat_status: PatStatus::Flag,
            toggle: ToggleAnswer::Status,
            create: SuccessCode::Ok,
            rotate: SuccessCode::Ok,
            delete: DeleteAnswer::NoContent,
            errors: ErrorBody::Message,
            expired: Expired::Listed,
            expired_use_quota: false,
            rotation_expiry: RotationExpiry::Default,
            rotation_obeys_maximum: true,
            name_taken: RefusalStatus::Conflict,
            rotation_creates_pat: true,
            pat_expiry_required: false,
            pats_disabled: RefusalStatus::Conflict,
            admins_rotate_pats: true,
            admins_revoke_by_email: false,
        }
    }
}

/// The expiry that the platform assigns if a request contains one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KeptExpiry {
    /// The requested expiry.
    AsAsked,
    /// The beginning of the requested day, in UTC.
    Day,
    /// The requested expiry, limited to this lifetime.
    AtMost(SignedDuration),
}

/// The limits of requests per minute by kind of operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct RateLimits {
    /// Creations and rotations of both token types together. Documented as 10.
    pub issue: usize,
    /// Revocations of both token types together. Documented as 30.
    pub revoke: usize,
    /// Toggling PATs. Documented as 5.
    pub toggle: usize,
}

impl Default for RateLimits {
    fn default() -> Self {
        Self {
            issue: 10,
            revoke: 30,
            toggle: 5,
        }
    }
}

/// The envelope of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Envelope {
    /// None.
    Bare,
    /// An object with the content under one key: `service-accounts` or `user-token`.
    Wrapped,
}

/// The form in which the name of a new service account is stored. Later requests must use the
/// stored name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Names {
    /// Unchanged.
    AsSent,
    /// In lower case.
    LowerCase,
    /// With a suffix.
    Suffixed,
}

/// The rows of the list that contain the last update.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ListUpdated {
    /// None.
    Never,
    /// The rows of rotated tokens.
    AfterRotation,
    /// All; the creation counts as an update.
    Always,
}

/// The format of an instant. All are ISO 8601 or milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Instants {
    /// `2027-02-09T00:00:00Z`, as in the document's samples.
    Zulu,
    /// `2027-02-09T00:00:00.000Z`.
    Fraction,
    /// `2027-02-09T00:00:00+00:00`.
    Offset,
    /// `1802131200000`, milliseconds since 1970.
    Milliseconds,
    /// `2027-02-09T00:00:00`, which is ISO 8601 but lacks an offset.
    Local,
}

/// The answer that contains whether PATs are enabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PatStatus {
    /// `{"enabled": true}`
    Flag,
    /// `{"status": "ENABLED"}`
    UpperWord,
    /// `{"status": "enabled"}`
    LowerWord,
    /// `true`
    BareFlag,
}

/// The answer to toggling PATs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ToggleAnswer {
    /// 200 with the new status.
    Status,
    /// 200 without a body.
    Empty,
    /// 204.
    NoContent,
}

/// The status code of a successful answer with a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SuccessCode {
    /// 200.
    Ok,
    /// 201.
    Created,
}

/// The answer to a deletion or revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DeleteAnswer {
    /// 204.
    NoContent,
    /// 200 without a body.
    Empty,
    /// 200 with a JSON object.
    Body,
}

/// The body of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorBody {
    /// `{"message": "…"}`
    Message,
    /// `{"error": {"message": "…"}}`
    Nested,
    /// The message as plain text.
    Plain,
    /// An empty body.
    Empty,
}

/// The state of a service account whose token has expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Expired {
    /// The account is listed and can be rotated and deleted.
    Listed,
    /// The account can be rotated and deleted, but is not listed.
    Hidden,
    /// The account is deleted: rotating or deleting it is a 404, and its name is free.
    Purged,
}

/// The expiry of a service account that is rotated without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RotationExpiry {
    /// The account's default.
    Default,
    /// The previous one, or the account's default if it has passed.
    Unchanged,
}

/// The status code of an error for which the document does not define one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RefusalStatus {
    /// 400.
    BadRequest,
    /// 403.
    Forbidden,
    /// 409.
    Conflict,
}
