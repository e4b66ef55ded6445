//! Roles and their permissions: the document's table of roles, completed from its API reference.

use serde::{Deserialize, Serialize};

/// A user's role in the account. Service accounts act as administrators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    GovernPats,
}

impl Role {
    pub(super) fn may(self, permission: Permission) -> bool {
        use Permission::{ReadOwnPat, RevokeOwnPat, RotateOwnPat};
        self == Self::Admin || matches!(permission, ReadOwnPat | RotateOwnPat | RevokeOwnPat)
    }
}
