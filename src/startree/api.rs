//! The RBAC Manager's API, typed: every endpoint that StarTree's page *Using the RBAC API* shows.
//!
//! Nothing here knows Terraform.

mod answer;
mod pinot;
mod srn;
mod subject;

use http::Method;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::rest::{Client, Credential, Error, Operation, Request, RetrySafety};

pub(super) use pinot::Pinot;
pub use srn::{AccessKey, InvalidAccessKey, InvalidName, Name, Srn};
pub use subject::{Assignment, InvalidSubject, InvalidSubjectType, Subject, SubjectType};

/// The RBAC Manager of an environment.
///
/// Every method returns within the deadline of its [`Operation`]. Its [`Error`] says whether the
/// platform may have carried out the request. The platform does not document its answer about an
/// object that does not exist: [`Error::is_not_found`] is the likely case, and only a list proves
/// it.
///
/// Requests that create or assign are not retried here: the platform does not document whether they
/// are idempotent, so callers read the list before they repeat one. Requests that delete are
/// retried, because a second one has no effect.
#[derive(Clone)]
pub struct Api {
    client: Client,
}

/// A field that the platform may leave out of its answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reported<T> {
    /// The answer does not have the field.
    Absent,
    /// The field's value; for a text, empty if the answer has null.
    Value(T),
}

/// A service token without its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteToken {
    /// The description, if the platform reports one.
    pub description: Reported<String>,
    /// The time of the creation, if the platform reports it in a format that can be read.
    pub created_at: Option<Timestamp>,
}

/// A policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The description, if the platform reports one.
    pub description: Reported<String>,
    /// The policy document, in JSON.
    pub document: String,
}

/// A new service token with its secret, which the platform shows only once.
#[derive(Clone, Debug)]
pub struct IssuedToken {
    /// The access key, which identifies the token and is its user name.
    pub access_key: AccessKey,
    /// The secret key, which is the token's password.
    pub secret_key: SecretString,
    /// The bearer token as the platform spelled it, if that differs from the documented form.
    bearer_as_answered: Option<SecretString>,
}

impl IssuedToken {
    /// Parses a bearer token, `st-<access key>-<secret key>`, as the page *Generate an API token*
    /// shows it.
    pub fn of_bearer(bearer: &SecretString) -> Option<Self> {
        let (access_key, secret_key) = bearer.expose_secret().strip_prefix("st-")?.split_once('-')?;
        let is_access_key = access_key.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let is_secret_key = !secret_key.is_empty() && secret_key.bytes().all(|byte| byte.is_ascii_graphic());
        Some(Self {
            access_key: access_key.parse().ok().filter(|_| is_access_key)?,
            secret_key: Some(secret_key).filter(|_| is_secret_key)?.into(),
            bearer_as_answered: None,
        })
    }

    /// Builds a token from the parts that an answer has: either both keys or the bearer token,
    /// which may have the scheme `Bearer` in front or lack `st-`. The value is shown only once, so
    /// an unexpected spelling must not lose it.
    fn from_parts(bearer: Option<&str>, access_key: Option<&str>, secret_key: Option<&str>) -> Option<Self> {
        let bearer = bearer.map(|bearer| match bearer.trim().split_at_checked(7) {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer ") => rest.trim(),
            _ => bearer.trim(),
        });
        let keys = access_key.and_then(|key| key.trim().parse().ok()).zip(secret_key);
        let mut issued = match (keys, bearer) {
            (Some((access_key, secret_key)), _) => Self {
                access_key,
                secret_key: secret_key.trim().into(),
                bearer_as_answered: None,
            },
            (None, Some(bearer)) => {
                let whole = format!("st-{}", bearer.strip_prefix("st-").unwrap_or(bearer));
                Self::of_bearer(&whole.into())?
            }
            (None, None) => return None,
        };
        let is_printable = |bearer: &&str| !bearer.is_empty() && bearer.bytes().all(|byte| byte.is_ascii_graphic());
        issued.bearer_as_answered = bearer
            .filter(is_printable)
            .filter(|bearer| *bearer != issued.bearer().expose_secret())
            .map(SecretString::from);
        Some(issued)
    }

    /// Returns the value that a client sends as a bearer token.
    pub fn bearer(&self) -> SecretString {
        match &self.bearer_as_answered {
            Some(bearer) => bearer.clone(),
            None => format!("st-{}-{}", self.access_key, self.secret_key.expose_secret()).into(),
        }
    }
}

impl Api {
    /// Wraps a client whose base URL ends in `/api/v1/rbac-manager`.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// Returns whether the API is called with this bearer token.
    pub async fn is_own_credential(&self, bearer: &SecretString) -> bool {
        self.client.uses_secret(bearer).await
    }

    /// Returns the credential that the API is called with.
    pub async fn credential(&self) -> Credential {
        self.client.credential().await
    }

    /// Switches to a new token, after a request with it has succeeded: the token reads itself.
    ///
    /// # Errors
    ///
    /// [`Error`]: the platform does not accept the new token yet, and the API is still called with
    /// the old one.
    pub async fn switch_credential(&self, operation: &Operation, issued: &IssuedToken) -> Result<(), Error> {
        let srn = Srn::ServiceToken(&issued.access_key);
        let action = format!("authenticate with the new service token {}", issued.access_key);
        let probe = one(Method::GET, action, srn, None);
        self.client.switch_credential(operation, &issued.bearer(), &probe).await
    }

    /// Creates a service token: `POST /service-tokens`. It has no access until a role is assigned
    /// to it.
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

    /// Reads a service token: `GET /service-tokens/{srn}`.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn service_token(&self, operation: &Operation, access_key: &AccessKey) -> Result<RemoteToken, Error> {
        let srn = Srn::ServiceToken(access_key);
        let request = one(Method::GET, format!("read the service token {access_key}"), srn, None);
        self.client
            .fetch(operation, &request, |answer| answer::service_token(&answer, srn))
            .await
    }

    /// Deletes a service token: `DELETE /service-tokens/{srn}`. The platform does not document
    /// whether this deletes its role assignments.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn delete_service_token(&self, operation: &Operation, access_key: &AccessKey) -> Result<(), Error> {
        let action = format!("delete the service token {access_key}");
        let request = one(Method::DELETE, action, Srn::ServiceToken(access_key), None);
        self.client.send(operation, &request).await.map(drop)
    }

    /// Lists the names of all roles: `GET /roles`.
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

    /// Creates a role: `POST /roles`.
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

    /// Reads the description of a role: `GET /roles/{srn}`.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn role(&self, operation: &Operation, name: &Name) -> Result<Reported<String>, Error> {
        let srn = Srn::Role(name);
        let request = one(Method::GET, format!("read the role {:?}", name.as_str()), srn, None);
        self.client
            .fetch(operation, &request, |answer| answer::description(&answer, srn))
            .await
    }

    /// Deletes a role: `DELETE /roles/{srn}`. The platform rejects this while the role is assigned.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn delete_role(&self, operation: &Operation, name: &Name) -> Result<(), Error> {
        let action = format!("delete the role {:?}", name.as_str());
        let request = one(Method::DELETE, action, Srn::Role(name), None);
        self.client.send(operation, &request).await.map(drop)
    }

    /// Lists the assignments of a role: `GET /roles/{srn}/assignments`.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn assignments(&self, operation: &Operation, role: &Name) -> Result<Vec<Assignment>, Error> {
        let action = format!("list the assignments of the role {:?}", role.as_str());
        let request = one(Method::GET, action, Srn::Role(role), Some("assignments"));
        self.client
            .fetch(operation, &request, |answer| answer::assignments(&answer, role))
            .await
    }

    /// Assigns a role: `POST /roles/{srn}/create-assignment`. The change can take up to an hour to
    /// take effect everywhere.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn assign(&self, operation: &Operation, role: &Name, subject: &Subject) -> Result<(), Error> {
        let action = format!("assign the role {:?} to the {subject}", role.as_str());
        let request = assignment(action, role, subject, "create-assignment");
        self.client.send(operation, &request).await.map(drop)
    }

    /// Removes an assignment: `POST /roles/{srn}/delete-assignment`.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn unassign(&self, operation: &Operation, role: &Name, subject: &Subject) -> Result<(), Error> {
        let action = format!("remove the role {:?} from the {subject}", role.as_str());
        let request = assignment(action, role, subject, "delete-assignment").retry(RetrySafety::Safe);
        self.client.send(operation, &request).await.map(drop)
    }

    /// Lists the names of the policies that are attached to a role: `GET /roles/{srn}/policies`.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn policies_of(&self, operation: &Operation, role: &Name) -> Result<Vec<String>, Error> {
        let action = format!("list the policies of the role {:?}", role.as_str());
        let request = one(Method::GET, action, Srn::Role(role), Some("policies"));
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
        let action = format!(
            "attach the policy {:?} to the role {:?}",
            policy.as_str(),
            role.as_str()
        );
        let request = attachment(action, role, policy, "attach-policy");
        self.client.send(operation, &request).await.map(drop)
    }

    /// Detaches a policy from a role: `POST /roles/{srn}/detach-policy`.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn detach(&self, operation: &Operation, role: &Name, policy: &Name) -> Result<(), Error> {
        let action = format!(
            "detach the policy {:?} from the role {:?}",
            policy.as_str(),
            role.as_str()
        );
        let request = attachment(action, role, policy, "detach-policy").retry(RetrySafety::Safe);
        self.client.send(operation, &request).await.map(drop)
    }

    /// Lists the names of all policies: `GET /policies`.
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

    /// Creates a policy: `POST /policies`. `document` is JSON.
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
        let action = format!("create the policy {:?}", name.as_str());
        let request = Request::new(Method::POST, action, &["policies"]).json(&body);
        self.client.send(operation, &request).await.map(drop)
    }

    /// Reads a policy: `GET /policies/{srn}`.
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

    /// Updates a policy: `PUT /policies/{srn}`. The platform does not document whether omitting the
    /// description clears it.
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
        let action = format!("update the policy {:?}", name.as_str());
        let request = one(Method::PUT, action, Srn::Policy(name), None).json(&body);
        self.client.send(operation, &request).await.map(drop)
    }

    /// Deletes a policy: `DELETE /policies/{srn}`. The platform rejects this while the policy is
    /// attached.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn delete_policy(&self, operation: &Operation, name: &Name) -> Result<(), Error> {
        let action = format!("delete the policy {:?}", name.as_str());
        let request = one(Method::DELETE, action, Srn::Policy(name), None);
        self.client.send(operation, &request).await.map(drop)
    }
}

/// Builds a request for one object, or for a sub-path of it.
fn one(method: Method, action: impl Into<String>, srn: Srn<'_>, sub_path: Option<&str>) -> Request {
    let collection = match srn {
        Srn::Role(_) => "roles",
        Srn::Policy(_) => "policies",
        Srn::ServiceToken(_) => "service-tokens",
    };
    let srn = srn.to_string();
    let segments: Vec<&str> = [collection, &srn].into_iter().chain(sub_path).collect();
    Request::new(method, action, &segments)
}

fn assignment(action: String, role: &Name, subject: &Subject, endpoint: &str) -> Request {
    let body = json!({ "subject": subject.as_str(), "subjectType": subject.subject_type().as_str() });
    one(Method::POST, action, Srn::Role(role), Some(endpoint)).json(&body)
}

fn attachment(action: String, role: &Name, policy: &Name, endpoint: &str) -> Request {
    let body = json!({ "policySrn": Srn::Policy(policy).to_string() });
    one(Method::POST, action, Srn::Role(role), Some(endpoint)).json(&body)
}

/// Adds the description to a request body, if there is one. The platform does not document whether
/// it may be left out.
fn with_description(mut body: Value, description: Option<&str>) -> Value {
    if let (Some(members), Some(description)) = (body.as_object_mut(), description) {
        members.insert("description".to_owned(), description.into());
    }
    body
}
