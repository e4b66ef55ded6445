//! The caller of an operation, and the user that it addresses.

use super::refusal::Refusal;
use super::user::{OWNER, Permission, Role, User};

/// The caller of an operation.
#[derive(Clone, Debug)]
pub(super) enum Caller {
    /// A user with a PAT.
    User(User),
    /// A service account. It acts as the user who last issued its token, because the document does
    /// not define the `updated-by` of a service account.
    ServiceAccount { name: String, user: i64 },
    /// An administrator in the web console.
    Console,
}

/// A reference to the owner of a PAT.
#[derive(Clone, Copy, Debug)]
pub(super) enum UserRef<'a> {
    Caller,
    Email(&'a str),
    Id(i64),
}

impl Caller {
    /// Returns an error if the caller lacks the permission.
    pub(super) fn require(&self, permission: Permission) -> Result<(), Refusal> {
        let role = match self {
            Self::User(user) => user.role,
            Self::ServiceAccount { .. } | Self::Console => Role::Admin,
        };
        if role.has(permission) {
            return Ok(());
        }
        Err(Refusal::Forbidden("the operation requires an administrator".to_owned()))
    }

    /// The id of the calling user; `None` for other callers.
    pub(super) fn own_user_id(&self) -> Option<i64> {
        match self {
            Self::User(user) => Some(user.id),
            Self::ServiceAccount { .. } | Self::Console => None,
        }
    }

    /// Whether `user` is another user than the caller. The console may change the tokens of all
    /// users.
    pub(super) fn is_other_user(&self, user: &User) -> bool {
        !matches!(self, Self::Console) && self.own_user_id() != Some(user.id)
    }

    /// The id of the user in whose name the caller acts: the value of `updated-by`.
    pub(super) fn acting_user_id(&self) -> i64 {
        match self {
            Self::User(user) => user.id,
            Self::ServiceAccount { user, .. } => *user,
            Self::Console => OWNER,
        }
    }

    /// The name of the caller in the audit log.
    pub(super) fn actor(&self) -> String {
        match self {
            Self::User(user) => user.email.clone(),
            Self::ServiceAccount { name, .. } => name.clone(),
            Self::Console => "console".to_owned(),
        }
    }
}
