//! The TCP server of a sandbox.

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

/// A running server of a sandbox. Dropping it stops the server and closes every connection.
#[derive(Debug)]
pub struct Listening {
    /// The value for a provider's `base_url`, such as `http://127.0.0.1:8080/api/v1`.
    pub base_url: String,
    /// The address of the listener, with the actual port if port 0 was requested.
    pub address: SocketAddr,
    serving: AbortHandle,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Serves a router at `address`. `base_url` returns the URL for clients from the actual address.
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

/// Turns a router into a service that returns an error for a closed connection.
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
                Ok((stream, _)) => drop(connections.spawn(serve_connection(stream, router.clone()))),
                // For example too many open files: wait until other connections are closed.
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve_connection(stream: TcpStream, router: Router) {
    // Otherwise answers wait for the client's delayed acknowledgements.
    let _ = stream.set_nodelay(true);
    let service = TowerToHyperService::new(service::<Incoming>(router));
    // An error means that the client disconnected or a fault closed the connection.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
