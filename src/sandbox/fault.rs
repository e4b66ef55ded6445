//! Faults on demand: what goes wrong between a client and a platform.

use std::collections::BTreeMap;
use std::convert::Infallible;
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
use serde::{Deserialize, Serialize};
use tokio_stream::StreamExt;

/// Something that goes wrong with the next requests of a kind.
///
/// The same description serves [`Sandbox::fault`](super::Sandbox::fault) and `POST /sandbox/faults`:
///
/// ```
/// # use token_providers::sandbox::{Effect, Fault};
/// // The next two creations happen, but the client sees a gateway's error.
/// let fault = Fault::answer(502).on("POST", "/service-account").after().times(2);
///
/// let json = r#"{"method": "POST", "path": "/service-account", "times": 2, "when": "after",
///               "effect": {"answer": {"status": 502}}}"#;
/// assert_eq!(serde_json::from_str::<Fault>(json).unwrap(), fault);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Fault {
    /// Only requests of this method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Only requests to this path, relative to the base URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// How many such requests pass unharmed first.
    #[serde(default)]
    pub skip: u32,
    /// How many are hit.
    #[serde(default = "once")]
    pub times: u32,
    /// Whether the platform acts on them.
    #[serde(default)]
    pub when: When,
    /// What the client sees.
    pub effect: Effect,
}

/// Whether the platform has acted on a request when the fault strikes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// It has not and, unless the fault is a mere delay, will not.
    #[default]
    Before,
    /// It has; the client does not learn so.
    After,
}

/// What a client sees of a fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// This answer instead of the platform's.
    Answer(ScriptedAnswer),
    /// The connection is closed without an answer.
    Cut,
    /// The platform acts, whatever [`When`] says; the connection is closed in the middle of the answer's body.
    Truncate,
    /// No answer; the connection stays open, for an hour at most.
    Hang,
    /// The platform's answer after this time by tokio's timer, not by the sandbox's clock.
    Delay(SignedDuration),
}

/// An answer that replaces the platform's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ScriptedAnswer {
    /// The status code.
    pub status: u16,
    /// The headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body.
    #[serde(default)]
    pub body: String,
}

/// Marks an answer in whose place the connection is closed. It is the error of [`Sandbox::service`](super::Sandbox::service).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the connection was closed before an answer")]
pub struct ConnectionCut;

impl From<Infallible> for ConnectionCut {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

const LONGEST_HANG: Duration = Duration::from_secs(3600);

impl Fault {
    /// The next request sees `effect`.
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

    /// The next request is answered with `status` and no body.
    pub fn answer(status: u16) -> Self {
        Self::new(Effect::Answer(ScriptedAnswer {
            status,
            headers: BTreeMap::new(),
            body: String::new(),
        }))
    }

    /// Only requests of this method to this path, relative to the base URL.
    pub fn on(self, method: &str, path: &str) -> Self {
        Self {
            method: Some(method.to_owned()),
            path: Some(path.to_owned()),
            ..self
        }
    }

    /// The platform acts first.
    pub fn after(self) -> Self {
        Self {
            when: When::After,
            ..self
        }
    }

    /// So many requests are hit.
    pub fn times(self, times: u32) -> Self {
        Self { times, ..self }
    }

    /// So many requests pass unharmed first.
    pub fn skip(self, skip: u32) -> Self {
        Self { skip, ..self }
    }

    /// The answer carries this header. Without effect on faults that are not answers.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Effect::Answer(answer) = &mut self.effect {
            answer.headers.insert(name.to_owned(), value.to_owned());
        }
        self
    }

    /// The answer has this body. Without effect on faults that are not answers.
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

/// What passes between clients and a server: how often each endpoint was called, and what is to go wrong.
#[derive(Clone, Debug, Default)]
pub(super) struct Traffic(Arc<Mutex<Passing>>);

#[derive(Debug, Default)]
pub(super) struct Passing {
    pub(super) faults: Vec<Fault>,
    /// How often, by `METHOD /path` relative to the base URL.
    pub(super) calls: BTreeMap<String, usize>,
}

impl Traffic {
    pub(super) fn lock(&self) -> MutexGuard<'_, Passing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many requests of `method` came to `path`, whatever became of them.
    pub(super) fn calls(&self, method: &str, path: &str) -> usize {
        self.lock().calls.get(&format!("{method} {path}")).copied().unwrap_or(0)
    }

    /// Counts a request, and tells the fault that strikes it.
    fn arrival(&self, method: &Method, path: &str) -> Option<Fault> {
        let mut passing = self.lock();
        *passing.calls.entry(format!("{method} {path}")).or_default() += 1;
        strike(&mut passing.faults, method, path)
    }
}

/// The first of the faults that strikes this request; it is used up by one.
fn strike(faults: &mut Vec<Fault>, method: &Method, path: &str) -> Option<Fault> {
    let fault = faults.iter_mut().find(|fault| fault.matches(method, path))?;
    if fault.skip > 0 {
        fault.skip -= 1;
        return None;
    }
    fault.times -= 1;
    let struck = fault.clone();
    faults.retain(|fault| fault.times > 0);
    Some(struck)
}

/// Counts each request, and lets the faults strike.
pub(super) async fn inject(State(traffic): State<Traffic>, request: Request, next: Next) -> Response {
    let Some(fault) = traffic.arrival(request.method(), request.uri().path()) else {
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
                    tokio::time::sleep(LONGEST_HANG).await;
                    cut()
                }
                Effect::Cut | Effect::Truncate | Effect::Delay(_) => cut(),
            }
        }
    }
}

/// For [`Sandbox::service`](super::Sandbox::service) a mark; for who calls the bare router a body that breaks at once.
fn cut() -> Response {
    let mut answer = Response::new(broken_after(Bytes::new()));
    *answer.status_mut() = StatusCode::BAD_GATEWAY;
    answer.extensions_mut().insert(ConnectionCut);
    answer
}

/// The head promises the whole body.
async fn truncated(answer: Response) -> Response {
    let (mut head, body) = answer.into_parts();
    let mut body = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
    head.headers.insert(header::CONTENT_LENGTH, body.len().into());
    body.truncate(body.len() / 2);
    Response::from_parts(head, broken_after(body))
}

fn broken_after(sent: Bytes) -> Body {
    let broken = io::Error::new(io::ErrorKind::ConnectionReset, ConnectionCut);
    let frames = tokio_stream::iter([Ok(Frame::data(sent)), Err(broken)]).then(|frame| async {
        if frame.is_err() {
            // Lets the server send what came before.
            tokio::task::yield_now().await;
        }
        frame
    });
    Body::new(StreamBody::new(frames))
}

impl ScriptedAnswer {
    /// The answer, or why HTTP does not allow it.
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
