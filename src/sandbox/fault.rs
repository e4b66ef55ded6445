//! Fault injection between a client and a platform.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Collected, StreamBody};
use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio_stream::StreamExt;

use super::control::{Activity, StruckFault};
use crate::token::Clock;

/// A fault that affects the next matching requests.
///
/// Both [`Sandbox::fault`](super::Sandbox::fault) and `POST /sandbox/faults` accept it:
///
/// ```
/// # use token_providers::sandbox::{Effect, Fault};
/// // The platform executes the next two creations, but the client receives a gateway's error.
/// let fault = Fault::answer(502).on("POST", "/service-account").after().times(2);
///
/// let json = r#"{"method": "POST", "path": "/service-account", "times": 2, "when": "after",
///               "effect": {"answer": {"status": 502}}}"#;
/// assert_eq!(serde_json::from_str::<Fault>(json).unwrap(), fault);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Fault {
    /// Restricts the fault to requests with this method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Restricts the fault to requests to this path, relative to the base URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The number of matching requests that succeed before the fault starts.
    #[serde(default)]
    pub skip: u32,
    /// The number of requests that the fault affects.
    #[serde(default = "once")]
    pub times: u32,
    /// Whether the platform executes these requests.
    #[serde(default)]
    pub when: When,
    /// The effect for the client.
    pub effect: Effect,
}

/// Whether the platform executes a request that a fault affects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// The fault occurs first. Unless it is a delay, the platform does not execute the request.
    #[default]
    Before,
    /// The platform executes the request, and the client does not receive its answer.
    After,
}

/// The effect of a fault for the client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Replaces the platform's answer.
    Answer(ScriptedAnswer),
    /// Closes the connection without an answer.
    Cut,
    /// Closes the connection in the middle of the answer's body. The platform executes the request
    /// regardless of [`When`].
    Truncate,
    /// Sends no answer and keeps the connection open for at most an hour.
    Hang,
    /// Delays the answer by this time of tokio's timer, independent of the sandbox's clock.
    Delay(SignedDuration),
}

/// Describes the effect and the affected requests in words.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = match (&self.effect, self.when) {
            (Effect::Delay(_) | Effect::Truncate, _) => "",
            (_, When::Before) => " without executing the request",
            (_, When::After) => " after executing the request",
        };
        write!(f, "{}{time}", self.effect)?;
        match (&self.method, &self.path) {
            (None, None) => {}
            (Some(method), None) => write!(f, ", {method} requests")?,
            (None, Some(path)) => write!(f, ", requests to {path}")?,
            (Some(method), Some(path)) => write!(f, ", {method} {path}")?,
        }
        if self.times != 1 {
            write!(f, ", {} times", self.times)?;
        }
        if self.skip > 0 {
            write!(f, ", after {} matching requests", self.skip)?;
        }
        Ok(())
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer(answer) => write!(f, "answer {}", answer.status),
            Self::Cut => f.write_str("close the connection"),
            Self::Truncate => f.write_str("close the connection in the middle of the answer"),
            Self::Hang => f.write_str("send no answer"),
            Self::Delay(time) => write!(f, "delay the answer by {time:#}"),
        }
    }
}

/// An answer that replaces the platform's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ScriptedAnswer {
    /// The HTTP status.
    #[schemars(range(min = 100, max = 999))]
    pub status: u16,
    /// The headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body.
    #[serde(default)]
    pub body: String,
}

/// The error of [`Sandbox::service`](super::Sandbox::service) for a connection that was closed
/// without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the connection was closed before an answer")]
pub struct ConnectionCut;

impl From<Infallible> for ConnectionCut {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// The time after which a connection that hangs is closed.
const MAX_HANG: Duration = Duration::from_secs(3600);

impl Fault {
    /// Creates a fault that affects the next request.
    pub fn new(effect: Effect) -> Self {
        Self {
            method: None,
            path: None,
            skip: 0,
            times: 1,
            when: When::Before,
            effect,
        }
    }

    /// Creates a fault that answers the next request with `status` and an empty body.
    pub fn answer(status: u16) -> Self {
        Self::new(Effect::Answer(ScriptedAnswer {
            status,
            headers: BTreeMap::new(),
            body: String::new(),
        }))
    }

    /// Restricts the fault to requests with this method to this path, relative to the base URL.
    pub fn on(self, method: &str, path: &str) -> Self {
        Self {
            method: Some(method.to_owned()),
            path: Some(path.to_owned()),
            ..self
        }
    }

    /// Lets the platform execute the request first.
    pub fn after(self) -> Self {
        Self {
            when: When::After,
            ..self
        }
    }

    /// Sets the number of affected requests.
    pub fn times(self, times: u32) -> Self {
        Self { times, ..self }
    }

    /// Sets the number of matching requests that succeed first.
    pub fn skip(self, skip: u32) -> Self {
        Self { skip, ..self }
    }

    /// Adds a header to the answer. Has no effect on other faults than answers.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Effect::Answer(answer) = &mut self.effect {
            answer.headers.insert(name.to_owned(), value.to_owned());
        }
        self
    }

    /// Sets the body of the answer. Has no effect on other faults than answers.
    pub fn body(mut self, body: &str) -> Self {
        if let Effect::Answer(answer) = &mut self.effect {
            body.clone_into(&mut answer.body);
        }
        self
    }

    fn matches(&self, method: &Method, path: &str) -> bool {
        self.times > 0
            && self
                .method
                .as_ref()
                .is_none_or(|wanted| method.as_str().eq_ignore_ascii_case(wanted))
            && self.path.as_ref().is_none_or(|wanted| path == wanted)
    }
}

/// Every fault that loses an answer, before or after the platform has executed the request.
/// `other` is the body of an answer to another request.
#[must_use]
pub fn lost_answers(other: &str) -> Vec<Fault> {
    let page = Fault::answer(200)
        .header("content-type", "text/html")
        .body("<html>Sign in</html>");
    let before = [
        Fault::new(Effect::Cut),
        Fault::new(Effect::Hang),
        Fault::answer(502),
        Fault::answer(503)
            .header("content-type", "text/html")
            .body("<html>Bad gateway</html>"),
        Fault::answer(200),
        Fault::answer(201).body("{"),
        Fault::answer(200).body(other),
        page,
    ];
    let after = before.iter().cloned().map(Fault::after);
    before
        .iter()
        .cloned()
        .chain(after)
        .chain([Fault::new(Effect::Truncate)])
        .collect()
}

/// The pending faults of a server, and the number of calls of each endpoint.
#[derive(Clone, Debug)]
pub(super) struct Traffic {
    state: Arc<Mutex<TrafficState>>,
    clock: Clock,
    activity: Activity,
}

#[derive(Debug, Default)]
pub(super) struct TrafficState {
    pub(super) faults: Vec<Fault>,
    /// The number of calls by `METHOD /path`, relative to the base URL.
    pub(super) calls: BTreeMap<String, usize>,
}

/// The number of endpoints whose calls are counted separately. Paths may contain ids, so that there is no
/// other bound.
const MAX_COUNTED: usize = 10_000;

impl Traffic {
    pub(super) fn new(clock: Clock, activity: Activity) -> Self {
        Self {
            state: Arc::default(),
            clock,
            activity,
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, TrafficState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of requests with `method` to `path`, including failed ones.
    pub(super) fn calls(&self, method: &str, path: &str) -> usize {
        self.lock().calls.get(&format!("{method} {path}")).copied().unwrap_or(0)
    }

    /// Counts a request, and returns the fault that affects it.
    fn count(&self, method: &Method, path: &str) -> Option<Fault> {
        let mut state = self.lock();
        let mut endpoint = format!("{method} {path}");
        if state.calls.len() >= MAX_COUNTED && !state.calls.contains_key(&endpoint) {
            "other".clone_into(&mut endpoint);
        }
        *state.calls.entry(endpoint).or_default() += 1;
        let fault = take_fault(&mut state.faults, method, path)?;
        self.activity.struck(StruckFault {
            at: self.clock.now(),
            method: method.to_string(),
            path: path.to_owned(),
            effect: fault.effect.clone(),
        });
        Some(fault)
    }
}

/// Removes and returns one occurrence of the first fault that affects this request.
fn take_fault(faults: &mut Vec<Fault>, method: &Method, path: &str) -> Option<Fault> {
    let fault = faults.iter_mut().find(|fault| fault.matches(method, path))?;
    if fault.skip > 0 {
        fault.skip -= 1;
        return None;
    }
    fault.times -= 1;
    let taken = fault.clone();
    faults.retain(|fault| fault.times > 0);
    Some(taken)
}

/// Counts each request and applies the faults.
pub(super) async fn inject(State(traffic): State<Traffic>, request: Request, next: Next) -> Response {
    let Some(fault) = traffic.count(request.method(), request.uri().path()) else {
        return next.run(request).await;
    };
    match (fault.effect, fault.when) {
        (Effect::Delay(time), When::Before) => {
            tokio::time::sleep(time.try_into().unwrap_or_default()).await;
            next.run(request).await
        }
        (Effect::Delay(time), When::After) => {
            let answer = next.run(request).await;
            tokio::time::sleep(time.try_into().unwrap_or_default()).await;
            answer
        }
        (Effect::Truncate, _) => truncated(next.run(request).await).await,
        (effect, when) => {
            if when == When::After {
                next.run(request).await;
            }
            match effect {
                Effect::Answer(answer) => answer.build().unwrap_or_else(|error| {
                    (
                        StatusCode::INTERNAL_SERVER_ERROR,
                        format!("the fault's answer: {error}"),
                    )
                        .into_response()
                }),
                Effect::Hang => {
                    tokio::time::sleep(MAX_HANG).await;
                    cut()
                }
                Effect::Cut | Effect::Truncate | Effect::Delay(_) => cut(),
            }
        }
    }
}

/// Returns a response that [`Sandbox::service`](super::Sandbox::service) converts to an error. In
/// the bare router, its body fails.
fn cut() -> Response {
    let mut answer = Response::new(failing_body(Bytes::new()));
    *answer.status_mut() = StatusCode::BAD_GATEWAY;
    answer.extensions_mut().insert(ConnectionCut);
    answer
}

/// Cuts the body in half; the header still declares its full length.
async fn truncated(answer: Response) -> Response {
    let (mut head, body) = answer.into_parts();
    let mut body = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
    head.headers.insert(header::CONTENT_LENGTH, body.len().into());
    body.truncate(body.len() / 2);
    Response::from_parts(head, failing_body(body))
}

fn failing_body(sent: Bytes) -> Body {
    let broken = io::Error::new(io::ErrorKind::ConnectionReset, ConnectionCut);
    let frames = tokio_stream::iter([Ok(Frame::data(sent)), Err(broken)]).then(|frame| async {
        if frame.is_err() {
            // Allows the server to send the previous frame.
            tokio::task::yield_now().await;
        }
        frame
    });
    Body::new(StreamBody::new(frames))
}

impl ScriptedAnswer {
    /// Builds the answer, or returns the error if HTTP does not allow it.
    pub(super) fn build(&self) -> Result<Response, http::Error> {
        let headers = self.headers.iter();
        let answer = headers.fold(Response::builder().status(self.status), |answer, (name, value)| {
            answer.header(name, value)
        });
        answer.body(Body::from(self.body.clone()))
    }
}

fn once() -> u32 {
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_is_described_in_words() {
        let delay = Effect::Delay(SignedDuration::from_secs(90));
        for (fault, expected) in [
            (
                Fault::answer(503).header("retry-after", "5").body("secret"),
                "answer 503 without executing the request",
            ),
            (
                Fault::new(Effect::Cut).after().on("POST", "/tokens"),
                "close the connection after executing the request, POST /tokens",
            ),
            (
                Fault::new(Effect::Hang).times(3).skip(2),
                "send no answer without executing the request, 3 times, after 2 matching requests",
            ),
            (
                Fault::new(Effect::Truncate),
                "close the connection in the middle of the answer",
            ),
            (Fault::new(delay), "delay the answer by 1m 30s"),
            (
                Fault {
                    method: Some("GET".to_owned()),
                    ..Fault::new(Effect::Truncate)
                },
                "close the connection in the middle of the answer, GET requests",
            ),
            (
                Fault {
                    path: Some("/tokens".to_owned()),
                    ..Fault::new(Effect::Truncate)
                },
                "close the connection in the middle of the answer, requests to /tokens",
            ),
        ] {
            assert_eq!(fault.to_string(), expected);
        }
    }
}
