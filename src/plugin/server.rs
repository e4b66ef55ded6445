//! Serving the provider by gRPC on whatever connects, until there is a reason to end.
//!
//! tonic makes the services and hyper speaks HTTP/2; tonic's own server would bring a router and could not ask for the
//! client's certificate as Terraform's must be asked for (see [`tls`](super::tls)).

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_stream::{Stream, StreamExt};
use tokio_util::either::Either;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Service};
use tonic::server::NamedService;
use tracing::{debug, warn};

use super::go_plugin::{Controller, Silent};
use super::proto::grpc_broker_server::GrpcBrokerServer;
use super::proto::grpc_controller_server::GrpcControllerServer;
use super::proto::grpc_stdio_server::GrpcStdioServer;
use crate::framework::proto::provider_server::{Provider, ProviderServer};

/// The largest message, in bytes, as providers written in Go have it. A state file bounds what Terraform sends.
const MAX_MESSAGE: usize = 256 << 20;

/// How long a connection may take to prove who it is.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);

/// How many connections may be about to prove who they are. More wait in the operating system's queue.
const UNPROVEN_CONNECTIONS: usize = 16;

/// The pause after a connection could not be accepted, for want of file descriptors for example.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long the server waits for clients before it ends by itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// For the first client.
    pub(super) first: Duration,
    /// For another client when the last one is gone.
    pub(super) next: Duration,
}

impl Default for Patience {
    /// Terraform gives a plugin a minute to start, and keeps one connection until it is done.
    fn default() -> Self {
        Self {
            first: Duration::from_secs(60),
            next: Duration::from_secs(10),
        }
    }
}

/// Why the server ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum End {
    /// The client asked for it.
    Shutdown,
    /// The operating system or the user asked for it.
    Signal,
    /// No client came, or the last one went and none followed.
    Abandoned,
}

impl End {
    /// How long calls in flight may go on.
    fn grace(self) -> Duration {
        match self {
            // Terraform kills two seconds after its call.
            Self::Shutdown => Duration::from_millis(1500),
            // Whoever stops a machine kills after 30 seconds or so. A call in flight may hold a token that nobody else
            // will ever see again.
            Self::Signal => Duration::from_secs(25),
            Self::Abandoned => Duration::ZERO,
        }
    }
}

/// What an interrupt (Ctrl-C) does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Interrupt {
    Ignored,
    Ends,
}

/// Completes when the operating system asks the program to end.
#[cfg(unix)]
pub(super) fn termination(interrupt: Interrupt) -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
            _ = interrupted.recv(), if interrupt == Interrupt::Ends => {}
        }
    })
}

/// Completes when the user asks the program to end.
#[cfg(not(unix))]
pub(super) fn termination(interrupt: Interrupt) -> io::Result<impl Future<Output = ()>> {
    Ok(async move {
        // Waiting for it also keeps the system from ending the program.
        while tokio::signal::ctrl_c().await.is_ok() && interrupt == Interrupt::Ignored {}
        if interrupt == Interrupt::Ignored {
            std::future::pending().await
        }
    })
}

/// A provider and the rules by which it is served.
pub(super) struct Server<S> {
    services: Services<S>,
    tls: Option<TlsAcceptor>,
    patience: Option<Patience>,
    /// Cancelled when the client asks for the end.
    shutdown: CancellationToken,
    /// Cancelled when the connections are to end.
    closing: CancellationToken,
}

impl<S: Provider> Server<S> {
    /// Serves `provider` on connections that `tls` admits, or on all. Without `patience` it serves until a signal, whoever
    /// comes, goes, or asks for the end: that is for debugging.
    pub(super) fn new(provider: S, tls: Option<TlsAcceptor>, patience: Option<Patience>) -> Self {
        let shutdown = CancellationToken::new();
        let closing = CancellationToken::new();
        Self {
            services: Services::new(provider, &shutdown, &closing),
            tls,
            patience,
            shutdown,
            closing,
        }
    }

    /// Serves the connections that come in until there is a reason to end: `signal` completes, the client asks for it, or
    /// patience is over. Calls in flight then have some time to finish.
    pub(super) async fn serve<I>(
        self,
        mut incoming: impl Stream<Item = io::Result<I>> + Unpin,
        signal: impl Future<Output = ()>,
    ) -> End
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut signal = pin!(signal);
        let unproven = Arc::new(Semaphore::new(UNPROVEN_CONNECTIONS));
        let mut connections = JoinSet::new();
        let mut deadline = self.patience.map(|patience| Instant::now() + patience.first);
        let end = loop {
            let accept = async { (unproven.clone().acquire_owned().await.ok(), incoming.next().await) };
            let abandoned = async {
                match deadline {
                    Some(deadline) => sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                (permit, connection) = accept => match connection {
                    Some(Ok(io)) => {
                        connections.spawn(self.connection(io, permit));
                    }
                    Some(Err(error)) => {
                        warn!(%error, "a connection could not be accepted");
                        sleep(ACCEPT_PAUSE).await;
                    }
                    None => break End::Abandoned,
                },
                Some(served) = connections.join_next() => {
                    if let (Ok(Proven::Yes), Some(patience)) = (served, self.patience) {
                        deadline = Some(Instant::now() + patience.next);
                    }
                }
                () = abandoned, if connections.is_empty() => break End::Abandoned,
                () = self.shutdown.cancelled(), if self.patience.is_some() => break End::Shutdown,
                () = signal.as_mut() => break End::Signal,
            }
        };
        debug!(reason = ?end, "the plugin ends");
        drop(incoming);
        self.closing.cancel();
        let all = async { while connections.join_next().await.is_some() {} };
        if timeout(end.grace(), all).await.is_err() {
            warn!("calls in flight are given up");
        }
        end
    }

    /// Serves one connection. Whatever is wrong with it ends it, and nothing else.
    fn connection<I>(&self, io: I, unproven: Option<OwnedSemaphorePermit>) -> impl Future<Output = Proven> + use<I, S>
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (services, tls, closing) = (self.services.clone(), self.tls.clone(), self.closing.clone());
        async move {
            let io = match tls {
                None => Either::Left(io),
                Some(tls) => match timeout(HANDSHAKE_LIMIT, tls.accept(io)).await {
                    Ok(Ok(io)) => Either::Right(io),
                    Ok(Err(error)) => {
                        warn!(%error, "a connection was refused");
                        return Proven::No;
                    }
                    Err(_) => {
                        warn!("a connection was refused: it did not prove in time who it is");
                        return Proven::No;
                    }
                },
            };
            drop(unproven);
            let connection = http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(io), services);
            let mut connection = pin!(connection);
            let result = tokio::select! {
                result = connection.as_mut() => result,
                () = closing.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = result {
                debug!(%error, "a connection broke");
            }
            Proven::Yes
        }
    }
}

/// Whether a connection was the client's, as far as one can know without TLS.
enum Proven {
    Yes,
    No,
}

/// Finds the service that a request is for.
struct Services<S> {
    provider: ProviderServer<S>,
    controller: GrpcControllerServer<Controller>,
    stdio: GrpcStdioServer<Silent>,
    broker: GrpcBrokerServer<Silent>,
}

impl<S: Provider> Services<S> {
    fn new(provider: S, shutdown: &CancellationToken, closing: &CancellationToken) -> Self {
        Self {
            provider: ProviderServer::new(provider)
                .max_decoding_message_size(MAX_MESSAGE)
                .max_encoding_message_size(MAX_MESSAGE),
            controller: GrpcControllerServer::new(Controller {
                shutdown: shutdown.clone(),
            }),
            stdio: GrpcStdioServer::new(Silent {
                closing: closing.clone(),
            }),
            broker: GrpcBrokerServer::new(Silent {
                closing: closing.clone(),
            }),
        }
    }
}

impl<S> Clone for Services<S> {
    fn clone(&self) -> Self {
        Self {
            provider: self.provider.clone(),
            controller: self.controller.clone(),
            stdio: self.stdio.clone(),
            broker: self.broker.clone(),
        }
    }
}

impl<S: Provider> hyper::service::Service<Request<Incoming>> for Services<S> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Self::Error>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        // A path is "/package.Service/Method". The generated services are always ready.
        let service = request.uri().path().split('/').nth(1).unwrap_or_default();
        if service == ProviderServer::<S>::NAME {
            self.provider.clone().call(request)
        } else if service == GrpcControllerServer::<Controller>::NAME {
            self.controller.clone().call(request)
        } else if service == GrpcStdioServer::<Silent>::NAME {
            self.stdio.clone().call(request)
        } else if service == GrpcBrokerServer::<Silent>::NAME {
            self.broker.clone().call(request)
        } else {
            Box::pin(async { Ok(Status::unimplemented("this plugin has no such service").into_http()) })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use hyper_util::rt::TokioIo;
    use rustls::pki_types::CertificateDer;
    use tokio::io::DuplexStream;
    use tokio::sync::{mpsc, oneshot};
    use tokio::task::JoinHandle;
    use tokio_stream::wrappers::ReceiverStream;
    use tonic::transport::{Channel, Endpoint};

    use super::*;
    use crate::framework::proto::get_metadata;
    use crate::framework::proto::provider_client::ProviderClient;
    use crate::plugin::proto::Empty;
    use crate::plugin::proto::grpc_controller_client::GrpcControllerClient;
    use crate::plugin::tls;

    const SECOND: Duration = Duration::from_secs(1);

    /// A provider whose one call takes a time.
    struct Slow(Duration);

    #[tonic::async_trait]
    impl Provider for Slow {
        async fn get_metadata(
            &self,
            _: tonic::Request<get_metadata::Request>,
        ) -> Result<tonic::Response<get_metadata::Response>, Status> {
            sleep(self.0).await;
            Ok(tonic::Response::new(get_metadata::Response::default()))
        }
    }

    /// A server and the other end of what it serves.
    struct Running {
        connections: mpsc::Sender<io::Result<DuplexStream>>,
        started: Instant,
        served: JoinHandle<End>,
    }

    fn start(server: Server<Slow>, signal: impl Future<Output = ()> + Send + 'static) -> Running {
        let (connections, incoming) = mpsc::channel(1);
        let served = async { server.serve(ReceiverStream::new(incoming), signal).await };
        Running {
            connections,
            started: Instant::now(),
            served: tokio::spawn(served),
        }
    }

    fn patient() -> Server<Slow> {
        Server::new(Slow(20 * SECOND), None, Some(Patience::default()))
    }

    impl Running {
        async fn connect(&self) -> DuplexStream {
            let (client, server) = tokio::io::duplex(1 << 16);
            self.connections.send(Ok(server)).await.unwrap();
            client
        }

        async fn channel(&self) -> Channel {
            let mut connection = Some(self.connect().await);
            let connect = tower::service_fn(move |_| {
                let connection = connection.take().ok_or(io::ErrorKind::NotConnected);
                async { io::Result::Ok(TokioIo::new(connection?)) }
            });
            Endpoint::from_static("http://localhost")
                .connect_with_connector(connect)
                .await
                .unwrap()
        }

        /// Why it ended, and how long after its start.
        async fn ended(self) -> (End, Duration) {
            let end = self.served.await.unwrap();
            (end, self.started.elapsed())
        }
    }

    /// A time that is exact but for the timer's own grain.
    fn about(time: Duration, expected: Duration) -> bool {
        time >= expected && time < expected + SECOND / 10
    }

    #[tokio::test(start_paused = true)]
    async fn it_waits_a_minute_for_the_first_client() {
        let (end, time) = start(patient(), pending()).ended().await;
        assert_eq!(end, End::Abandoned);
        assert!(about(time, 60 * SECOND), "{time:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn it_stays_as_long_as_its_client_and_waits_ten_seconds_for_another() {
        let running = start(patient(), pending());
        let first = running.connect().await;
        sleep(3600 * SECOND).await;
        drop(first);
        sleep(9 * SECOND).await;
        let second = running.connect().await;
        sleep(100 * SECOND).await;
        drop(second);
        let (end, time) = running.ended().await;
        assert_eq!(end, End::Abandoned);
        assert!(about(time, 3719 * SECOND), "{time:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_prove_who_it_is_is_dropped_and_changes_nothing() {
        let (acceptor, _) = tls::acceptor(CertificateDer::from(vec![0])).unwrap();
        let server = Server::new(Slow(SECOND), Some(acceptor), Some(Patience::default()));
        let running = start(server, pending());
        let mut strangers = Vec::new();
        // More than may prove themselves at a time: the rest takes its turn when those before are dropped.
        for _ in 0..=UNPROVEN_CONNECTIONS {
            strangers.push(running.connect().await);
        }
        let (end, time) = running.ended().await;
        assert_eq!(end, End::Abandoned);
        assert!(about(time, 60 * SECOND), "{time:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_cannot_be_accepted_is_not_the_last() {
        let running = start(patient(), pending());
        running
            .connections
            .send(Err(io::ErrorKind::Other.into()))
            .await
            .unwrap();
        let mut client = ProviderClient::new(running.channel().await);
        client.get_metadata(get_metadata::Request {}).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn shutdown_does_not_wait_for_calls_longer_than_terraform_does() {
        let running = start(patient(), pending());
        let channel = running.channel().await;
        let mut client = ProviderClient::new(channel.clone());
        let call = tokio::spawn(async move { client.get_metadata(get_metadata::Request {}).await });
        sleep(SECOND).await;
        GrpcControllerClient::new(channel).shutdown(Empty {}).await.unwrap();
        let (end, time) = running.ended().await;
        assert_eq!(end, End::Shutdown);
        assert!(time < 3 * SECOND, "{time:?}");
        call.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn a_signal_lets_calls_in_flight_finish() {
        let (signal, signalled) = oneshot::channel();
        let running = start(patient(), async { signalled.await.unwrap() });
        let mut client = ProviderClient::new(running.channel().await);
        let call = tokio::spawn(async move { client.get_metadata(get_metadata::Request {}).await });
        sleep(SECOND).await;
        signal.send(()).unwrap();
        let (end, time) = running.ended().await;
        assert_eq!(end, End::Signal);
        assert!(about(time, 20 * SECOND), "{time:?}");
        call.await.unwrap().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn without_patience_it_ends_by_a_signal_only() {
        let (signal, signalled) = oneshot::channel();
        let server = Server::new(Slow(SECOND), None, None);
        let running = start(server, async { signalled.await.unwrap() });
        GrpcControllerClient::new(running.channel().await)
            .shutdown(Empty {})
            .await
            .unwrap();
        sleep(3600 * SECOND).await;
        assert!(!running.served.is_finished());
        signal.send(()).unwrap();
        assert_eq!(running.ended().await.0, End::Signal);
    }
}
