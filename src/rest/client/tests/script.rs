//! A platform that follows a script and records the requests.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use token_providers::rest::{self, BaseUrl, Body, BoxError, Client, ConnectError, Credential, Operation, Transport};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The bearer token of every test, which must appear in the header only.
pub(crate) const BEARER: &str = "b3arer-0f-the-pr0vider";

/// A step of the script.
pub(crate) enum Step {
    /// An answer with this status, headers and body.
    Answer(u16, &'static [(&'static str, &'static str)], &'static str),
    /// The connection is refused.
    Refuse,
    /// The connection is lost before the answer.
    Cut,
    /// The connection is lost after the headers with this status.
    CutBody(u16),
    /// No answer arrives.
    Hang,
    /// The headers with this status arrive, but no body.
    HangBody(u16),
    /// The body of the answer with this status is infinite.
    Endless(u16),
    /// An answer with this status and body after a delay.
    Late(Duration, u16, &'static str),
}

/// An answer with this status and body and without headers.
pub(crate) fn answer(status: u16, body: &'static str) -> Step {
    Step::Answer(status, &[], body)
}

/// A request, and the time between the start and its arrival.
#[derive(Debug)]
pub(crate) struct ReceivedRequest {
    pub(crate) at: Duration,
    pub(crate) request: Request<Bytes>,
}

/// A platform that follows a script.
#[derive(Clone)]
pub(crate) struct ScriptedPlatform {
    script: Arc<Mutex<VecDeque<Step>>>,
    requests: Arc<Mutex<Vec<ReceivedRequest>>>,
    start: Instant,
}

impl ScriptedPlatform {
    /// Creates a platform that follows `script`. A request after the last step fails the test.
    pub(crate) fn new(script: impl IntoIterator<Item = Step>) -> Self {
        Self {
            script: Arc::new(Mutex::new(script.into_iter().collect())),
            requests: Arc::default(),
            start: Instant::now(),
        }
    }

    /// Creates a client of the platform with a request timeout of 30 seconds.
    pub(crate) fn client(&self) -> Client {
        let platform = self.clone();
        let service = tower::service_fn(move |request| platform.clone().answer(request));
        client("https://api.example.com/v1", Transport::new(service))
    }

    /// Removes and returns the requests so far.
    pub(crate) fn requests(&self) -> Vec<ReceivedRequest> {
        std::mem::take(&mut self.requests.lock().unwrap())
    }

    /// The times of the requests in whole seconds since the start.
    pub(crate) fn seconds(&self) -> Vec<u64> {
        self.requests().iter().map(|received| received.at.as_secs()).collect()
    }

    async fn answer(self, request: Request<Full<Bytes>>) -> Result<Response<Body>, BoxError> {
        let (head, body) = request.into_parts();
        let request = Request::from_parts(
            head,
            body.collect().await.unwrap_or_else(|never| match never {}).to_bytes(),
        );
        let at = self.start.elapsed();
        self.requests.lock().unwrap().push(ReceivedRequest { at, request });
        let step = self
            .script
            .lock()
            .unwrap()
            .pop_front()
            .expect("a step for each request");
        let lost = || BoxError::from("connection reset by peer");
        match step {
            Step::Answer(status, headers, body) => {
                let mut answer = Response::builder().status(status);
                for (name, value) in headers {
                    answer = answer.header(*name, *value);
                }
                Ok(answer.body(full(body))?)
            }
            Step::Refuse => Err(ConnectError::transient("connection refused").into()),
            Step::Cut => Err(lost()),
            Step::CutBody(status) => {
                let frames = [Ok(Frame::data(Bytes::from_static(b"{\"token\":\"iss"))), Err(lost())];
                Ok(with_body(
                    status,
                    StreamBody::new(tokio_stream::iter(frames)).boxed_unsync(),
                ))
            }
            Step::Hang => std::future::pending().await,
            Step::HangBody(status) => Ok(with_body(
                status,
                StreamBody::new(tokio_stream::pending()).boxed_unsync(),
            )),
            Step::Endless(status) => {
                let chunk = Bytes::from(vec![b'x'; 1 << 20]);
                let frames = std::iter::repeat_with(move || Ok(Frame::data(chunk.clone())));
                Ok(with_body(
                    status,
                    StreamBody::new(tokio_stream::iter(frames)).boxed_unsync(),
                ))
            }
            Step::Late(delay, status, body) => {
                tokio::time::sleep(delay).await;
                Ok(with_body(status, full(body)))
            }
        }
    }
}

fn with_body(status: u16, body: Body) -> Response<Body> {
    let mut answer = Response::new(body);
    *answer.status_mut() = status.try_into().unwrap();
    answer
}

fn full(body: &'static str) -> Body {
    Full::from(body)
        .map_err(|never: Infallible| match never {})
        .boxed_unsync()
}

pub(crate) fn client(base_url: &str, transport: Transport) -> Client {
    let options = rest::Options {
        base_url: BaseUrl::parse(base_url).unwrap(),
        credential: Credential::bearer(BEARER.into()).unwrap(),
        user_agent: HeaderValue::from_static("terraform-provider-test/1.0"),
        request_timeout: Duration::from_secs(30),
    };
    Client::new(options, transport)
}

/// Returns an operation with a timeout of five minutes.
pub(crate) fn operation() -> Operation {
    operation_with_timeout(300)
}

pub(crate) fn operation_with_timeout(seconds: u64) -> Operation {
    Operation::new(Duration::from_secs(seconds), CancellationToken::new())
}

pub(crate) fn get() -> rest::Request {
    rest::Request::new(Method::GET, "read the thing", &["thing"])
}

pub(crate) fn delete() -> rest::Request {
    rest::Request::new(Method::DELETE, "delete the thing", &["thing"])
}

/// Returns a request whose answer contains a token.
pub(crate) fn create() -> rest::Request {
    rest::Request::new(Method::POST, "create the thing", &["thing"]).json(&serde_json::json!({"name": "thing"}))
}

/// Sends a request and parses the body of the answer as a JSON string.
pub(crate) async fn fetch(
    client: &Client,
    operation: &Operation,
    request: &rest::Request,
) -> Result<String, rest::Error> {
    client.fetch(operation, request, |answer| answer.json()).await
}
