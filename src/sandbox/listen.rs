//! Serving a sandbox over TCP.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tower::{Service, ServiceExt};

use super::fault::ConnectionCut;

/// A sandbox that is being served. Dropping it stops serving and closes every connection.
#[derive(Debug)]
pub struct Listening {
    /// What a provider's `base_url` must say, e.g. `http://127.0.0.1:8080/api/v1`.
    pub base_url: String,
    /// Where it listens; the port is the real one if port 0 was asked for.
    pub address: SocketAddr,
    serving: AbortHandle,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Serves a router at `address`; `base_url` tells where clients of the real address find it.
pub(super) async fn listen(
    address: SocketAddr,
    base_url: impl FnOnce(SocketAddr) -> String,
    router: Router,
) -> io::Result<Listening> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    let serving = tokio::spawn(accept(listener, router)).abort_handle();
    Ok(Listening {
        base_url: base_url(address),
        address,
        serving,
    })
}

/// A router as a service whose error is a connection that was cut.
pub(super) fn service<B>(
    router: Router,
) -> impl Service<Request<B>, Response = Response<Body>, Error = ConnectionCut, Future: Send> + Clone + use<B>
where
    B: http_body::Body<Data = bytes::Bytes, Error: Into<axum::BoxError>> + Send + 'static,
{
    ServiceExt::<Request<B>>::map_result(router, |answer: Result<Response<Body>, Infallible>| {
        let answer = answer?;
        answer
            .extensions()
            .get()
            .map_or(Ok(()), |cut: &ConnectionCut| Err(*cut))?;
        Ok(answer)
    })
}

async fn accept(listener: TcpListener, router: Router) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(connections.spawn(converse(stream, router.clone()))),
                // Such as too many open files: other connections must end first.
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn converse(stream: TcpStream, router: Router) {
    // Without it answers wait for the client's delayed acknowledgements.
    let _ = stream.set_nodelay(true);
    let service = TowerToHyperService::new(service::<Incoming>(router));
    // An error is a client that went away, or a fault's cut: either way the connection is over.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
