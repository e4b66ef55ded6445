//! Who asks for an operation, and whose token is meant.

use super::account::{OWNER, User};
use super::refusal::Refusal;
use super::role::{Permission, Role};

/// Who asks for an operation.
#[derive(Clone, Debug)]
pub(super) enum Caller {
    User(User),
    /// Acts as the user who made its token last; the document does not say whose id a service account leaves behind.
    ServiceAccount {
        name: String,
        user: i64,
    },
    /// An administrator outside the API.
    Console,
}

/// Whose PAT is meant.
#[derive(Clone, Copy, Debug)]
pub(super) enum UserRef<'a> {
    Caller,
    Email(&'a str),
    Id(i64),
}

impl Caller {
    pub(super) fn require(&self, permission: Permission) -> Result<(), Refusal> {
        let role = match self {
            Self::User(user) => user.role,
            Self::ServiceAccount { .. } | Self::Console => Role::Admin,
        };
        if role.may(permission) {
            return Ok(());
        }
        Err(Refusal::Forbidden("the operation requires an administrator".to_owned()))
    }

    /// The user whose PAT is the caller's own.
    pub(super) fn own_id(&self) -> Option<i64> {
        match self {
            Self::User(user) => Some(user.id),
            Self::ServiceAccount { .. } | Self::Console => None,
        }
    }

    /// Whether `user` is someone else, to whom the API's caller may do less than the console.
    pub(super) fn is_stranger_to(&self, user: &User) -> bool {
        !matches!(self, Self::Console) && self.own_id() != Some(user.id)
    }

    /// What `updated-by` says.
    pub(super) fn user_id(&self) -> i64 {
        match self {
            Self::User(user) => user.id,
            Self::ServiceAccount { user, .. } => *user,
            Self::Console => OWNER,
        }
    }

    pub(super) fn actor(&self) -> String {
        match self {
            Self::User(user) => user.email.clone(),
            Self::ServiceAccount { name, .. } => name.clone(),
            Self::Console => "console".to_owned(),
        }
    }
}
