//! A typed client of Quix's Portal API.
//!
//! It has the endpoints of the documentation and of the public Python client, and the two requests
//! for streaming tokens, whose paths the user can configure. It does not depend on Terraform.

mod answer;
mod endpoint;

use std::collections::BTreeMap;

use http::{HeaderName, Method};
use secrecy::{ExposeSecret, SecretString};

use crate::rest::{Client, Error, Operation, Request, RetrySafety};

pub use endpoint::{Endpoint, InvalidEndpoint, READ_PATH, ROTATE_PATH};

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
}

fn get(action: impl Into<String>, segments: &[&str]) -> Request {
    versioned(Request::new(Method::GET, action, segments))
}

fn versioned(request: Request) -> Request {
    let (name, version) = VERSION;
    request.header(name, version)
}
