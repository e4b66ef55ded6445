//! The RBAC Manager's API, typed: every endpoint that StarTree's page *Using the RBAC API* shows.
//!
//! Nothing here knows Terraform.

mod answer;
mod pinot;
mod srn;
mod subject;

use http::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::rest::{Client, Credential, Error, Operation, Request, RetrySafety};

pub(super) use pinot::Pinot;
pub use srn::{AccessKey, InvalidAccessKey, InvalidName, Name, Srn};
pub use subject::{Assignment, InvalidSubject, InvalidSubjectType, Subject, SubjectType};

/// The RBAC Manager of an environment.
///
/// Every method ends within its [`Operation`] and fails with an [`Error`] that tells whether the platform may have acted.
/// What the platform answers about something that is not there is not documented; [`Error::is_not_found`] is the likely case,
/// and only a list proves it.
///
/// What makes or assigns something is not repeated here: whether the platform takes it twice is not documented, so whoever
/// calls it looks first. What ends something is: whatever is answered the second time, it is gone by then.
#[derive(Clone)]
pub struct Api {
    client: Client,
}

/// What the platform says of a description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Nothing: the answer has no such field.
    Nothing,
    /// This; empty where there is none.
    Text(String),
}

/// A policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// What is said of it.
    pub description: Told,
    /// Its document: JSON.
    pub document: String,
}

/// A service token that was just made. The platform never shows its secret again.
#[derive(Clone, Debug)]
pub struct IssuedToken {
    /// What it is known by; its user name.
    pub access_key: AccessKey,
    /// Its password.
    pub secret_key: SecretString,
    /// The whole token as the platform spells it, where that is not as documented.
    spelled: Option<SecretString>,
}

impl IssuedToken {
    /// The token of this value: `st-<access key>-<secret key>`, as the page *Generate an API token* shows it.
    pub fn of_bearer(bearer: &SecretString) -> Option<Self> {
        let (access_key, secret_key) = bearer.expose_secret().strip_prefix("st-")?.split_once('-')?;
        let is_access_key = access_key.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let is_secret_key = !secret_key.is_empty() && secret_key.bytes().all(|byte| byte.is_ascii_graphic());
        Some(Self {
            access_key: access_key.parse().ok().filter(|_| is_access_key)?,
            secret_key: Some(secret_key).filter(|_| is_secret_key)?.into(),
            spelled: None,
        })
    }

    /// The token of what an answer shows of it. The two keys suffice, as does the whole token, which may be spelled with the
    /// scheme in front of it, or without `st-`: a value is shown once, and must not be lost for its spelling.
    fn shown(bearer: Option<&str>, access_key: Option<&str>, secret_key: Option<&str>) -> Option<Self> {
        let bearer = bearer.map(|bearer| match bearer.trim().split_at_checked(7) {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer ") => rest.trim(),
            _ => bearer.trim(),
        });
        let keys = access_key.and_then(|key| key.trim().parse().ok()).zip(secret_key);
        let mut issued = match (keys, bearer) {
            (Some((access_key, secret_key)), _) => Self {
                access_key,
                secret_key: secret_key.trim().into(),
                spelled: None,
            },
            (None, Some(bearer)) => {
                let whole = format!("st-{}", bearer.strip_prefix("st-").unwrap_or(bearer));
                Self::of_bearer(&whole.into())?
            }
            (None, None) => return None,
        };
        let is_printable = |bearer: &&str| !bearer.is_empty() && bearer.bytes().all(|byte| byte.is_ascii_graphic());
        issued.spelled = bearer
            .filter(is_printable)
            .filter(|bearer| *bearer != issued.bearer().expose_secret())
            .map(SecretString::from);
        Some(issued)
    }

    /// What a client presents.
    pub fn bearer(&self) -> SecretString {
        match &self.spelled {
            Some(spelled) => spelled.clone(),
            None => format!("st-{}-{}", self.access_key, self.secret_key.expose_secret()).into(),
        }
    }
}

impl Api {
    /// The API behind `client`, whose base URL ends in `/api/v1/rbac-manager`.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// Whether this is the value that the API is called with.
    pub async fn works_with(&self, bearer: &SecretString) -> bool {
        self.client.uses_secret(bearer).await
    }

    /// What the API is called with.
    pub async fn credential(&self) -> Credential {
        self.client.credential().await
    }

    /// Goes on with a token that was just made, once the platform lets it in: tried by reading it.
    ///
    /// # Errors
    ///
    /// [`Error`]: the API goes on being called with the token that it was called with.
    pub async fn switch_credential(&self, operation: &Operation, issued: &IssuedToken) -> Result<(), Error> {
        let srn = Srn::ServiceToken(&issued.access_key);
        let tried = format!("work with the new service token {}", issued.access_key);
        let probe = one(Method::GET, tried, srn, None);
        self.client.switch_credential(operation, &issued.bearer(), &probe).await
    }

    /// Makes a service token: `POST /service-tokens`. Without a role it is let in nowhere.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn create_service_token(
        &self,
        operation: &Operation,
        description: Option<&str>,
    ) -> Result<IssuedToken, Error> {
        let body = with_description(json!({}), description);
        let request = Request::new(Method::POST, "create a service token", &["service-tokens"]).json(&body);
        self.client
            .fetch(operation, &request, |answer| answer::issued(&answer))
            .await
            .inspect(|issued| self.client.redact(&issued.secret_key))
    }

    /// What is said of a service token: `GET /service-tokens/{srn}`.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn service_token(&self, operation: &Operation, access_key: &AccessKey) -> Result<Told, Error> {
        let srn = Srn::ServiceToken(access_key);
        let request = one(Method::GET, format!("read the service token {access_key}"), srn, None);
        self.client
            .fetch(operation, &request, |answer| answer::description(&answer, srn))
            .await
    }

    /// ExpiryPolicy a service token: `DELETE /service-tokens/{srn}`. What becomes of its assignments is not documented.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn delete_service_token(&self, operation: &Operation, access_key: &AccessKey) -> Result<(), Error> {
        let tried = format!("delete the service token {access_key}");
        let request = one(Method::DELETE, tried, Srn::ServiceToken(access_key), None);
        self.client.send(operation, &request).await.map(drop)
    }

    /// The names of all roles: `GET /roles`.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn roles(&self, operation: &Operation) -> Result<Vec<String>, Error> {
        let request = Request::new(Method::GET, "list the roles", &["roles"]);
        self.client
            .fetch(operation, &request, |answer| answer::names(&answer, "role", "roles"))
            .await
    }

    /// Makes a role: `POST /roles`.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn create_role(
        &self,
        operation: &Operation,
        name: &Name,
        description: Option<&str>,
    ) -> Result<(), Error> {
        let body = with_description(json!({ "name": name.as_str() }), description);
        let request = Request::new(
            Method::POST,
            format!("create the role {name:?}", name = name.as_str()),
            &["roles"],
        );
        self.client.send(operation, &request.json(&body)).await.map(drop)
    }

    /// What is said of a role: `GET /roles/{srn}`.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn role(&self, operation: &Operation, name: &Name) -> Result<Told, Error> {
        let srn = Srn::Role(name);
        let request = one(Method::GET, format!("read the role {:?}", name.as_str()), srn, None);
        self.client
            .fetch(operation, &request, |answer| answer::description(&answer, srn))
            .await
    }

    /// Deletes a role: `DELETE /roles/{srn}`. Refused while it is assigned.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn delete_role(&self, operation: &Operation, name: &Name) -> Result<(), Error> {
        let tried = format!("delete the role {:?}", name.as_str());
        let request = one(Method::DELETE, tried, Srn::Role(name), None);
        self.client.send(operation, &request).await.map(drop)
    }

    /// Whom a role is assigned to: `GET /roles/{srn}/assignments`.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn assignments(&self, operation: &Operation, role: &Name) -> Result<Vec<Assignment>, Error> {
        let tried = format!("list the assignments of the role {:?}", role.as_str());
        let request = one(Method::GET, tried, Srn::Role(role), Some("assignments"));
        self.client
            .fetch(operation, &request, |answer| answer::assignments(&answer, role))
            .await
    }

    /// Assigns a role: `POST /roles/{srn}/create-assignment`. It may take up to an hour until that is known everywhere.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn assign(&self, operation: &Operation, role: &Name, subject: &Subject) -> Result<(), Error> {
        let tried = format!("assign the role {:?} to the {subject}", role.as_str());
        let request = assignment(tried, role, subject, "create-assignment");
        self.client.send(operation, &request).await.map(drop)
    }

    /// ExpiryPolicy an assignment: `POST /roles/{srn}/delete-assignment`.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn unassign(&self, operation: &Operation, role: &Name, subject: &Subject) -> Result<(), Error> {
        let tried = format!("take the role {:?} from the {subject}", role.as_str());
        let request = assignment(tried, role, subject, "delete-assignment").retry(RetrySafety::Safe);
        self.client.send(operation, &request).await.map(drop)
    }

    /// The names of the policies that are attached to a role: `GET /roles/{srn}/policies`.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn policies_of(&self, operation: &Operation, role: &Name) -> Result<Vec<String>, Error> {
        let tried = format!("list the policies of the role {:?}", role.as_str());
        let request = one(Method::GET, tried, Srn::Role(role), Some("policies"));
        self.client
            .fetch(operation, &request, |answer| {
                answer::names(&answer, "policy", "policies")
            })
            .await
    }

    /// Attaches a policy to a role: `POST /roles/{srn}/attach-policy`.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn attach(&self, operation: &Operation, role: &Name, policy: &Name) -> Result<(), Error> {
        let tried = format!(
            "attach the policy {:?} to the role {:?}",
            policy.as_str(),
            role.as_str()
        );
        let request = attachment(tried, role, policy, "attach-policy");
        self.client.send(operation, &request).await.map(drop)
    }

    /// Detaches a policy from a role: `POST /roles/{srn}/detach-policy`.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn detach(&self, operation: &Operation, role: &Name, policy: &Name) -> Result<(), Error> {
        let tried = format!(
            "detach the policy {:?} from the role {:?}",
            policy.as_str(),
            role.as_str()
        );
        let request = attachment(tried, role, policy, "detach-policy").retry(RetrySafety::Safe);
        self.client.send(operation, &request).await.map(drop)
    }

    /// The names of all policies: `GET /policies`.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn policies(&self, operation: &Operation) -> Result<Vec<String>, Error> {
        let request = Request::new(Method::GET, "list the policies", &["policies"]);
        self.client
            .fetch(operation, &request, |answer| {
                answer::names(&answer, "policy", "policies")
            })
            .await
    }

    /// Makes a policy: `POST /policies`. `document` is JSON.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn create_policy(
        &self,
        operation: &Operation,
        name: &Name,
        description: Option<&str>,
        document: &str,
    ) -> Result<(), Error> {
        let body = json!({ "name": name.as_str(), "policyDocumentJson": document });
        let body = with_description(body, description);
        let tried = format!("create the policy {:?}", name.as_str());
        let request = Request::new(Method::POST, tried, &["policies"]).json(&body);
        self.client.send(operation, &request).await.map(drop)
    }

    /// A policy: `GET /policies/{srn}`.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn policy(&self, operation: &Operation, name: &Name) -> Result<Policy, Error> {
        let srn = Srn::Policy(name);
        let request = one(Method::GET, format!("read the policy {:?}", name.as_str()), srn, None);
        self.client
            .fetch(operation, &request, |answer| answer::policy(&answer, srn))
            .await
    }

    /// Changes a policy: `PUT /policies/{srn}`. What becomes of a description that is left out is not documented.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn update_policy(
        &self,
        operation: &Operation,
        name: &Name,
        description: Option<&str>,
        document: &str,
    ) -> Result<(), Error> {
        let body = with_description(json!({ "policyDocumentJson": document }), description);
        let tried = format!("change the policy {:?}", name.as_str());
        let request = one(Method::PUT, tried, Srn::Policy(name), None).json(&body);
        self.client.send(operation, &request).await.map(drop)
    }

    /// Deletes a policy: `DELETE /policies/{srn}`. Refused while it is attached.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn delete_policy(&self, operation: &Operation, name: &Name) -> Result<(), Error> {
        let tried = format!("delete the policy {:?}", name.as_str());
        let request = one(Method::DELETE, tried, Srn::Policy(name), None);
        self.client.send(operation, &request).await.map(drop)
    }
}

/// A request about one thing, or about what belongs to it.
fn one(method: Method, tried: impl Into<String>, srn: Srn<'_>, what: Option<&str>) -> Request {
    let collection = match srn {
        Srn::Role(_) => "roles",
        Srn::Policy(_) => "policies",
        Srn::ServiceToken(_) => "service-tokens",
    };
    let srn = srn.to_string();
    let segments: Vec<&str> = [collection, &srn].into_iter().chain(what).collect();
    Request::new(method, tried, &segments)
}

fn assignment(tried: String, role: &Name, subject: &Subject, action: &str) -> Request {
    let body = json!({ "subject": subject.as_str(), "subjectType": subject.subject_type().as_str() });
    one(Method::POST, tried, Srn::Role(role), Some(action)).json(&body)
}

fn attachment(tried: String, role: &Name, policy: &Name, action: &str) -> Request {
    let body = json!({ "policySrn": Srn::Policy(policy).to_string() });
    one(Method::POST, tried, Srn::Role(role), Some(action)).json(&body)
}

/// Each sample has a description. Whether one may be left out is not documented; it is, where there is none.
/// Adds a description, if there is one to add.
fn with_description(mut body: Value, description: Option<&str>) -> Value {
    if let (Some(members), Some(description)) = (body.as_object_mut(), description) {
        members.insert("description".to_owned(), description.into());
    }
    body
}
