//! An HTTPS server with a certificate of its own authority.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rcgen::{CertificateParams, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A running server at `localhost`. It stops when the value is dropped.
pub(crate) struct Https {
    /// The port of `localhost`.
    pub(crate) port: u16,
    /// The authority's certificate in PEM, for `SSL_CERT_FILE`.
    pub(crate) authority: Vec<u8>,
    serving: AbortHandle,
}

impl Drop for Https {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Https {
    /// Serves `router` with a valid certificate for `localhost`.
    pub(crate) async fn serve(router: Router) -> Self {
        Self::serve_with(CertificateParams::new(["localhost".to_owned()]).unwrap(), router).await
    }

    /// Serves `router` with a certificate with these parameters.
    pub(crate) async fn serve_with(certificate: CertificateParams, router: Router) -> Self {
        let signing_key = KeyPair::generate().unwrap();
        let certificate = certificate.self_signed(&signing_key).unwrap();
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let listener = Listener {
            tcp: TcpListener::bind("127.0.0.1:0").await.unwrap(),
            tls: TlsAcceptor::from(Arc::new(config)),
        };
        let base64 = BASE64_STANDARD.encode(certificate.der());
        let authority = format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n");
        Self {
            port: listener.tcp.local_addr().unwrap().port(),
            authority: authority.into_bytes(),
            serving: tokio::spawn(async { axum::serve(listener, router).await }).abort_handle(),
        }
    }
}

/// Accepts connections that complete a TLS handshake.
struct Listener {
    tcp: TcpListener,
    tls: TlsAcceptor,
}

impl axum::serve::Listener for Listener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = self.tcp.accept().await.unwrap();
            if let Ok(stream) = self.tls.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}
