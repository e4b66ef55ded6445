//! The operations on tokens that the account executed, for tests. The control API's audit log contains every
//! changing request, also rejected ones.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// An operation on a token that took effect: the documented actor, action, target token and timestamp.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TokenOperation {
    /// The time by the sandbox's clock.
    pub at: Timestamp,
    /// The actor: a user's email, the name of a service account, or `console` for an operation
    /// outside the API.
    pub actor: String,
    /// The action.
    pub action: AuditAction,
    /// The owner of the token: the name of a service account or a user's email; for the toggle, the
    /// name of the account.
    pub target: String,
    /// The token that was issued or revoked; none for the toggle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_id: Option<i64>,
}

/// The action of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuditAction {
    /// A service account was created.
    CreateServiceAccount,
    /// A service account's token was rotated.
    RotateServiceAccount,
    /// A service account was deleted.
    RevokeServiceAccount,
    /// A PAT was created for a user who had none.
    CreatePat,
    /// A user's PAT was rotated.
    RotatePat,
    /// A user's PAT was revoked.
    RevokePat,
    /// PATs were enabled in the account.
    EnablePats,
    /// PATs were disabled in the account, which revoked all of them.
    DisablePats,
}
