//! The state of the platform: workspaces with their tokens, and the permissions of callers.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::management::streaming_view;
use super::options::{Options, Readers};
use super::personal_access_tokens::PersonalAccessTokens;
use crate::sandbox::IssuedValues;
use crate::sandbox::control::EndedTokens;

/// The role of a user in the organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// All permissions.
    Admin,
    /// All permissions but those reserved for administrators.
    Manager,
    /// Changes to the contents of a workspace.
    Editor,
    /// Read access.
    Viewer,
}

/// The name in the platform's answers and portal.
impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Admin => "Admin",
            Self::Manager => "Manager",
            Self::Editor => "Editor",
            Self::Viewer => "Viewer",
        })
    }
}

/// The owner of the token in a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    /// A user with a personal access token.
    User(Role),
    /// A service in a workspace with one of its streaming tokens.
    Workspace(String),
}

/// A workspace, which the portal calls an environment.
#[derive(Clone, Debug)]
pub(super) struct Workspace {
    pub(super) password: SecretString,
    pub(super) created: Timestamp,
    tokens: [SecretString; 2],
    issued_at: [Timestamp; 2],
    /// The revoked tokens, each with the time until which it is still accepted.
    revoked: Vec<(SecretString, Timestamp)>,
    /// The previous tokens, and the time until which a read returns them.
    previous: Option<([SecretString; 2], Timestamp)>,
    rotations: usize,
}

/// The organisation.
#[derive(Debug)]
pub struct Portal {
    pub(super) organisation: String,
    pub(super) options: Options,
    pub(super) issued: IssuedValues,
    pub(super) ended: EndedTokens,
    pub(super) personal_access_tokens: PersonalAccessTokens,
    pub(super) workspaces: BTreeMap<String, Workspace>,
}

impl Portal {
    pub(super) fn new(options: Options) -> Self {
        Self {
            organisation: "acme".to_owned(),
            options,
            issued: IssuedValues::default(),
            ended: EndedTokens::default(),
            personal_access_tokens: PersonalAccessTokens::default(),
            workspaces: BTreeMap::new(),
        }
    }

    /// Creates a workspace with two streaming tokens.
    pub(super) fn add_workspace(&mut self, id: &str, now: Timestamp) {
        let password = Self::random_value("");
        let tokens = [(); 2].map(|()| (Self::random_value("sdk-"), now));
        self.insert_workspace(id.to_owned(), Workspace::new(password, now, tokens, 0));
    }

    /// Creates or replaces a workspace.
    pub(super) fn insert_workspace(&mut self, id: String, workspace: Workspace) {
        self.issued.push(workspace.password.clone());
        for token in &workspace.tokens {
            self.issued.push(token.clone());
        }
        self.workspaces.insert(id, workspace);
    }

    /// Returns the owner of a token; `None` for an unknown token.
    pub(super) fn caller(&self, token: &str, now: Timestamp) -> Option<Caller> {
        let workspace = || {
            let mut workspaces = self.workspaces.iter();
            let (id, _) = workspaces.find(|(_, workspace)| workspace.accepts(token, now))?;
            Some(Caller::Workspace(id.clone()))
        };
        let role = self.personal_access_tokens.role(token, now);
        role.map(Caller::User).or_else(workspace)
    }

    /// "Rotating deactivates Token 1, Token 2 takes its place and a new Token 2 is generated."
    pub(super) fn rotate(&mut self, id: &str, now: Timestamp) -> Option<SecretString> {
        let new = self.value("sdk-");
        let (stale_reads, deactivation) = (self.options.stale_reads, self.options.deactivation);
        let workspace = self.workspaces.get_mut(id)?;
        let visible = workspace.visible_tokens(now).clone();
        self.ended.push(streaming_view(id, workspace, 1), now);
        let [first, second] = workspace.tokens.clone();
        workspace.revoked.retain(|(_, until)| now < *until);
        workspace
            .revoked
            .extend(now.checked_add(deactivation).ok().map(|until| (first, until)));
        workspace.previous = now.checked_add(stale_reads).ok().map(|until| (visible, until));
        workspace.tokens = [second, new.clone()];
        workspace.issued_at = [workspace.issued_at(2), now];
        workspace.rotations = workspace.rotations.saturating_add(1);
        Some(new)
    }

    /// Issues a random value.
    fn value(&mut self, prefix: &str) -> SecretString {
        let value = Self::random_value(prefix);
        self.issued.push(value.clone());
        value
    }

    pub(super) fn random_value(prefix: &str) -> SecretString {
        let random = std::iter::repeat_with(|| fastrand::char('a'..='f')).take(32);
        format!("{prefix}{}", random.collect::<String>()).into()
    }
}

impl Workspace {
    /// Creates a workspace with these streaming tokens, each with the time at which it was issued.
    pub(super) fn new(
        password: SecretString,
        created: Timestamp,
        [(first, first_at), (second, second_at)]: [(SecretString, Timestamp); 2],
        rotations: usize,
    ) -> Self {
        Self {
            password,
            created,
            tokens: [first, second],
            issued_at: [first_at, second_at],
            revoked: Vec::new(),
            previous: None,
            rotations,
        }
    }

    /// The time at which the token of a slot, 1 or 2, was issued.
    pub(super) fn issued_at(&self, slot: u8) -> Timestamp {
        let [first, second] = self.issued_at;
        if slot == 1 { first } else { second }
    }

    /// The valid tokens.
    pub(super) fn tokens(&self) -> &[SecretString; 2] {
        &self.tokens
    }

    /// The tokens that a read returns.
    pub(super) fn visible_tokens(&self, now: Timestamp) -> &[SecretString; 2] {
        let previous = self.previous.as_ref().filter(|(_, until)| now < *until);
        previous.map_or(&self.tokens, |(tokens, _)| tokens)
    }

    /// Whether the platform accepts this token: one of the two valid tokens, or one that is not yet
    /// fully deactivated.
    fn accepts(&self, token: &str, now: Timestamp) -> bool {
        let deactivating = self.revoked.iter().filter(|(_, until)| now < *until);
        let mut accepted = self.tokens.iter().chain(deactivating.map(|(token, _)| token));
        accepted.any(|accepted| accepted.expose_secret() == token)
    }

    /// The number of rotations.
    pub(super) fn rotations(&self) -> usize {
        self.rotations
    }
}

impl Caller {
    /// Whether the caller may read this workspace.
    pub(super) fn may_read(&self, workspace: &str) -> bool {
        match self {
            Self::User(_) => true,
            Self::Workspace(own) => own == workspace,
        }
    }

    /// "Only users with Admin role can rotate."
    pub(super) fn may_rotate(&self) -> bool {
        *self == Self::User(Role::Admin)
    }

    /// Whether the caller may read the streaming tokens of a workspace that it may read.
    pub(super) fn may_read_tokens(&self, readers: Readers) -> bool {
        match (self, readers) {
            (Self::User(Role::Admin), _) | (Self::User(_), Readers::Users | Readers::Holders) => true,
            (Self::User(_), Readers::Admins) => false,
            (Self::Workspace(_), readers) => readers == Readers::Holders,
        }
    }

    /// Whether the caller has a permission. Administrators have all; the permissions of the other
    /// roles are approximate.
    pub(super) fn has_permission(&self, permission: &str) -> bool {
        match self {
            Self::User(Role::Admin) => true,
            Self::User(Role::Manager | Role::Editor) => matches!(permission, "Create" | "Read" | "Update" | "Delete"),
            Self::User(Role::Viewer) => permission == "Read",
            Self::Workspace(_) => matches!(permission, "Read" | "Write"),
        }
    }
}
