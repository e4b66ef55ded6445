//! The network between providers, the platform and Vault: requests take time, arrive even if the client is gone, and are traced.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderValue};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use jiff::Timestamp;
use token_providers::sandbox::striim::Sandbox;
use token_providers::sandbox::{ConnectionCut, Vault, When};
use token_providers::token::Clock;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;

use crate::simulation::vault::Server;

/// In the body of a rejection, a placeholder for the credential of the request.
pub(crate) const AUTHORIZED_BY: &str = "{authorization}";

/// A moment in a run, counted in its requests to a server.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Moment {
    pub(crate) server: Server,
    /// The number of the request in the run, from 1.
    pub(crate) request: u32,
    /// Whether the server has acted on it.
    pub(crate) when: When,
}

type Service = BoxCloneSyncService<Request<Full<Bytes>>, Response<Body>, ConnectionCut>;

/// Connects runs to one platform and to Vault.
#[derive(Clone)]
pub(crate) struct Network {
    platform: Service,
    vault: Service,
    clock: Clock,
    state: Arc<Mutex<State>>,
    /// Whether requests and answers take a while.
    latency: bool,
}

struct State {
    random: fastrand::Rng,
    trace: Vec<String>,
    /// Requests that were sent.
    requests: usize,
    /// Their contents, without their credentials and without what is written to Vault.
    sent: String,
    /// Requests in flight.
    on_the_way: usize,
}

/// The requests of one run.
#[derive(Clone)]
pub(crate) struct Line {
    network: Network,
    run: usize,
    requests: Arc<Mutex<Requests>>,
}

struct Requests {
    /// The number of requests to the platform and to Vault.
    sent: [u32; 2],
    moment: Option<Moment>,
    reached: CancellationToken,
    /// Whether the platform acted on one after the client had stopped waiting for its answer.
    overtaken: bool,
    makings: Vec<Making>,
}

/// A requested creation or rotation of a service account.
#[derive(Clone)]
pub(crate) struct Making {
    pub(crate) name: String,
    /// Whether the service account was created.
    pub(crate) creates: bool,
    /// When the client stopped waiting for the answer.
    pub(crate) given_up: Arc<OnceLock<Timestamp>>,
}

/// Notes when it is dropped.
struct Waiting(Option<Making>, Clock);

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(making) = &self.0 {
            let _ = making.given_up.set(self.1.now());
        }
    }
}

impl Network {
    pub(crate) fn new(sandbox: &Sandbox, vault: &Vault, random: fastrand::Rng, latency: bool) -> Self {
        let state = State {
            random,
            trace: Vec::new(),
            requests: 0,
            sent: String::new(),
            on_the_way: 0,
        };
        Self {
            platform: BoxCloneSyncService::new(sandbox.service()),
            vault: BoxCloneSyncService::new(vault.service()),
            clock: sandbox.clock(),
            state: Arc::new(Mutex::new(state)),
            latency,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn note(&self, line: impl FnOnce() -> String) {
        let line = format!("{} {}", self.clock.now(), line());
        self.state().trace.push(line);
    }

    pub(crate) fn trace(&self) -> Vec<String> {
        self.state().trace.clone()
    }

    /// Whether no request can still take effect.
    pub(crate) fn is_idle(&self) -> bool {
        self.state().on_the_way == 0
    }

    pub(crate) fn requests(&self) -> usize {
        self.state().requests
    }

    /// The contents of all requests, without their credentials and without what is written to Vault.
    pub(crate) fn sent(&self) -> String {
        self.state().sent.clone()
    }

    /// A run's connection; [`Line::reached`] reports `moment`.
    pub(crate) fn line(&self, run: usize, moment: Option<Moment>) -> Line {
        let requests = Requests {
            sent: [0; 2],
            moment,
            reached: CancellationToken::new(),
            overtaken: false,
            makings: Vec::new(),
        };
        Line {
            network: self.clone(),
            run,
            requests: Arc::new(Mutex::new(requests)),
        }
    }

    async fn take_a_while(&self) {
        if self.latency {
            let time = Duration::from_millis(self.state().random.u64(1..200));
            tokio::time::sleep(time).await;
        }
    }
}

impl Line {
    /// Cancelled when the run comes to the moment.
    pub(crate) fn reached(&self) -> CancellationToken {
        self.requests.lock().unwrap().reached.clone()
    }

    /// Whether the platform acted on one after the client had stopped waiting for its answer: it may have revoked what came later.
    pub(crate) fn is_overtaken(&self) -> bool {
        self.requests.lock().unwrap().overtaken
    }

    /// The creations and rotations that were sent.
    pub(crate) fn makings(&self) -> Vec<Making> {
        self.requests.lock().unwrap().makings.clone()
    }

    pub(crate) fn service<B>(
        &self,
        server: Server,
    ) -> impl tower::Service<Request<B>, Response = Response<Body>, Error = ConnectionCut, Future: Send>
    + Clone
    + Send
    + Sync
    + use<B>
    where
        B: http_body::Body<Data = Bytes, Error: std::fmt::Debug> + Send + 'static,
    {
        let line = self.clone();
        tower::service_fn(move |request: Request<B>| {
            let line = line.clone();
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await.map_err(|_| ConnectionCut)?.to_bytes();
                line.carry(server, Request::from_parts(head, body)).await
            }
        })
    }

    /// Delivers a request, even if the client has stopped waiting for the answer.
    async fn carry(self, server: Server, request: Request<Bytes>) -> Result<Response<Body>, ConnectionCut> {
        let what = match server {
            Server::Platform => describe(&request),
            Server::Vault => format!("Vault {} {}", request.method(), request.uri().path()),
        };
        let (number, making) = self.count(server, &request);
        let _waiting = Waiting(making, self.network.clock.clone());
        self.tell_if(Moment {
            server,
            request: number,
            when: When::Before,
        });
        let (answer, answered) = oneshot::channel();
        {
            let mut state = self.network.state();
            state.requests += 1;
            let (head, body) = request.clone().into_parts();
            state.sent.push_str(&server.contents(&head, &body));
            state.on_the_way += 1;
        }
        let run = self.run;
        tokio::spawn(async move {
            let Self { network, .. } = &self;
            network.take_a_while().await;
            let bearer = request.headers().get(AUTHORIZATION).cloned();
            let service = match server {
                Server::Platform => &network.platform,
                Server::Vault => &network.vault,
            };
            let outcome = service.clone().oneshot(request.map(Full::new)).await;
            let outcome = match outcome {
                Ok(refusal) if refusal.status().as_u16() >= 400 => echo(refusal, bearer).await,
                outcome => outcome,
            };
            network.note(|| match &outcome {
                Ok(answer) => format!("{run}.{number} {what} -> {}", answer.status().as_u16()),
                Err(ConnectionCut) => format!("{run}.{number} {what} -> cut"),
            });
            network.state().on_the_way -= 1;
            self.requests.lock().unwrap().overtaken |= answer.is_closed();
            self.tell_if(Moment {
                server,
                request: number,
                when: When::After,
            });
            network.take_a_while().await;
            let _ = answer.send(outcome);
        });
        answered.await.unwrap_or(Err(ConnectionCut))
    }

    fn count(&self, server: Server, request: &Request<Bytes>) -> (u32, Option<Making>) {
        let mut requests = self.requests.lock().unwrap();
        let sent = &mut requests.sent[server as usize];
        *sent += 1;
        let number = *sent;
        // Deletions name it in the query.
        let making = name_in(request).map(|name| Making {
            name,
            creates: request.uri().path().ends_with("/service-account"),
            given_up: Arc::default(),
        });
        requests.makings.extend(making.clone());
        (number, making)
    }

    fn tell_if(&self, now: Moment) {
        let requests = self.requests.lock().unwrap();
        if requests.moment == Some(now) {
            requests.reached.cancel();
        }
    }
}

/// Puts what a request was authorized by into the answer, where that asks for it.
async fn echo(answer: Response<Body>, bearer: Option<HeaderValue>) -> Result<Response<Body>, ConnectionCut> {
    let (mut head, body) = answer.into_parts();
    head.headers.remove(CONTENT_LENGTH);
    let body = body.collect().await.map_err(|_| ConnectionCut)?.to_bytes();
    let text = String::from_utf8_lossy(&body);
    let bearer = bearer.as_ref().and_then(|bearer| bearer.to_str().ok());
    let body = text.replace(AUTHORIZED_BY, bearer.unwrap_or_default());
    Ok(Response::from_parts(head, Body::from(body)))
}

/// The name in a request's body.
fn name_in(request: &Request<Bytes>) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(request.body()).ok()?;
    Some(body["name"].as_str()?.to_owned())
}

fn describe(request: &Request<Bytes>) -> String {
    let target = request.uri().path_and_query().map_or("", |target| target.as_str());
    let name = name_in(request).map(|name| format!(" {name}")).unwrap_or_default();
    format!("{} {}{name}", request.method(), target.trim_start_matches("/api/v1"))
}
