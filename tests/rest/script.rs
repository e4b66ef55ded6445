//! A platform that plays a script, answer by answer, and remembers what it was asked and when.

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

/// The bearer of every test, to be found nowhere but in the header.
pub(crate) const BEARER: &str = "b3arer-0f-the-pr0vider";

/// One act of the platform.
pub(crate) enum Act {
    /// A status with headers and a body.
    Answer(u16, &'static [(&'static str, &'static str)], &'static str),
    /// No connection.
    Refuse,
    /// The connection is lost while waiting for the answer.
    Cut,
    /// The headers of this status arrive, then the connection is lost.
    CutBody(u16),
    /// Nothing comes, ever.
    Hang,
    /// The headers of this status arrive, and then nothing, ever.
    HangBody(u16),
    /// The body of this status never ends.
    Endless(u16),
    /// An answer of this status and body, after a while.
    Late(Duration, u16, &'static str),
}

/// A status and a body, no headers.
pub(crate) fn answer(status: u16, body: &'static str) -> Act {
    Act::Answer(status, &[], body)
}

/// What arrived at the platform, and when after the start.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) at: Duration,
    pub(crate) request: Request<Bytes>,
}

#[derive(Clone)]
pub(crate) struct Platform {
    script: Arc<Mutex<VecDeque<Act>>>,
    arrivals: Arc<Mutex<Vec<Arrival>>>,
    start: Instant,
}

impl Platform {
    /// Plays `script`; a request after its end fails the test.
    pub(crate) fn new(script: impl IntoIterator<Item = Act>) -> Self {
        Self {
            script: Arc::new(Mutex::new(script.into_iter().collect())),
            arrivals: Arc::default(),
            start: Instant::now(),
        }
    }

    /// A client of the platform with a request timeout of 30 seconds.
    pub(crate) fn client(&self) -> Client {
        let platform = self.clone();
        let service = tower::service_fn(move |request| platform.clone().play(request));
        client("https://api.example.com/v1", Transport::new(service))
    }

    /// Takes what has arrived so far.
    pub(crate) fn arrivals(&self) -> Vec<Arrival> {
        std::mem::take(&mut self.arrivals.lock().unwrap())
    }

    /// When requests arrived, in whole seconds after the start.
    pub(crate) fn seconds(&self) -> Vec<u64> {
        self.arrivals().iter().map(|arrival| arrival.at.as_secs()).collect()
    }

    async fn play(self, request: Request<Full<Bytes>>) -> Result<Response<Body>, BoxError> {
        let (head, body) = request.into_parts();
        let request = Request::from_parts(
            head,
            body.collect().await.unwrap_or_else(|never| match never {}).to_bytes(),
        );
        let at = self.start.elapsed();
        self.arrivals.lock().unwrap().push(Arrival { at, request });
        let act = self.script.lock().unwrap().pop_front().expect("the script has ended");
        let lost = || BoxError::from("connection reset by peer");
        match act {
            Act::Answer(status, headers, body) => {
                let mut answer = Response::builder().status(status);
                for (name, value) in headers {
                    answer = answer.header(*name, *value);
                }
                Ok(answer.body(full(body))?)
            }
            Act::Refuse => Err(ConnectError::transient("connection refused").into()),
            Act::Cut => Err(lost()),
            Act::CutBody(status) => {
                let frames = [Ok(Frame::data(Bytes::from_static(b"{\"token\":\"iss"))), Err(lost())];
                Ok(with_body(
                    status,
                    StreamBody::new(tokio_stream::iter(frames)).boxed_unsync(),
                ))
            }
            Act::Hang => std::future::pending().await,
            Act::HangBody(status) => Ok(with_body(
                status,
                StreamBody::new(tokio_stream::pending()).boxed_unsync(),
            )),
            Act::Endless(status) => {
                let chunk = Bytes::from(vec![b'x'; 1 << 20]);
                let frames = std::iter::repeat_with(move || Ok(Frame::data(chunk.clone())));
                Ok(with_body(
                    status,
                    StreamBody::new(tokio_stream::iter(frames)).boxed_unsync(),
                ))
            }
            Act::Late(delay, status, body) => {
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

/// An operation that may take five minutes.
pub(crate) fn operation() -> Operation {
    operation_of(300)
}

pub(crate) fn operation_of(seconds: u64) -> Operation {
    Operation::new(Duration::from_secs(seconds), CancellationToken::new())
}

pub(crate) fn get() -> rest::Request {
    rest::Request::new(Method::GET, "read the thing", &["thing"])
}

pub(crate) fn delete() -> rest::Request {
    rest::Request::new(Method::DELETE, "delete the thing", &["thing"])
}

/// A request whose answer holds a token.
pub(crate) fn create() -> rest::Request {
    rest::Request::new(Method::POST, "create the thing", &["thing"]).json(&serde_json::json!({"name": "thing"}))
}

/// Sends a request and takes the body of its answer for a JSON string.
pub(crate) async fn fetch(
    client: &Client,
    operation: &Operation,
    request: &rest::Request,
) -> Result<String, rest::Error> {
    client.fetch(operation, request, |answer| answer.json()).await
}
