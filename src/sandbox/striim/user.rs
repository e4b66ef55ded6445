//! Users, their roles and the permissions of each role: the document's table of roles, completed
//! from its API reference.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The id of the account's first administrator, in whose name the console acts.
pub(super) const OWNER: i64 = 8509;

/// A user of the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The id in `updated-by` and `user-id`.
    pub id: i64,
    /// The email address.
    pub email: String,
    /// The role of the user, and thus of the user's PAT.
    pub role: Role,
}

/// A user's role in the account. Service accounts act as administrators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// An administrator of the account.
    Admin,
    /// Any other user.
    Regular,
}

/// A permission of a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Permission {
    ReadOwnPat,
    RotateOwnPat,
    RevokeOwnPat,
    ReadOthersPat,
    RotateOthersPat,
    RevokeOthersPat,
    ManageServiceAccounts,
    ManagePatStatus,
}

impl Role {
    pub(super) fn has(self, permission: Permission) -> bool {
        use Permission::{ReadOwnPat, RevokeOwnPat, RotateOwnPat};
        self == Self::Admin || matches!(permission, ReadOwnPat | RotateOwnPat | RevokeOwnPat)
    }
}
