//! Test helpers for all platforms: a clock that follows tokio's, environment variables, clients and
//! faults.

pub(crate) mod gateway_answers;

use std::collections::BTreeMap;
use std::time::Duration;

use http::HeaderValue;
use jiff::Timestamp;
use secrecy::SecretString;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::runtime::Environment;
use crate::rest::{BaseUrl, Client, Credential, Operation, Options, Transport};
use crate::token::Clock;

pub(crate) use crate::sandbox::lost_answers;

/// Creates a clock that follows tokio's timer and starts at the beginning of 2027.
pub(crate) fn clock() -> Clock {
    let (start, epoch) = (Instant::now(), "2027-01-01T00:00:00Z".parse::<Timestamp>().unwrap());
    Clock::new(move || epoch + start.elapsed())
}

/// Creates an environment with these variables.
pub(crate) fn variables(variables: &[(&str, &str)]) -> Environment {
    let variables = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let variables: BTreeMap<String, String> = variables.collect();
    Box::new(move |name| variables.get(name).cloned())
}

/// Creates an age identity and its recipient.
pub(crate) fn age_key() -> (SecretString, String) {
    let identity = age::x25519::Identity::generate();
    (identity.to_string(), identity.to_public().to_string())
}

/// Creates a client of the API at `base_url`.
pub(crate) fn client(transport: Transport, base_url: &str, credential: Credential) -> Client {
    let options = Options {
        base_url: BaseUrl::parse(base_url).unwrap(),
        credential,
        user_agent: HeaderValue::from_static("test"),
        request_timeout: Duration::from_secs(30),
    };
    Client::new(options, transport)
}

/// Creates an operation with the default `retry_timeout`.
pub(crate) fn operation() -> Operation {
    Operation::new(Duration::from_secs(300), CancellationToken::new())
}
