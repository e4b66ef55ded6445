//! The state of the platform: policies, roles, assignments and service tokens.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::options::{Names, Options, PinotAccess, Repeated};
use super::refusal::Refusal;
use crate::sandbox::IssuedValues;
use crate::sandbox::clock::later;
use crate::sandbox::control::EndedTokens;

/// The name of the predefined role that has all permissions, and of its policy.
pub(super) const ADMINISTRATOR: &str = "system-admin";

/// The other predefined roles. The documentation does not describe their permissions.
const PREDEFINED_ROLES: [&str; 2] = ["rbac-admin", "table-reader"];

/// A subject of an assignment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Subject {
    /// `user-email`, `group`, `domain` or `service-token`.
    pub subject_type: String,
    /// An email address, a name, or the access key of a service token.
    pub subject: String,
}

impl Subject {
    /// Creates a subject of this type.
    pub fn new(subject_type: &str, subject: &str) -> Self {
        Self {
            subject_type: subject_type.to_owned(),
            subject: subject.to_owned(),
        }
    }

    pub(super) fn has_valid_type(&self) -> bool {
        ["user-email", "group", "domain", "service-token"].contains(&self.subject_type.as_str())
    }

    /// Creates the subject for a service token.
    pub fn token(access_key: &str) -> Self {
        Self::new("service-token", access_key)
    }
}

/// A policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The description.
    pub description: Option<String>,
    /// The document, as it was sent.
    pub document: String,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
}

/// A role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Role {
    /// The description.
    pub description: Option<String>,
    /// The names of the attached policies.
    pub policies: BTreeSet<String>,
    /// The assigned subjects, each with the time at which the assignment takes effect in Pinot.
    assigned: BTreeMap<Subject, Timestamp>,
    /// The removed subjects, each with the time at which the removal takes effect in Pinot.
    removed: BTreeMap<Subject, Timestamp>,
}

impl Role {
    /// Creates a role without assignments.
    pub(super) fn new(description: Option<String>) -> Self {
        Self {
            description,
            ..Self::default()
        }
    }

    /// The assigned subjects.
    pub fn subjects(&self) -> impl Iterator<Item = &Subject> {
        self.assigned.keys()
    }

    pub(super) fn is_assigned(&self, subject: &Subject) -> bool {
        self.assigned.contains_key(subject)
    }

    /// Whether Pinot treats the role as assigned to `subject`.
    fn is_effective(&self, subject: &Subject, now: Timestamp) -> bool {
        self.assigned.get(subject).is_some_and(|since| *since <= now)
            || self.removed.get(subject).is_some_and(|until| now < *until)
    }
}

/// A service token.
#[derive(Clone, Debug)]
pub struct ServiceToken {
    /// The access key, which identifies the token.
    pub access_key: String,
    /// The secret key, which is shown once.
    pub secret_key: SecretString,
    /// The description.
    pub description: Option<String>,
    pub(super) created: Timestamp,
}

impl ServiceToken {
    /// The bearer token: `st-<access key>-<secret key>`.
    pub fn bearer(&self) -> SecretString {
        format!("st-{}-{}", self.access_key, self.secret_key.expose_secret()).into()
    }
}

/// The permissions of the token in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    /// May use the RBAC Manager.
    Administrator,
    /// May not use the RBAC Manager.
    Other,
}

/// A StarTree environment.
#[derive(Debug)]
pub struct Environment {
    pub(super) name: String,
    pub(super) options: Options,
    pub(super) policies: BTreeMap<String, Policy>,
    pub(super) roles: BTreeMap<String, Role>,
    pub(super) tokens: BTreeMap<String, ServiceToken>,
    pub(super) issued: IssuedValues,
    pub(super) ended: EndedTokens,
}

impl Environment {
    /// Creates an environment with the predefined roles and their policy.
    pub(super) fn new(options: Options, now: Timestamp) -> Self {
        let everything = r#"{"version":"v1","statements":[{"effect":"allow","actions":["*"],"resources":["*"]}]}"#;
        let policy = Policy {
            description: Some("Everything".to_owned()),
            document: everything.to_owned(),
            created: now,
            updated: now,
        };
        let role = Role {
            policies: [ADMINISTRATOR.to_owned()].into(),
            ..Role::default()
        };
        let predefined = PREDEFINED_ROLES.map(|name| (name.to_owned(), Role::default()));
        Self {
            policies: [(ADMINISTRATOR.to_owned(), policy)].into(),
            roles: predefined
                .into_iter()
                .chain([(ADMINISTRATOR.to_owned(), role)])
                .collect(),
            ..Self::empty(options)
        }
    }

    /// Creates an environment without roles.
    pub(super) fn empty(options: Options) -> Self {
        Self {
            name: "acme".to_owned(),
            options,
            policies: BTreeMap::new(),
            roles: BTreeMap::new(),
            tokens: BTreeMap::new(),
            issued: IssuedValues::default(),
            ended: EndedTokens::default(),
        }
    }

    /// Returns the permissions of a bearer token; `None` for an unknown one.
    pub(super) fn caller(&self, bearer: &str) -> Option<Caller> {
        let token = self.token_with_value(bearer)?;
        let subject = Subject::token(&token.access_key);
        let administrators = self.roles.get(ADMINISTRATOR);
        let is_administrator = administrators.is_some_and(|role| role.is_assigned(&subject));
        Some(if is_administrator {
            Caller::Administrator
        } else {
            Caller::Other
        })
    }

    /// Finds the token with this value.
    pub(super) fn token_with_value(&self, bearer: &str) -> Option<&ServiceToken> {
        let (access_key, secret_key) = bearer.strip_prefix("st-")?.split_once('-')?;
        let token = self.tokens.get(access_key)?;
        (token.secret_key.expose_secret() == secret_key).then_some(token)
    }

    /// Whether Pinot accepts a token.
    pub(super) fn pinot_accepts(&self, token: &ServiceToken, now: Timestamp) -> bool {
        let subject = Subject::token(&token.access_key);
        let mut roles = self.roles.values().filter(|role| role.is_effective(&subject, now));
        match self.options.pinot_access {
            PinotAccess::AnyRole => roles.next().is_some(),
            PinotAccess::RoleWithPolicy => roles.any(|role| !role.policies.is_empty()),
        }
    }

    pub(super) fn create_policy(
        &mut self,
        name: &str,
        description: Option<String>,
        document: String,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        self.check_new(name, description.as_deref(), self.policies.contains_key(name))?;
        check_document(&document)?;
        let policy = Policy {
            description,
            document,
            created: now,
            updated: now,
        };
        self.policies.insert(name.to_owned(), policy);
        Ok(())
    }

    pub(super) fn update_policy(
        &mut self,
        name: &str,
        description: Option<String>,
        document: String,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        check_document(&document)?;
        let keeps_description = self.options.keeps_description && description.is_none();
        let policy = self.policies.get_mut(name).ok_or(Refusal::NotFound)?;
        if !keeps_description {
            policy.description = description;
        }
        policy.document = document;
        policy.updated = now;
        Ok(())
    }

    pub(super) fn delete_policy(&mut self, name: &str) -> Result<(), Refusal> {
        if self.roles.values().any(|role| role.policies.contains(name)) {
            return Err(Refusal::InUse("The policy is associated with a role."));
        }
        self.policies.remove(name).map(drop).ok_or(Refusal::NotFound)
    }

    pub(super) fn create_role(&mut self, name: &str, description: Option<String>) -> Result<(), Refusal> {
        self.check_new(name, description.as_deref(), self.roles.contains_key(name))?;
        self.roles.insert(name.to_owned(), Role::new(description));
        Ok(())
    }

    pub(super) fn role(&self, name: &str) -> Result<&Role, Refusal> {
        self.roles.get(name).ok_or(Refusal::NotFound)
    }

    pub(super) fn delete_role(&mut self, name: &str) -> Result<(), Refusal> {
        let role = self.role(name)?;
        if !role.assigned.is_empty() {
            return Err(Refusal::InUse("Subjects are assigned to the role."));
        }
        if !role.policies.is_empty() && !self.options.deletes_roles_with_policies {
            return Err(Refusal::InUse("Policies are attached to the role."));
        }
        self.roles.remove(name);
        Ok(())
    }

    pub(super) fn attach(&mut self, role: &str, policy: &str) -> Result<(), Refusal> {
        if !self.policies.contains_key(policy) {
            return Err(Refusal::NotFound);
        }
        let repeated = self.options.repeated;
        let role = self.roles.get_mut(role).ok_or(Refusal::NotFound)?;
        match (role.policies.insert(policy.to_owned()), repeated) {
            (false, Repeated::Rejected) => Err(Refusal::AlreadyExists),
            _ => Ok(()),
        }
    }

    pub(super) fn detach(&mut self, role: &str, policy: &str) -> Result<(), Refusal> {
        let repeated = self.options.repeated;
        let role = self.roles.get_mut(role).ok_or(Refusal::NotFound)?;
        match (role.policies.remove(policy), repeated) {
            (false, Repeated::Rejected) => Err(Refusal::NotFound),
            _ => Ok(()),
        }
    }

    pub(super) fn assign(&mut self, role: &str, subject: Subject, now: Timestamp) -> Result<(), Refusal> {
        let Options {
            repeated,
            assigns_unknown_tokens,
            propagation,
            ..
        } = self.options;
        let subject = self.normalised(subject);
        let is_token = subject.subject_type == "service-token";
        if is_token && !assigns_unknown_tokens && !self.tokens.contains_key(&subject.subject) {
            return Err(Refusal::NotFound);
        }
        let role = self.roles.get_mut(role).ok_or(Refusal::NotFound)?;
        if role.assigned.contains_key(&subject) {
            return match repeated {
                Repeated::Accepted => Ok(()),
                Repeated::Rejected => Err(Refusal::AlreadyExists),
            };
        }
        // If the removal has not taken effect in Pinot yet, the assignment remains effective.
        let effective_from = match role.removed.remove(&subject) {
            Some(_) => now,
            None => later(now, propagation),
        };
        role.assigned.insert(subject, effective_from);
        Ok(())
    }

    pub(super) fn unassign(&mut self, role: &str, subject: Subject, now: Timestamp) -> Result<(), Refusal> {
        let Options {
            repeated, propagation, ..
        } = self.options;
        let subject = self.normalised(subject);
        let role = self.roles.get_mut(role).ok_or(Refusal::NotFound)?;
        match (role.assigned.remove(&subject), repeated) {
            (Some(since), _) => {
                if since <= now {
                    role.removed.insert(subject, later(now, propagation));
                }
                Ok(())
            }
            (None, Repeated::Rejected) => Err(Refusal::NotFound),
            (None, Repeated::Accepted) => Ok(()),
        }
    }

    pub(super) fn create_token(&mut self, description: Option<String>, now: Timestamp) -> ServiceToken {
        let token = ServiceToken {
            access_key: alphanumeric(16),
            secret_key: alphanumeric(32).into(),
            description,
            created: now,
        };
        self.add_token(token.clone());
        token
    }

    /// Adds or replaces a token.
    pub(super) fn add_token(&mut self, token: ServiceToken) {
        self.issued.push(token.bearer());
        self.issued.push(token.secret_key.clone());
        self.tokens.insert(token.access_key.clone(), token);
    }

    pub(super) fn delete_token(&mut self, access_key: &str, now: Timestamp) -> Result<(), Refusal> {
        let deleted = self.tokens.get(access_key).ok_or(Refusal::NotFound)?;
        self.ended.push(self.view(deleted), now);
        self.tokens.remove(access_key);
        if self.options.drops_assignments {
            let subject = Subject::token(access_key);
            for role in self.roles.values_mut() {
                role.assigned.remove(&subject);
            }
        }
        Ok(())
    }

    /// Forgets the removed assignments whose removal has taken effect in Pinot.
    pub(super) fn forget_effective_removals(&mut self, now: Timestamp) {
        for role in self.roles.values_mut() {
            role.removed.retain(|_, until| now < *until);
        }
    }

    /// Returns the subject in the platform's normal form.
    fn normalised(&self, mut subject: Subject) -> Subject {
        if self.options.lowercases_subjects && matches!(subject.subject_type.as_str(), "user-email" | "domain") {
            subject.subject.make_ascii_lowercase();
        }
        subject
    }

    /// Checks the name and the description of a new policy or role.
    fn check_new(&self, name: &str, description: Option<&str>, is_taken: bool) -> Result<(), Refusal> {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if name.is_empty() || (self.options.names == Names::Plain && !name.chars().all(is_allowed)) {
            return Err(Refusal::Invalid("The name is not valid."));
        }
        if self.options.requires_description && description.is_none_or(str::is_empty) {
            return Err(Refusal::Invalid("The description must not be empty."));
        }
        if is_taken {
            return Err(Refusal::NameTaken);
        }
        Ok(())
    }
}

fn check_document(document: &str) -> Result<(), Refusal> {
    match serde_json::from_str(document) {
        Ok(Value::Object(_)) => Ok(()),
        _ => Err(Refusal::Invalid("The policy document is not valid.")),
    }
}

pub(super) fn alphanumeric(length: usize) -> String {
    std::iter::repeat_with(fastrand::alphanumeric).take(length).collect()
}
