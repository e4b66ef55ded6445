//! The contents of an account: what a seed adds, and what is stored between runs.

use jiff::{Span, Timestamp};
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::seed::SeededToken;
use super::state::Account;
use super::token::{Token, Update};
use super::user::{OWNER, Role};
use crate::sandbox::control::{Rejection, expiry, expose};

/// Users and tokens of an account. Every field but names and email addresses is optional.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Contents {
    /// The service accounts.
    pub service_accounts: Vec<ServiceAccountContents>,
    /// The users, in addition to the account's first administrator.
    pub users: Vec<UserContents>,
    /// Whether personal access tokens are enabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pats_enabled: Option<bool>,
}

/// A service account and its token.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ServiceAccountContents {
    /// The name.
    pub name: String,
    /// The description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The token; by default a legacy token, which never expires.
    #[serde(default)]
    pub token: TokenContents,
}

/// A user.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct UserContents {
    /// The email address.
    pub email: String,
    /// The id; by default the next one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<i64>,
    /// The role; by default `regular`.
    #[serde(default = "regular")]
    pub role: Role,
    /// The personal access token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<TokenContents>,
}

/// A token.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct TokenContents {
    /// The value; random by default.
    #[serde(serialize_with = "expose", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub value: Option<SecretString>,
    /// The expiry. Without it and `expires-in`, the token is a legacy token, which never expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// The time until the expiry, such as `30d`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<Span>,
    /// The time of the creation or last rotation; by default now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
    /// The id of the user who issued the token; by default the account's first administrator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_by: Option<i64>,
    /// Whether the token was rotated.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub rotated: bool,
    /// The id; random by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_id: Option<i64>,
}

fn regular() -> Role {
    Role::Regular
}

impl TokenContents {
    fn of(token: &Token) -> Self {
        Self {
            value: Some(token.value.clone()),
            expires_at: token.expires_at,
            expires_in: None,
            updated_at: Some(token.updated.at),
            updated_by: Some(token.updated.by),
            rotated: token.updated.rotated,
            token_id: Some(token.id),
        }
    }

    fn seeded(self, now: Timestamp) -> Result<SeededToken, Rejection> {
        Ok(SeededToken {
            value: self.value,
            expires_at: expiry(self.expires_at, self.expires_in, now)?,
            updated: Update {
                at: self.updated_at.unwrap_or(now),
                by: self.updated_by.unwrap_or(OWNER),
                rotated: self.rotated,
            },
            id: self.token_id,
        })
    }
}

impl Account {
    /// Adds users and tokens; replaces those that exist.
    pub(super) fn add_contents(&mut self, contents: Contents, now: Timestamp) -> Result<(), Rejection> {
        if let Some(enabled) = contents.pats_enabled {
            self.pats_enabled = enabled;
        }
        for ServiceAccountContents {
            name,
            description,
            token,
        } in contents.service_accounts
        {
            let token = token.seeded(now)?;
            self.seed_service_account(name, description, token);
        }
        for UserContents { email, id, role, token } in contents.users {
            self.seed_user(email.clone(), id, role);
            if let Some(token) = token {
                self.seed_pat(&email, token.seeded(now)?)?;
            }
        }
        Ok(())
    }

    pub(super) fn all_contents(&self) -> Contents {
        let accounts = self.service_accounts.values().map(|account| ServiceAccountContents {
            name: account.name.clone(),
            description: account.description.clone(),
            token: TokenContents::of(&account.token),
        });
        let users = self.users.iter().map(|user| UserContents {
            email: user.email.clone(),
            id: Some(user.id),
            role: user.role,
            token: self.pats.get(&user.id).map(TokenContents::of),
        });
        Contents {
            service_accounts: accounts.collect(),
            users: users.collect(),
            pats_enabled: Some(self.pats_enabled),
        }
    }
}
