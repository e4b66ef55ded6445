//! The network from a run's providers to the platform and to Vault, in this process or over TCP.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use fastrand::Rng;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use token_providers::rest::{Destination, Transport};
use token_providers::sandbox::{ConnectionCut, Platform, Sandbox, Vault, When};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::{ServiceExt, service_fn};

use super::lock;
use crate::simulation::speed::Speed;
use crate::simulation::vault::Server;

/// The moment a run is killed: at its `request`th request to the server, on its way there or back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kill {
    pub(crate) server: Server,
    pub(crate) request: u32,
    pub(crate) when: When,
}

/// A change by another client during a run. Returns a line for the trace.
pub(crate) type ConcurrentAction = Box<dyn FnOnce() -> String + Send>;

/// The network of a run to the platform and to Vault: it takes time, and what was sent arrives even if the client has stopped waiting for
/// the answer.
pub(crate) struct Network<P> {
    platform: Sandbox<P>,
    vault: Option<Vault>,
    speed: Speed,
    /// The longest delay of a request; `None` if all are short.
    latest: Option<Duration>,
    kills: Vec<Kill>,
    passing: Arc<Mutex<Passing>>,
    /// Cancelled to kill the run.
    pub(crate) killed: CancellationToken,
}

struct Passing {
    random: Rng,
    /// The number of requests to the platform and to Vault.
    sent: [u32; 2],
    /// The concurrent action, and the number of the request to the platform that triggers it.
    concurrent: Option<(u32, ConcurrentAction)>,
    trace: Vec<String>,
    /// The contents of all requests, without their credentials and without what is written to Vault.
    contents: String,
}

impl<P> Clone for Network<P> {
    fn clone(&self) -> Self {
        Self {
            platform: self.platform.clone(),
            vault: self.vault.clone(),
            kills: self.kills.clone(),
            passing: self.passing.clone(),
            killed: self.killed.clone(),
            ..*self
        }
    }
}

impl<P: Platform> Network<P> {
    pub(crate) fn new(
        platform: &Sandbox<P>,
        vault: Option<&Vault>,
        speed: Speed,
        random: Rng,
        kills: Vec<Kill>,
        concurrent: Option<(u32, ConcurrentAction)>,
    ) -> Self {
        // With concurrent actions, a lost request takes effect before the next list, which is fetched after 35 seconds and may lag
        // two seconds behind.
        let latest = if concurrent.is_some() { 32 } else { 38 };
        Self {
            platform: platform.clone(),
            vault: vault.cloned(),
            speed,
            latest: Some(Duration::from_secs(latest)),
            kills,
            passing: Arc::new(Mutex::new(Passing {
                random,
                sent: [0; 2],
                concurrent,
                trace: Vec::new(),
                contents: String::new(),
            })),
            killed: CancellationToken::new(),
        }
    }

    /// Makes all delays short.
    pub(crate) fn without_late_requests(self) -> Self {
        Self { latest: None, ..self }
    }

    /// The requests and their outcomes.
    pub(crate) fn trace(&self) -> Vec<String> {
        lock(&self.passing).trace.clone()
    }

    /// The contents of all requests, without their credentials and without what is written to Vault.
    pub(crate) fn contents(&self) -> String {
        lock(&self.passing).contents.clone()
    }

    /// The transport to the platform or to Vault.
    pub(crate) fn transport(&self, to: &Destination) -> Transport {
        let network = self.clone();
        let server = Server::at(to);
        Transport::new(service_fn(move |request| network.clone().send(server, request)))
    }

    /// Carries a request, even if the client stops waiting for its answer.
    async fn send(self, server: Server, request: Request<Full<Bytes>>) -> Result<Response<Body>, ConnectionCut> {
        let carried = tokio::spawn(self.carry(server, request)).await;
        carried.unwrap_or(Err(ConnectionCut))
    }

    async fn carry(self, server: Server, request: Request<Full<Bytes>>) -> Result<Response<Body>, ConnectionCut> {
        let (number, concurrent) = self.count(server);
        let is_killed = |when| {
            let mut kills = self.kills.iter();
            kills.any(|kill| kill.server == server && kill.request == number && kill.when == when)
        };
        if is_killed(When::Before) {
            self.killed.cancel();
            std::future::pending::<()>().await;
        }
        let what = format!("{server:?} {number} {} {}", request.method(), request.uri());
        let request = self.record(server, request).await?;
        self.take_a_while(20).await;
        if let Some(concurrent) = concurrent {
            let line = concurrent();
            lock(&self.passing).trace.push(line);
        }
        let answer = match (server, &self.vault) {
            (Server::Vault, Some(vault)) => vault.service().oneshot(request).await,
            _ => self.platform.service().oneshot(request).await,
        };
        let outcome = answer.as_ref().map_or(0, |answer| answer.status().as_u16());
        lock(&self.passing).trace.push(format!("{what} -> {outcome}"));
        if is_killed(When::After) {
            self.killed.cancel();
        }
        self.take_a_while(0).await;
        answer
    }

    /// Counts a request. Returns its number and the concurrent action that it triggers.
    fn count(&self, server: Server) -> (u32, Option<ConcurrentAction>) {
        let mut passing = lock(&self.passing);
        let sent = &mut passing.sent[server as usize];
        *sent += 1;
        let number = *sent;
        let concurrent = passing
            .concurrent
            .take_if(|(at, _)| server == Server::Platform && *at == number);
        (number, concurrent.map(|(_, concurrent)| concurrent))
    }

    async fn record(
        &self,
        server: Server,
        request: Request<Full<Bytes>>,
    ) -> Result<Request<Full<Bytes>>, ConnectionCut> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| ConnectionCut)?.to_bytes();
        let contents = server.contents(&head, &body);
        lock(&self.passing).contents.push_str(&contents);
        Ok(Request::from_parts(head, Full::new(body)))
    }

    /// Draws a delay: mostly short, sometimes longer than the timeout of a request. No delay at real speed.
    async fn take_a_while(&self, once_in: u32) {
        if self.speed == Speed::Real {
            return;
        }
        let time = {
            let random = &mut lock(&self.passing).random;
            let is_late = once_in > 0 && random.u32(..once_in) == 0;
            let latest = self.latest.filter(|_| is_late);
            let latest = latest.map(|latest| u64::try_from(latest.as_millis()).unwrap());
            random.u64(latest.map_or(1..200, |latest| 29_000..latest))
        };
        tokio::time::sleep(Duration::from_millis(time)).await;
    }
}

/// The addresses at which the processes of all runs find the platform and Vault. A connection belongs to the run that began
/// last.
pub(crate) struct Addresses<P> {
    /// The platform's URL.
    pub(crate) base_url: String,
    /// The address of Vault.
    pub(crate) vault: String,
    present: Arc<Mutex<Option<Network<P>>>>,
    /// Ends with the last connection that is open.
    connections: Arc<Mutex<JoinSet<()>>>,
    _accepting: JoinSet<()>,
}

impl<P: Platform> Addresses<P> {
    pub(crate) async fn new() -> Self {
        let present = Arc::<Mutex<Option<Network<P>>>>::default();
        let connections = Arc::<Mutex<JoinSet<()>>>::default();
        let mut accepting = JoinSet::new();
        let mut addresses = Vec::new();
        for server in [Server::Platform, Server::Vault] {
            let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
                .await
                .unwrap();
            addresses.push(listener.local_addr().unwrap());
            let (present, connections) = (present.clone(), connections.clone());
            accepting.spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    if let Some(network) = lock(&present).clone() {
                        lock(&connections).spawn(serve(stream, server, network));
                    }
                }
            });
        }
        Self {
            base_url: P::base_url(addresses[0]),
            vault: format!("http://{}", addresses[1]),
            present,
            connections,
            _accepting: accepting,
        }
    }

    /// Uses this network for all new connections.
    pub(crate) fn connect(&self, network: &Network<P>) {
        *lock(&self.present) = Some(network.clone());
    }

    /// Waits until all connections of killed processes are closed and their requests have arrived.
    pub(crate) async fn settle(&self) {
        let settled = async {
            // A connection that was opened last may not be accepted yet.
            tokio::time::sleep(Duration::from_millis(50)).await;
            loop {
                while lock(&self.connections).try_join_next().is_some() {}
                if lock(&self.connections).is_empty() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            // The last request is handled by a separate task.
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        let settled = tokio::time::timeout(Duration::from_secs(20), settled).await;
        assert!(settled.is_ok(), "a process that was killed keeps its connections open");
    }
}

async fn serve<P: Platform>(stream: TcpStream, server: Server, network: Network<P>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: Request<Incoming>| {
        let network = network.clone();
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.map_err(|_| ConnectionCut)?.to_bytes();
            network.send(server, Request::from_parts(head, Full::new(body))).await
        }
    });
    // An error means that the client disconnected, or a fault closed the connection.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
        .await;
}
