//! What an administrator sees and does in StarTree's Security Manager.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodFilter;
use jiff::Timestamp;
use schemars::JsonSchema;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::Sandbox;
use super::contents::Contents;
use super::options::Options;
use super::refusal::Refusal;
use super::state::{ADMINISTRATOR, Environment, Role, ServiceToken, Subject, alphanumeric};
use crate::sandbox::Platform as _;
use crate::sandbox::control::{
    Action, Change, EndedTokens, Endpoint, Field, FieldType, Fields, IssuedToken, Kind, Rejection, Start,
    TokenManagement, TokenState, TokenView,
};

const SERVICE_TOKEN: &str = "service-token";

impl TokenManagement for Environment {
    const NAME: &'static str = "startree";
    const TITLE: &'static str = "StarTree";

    type Options = Options;
    type Contents = Contents;

    fn control_endpoints() -> Vec<Endpoint<Self>> {
        const ASSIGNMENT: &str = "/roles/{name}/assignments/{subject-type}/{subject}";
        vec![
            Endpoint::new(MethodFilter::GET, "/roles", roles, "The roles and their assignments")
                .answers::<Vec<RoleView>>(),
            Endpoint::new(MethodFilter::PUT, ASSIGNMENT, assign, "Assigns a role"),
            Endpoint::new(MethodFilter::DELETE, ASSIGNMENT, unassign, "Removes an assignment"),
        ]
    }

    fn account(&self) -> &str {
        &self.name
    }

    fn options_mut(&mut self) -> &mut Options {
        &mut self.options
    }

    fn kinds(&self) -> Vec<Kind> {
        vec![Kind {
            kind: SERVICE_TOKEN,
            title: "Service token",
            create: Some(vec![Field::new(
                "description",
                FieldType::Text,
                "What the token is for. Assign a role to it afterwards: without one, it is rejected",
            )]),
        }]
    }

    fn tokens(&self, _: Timestamp) -> Vec<TokenView> {
        self.tokens.values().map(|token| self.view(token)).collect()
    }

    fn ended_tokens(&mut self) -> &mut EndedTokens {
        &mut self.ended
    }

    fn create(&mut self, kind: &str, fields: Fields, now: Timestamp) -> Result<IssuedToken, Rejection> {
        if kind != SERVICE_TOKEN {
            return Err(Rejection::invalid(format!("kind: must be {SERVICE_TOKEN}")));
        }
        let Creation { description } = fields.read()?;
        let token = self.create_token(description, now);
        Ok(IssuedToken {
            token: self.view(&token),
            value: token.bearer(),
        })
    }

    fn rotate(&mut self, id: &str, _: Option<Timestamp>, _: Timestamp) -> Result<IssuedToken, Rejection> {
        self.require_token(id)?;
        Err(Rejection::unsupported(
            "StarTree has no rotation: create another token and revoke this one",
        ))
    }

    fn revoke(&mut self, id: &str, now: Timestamp) -> Result<(), Rejection> {
        self.require_token(id)?;
        self.delete_token(id, now).map_err(|refusal| self.rejection(refusal))
    }

    fn start(start: Start<Self>) -> Result<(Sandbox, SecretString), Rejection> {
        let (access_key, secret_key) = match &start.token {
            None => (alphanumeric(16), alphanumeric(32)),
            Some(token) => match token
                .expose_secret()
                .strip_prefix("st-")
                .and_then(|keys| keys.split_once('-'))
            {
                Some((access_key, secret_key)) => (access_key.to_owned(), secret_key.to_owned()),
                None => {
                    return Err(Rejection::invalid(
                        "the token must have the form st-<access key>-<secret key>",
                    ));
                }
            },
        };
        let administrator = ServiceToken {
            access_key,
            secret_key: secret_key.into(),
            description: Some("Terraform".to_owned()),
            created: Timestamp::now(),
        };
        let token = administrator.bearer();
        let is_new = start.contents.is_none();
        let mut environment = match is_new {
            true => Self::new(start.options, administrator.created),
            false => Self::empty(start.options),
        };
        environment.name = start.account;
        let sandbox = Sandbox::start_ahead(environment, start.ahead);
        sandbox.with(|environment, now| {
            if is_new {
                let subject = Subject::token(&administrator.access_key);
                environment.add_token(ServiceToken {
                    created: now,
                    ..administrator
                });
                // Cannot fail: the role is predefined and the token exists.
                let _ = environment.assign(ADMINISTRATOR, subject, now);
            }
            environment.add_contents(start.contents.unwrap_or_default(), now)
        })?;
        Ok((sandbox, token))
    }

    fn environment(base_url: &str, token: &SecretString) -> Vec<(&'static str, String)> {
        let host = base_url.trim_end_matches(Self::BASE_PATH);
        vec![
            ("STARTREE_BASE_URL", base_url.to_owned()),
            ("STARTREE_PINOT_URL", host.to_owned()),
            ("STARTREE_TOKEN", token.expose_secret().to_owned()),
        ]
    }

    fn contents(&self) -> Contents {
        self.all_contents()
    }

    fn seed(&mut self, contents: Contents, now: Timestamp) -> Result<(), Rejection> {
        self.add_contents(contents, now)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Creation {
    description: Option<String>,
}

impl Environment {
    pub(super) fn view(&self, token: &ServiceToken) -> TokenView {
        let subject = Subject::token(&token.access_key);
        let roles = self.roles.iter().filter(|(_, role)| role.is_assigned(&subject));
        let roles: Vec<_> = roles.map(|(name, _)| name.as_str()).collect();
        let roles = match roles.as_slice() {
            [] => "none; Pinot rejects the token until it has one".to_owned(),
            roles => roles.join(", "),
        };
        TokenView {
            id: token.access_key.clone(),
            kind: SERVICE_TOKEN.into(),
            name: token.access_key.clone(),
            owner: None,
            description: token.description.clone(),
            slot: None,
            created_at: token.created,
            expires_at: None,
            ended_at: None,
            state: TokenState::Active,
            actions: vec![Action::Revoke],
            details: [("roles".into(), roles)].into(),
        }
    }

    fn require_token(&self, id: &str) -> Result<(), Rejection> {
        let exists = self.tokens.contains_key(id);
        exists
            .then_some(())
            .ok_or_else(|| Rejection::not_found(format!("there is no token {id}")))
    }

    fn rejection(&self, refusal: Refusal) -> Rejection {
        let (status, message) = self.options.status_and_message(refusal);
        Rejection::new(status, message)
    }
}

async fn roles(State(sandbox): State<Sandbox>) -> Json<Vec<RoleView>> {
    sandbox.with(|environment, _| Json(environment.roles.iter().map(RoleView::from).collect()))
}

/// A role with its policies and assignments.
#[derive(Serialize, JsonSchema)]
struct RoleView {
    name: String,
    description: Option<String>,
    policies: BTreeSet<String>,
    assignments: Vec<Subject>,
}

impl From<(&String, &Role)> for RoleView {
    fn from((name, role): (&String, &Role)) -> Self {
        Self {
            name: name.clone(),
            description: role.description.clone(),
            policies: role.policies.clone(),
            assignments: role.subjects().cloned().collect(),
        }
    }
}

type Assignment = Path<(String, String, String)>;

async fn assign(State(sandbox): State<Sandbox>, Path(path): Assignment, headers: HeaderMap) -> Response {
    change_assignment(&sandbox, &headers, "assign", path, Environment::assign)
}

async fn unassign(State(sandbox): State<Sandbox>, Path(path): Assignment, headers: HeaderMap) -> Response {
    change_assignment(&sandbox, &headers, "unassign", path, Environment::unassign)
}

fn change_assignment(
    sandbox: &Sandbox,
    headers: &HeaderMap,
    action: &'static str,
    (role, subject_type, subject): (String, String, String),
    change: impl FnOnce(&mut Environment, &str, Subject, Timestamp) -> Result<(), Refusal>,
) -> Response {
    let entry = Change::console(headers, action, format!("role {role} of {subject_type} {subject}"));
    let outcome = sandbox.with(|environment, now| {
        let subject = Subject::new(&subject_type, &subject);
        if !subject.has_valid_type() {
            return Err(Rejection::not_found(
                "the subject type must be user-email, group, domain or service-token",
            ));
        }
        let changed = change(environment, &role, subject, now);
        changed.map_err(|refusal| environment.rejection(refusal))
    });
    sandbox.finish(entry, outcome.map(|()| StatusCode::NO_CONTENT.into_response()))
}
