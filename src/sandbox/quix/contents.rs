//! The contents of an organisation: what a seed adds, and what is stored between runs.

use jiff::{Span, Timestamp};
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::personal_access_tokens::{PersonalAccessToken, uuid};
use super::state::{Portal, Role, Workspace};
use crate::sandbox::control::{Rejection, expiry, expose};

/// Users and workspaces. Every field but names is optional.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Contents {
    /// The users.
    pub users: Vec<UserContents>,
    /// The workspaces.
    pub workspaces: Vec<WorkspaceContents>,
}

/// A user.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct UserContents {
    /// The id; random by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The role.
    pub role: Role,
    /// The personal access tokens.
    #[serde(default)]
    pub tokens: Vec<TokenContents>,
}

/// A personal access token.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TokenContents {
    /// The name.
    pub name: String,
    /// The value; random by default.
    #[serde(default, serialize_with = "expose", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub value: Option<SecretString>,
    /// The expiry. Without it and `expires-in`, the token never expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// The time until the expiry, such as `30d`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<Span>,
    /// The time of the creation; by default now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// The scopes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    /// The id; random by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// A workspace with its two streaming tokens.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct WorkspaceContents {
    /// The id, such as `acme-shop-dev`.
    pub id: String,
    /// The values of token 1 and token 2; random by default.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<StreamingTokenContents>,
    /// The password of the broker; random by default.
    #[serde(default, serialize_with = "expose", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub password: Option<SecretString>,
    /// The time of the creation; by default now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// The number of rotations so far.
    #[serde(default)]
    pub rotations: usize,
}

/// A streaming token.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct StreamingTokenContents {
    /// The value; random by default.
    #[serde(default, serialize_with = "expose", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub value: Option<SecretString>,
    /// The time at which it was issued; by default the creation of the workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued_at: Option<Timestamp>,
}

impl Portal {
    /// Adds users and workspaces; replaces workspaces that exist.
    pub(super) fn add_contents(&mut self, contents: Contents, now: Timestamp) -> Result<(), Rejection> {
        for UserContents { id, role, tokens } in contents.users {
            let user = id.unwrap_or_else(uuid);
            for token in tokens {
                let value = token.value.unwrap_or_else(|| Self::random_value("pat-"));
                self.add_token(PersonalAccessToken {
                    id: token.id.unwrap_or_else(uuid),
                    name: token.name,
                    scopes: token.scopes,
                    expires_at: expiry(token.expires_at, token.expires_in, now)?,
                    value,
                    created_at: token.created_at.unwrap_or(now),
                    deleted_at: None,
                    user: user.clone(),
                    role,
                });
            }
        }
        for workspace in contents.workspaces {
            if workspace.tokens.len() > 2 {
                return Err(Rejection::invalid("tokens: a workspace has two streaming tokens"));
            }
            let created = workspace.created_at.unwrap_or(now);
            let mut tokens = workspace.tokens.into_iter();
            let mut token = || {
                let token = tokens.next();
                let issued_at = token.as_ref().and_then(|token| token.issued_at).unwrap_or(created);
                let value = token.and_then(|token| token.value);
                (value.unwrap_or_else(|| Self::random_value("sdk-")), issued_at)
            };
            let tokens = [token(), token()];
            let password = workspace.password.unwrap_or_else(|| Self::random_value(""));
            let added = Workspace::new(password, created, tokens, workspace.rotations);
            self.insert_workspace(workspace.id, added);
        }
        Ok(())
    }

    pub(super) fn all_contents(&self) -> Contents {
        let mut users: Vec<UserContents> = Vec::new();
        for token in self.personal_access_tokens.existing() {
            let contents = TokenContents {
                name: token.name.clone(),
                value: Some(token.value.clone()),
                expires_at: token.expires_at,
                expires_in: None,
                created_at: Some(token.created_at),
                scopes: token.scopes.clone(),
                id: Some(token.id.clone()),
            };
            match users.iter_mut().find(|user| user.id.as_ref() == Some(&token.user)) {
                Some(user) => user.tokens.push(contents),
                None => users.push(UserContents {
                    id: Some(token.user.clone()),
                    role: token.role,
                    tokens: vec![contents],
                }),
            }
        }
        let workspaces = self.workspaces.iter().map(|(id, workspace)| {
            let tokens = workspace.tokens().iter().zip([1, 2]);
            WorkspaceContents {
                id: id.clone(),
                tokens: tokens
                    .map(|(value, slot)| StreamingTokenContents {
                        value: Some(value.clone()),
                        issued_at: Some(workspace.issued_at(slot)),
                    })
                    .collect(),
                password: Some(workspace.password.clone()),
                created_at: Some(workspace.created),
                rotations: workspace.rotations(),
            }
        });
        Contents {
            workspaces: workspaces.collect(),
            users,
        }
    }
}

impl UserContents {
    /// An administrator with one token, which never expires.
    pub(super) fn administrator(value: SecretString) -> Self {
        Self {
            id: None,
            role: Role::Admin,
            tokens: vec![TokenContents {
                name: "initial".to_owned(),
                value: Some(value),
                expires_at: None,
                expires_in: None,
                created_at: None,
                scopes: None,
                id: None,
            }],
        }
    }
}

impl WorkspaceContents {
    /// A workspace with random values.
    pub(super) fn new(id: String) -> Self {
        Self {
            id,
            tokens: Vec::new(),
            password: None,
            created_at: None,
            rotations: 0,
        }
    }
}
