//! How the platform behaves: the document's rules, and one choice for each thing it leaves open.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// How the sandboxed platform behaves. All of it may change while the sandbox runs.
///
/// The default keeps every rule of Striim Cloud's document *Managing API tokens*. Where the document does not say, the
/// field's documentation admits it, and a client that claims to be tolerant must work with each value.
///
/// As JSON (`PATCH /sandbox/options`) the keys are kebab-case: `{"quota": 5, "list": "wrapped"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Options {
    /// How many service accounts may be active at once. The document: three.
    pub quota: usize,
    /// Which expiry a token gets whose request names one. The document does not say that it could be another one.
    pub kept_expiry: KeptExpiry,
    /// How long a token lives whose request names no expiry. The document: one day, or "the account-level setting".
    pub default_expiry: SignedDuration,
    /// Limits of requests a minute; `None` (JSON `null`) switches them off.
    pub rate_limits: Option<RateLimits>,
    /// Whether an answer 429 carries `Retry-After`. The document does not say.
    pub retry_after: bool,

    /// The envelope of the list of service accounts. The document does not say.
    pub list: Envelope,
    /// How the name of a new service account is kept. The document: unique, case-sensitive; not that it is kept as it was sent.
    pub names: Names,
    /// Whether rows of the list carry `token-id`. The document does not say.
    pub list_token_id: bool,
    /// When rows of the list carry `updated-at` and `updated-by`. The document does not say.
    pub list_updated: ListUpdated,
    /// The envelope of `GET /user-token`. The document does not say.
    pub user_token: Envelope,
    /// Whether `GET /user-token` names the user by `user-id` and `email`. The document does not say.
    pub user_token_names_user: bool,
    /// Whether a field without a value is sent as `null` instead of left out. The document does not say.
    pub nulls: bool,
    /// How instants are spelled in answers. The document's samples end in `Z`; it promises ISO 8601.
    pub instants: Instants,
    /// The answer of `GET /user-token/status`. The document does not say.
    pub pat_status: PatStatus,
    /// The answer of `PATCH /user-token/status`. The document does not say.
    pub toggle: ToggleAnswer,
    /// The status code of a creation. The document does not say.
    pub create: SuccessCode,
    /// The status code of a rotation, of either token type. The document does not say.
    pub rotate: SuccessCode,
    /// The answer of a deletion or revocation. The document does not say.
    pub delete: DeleteAnswer,
    /// The body of an error. The document does not say.
    pub errors: ErrorBody,

    /// What becomes of a service account whose token has expired. The document does not say.
    pub expired: Expired,
    /// Whether expired tokens count against the quota. The document counts "active" tokens and does not say what
    /// that means.
    pub expired_use_quota: bool,
    /// The expiry of a service account that is rotated without naming one. The document ("reset its expiry period")
    /// does not say to what.
    pub rotation_expiry: RotationExpiry,
    /// Whether the longest expiry (12 months, 90 days) binds rotations too. The document states it without exception,
    /// but its own samples of rotations reach further.
    pub rotation_obeys_maximum: bool,
    /// How a creation is refused whose name is taken. The document wants names unique and does not say.
    pub name_taken: Refused,

    /// Whether rotating the PAT of a user who has none creates one; otherwise 404. The document does not say, save
    /// that after a revocation one may "create or rotate a new token".
    pub rotation_creates_pat: bool,
    /// Whether rotating a PAT must name the expiry. The document says that users must specify one, and also that there
    /// is a default.
    pub pat_expiry_required: bool,
    /// How creating or rotating a PAT is refused while PATs are disabled. The document does not say.
    pub pats_disabled: Refused,
    /// Whether administrators may rotate another user's PAT. The document's table of roles names only its revocation;
    /// its API reference lets administrators "manage tokens for other users".
    pub admins_rotate_pats: bool,
    /// Whether administrators may revoke another user's PAT by `email`. The document shows `user-id` for another's and
    /// `email` for one's own.
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
            name_taken: Refused::Conflict,
            rotation_creates_pat: true,
            pat_expiry_required: false,
            pats_disabled: Refused::Conflict,
            admins_rotate_pats: true,
            admins_revoke_by_email: false,
        }
    }
}

/// What becomes of an expiry that a request names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeptExpiry {
    /// It is kept.
    AsAsked,
    /// It is kept as the beginning of its day, in UTC.
    Day,
    /// It is kept unless it lies further ahead than this.
    AtMost(SignedDuration),
}

/// Requests a minute that the account may make, by kind of operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct RateLimits {
    /// Creations and rotations of both token types together. The document: 10.
    pub issue: usize,
    /// Revocations of both token types together. The document: 30.
    pub revoke: usize,
    /// Toggling PATs. The document: 5.
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

/// What surrounds an answer's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Envelope {
    /// Nothing.
    Bare,
    /// An object with the content under one key: `service-accounts` or `user-token`.
    Wrapped,
}

/// How the name of a new service account is kept. All requests must name it as it was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Names {
    /// As it was sent.
    AsSent,
    /// In lower case.
    LowerCase,
    /// With a suffix.
    Suffixed,
}

/// When rows of the list tell the last update.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ListUpdated {
    /// Never.
    Never,
    /// Once the token has been rotated.
    AfterRotation,
    /// Always; creation counts as an update.
    Always,
}

/// How an instant is spelled. All are ISO 8601.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// `2027-02-09T00:00:00`, which is ISO 8601, but no instant.
    Local,
}

/// The answer that tells whether PATs are enabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ToggleAnswer {
    /// 200 with the new status.
    Status,
    /// 200 without a body.
    Empty,
    /// 204.
    NoContent,
}

/// The status code of a success that answers with a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SuccessCode {
    /// 200.
    Ok,
    /// 201.
    Created,
}

/// The answer to a deletion or revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorBody {
    /// `{"message": "…"}`
    Message,
    /// `{"error": {"message": "…"}}`
    Nested,
    /// The message as plain text.
    Plain,
    /// None.
    Empty,
}

/// What becomes of a service account whose token has expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expired {
    /// It stays, is listed, can be rotated back to life and deleted.
    Listed,
    /// It stays as above, but the list leaves it out.
    Hidden,
    /// It is gone: rotating or deleting it answers 404, its name is free.
    Purged,
}

/// The expiry of a service account rotated without naming one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RotationExpiry {
    /// The account's default from now.
    Default,
    /// The instant it had; the account's default once that has passed.
    Unchanged,
}

/// The status code of a refusal to which the document gives none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refused {
    /// 400.
    BadRequest,
    /// 403.
    Forbidden,
    /// 409.
    Conflict,
}
