//! The transport of requests: the network, or a sandbox in tests.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::OnceCell;
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceExt, service_fn};

use super::connect_error::{BoxError, ConnectError, ResolveError};
use super::destination::{Destination, Roots};

/// The body of an answer from any transport.
pub type Body = UnsyncBoxBody<Bytes, BoxError>;

/// Sends one request and returns its answer: over the network, or to a platform's sandbox in a
/// simulation.
///
/// A transport must not follow redirects, because they would receive the bearer token. It returns a
/// [`ConnectError`] only if the request was certainly not sent; any other error means that it may
/// have been.
#[derive(Clone, Debug)]
pub struct Transport(BoxCloneSyncService<Request<Bytes>, Response<Body>, BoxError>);

/// Long enough for a distant host, and well below the request timeout: an unresponsive host is then
/// reported as a failure to connect, which is safe to retry.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Idle connections are closed after this time. On a connection that the platform has closed
/// meanwhile, it would be unknown whether the platform acted on a request.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

impl Transport {
    /// Wraps any service that accepts the request's bytes as its body, such as an axum router.
    pub fn new<S, B>(service: S) -> Self
    where
        S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self(BoxCloneSyncService::new(
            service
                .map_request(|request: Request<Bytes>| request.map(Full::new))
                .map_response(|response: Response<B>| response.map(boxed))
                .map_err(Into::into),
        ))
    }

    /// Creates a transport over the network: TLS 1.2 or newer, with `HTTPS_PROXY` and `NO_PROXY`.
    ///
    /// The connection pool is set up by the first request, and certificates are not loaded for
    /// plain HTTP: Terraform starts a provider several times per run, mostly to read only its
    /// schema.
    pub fn network(destination: &Destination) -> Self {
        let destination = destination.clone();
        let client = Arc::new(OnceCell::new());
        Self(BoxCloneSyncService::new(service_fn(move |request| {
            let (destination, client) = (destination.clone(), client.clone());
            async move {
                let client = client.get_or_try_init(async || connector(&destination)).await;
                let connect_error = |error| ConnectError::classified(error, &destination.roots);
                let client: &reqwest::Client = client.map_err(|error| connect_error(error.into()))?;
                // Errors omit the URL: they name the action in the user's terms instead.
                let answer = client.execute(reqwest::Request::try_from(request)?).await;
                let answer = answer.map_err(|error| match error.without_url() {
                    error if error.is_connect() => connect_error(error.into()).into(),
                    error => BoxError::from(error),
                })?;
                Ok(Response::from(answer).map(boxed))
            }
        })))
    }

    pub(super) async fn send(&self, request: Request<Bytes>) -> Result<Response<Body>, BoxError> {
        self.0.clone().oneshot(request).await
    }
}

/// The system's resolver, whose errors name the host that did not resolve (the platform's or the
/// proxy's).
struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            match tokio::net::lookup_host((name.as_str(), 0)).await {
                Ok(addresses) => Ok(Box::new(addresses.collect::<Vec<_>>().into_iter()) as Addrs),
                Err(source) => Err(ResolveError {
                    host: name.as_str().to_owned(),
                    source,
                }
                .into()),
            }
        })
    }
}

fn boxed<B>(body: B) -> Body
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    body.map_err(Into::into).boxed_unsync()
}

/// Whether the answer is not HTTP, as from a server that expects TLS.
pub(super) fn is_not_http(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut causes = std::iter::successors(Some(error), |error| error.source());
    causes.any(|cause| cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse))
}

fn connector(Destination { base_url, roots }: &Destination) -> Result<reqwest::Client, reqwest::Error> {
    // reqwest uses the process-wide default provider. If one is already installed, it is this one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .tls_version_min(reqwest::tls::Version::TLS_1_2)
        .tcp_nodelay(true)
        .connect_timeout(CONNECT_TIMEOUT)
        .dns_resolver(Arc::new(SystemResolver))
        .pool_idle_timeout(IDLE_TIMEOUT)
        .https_only(!base_url.is_plain());
    if base_url.is_loopback() {
        // A proxy would resolve a loopback address on its own machine.
        builder = builder.no_proxy();
    }
    if base_url.is_plain() {
        builder = builder.tls_certs_only([]);
    } else if let Roots::Only(pem) = roots {
        builder = builder.tls_certs_only(reqwest::Certificate::from_pem_bundle(pem)?);
    }
    builder.build()
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::rest::BaseUrl;

    /// Sends a request to a server that answers each one with these bytes and closes the connection.
    async fn send(answer: &'static str) -> Result<(u16, Bytes), BoxError> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/v1", listener.local_addr()?);
        tokio::spawn(async move {
            while let Ok((mut connection, _)) = listener.accept().await {
                let _ = connection.read(&mut [0; 4096]).await;
                let _ = connection.write_all(answer.as_bytes()).await;
            }
        });
        let transport = Transport::network(&BaseUrl::parse(&url)?.into());
        let answer = transport.send(Request::get(url).body(Bytes::new())?).await?;
        Ok((answer.status().as_u16(), answer.into_body().collect().await?.to_bytes()))
    }

    #[tokio::test]
    async fn redirect_is_returned_and_not_followed() {
        let redirect = "HTTP/1.1 302 Found\r\nlocation: /other\r\ncontent-length: 5\r\n\r\nmoved";
        assert_eq!(send(redirect).await.unwrap(), (302, Bytes::from("moved")));
    }

    #[tokio::test]
    async fn failure_after_connecting_is_not_a_connect_error() {
        for (answer, not_http) in [("", false), ("SSH-2.0-OpenSSH_9.9\r\n", true)] {
            let error = send(answer).await.unwrap_err();
            assert!(error.downcast_ref::<ConnectError>().is_none(), "{error:?}");
            assert_eq!(is_not_http(&*error), not_http, "{error:?}");
        }
    }

    #[tokio::test]
    async fn refused_connection_is_transient_connect_error() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        drop(listener);
        let transport = Transport::network(&BaseUrl::parse(&url).unwrap().into());
        let request = Request::get(url).body(Bytes::new()).unwrap();
        let error = transport.send(request).await.unwrap_err();
        let connect = error.downcast_ref::<ConnectError>();
        assert_eq!(connect.map(ConnectError::advice), Some(None), "{error:?}");
        assert!(!is_not_http(&*error));
    }
}
