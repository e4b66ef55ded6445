//! Pinot, where it shows whether a token is let in: `GET /appconfigs`, as the page *Generate an API token* tries one.

use std::time::Duration;

use http::{HeaderValue, Method, StatusCode};
use serde_json::Value;

use crate::rest::{BaseUrl, Client, Credential, Error, Operation, Options, Request, Transport};

/// The Pinot of an environment. Every token is tried by itself, so it has no credential.
pub(in crate::startree) struct Pinot {
    pub(in crate::startree) base_url: BaseUrl,
    pub(in crate::startree) transport: Transport,
    pub(in crate::startree) user_agent: HeaderValue,
    pub(in crate::startree) request_timeout: Duration,
}

impl Pinot {
    /// Whether a service token is let in now. "No" may be the whole truth (401) or say that it has no role that allows
    /// this (403): after an assignment, for up to an hour.
    ///
    /// # Errors
    ///
    /// [`Error`]: whether it is let in is not known.
    pub(in crate::startree) async fn lets_in(
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
        let request = Request::new(Method::GET, "try the token at Pinot", &["appconfigs"]);
        // Not 200 alone: a sign-in page, too, comes with it.
        let tried = client.fetch(operation, &request, |answer| answer.json::<Value>()).await;
        match tried {
            Ok(_) => Ok(true),
            Err(error) if matches!(error.status(), Some(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
