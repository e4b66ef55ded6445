//! The gRPC server: serves the provider on every connection until there is a reason to stop.
//!
//! tonic generates the services and hyper implements HTTP/2. tonic's own server would add a router,
//! and it cannot verify the kind of client certificate that Terraform has (see
//! [`tls`](super::tls)).

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

/// The size limit of a message in bytes, the same as for providers written in Go.
const MAX_MESSAGE: usize = 256 << 20;

/// The time limit for the TLS handshake of a connection.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);

/// The number of connections that may be in their TLS handshake at a time. Further ones wait in the
/// operating system's queue.
const MAX_UNAUTHENTICATED: usize = 16;

/// The pause after a connection could not be accepted, for example for lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The time limits after which a server without a client stops.
#[derive(Clone, Copy, Debug)]
pub(super) struct IdleTimeouts {
    /// Until the first client has connected.
    pub(super) first: Duration,
    /// Until another client has connected, after the last one has disconnected.
    pub(super) next: Duration,
}

impl Default for IdleTimeouts {
    /// Terraform allows a plugin a minute to start, and keeps one connection open until it has
    /// finished.
    fn default() -> Self {
        Self {
            first: Duration::from_secs(60),
            next: Duration::from_secs(10),
        }
    }
}

/// The reason why the server stops.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum End {
    /// The client requested it.
    Shutdown,
    /// The operating system or the user requested it.
    Signal,
    /// No client has connected within the [`IdleTimeouts`].
    Abandoned,
}

impl End {
    /// The time that calls in flight have to finish.
    fn grace(self) -> Duration {
        match self {
            // Terraform kills the plugin two seconds after its request.
            Self::Shutdown => Duration::from_millis(1500),
            // Service managers kill a process after 30 seconds or so. A call in flight may hold the
            // only copy of a token's value.
            Self::Signal => Duration::from_secs(25),
            Self::Abandoned => Duration::ZERO,
        }
    }
}

/// The effect of an interrupt (Ctrl-C).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Interrupt {
    Ignored,
    Ends,
}

/// Completes when the operating system or the user asks the program to terminate.
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

/// Completes when the operating system or the user asks the program to terminate.
///
/// The listeners exist from the start and as long as the future: an event without a listener
/// terminates the program. Ctrl-Break is an interrupt, as in Terraform.
#[cfg(windows)]
pub(super) fn termination(interrupt: Interrupt) -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close, ctrl_shutdown};

    let (mut closed, mut shut_down) = (ctrl_close()?, ctrl_shutdown()?);
    let (mut interrupted, mut broken) = (ctrl_c()?, ctrl_break()?);
    Ok(async move {
        tokio::select! {
            _ = closed.recv() => {}
            _ = shut_down.recv() => {}
            _ = interrupted.recv(), if interrupt == Interrupt::Ends => {}
            _ = broken.recv(), if interrupt == Interrupt::Ends => {}
        }
    })
}

/// A provider with the settings of its server.
pub(super) struct Server<S> {
    services: Services<S>,
    tls: Option<TlsAcceptor>,
    idle_timeouts: Option<IdleTimeouts>,
    /// Cancelled when the client requests the shutdown.
    shutdown: CancellationToken,
    /// Cancelled to close the connections.
    closing: CancellationToken,
}

impl<S: Provider> Server<S> {
    /// Serves `provider` on connections that `tls` accepts; without it, on all. Without
    /// `idle_timeouts`, which is for debugging, only a signal stops the server: clients may
    /// disconnect, and their shutdown requests are ignored.
    pub(super) fn new(provider: S, tls: Option<TlsAcceptor>, idle_timeouts: Option<IdleTimeouts>) -> Self {
        let shutdown = CancellationToken::new();
        let closing = CancellationToken::new();
        Self {
            services: Services::new(provider, &shutdown, &closing),
            tls,
            idle_timeouts,
            shutdown,
            closing,
        }
    }

    /// Serves incoming connections until `signal` completes, the client requests the shutdown, or
    /// an idle timeout expires. Calls in flight then have some time to finish.
    pub(super) async fn serve<I>(
        self,
        mut incoming: impl Stream<Item = io::Result<I>> + Unpin,
        signal: impl Future<Output = ()>,
    ) -> End
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut signal = pin!(signal);
        let unauthenticated = Arc::new(Semaphore::new(MAX_UNAUTHENTICATED));
        let mut connections = JoinSet::new();
        let mut deadline = self.idle_timeouts.map(|timeouts| Instant::now() + timeouts.first);
        let end = loop {
            let accept = async {
                (
                    unauthenticated.clone().acquire_owned().await.ok(),
                    incoming.next().await,
                )
            };
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
                    if let (Ok(Authenticated::Yes), Some(timeouts)) = (served, self.idle_timeouts) {
                        deadline = Some(Instant::now() + timeouts.next);
                    }
                }
                () = abandoned, if connections.is_empty() => break End::Abandoned,
                () = self.shutdown.cancelled(), if self.idle_timeouts.is_some() => break End::Shutdown,
                () = signal.as_mut() => break End::Signal,
            }
        };
        debug!(reason = ?end, "the plugin stops");
        drop(incoming);
        self.closing.cancel();
        let all = async { while connections.join_next().await.is_some() {} };
        if timeout(end.grace(), all).await.is_err() {
            warn!("timed out waiting for calls in flight");
        }
        end
    }

    /// Serves one connection. An error closes this connection and has no other effect.
    fn connection<I>(
        &self,
        io: I,
        permit: Option<OwnedSemaphorePermit>,
    ) -> impl Future<Output = Authenticated> + use<I, S>
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
                        warn!(%error, "a connection was rejected");
                        return Authenticated::No;
                    }
                    Err(_) => {
                        warn!("a connection was rejected: its TLS handshake timed out");
                        return Authenticated::No;
                    }
                },
            };
            drop(permit);
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
                debug!(%error, "a connection failed");
            }
            Authenticated::Yes
        }
    }
}

/// Whether a connection was authenticated as the client's. Without TLS, every connection counts as
/// authenticated.
enum Authenticated {
    Yes,
    No,
}

/// Routes a request to its service.
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

    /// A provider whose only call takes this long.
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

    /// A running server, and the sender of its incoming connections.
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

    fn server() -> Server<Slow> {
        Server::new(Slow(20 * SECOND), None, Some(IdleTimeouts::default()))
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

        /// Waits until the server has stopped. Returns the reason, and the time since its start.
        async fn ended(self) -> (End, Duration) {
            let end = self.served.await.unwrap();
            (end, self.started.elapsed())
        }
    }

    /// Returns whether a time is as expected, up to the resolution of the timer.
    fn about(time: Duration, expected: Duration) -> bool {
        time >= expected && time < expected + SECOND / 10
    }

    #[tokio::test(start_paused = true)]
    async fn server_without_first_client_stops_after_a_minute() {
        let (end, time) = start(server(), pending()).ended().await;
        assert_eq!(end, End::Abandoned);
        assert!(about(time, 60 * SECOND), "{time:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn server_whose_client_disconnects_waits_ten_seconds_for_another() {
        let running = start(server(), pending());
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
    async fn unauthenticated_connections_time_out_and_do_not_extend_the_wait() {
        let (acceptor, _) = tls::acceptor(CertificateDer::from(vec![0])).unwrap();
        let server = Server::new(Slow(SECOND), Some(acceptor), Some(IdleTimeouts::default()));
        let running = start(server, pending());
        let mut unauthenticated = Vec::new();
        // One more than the limit: the last handshake begins when an earlier one has timed out.
        for _ in 0..=MAX_UNAUTHENTICATED {
            unauthenticated.push(running.connect().await);
        }
        let (end, time) = running.ended().await;
        assert_eq!(end, End::Abandoned);
        assert!(about(time, 60 * SECOND), "{time:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn failed_accept_does_not_stop_the_server() {
        let running = start(server(), pending());
        running
            .connections
            .send(Err(io::ErrorKind::Other.into()))
            .await
            .unwrap();
        let mut client = ProviderClient::new(running.channel().await);
        client.get_metadata(get_metadata::Request {}).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn shutdown_stops_before_terraform_kills() {
        let running = start(server(), pending());
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
    async fn signal_waits_for_calls_in_flight() {
        let (signal, signalled) = oneshot::channel();
        let running = start(server(), async { signalled.await.unwrap() });
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
    async fn server_without_idle_timeouts_stops_only_by_signal() {
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
