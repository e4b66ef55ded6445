//! The account's audit log.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One operation on a token: the document's actor, action, target token and timestamp.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct AuditEntry {
    /// When, by the sandbox's clock.
    pub at: Timestamp,
    /// Who: a user's email, the name of a service account, or `console` for what was done outside the API.
    pub actor: String,
    /// What.
    pub action: AuditAction,
    /// Whose token: the name of a service account, a user's email, or the account's name for the toggle.
    pub target: String,
    /// The token that was made or ended; none for the toggle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_id: Option<i64>,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuditAction {
    /// A service account was created.
    CreateServiceAccount,
    /// A service account's token was replaced.
    RotateServiceAccount,
    /// A service account was deleted.
    RevokeServiceAccount,
    /// A PAT was created for a user who had none.
    CreatePat,
    /// A user's PAT was replaced.
    RotatePat,
    /// A user's PAT was revoked.
    RevokePat,
    /// PATs were enabled in the whole account.
    EnablePats,
    /// PATs were disabled in the whole account; every PAT died.
    DisablePats,
}
