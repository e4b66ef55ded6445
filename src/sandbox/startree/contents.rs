//! The contents of an environment: what a seed adds, and what is stored between runs.

use std::collections::BTreeSet;

use jiff::Timestamp;
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::refusal::Refusal;
use super::state::{Environment, Policy, Role, ServiceToken, Subject, alphanumeric};
use crate::sandbox::control::{Rejection, expose};

/// Policies, roles and service tokens. Every field but names is optional.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Contents {
    /// The policies.
    pub policies: Vec<PolicyContents>,
    /// The roles.
    pub roles: Vec<RoleContents>,
    /// The service tokens.
    pub tokens: Vec<TokenContents>,
}

/// A policy.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PolicyContents {
    /// The name.
    pub name: String,
    /// The description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The policy document, as JSON in a string.
    pub document: String,
    /// The time of the creation; by default now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// The time of the last update; by default the creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
}

/// A role.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RoleContents {
    /// The name.
    pub name: String,
    /// The description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The names of the attached policies.
    #[serde(default)]
    pub policies: BTreeSet<String>,
    /// The subjects of the role's assignments.
    #[serde(default)]
    pub assignments: Vec<Subject>,
}

/// A service token.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct TokenContents {
    /// The access key, of letters and digits; random by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_key: Option<String>,
    /// The secret key; random by default.
    #[serde(serialize_with = "expose", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub secret_key: Option<SecretString>,
    /// The description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The time of the creation; by default now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// The roles to assign to it.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub roles: BTreeSet<String>,
}

impl Environment {
    /// Adds policies, roles and tokens; replaces those of the same name.
    pub(super) fn add_contents(&mut self, contents: Contents, now: Timestamp) -> Result<(), Rejection> {
        for policy in contents.policies {
            let created = policy.created_at.unwrap_or(now);
            let added = Policy {
                description: policy.description,
                document: policy.document,
                created,
                updated: policy.updated_at.unwrap_or(created),
            };
            self.policies.insert(policy.name, added);
        }
        let mut assignments = Vec::new();
        for role in contents.roles {
            let name = || role.name.clone();
            assignments.extend(role.assignments.into_iter().map(|subject| (name(), subject)));
            let mut added = Role::new(role.description);
            added.policies = role.policies;
            self.roles.insert(role.name, added);
        }
        for token in contents.tokens {
            let access_key = token.access_key.unwrap_or_else(|| alphanumeric(16));
            let subject = Subject::token(&access_key);
            assignments.extend(token.roles.into_iter().map(|role| (role, subject.clone())));
            self.add_token(ServiceToken {
                access_key,
                secret_key: token.secret_key.unwrap_or_else(|| alphanumeric(32).into()),
                description: token.description,
                created: token.created_at.unwrap_or(now),
            });
        }
        for (role, subject) in assignments {
            match self.assign(&role, subject, now) {
                Ok(()) | Err(Refusal::AlreadyExists) => {}
                Err(_) => {
                    return Err(Rejection::invalid(format!(
                        "the role {role} or the subject does not exist"
                    )));
                }
            }
        }
        Ok(())
    }

    pub(super) fn all_contents(&self) -> Contents {
        let policies = self.policies.iter().map(|(name, policy)| PolicyContents {
            name: name.clone(),
            description: policy.description.clone(),
            document: policy.document.clone(),
            created_at: Some(policy.created),
            updated_at: Some(policy.updated),
        });
        let roles = self.roles.iter().map(|(name, role)| RoleContents {
            name: name.clone(),
            description: role.description.clone(),
            policies: role.policies.clone(),
            assignments: role.subjects().cloned().collect(),
        });
        let tokens = self.tokens.values().map(|token| TokenContents {
            access_key: Some(token.access_key.clone()),
            secret_key: Some(token.secret_key.clone()),
            description: token.description.clone(),
            created_at: Some(token.created),
            roles: BTreeSet::new(),
        });
        Contents {
            policies: policies.collect(),
            roles: roles.collect(),
            tokens: tokens.collect(),
        }
    }
}
