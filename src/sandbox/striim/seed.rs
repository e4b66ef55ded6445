//! What a sandbox begins with, and what a test puts there as if it had always been.

use jiff::Timestamp;
use secrecy::SecretString;

use super::account::{Account, OWNER, ServiceAccount, User};
use super::caller::{Caller, UserRef};
use super::mint::{Token, Update};
use super::refusal::Refusal;
use super::role::{Permission, Role};
use crate::token::Clock;

/// What the sandbox holds at the start.
#[derive(Clone, Debug)]
pub struct Seed {
    /// The account's short name.
    pub account: String,
    /// The value of the administrator's token; random if absent.
    pub admin_token: Option<SecretString>,
    /// Whose it is.
    pub admin: AdminToken,
    /// When it ends; by default never (a legacy token), so that moving the clock locks nobody out.
    pub admin_expires_at: Option<Timestamp>,
    /// The clock underneath; the sandbox's own runs an offset ahead of it.
    pub clock: Clock,
    /// What the sandbox's clock says at the start; the same as the one underneath if absent.
    pub now: Option<Timestamp>,
    /// Makes token values and ids the same in each run. Without it they come from the machine's randomness.
    pub random: Option<u64>,
}

/// Whose token the sandbox is born with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminToken {
    /// A service account of this name. It takes one of the quota's three places.
    ServiceAccount(String),
    /// The administrator, as a PAT. It dies when PATs are disabled.
    Personal,
}

impl Default for Seed {
    fn default() -> Self {
        Self {
            account: "acme".to_owned(),
            admin_token: None,
            admin: AdminToken::ServiceAccount("terraform".to_owned()),
            admin_expires_at: None,
            clock: Clock::system(),
            now: None,
            random: None,
        }
    }
}

/// No expiry is too far or too near, no quota holds, and the audit log knows nothing of it.
impl Account {
    /// Lets the administrator's token be a token of the account.
    pub(super) fn seed_admin(&mut self, admin: AdminToken, expires_at: Option<Timestamp>, now: Timestamp) {
        let value = self.admin_token.clone();
        match admin {
            AdminToken::ServiceAccount(name) => {
                self.seed_service_account(name, None, expires_at, Some(value), now);
            }
            AdminToken::Personal => {
                let token = self.seed_token(expires_at, Some(value), now);
                self.pats.insert(OWNER, token);
            }
        }
    }

    /// Puts a service account there, in place of one of the same name.
    pub(super) fn seed_service_account(
        &mut self,
        name: String,
        description: Option<String>,
        expires_at: Option<Timestamp>,
        value: Option<SecretString>,
        now: Timestamp,
    ) -> ServiceAccount {
        let token = self.seed_token(expires_at, value, now);
        let account = ServiceAccount {
            name: name.clone(),
            description,
            token,
        };
        self.service_accounts.insert(name, account.clone());
        account
    }

    /// Puts a user there.
    pub(super) fn seed_user(&mut self, email: String, role: Role) -> User {
        let user = match self.users.iter_mut().find(|user| user.email == email) {
            Some(user) => {
                user.role = role;
                return user.clone();
            }
            None => User {
                id: self.users.iter().map(|user| user.id).max().unwrap_or(OWNER) + 1,
                email,
                role,
            },
        };
        self.users.push(user.clone());
        user
    }

    /// Gives a user a PAT as if it had always been, in place of the one there is.
    pub(super) fn seed_pat(
        &mut self,
        email: &str,
        expires_at: Option<Timestamp>,
        value: Option<SecretString>,
        now: Timestamp,
    ) -> Result<(User, Token), Refusal> {
        let user = self.find(
            &Caller::Console,
            UserRef::Email(email),
            Permission::ReadOwnPat,
            Permission::ReadOthersPat,
        )?;
        let user = user.clone();
        self.require_pats()?;
        let token = self.seed_token(expires_at, value, now);
        self.pats.insert(user.id, token.clone());
        Ok((user, token))
    }

    fn seed_token(&mut self, expires_at: Option<Timestamp>, value: Option<SecretString>, now: Timestamp) -> Token {
        let value = value.unwrap_or_else(|| self.mint.value());
        self.mint.token_of(
            value,
            expires_at,
            Update {
                at: now,
                by: OWNER,
                rotated: false,
            },
        )
    }
}
