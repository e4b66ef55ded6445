//! Quix's Portal API, typed: what its documentation and its public Python client show, and the two operations on streaming
//! tokens, whose paths the user sets.
//!
//! Nothing here knows Terraform.

mod answer;
mod endpoint;

use std::collections::BTreeMap;

use http::{HeaderName, Method};
use secrecy::{ExposeSecret, SecretString};

use crate::rest::{Client, Error, Operation, Request, RetrySafety};

pub use endpoint::{Endpoint, InvalidEndpoint};

/// The version of the API, as the Python client asks for it.
const VERSION: (HeaderName, &str) = (HeaderName::from_static("x-version"), "2.0");

/// The Portal API, for whom the client's token is of: a user, by a personal access token, or one environment, by a streaming
/// token.
///
/// Every method ends within its [`Operation`] and fails with an [`Error`] that knows whether the platform may have acted. A
/// 404 is [`Error::is_not_found`].
#[derive(Clone)]
pub struct Api {
    client: Client,
}

/// A workspace: what the portal calls an environment. What the platform does not show is `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // each is the platform's field of that name
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

/// How a Kafka client connects to a workspace's broker.
#[derive(Clone, Debug, Default)]
pub struct BrokerConfig {
    /// librdkafka's settings, a password among them.
    pub settings: BTreeMap<String, SecretString>,
    /// The certificate of the broker's authority in PEM, where there is one. It is in the settings, too.
    pub ca_certificate: Option<String>,
}

/// The two streaming tokens of a workspace. Both are valid, and neither expires.
#[derive(Clone, Debug)]
pub struct StreamingTokens {
    /// What the next rotation revokes.
    pub token_1: SecretString,
    /// What the next rotation makes token 1.
    pub token_2: SecretString,
}

/// Two pairs are equal if their values are.
impl PartialEq for StreamingTokens {
    fn eq(&self, other: &Self) -> bool {
        let same = |a: &SecretString, b: &SecretString| a.expose_secret() == b.expose_secret();
        same(&self.token_1, &other.token_1) && same(&self.token_2, &other.token_2)
    }
}

impl Api {
    /// The API behind `client`.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// Whether this is the token that the API is called with.
    pub async fn is_own_credential(&self, token: &SecretString) -> bool {
        self.client.uses_secret(token).await
    }

    /// The workspaces that the token may see: `GET /workspaces`.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn workspaces(&self, operation: &Operation) -> Result<Vec<Workspace>, Error> {
        let request = get("list the workspaces", &["workspaces"]);
        self.client.fetch(operation, &request, answer::workspaces).await
    }

    /// One workspace: `GET /workspaces/{id}`.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn workspace(&self, operation: &Operation, id: &str) -> Result<Workspace, Error> {
        let request = get(format!("read the workspace {id:?}"), &["workspaces", id]);
        let read = |answer| answer::workspace(answer, id);
        self.client.fetch(operation, &request, read).await
    }

    /// How to connect to a workspace's broker: `GET /workspaces/{id}/broker/librdkafka`.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn broker_config(&self, operation: &Operation, workspace: &str) -> Result<BrokerConfig, Error> {
        let tried = format!("read the broker's settings of the workspace {workspace:?}");
        let request = get(tried, &["workspaces", workspace, "broker", "librdkafka"]);
        let read = |answer| {
            answer::check_workspace(&answer, workspace)?;
            answer::broker_config(answer)
        };
        self.client.fetch(operation, &request, read).await
    }

    /// Whether the token's holder has a permission: `GET /auth/permissions/query`.
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

    /// The streaming tokens of a workspace, read at `endpoint`.
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
        let tried = format!("read the streaming tokens of the workspace {workspace:?}");
        let request = versioned(endpoint.request(tried, workspace));
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

    /// Rotates the streaming tokens of a workspace by a request to `endpoint`: token 1 is revoked, token 2 takes its place, and
    /// a new token 2 is created. Sent twice, it revokes both, so it is never repeated here. The result is the pair of tokens in the
    /// answer, if there is one.
    ///
    /// # Errors
    ///
    /// [`Error`]; it knows whether the rotation may have happened.
    pub async fn rotate_streaming_tokens(
        &self,
        operation: &Operation,
        endpoint: &Endpoint,
        workspace: &str,
    ) -> Result<Option<StreamingTokens>, Error> {
        let tried = format!("rotate the streaming tokens of the workspace {workspace:?}");
        let request = versioned(endpoint.request(tried, workspace)).retry(RetrySafety::Unsafe);
        let answer = self.client.send(operation, &request).await?;
        Ok(answer::streaming_tokens(answer).ok())
    }
}

fn get(tried: impl Into<String>, segments: &[&str]) -> Request {
    versioned(Request::new(Method::GET, tried, segments))
}

fn versioned(request: Request) -> Request {
    let (name, version) = VERSION;
    request.header(name, version)
}
