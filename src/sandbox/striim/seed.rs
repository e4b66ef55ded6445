//! The initial state of a sandbox, and state that a test adds outside the API.

use jiff::Timestamp;
use secrecy::SecretString;

use super::caller::{Caller, UserRef};
use super::refusal::Refusal;
use super::state::{Account, ServiceAccount};
use super::token::{Token, Update};
use super::user::{OWNER, Permission, Role, User};
use crate::token::Clock;

/// The initial state of a sandbox.
#[derive(Clone, Debug)]
pub struct Seed {
    /// The account's short name.
    pub account: String,
    /// The value of the administrator's token; random if absent.
    pub admin_token: Option<SecretString>,
    /// The owner of that token.
    pub admin: AdminToken,
    /// The expiry of that token; by default none (a legacy token), so that it survives any move of
    /// the clock.
    pub admin_expires_at: Option<Timestamp>,
    /// The clock that the sandbox's clock follows.
    pub clock: Clock,
    /// The initial time of the sandbox's clock; by default that of the underlying one.
    pub now: Option<Timestamp>,
    /// The seed of token values and ids, for reproducible runs; by default random.
    pub random: Option<u64>,
}

/// The owner of the initial token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminToken {
    /// A service account with this name. It counts against the quota.
    ServiceAccount(String),
    /// The administrator, as a PAT. Disabling PATs revokes it.
    Personal,
}

impl Default for AdminToken {
    fn default() -> Self {
        Self::ServiceAccount("terraform".to_owned())
    }
}

impl Default for Seed {
    fn default() -> Self {
        Self {
            account: "acme".to_owned(),
            admin_token: None,
            admin: AdminToken::default(),
            admin_expires_at: None,
            clock: Clock::system(),
            now: None,
            random: None,
        }
    }
}

/// Changes outside the API. They ignore quota and limits of expiries, and are not in the audit log.
impl Account {
    /// Registers the administrator's token.
    pub(super) fn seed_admin(&mut self, admin: AdminToken, expires_at: Option<Timestamp>, now: Timestamp) {
        let token = SeededToken {
            value: Some(self.admin_token.clone()),
            ..SeededToken::new(expires_at, now)
        };
        match admin {
            AdminToken::ServiceAccount(name) => {
                self.seed_service_account(name, None, token);
            }
            AdminToken::Personal => {
                let token = self.seed_token(token);
                self.pats.insert(OWNER, token);
            }
        }
    }

    /// Creates or replaces a service account.
    pub(super) fn seed_service_account(
        &mut self,
        name: String,
        description: Option<String>,
        token: SeededToken,
    ) -> ServiceAccount {
        let token = self.seed_token(token);
        let account = ServiceAccount {
            name: name.clone(),
            description,
            token,
        };
        self.service_accounts.insert(name, account.clone());
        account
    }

    /// Creates a user, or changes the role of the one with this email.
    pub(super) fn seed_user(&mut self, email: String, id: Option<i64>, role: Role) -> User {
        let user = match self.users.iter_mut().find(|user| user.email == email) {
            Some(user) => {
                user.role = role;
                return user.clone();
            }
            None => User {
                id: id.unwrap_or_else(|| {
                    self.users
                        .iter()
                        .map(|user| user.id)
                        .max()
                        .unwrap_or(OWNER)
                        .saturating_add(1)
                }),
                email,
                role,
            },
        };
        self.users.push(user.clone());
        user
    }

    /// Creates or replaces a user's PAT.
    pub(super) fn seed_pat(&mut self, email: &str, token: SeededToken) -> Result<(User, Token), Refusal> {
        let user = self.find_user(
            &Caller::Console,
            UserRef::Email(email),
            Permission::ReadOwnPat,
            Permission::ReadOthersPat,
        )?;
        let user = user.clone();
        self.require_pats_enabled()?;
        let token = self.seed_token(token);
        self.pats.insert(user.id, token.clone());
        Ok((user, token))
    }

    fn seed_token(&mut self, token: SeededToken) -> Token {
        let value = token.value.unwrap_or_else(|| self.generator.value());
        self.generator
            .token_with_value(token.id, value, token.expires_at, token.updated)
    }
}

/// A token that is added regardless of the rules.
pub(super) struct SeededToken {
    /// The value; random if absent.
    pub(super) value: Option<SecretString>,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) updated: Update,
    /// The id; random if absent.
    pub(super) id: Option<i64>,
}

impl SeededToken {
    /// A token with a random value.
    pub(super) fn new(expires_at: Option<Timestamp>, now: Timestamp) -> Self {
        Self {
            value: None,
            expires_at,
            updated: Update {
                at: now,
                by: OWNER,
                rotated: false,
            },
            id: None,
        }
    }
}
