//! A typed client of Quix's Portal API.
//!
//! It has the endpoints of the documentation and of the public Python client, and the two requests
//! for streaming tokens, whose paths the user can configure. The endpoints of personal access tokens
//! are those of Quix's own Postman collection of 2023. It does not depend on Terraform.

mod answer;
mod endpoint;
mod personal_access_token;

use std::collections::BTreeMap;

use http::{HeaderName, Method};
use secrecy::{ExposeSecret, SecretString};

use crate::platform::sha256::sha256;
use crate::rest::{Client, Error, Operation, Request, RetrySafety};

pub use endpoint::{Endpoint, InvalidEndpoint, READ_PATH, ROTATE_PATH};
pub use personal_access_token::{
    InvalidTokenId, IssuedPersonalAccessToken, NewPersonalAccessToken, PersonalAccessToken, TokenId,
};

/// The header with the version of the API, as the Python client sends it.
const VERSION: (HeaderName, &str) = (HeaderName::from_static("x-version"), "2.0");

/// The Portal API. The client's token is the personal access token of a user, or the streaming
/// token of one environment.
///
/// Every method finishes within its [`Operation`]. An [`Error`] knows whether the platform may have
/// acted on the request; for the status 404, [`Error::is_not_found`] is true.
#[derive(Clone)]
pub struct Api {
    client: Client,
}

/// A workspace, which the portal calls an environment. A field that the platform does not return is
/// `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // Each is the platform's field of that name.
pub struct Workspace {
    pub id: String,
    pub name: Option<String>,
    pub status: Option<String>,
    pub environment_name: Option<String>,
    pub branch: Option<String>,
    pub branch_protected: Option<bool>,
    pub broker_type: Option<String>,
    pub created_at: Option<String>,
}

/// The settings of a Kafka client for a workspace's broker.
#[derive(Clone, Debug, Default)]
pub struct BrokerConfig {
    /// The settings of librdkafka, including a password.
    pub settings: BTreeMap<String, SecretString>,
    /// The certificate of the broker's certificate authority in PEM, if there is one. The settings
    /// contain it, too.
    pub ca_certificate: Option<String>,
}

/// The two streaming tokens of a workspace. Both are valid, and neither expires.
#[derive(Clone, Debug)]
pub struct StreamingTokens {
    /// The token that the next rotation revokes; `current` in the API.
    pub token_1: SecretString,
    /// The token that becomes token 1 in the next rotation; `next` in the API.
    pub token_2: SecretString,
}

/// Compares the values.
impl PartialEq for StreamingTokens {
    fn eq(&self, other: &Self) -> bool {
        let same = |a: &SecretString, b: &SecretString| a.expose_secret() == b.expose_secret();
        same(&self.token_1, &other.token_1) && same(&self.token_2, &other.token_2)
    }
}

impl Api {
    /// Creates the API on top of `client`.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// Whether the client authenticates with this token.
    pub async fn is_own_credential(&self, token: &SecretString) -> bool {
        self.client.uses_secret(token).await
    }

    /// Lists the workspaces that the token gives access to: `GET /workspaces`.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn workspaces(&self, operation: &Operation) -> Result<Vec<Workspace>, Error> {
        let request = get("list the workspaces", &["workspaces"]);
        self.client.fetch(operation, &request, answer::workspaces).await
    }

    /// Reads a workspace: `GET /workspaces/{id}`.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn workspace(&self, operation: &Operation, id: &str) -> Result<Workspace, Error> {
        let request = get(format!("read the workspace {id:?}"), &["workspaces", id]);
        let read = |answer| answer::workspace(answer, id);
        self.client.fetch(operation, &request, read).await
    }

    /// Reads the settings for a workspace's broker: `GET /workspaces/{id}/broker/librdkafka`.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn broker_config(&self, operation: &Operation, workspace: &str) -> Result<BrokerConfig, Error> {
        let action = format!("read the broker settings of the workspace {workspace:?}");
        let request = get(action, &["workspaces", workspace, "broker", "librdkafka"]);
        let read = |answer| {
            answer::check_workspace(&answer, workspace)?;
            answer::broker_config(answer)
        };
        self.client.fetch(operation, &request, read).await
    }

    /// Queries whether the owner of the token has a permission: `GET /auth/permissions/query`.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn permission(
        &self,
        operation: &Operation,
        resource_type: &str,
        resource_id: &str,
        permission: &str,
    ) -> Result<bool, Error> {
        let request = get("query a permission", &["auth", "permissions", "query"])
            .query("resourceType", resource_type)
            .query("resourceId", resource_id)
            .query("permission", permission);
        self.client.fetch(operation, &request, answer::permission).await
    }

    /// Reads the streaming tokens of a workspace with a request to `endpoint`.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn streaming_tokens(
        &self,
        operation: &Operation,
        endpoint: &Endpoint,
        workspace: &str,
    ) -> Result<StreamingTokens, Error> {
        let action = format!("read the streaming tokens of the workspace {workspace:?}");
        let request = versioned(endpoint.request(action, workspace));
        let read = |answer| {
            answer::check_workspace(&answer, workspace)?;
            answer::streaming_tokens(answer)
        };
        let tokens = self.client.fetch(operation, &request, read).await;
        tokens.inspect(|tokens| {
            self.client.redact(&tokens.token_1);
            self.client.redact(&tokens.token_2);
        })
    }

    /// Rotates the streaming tokens of a workspace with a request to `endpoint`: token 1 is
    /// revoked, token 2 becomes token 1, and a new token 2 is created. Returns the tokens in the
    /// answer, if it contains them. Token 1 may still be accepted for a few minutes.
    ///
    /// The request is not idempotent: a second one would revoke the other token, too. It is never
    /// retried after a lost answer.
    ///
    /// # Errors
    ///
    /// [`Error`], which knows whether the rotation may have taken effect.
    pub async fn rotate_streaming_tokens(
        &self,
        operation: &Operation,
        endpoint: &Endpoint,
        workspace: &str,
    ) -> Result<Option<StreamingTokens>, Error> {
        let action = format!("rotate the streaming tokens of the workspace {workspace:?}");
        let request = versioned(endpoint.request(action, workspace)).retry(RetrySafety::Unsafe);
        let answer = self.client.send(operation, &request).await?;
        Ok(answer::streaming_tokens(answer).ok())
    }

    /// Whether the client authenticates with the token that has this SHA-256 hash.
    pub(in crate::quix) async fn is_own_hash(&self, hash: &str) -> bool {
        sha256(self.client.credential().await.secret()) == hash
    }

    /// Switches the client to another personal access token of the same user, after it was
    /// accepted.
    ///
    /// # Errors
    ///
    /// [`Error`]. The client keeps its token.
    pub async fn switch_credential(&self, operation: &Operation, token: &SecretString) -> Result<(), Error> {
        let probe = get("check the new personal access token", &["profile", "tokens"]);
        self.client.switch_credential(operation, token, &probe).await
    }

    /// Reads the id of the user whose token the client has, if the platform reports it: `GET
    /// /profile`.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn user_id(&self, operation: &Operation) -> Result<Option<String>, Error> {
        let request = get("read the user's profile", &["profile"]);
        let read = |answer| personal_access_token::user_id(&answer);
        self.client.fetch(operation, &request, read).await
    }

    /// Lists the personal access tokens of the user, without their values: `GET /profile/tokens`.
    ///
    /// # Errors
    ///
    /// [`Error`], also if the answer is only a part of the list.
    pub async fn personal_access_tokens(&self, operation: &Operation) -> Result<Vec<PersonalAccessToken>, Error> {
        let request = get("list the personal access tokens", &["profile", "tokens"]);
        let read = |answer| personal_access_token::list(&answer);
        self.client.fetch(operation, &request, read).await
    }

    /// Creates a personal access token for the user: `POST /profile/tokens`. The request is never
    /// retried after a lost answer, because each creates a token.
    ///
    /// # Errors
    ///
    /// [`Error`], which knows whether the token may have been created.
    pub async fn create_personal_access_token(
        &self,
        operation: &Operation,
        new: NewPersonalAccessToken<'_>,
    ) -> Result<IssuedPersonalAccessToken, Error> {
        let action = format!("create the personal access token {:?}", new.name);
        let request = Request::new(Method::POST, action, &["profile", "tokens"]).json(&new.body());
        let read = |answer| personal_access_token::issued(&answer);
        let issued = self.client.fetch(operation, &versioned(request), read).await;
        issued.inspect(|issued| self.client.redact(&issued.value))
    }

    /// Deletes a personal access token of the user: `DELETE /profile/tokens/{id}`.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn delete_personal_access_token(&self, operation: &Operation, id: &TokenId) -> Result<(), Error> {
        let action = format!("delete the personal access token {id}");
        let request = Request::new(Method::DELETE, action, &["profile", "tokens", id.as_str()]);
        self.client.send(operation, &versioned(request)).await.map(drop)
    }
}

fn get(action: impl Into<String>, segments: &[&str]) -> Request {
    versioned(Request::new(Method::GET, action, segments))
}

fn versioned(request: Request) -> Request {
    let (name, version) = VERSION;
    request.header(name, version)
}
