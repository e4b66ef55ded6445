//! Checks a token at Pinot: `GET /appconfigs`, the request with which the page *Generate an API
//! token* tests a new token.

use std::time::Duration;

use http::{HeaderValue, Method, StatusCode};
use serde_json::Value;

use crate::rest::{BaseUrl, Client, Credential, Error, Operation, Options, Request, Transport};

/// The Pinot of an environment. It has no credential: each check uses the token to be checked.
pub(in crate::startree) struct Pinot {
    pub(in crate::startree) base_url: BaseUrl,
    pub(in crate::startree) transport: Transport,
    pub(in crate::startree) user_agent: HeaderValue,
    pub(in crate::startree) request_timeout: Duration,
}

impl Pinot {
    /// Returns whether Pinot accepts a service token now. It rejects one that is unknown (401) and
    /// one whose roles do not allow the request (403), which includes a role that was assigned
    /// within the last hour.
    ///
    /// # Errors
    ///
    /// [`Error`]: Pinot's answer does not show whether it accepts the token.
    pub(in crate::startree) async fn accepts(
        &self,
        operation: &Operation,
        credential: Credential,
    ) -> Result<bool, Error> {
        let options = Options {
            base_url: self.base_url.clone(),
            credential,
            user_agent: self.user_agent.clone(),
            request_timeout: self.request_timeout,
        };
        let client = Client::new(options, self.transport.clone());
        let request = Request::new(Method::GET, "check the token at Pinot", &["appconfigs"]);
        // The status alone is not enough: a sign-in page also comes with 200.
        let answer = client.fetch(operation, &request, |answer| answer.json::<Value>()).await;
        match answer {
            Ok(_) => Ok(true),
            Err(error) if matches!(error.status(), Some(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
