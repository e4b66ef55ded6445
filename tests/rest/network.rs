//! Over real connections: what only they can show.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rcgen::CertifiedKey;
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use token_providers::rest::{BaseUrl, Destination, Kind, Roots, Transport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::script::{BEARER, client, create, fetch, get as get_thing, operation, operation_of};

async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async { axum::serve(listener, router).await });
    format!("http://{address}/v1")
}

fn network_client(base_url: &str) -> token_providers::rest::Client {
    client(base_url, Transport::network(&BaseUrl::parse(base_url).unwrap().into()))
}

#[tokio::test]
async fn requests_and_answers_cross_the_network() {
    let echo = |headers: HeaderMap, body: String| async move {
        assert_eq!(headers[header::AUTHORIZATION], format!("Bearer {BEARER}"));
        axum::Json(format!("{} {body}", headers[header::USER_AGENT].to_str().unwrap()))
    };
    let base_url = serve(Router::new().route("/v1/thing", post(echo))).await;
    let answer = fetch(&network_client(&base_url), &operation(), &create())
        .await
        .unwrap();
    assert_eq!(answer, r#"terraform-provider-test/1.0 {"name":"thing"}"#);
}

#[tokio::test]
async fn the_bearer_does_not_follow_a_redirect() {
    let followed = Arc::new(AtomicUsize::new(0));
    let count = followed.clone();
    let elsewhere = serve(Router::new().fallback(move || {
        count.fetch_add(1, Ordering::SeqCst);
        async { "\"value\"" }
    }))
    .await;
    for status in [
        StatusCode::FOUND,
        StatusCode::TEMPORARY_REDIRECT,
        StatusCode::PERMANENT_REDIRECT,
    ] {
        let to = format!("{elsewhere}/thing");
        let redirect = move || async move { (status, [(header::LOCATION, to)]) };
        let base_url = serve(Router::new().route("/v1/thing", get(redirect))).await;
        let error = fetch(&network_client(&base_url), &operation(), &get_thing())
            .await
            .unwrap_err();
        assert_eq!(error.status(), Some(status));
    }
    assert_eq!(followed.load(Ordering::SeqCst), 0);
}

/// The failure itself, where there was no time to try again.
fn last(error: &token_providers::rest::Error) -> Kind {
    match error.kind() {
        Kind::WouldExceedDeadline { last: Some(last), .. } => (**last).clone(),
        kind => kind.clone(),
    }
}

#[tokio::test]
async fn a_refused_connection_is_known_to_have_sent_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
    drop(listener);
    let error = fetch(&network_client(&base_url), &operation_of(1), &create())
        .await
        .unwrap_err();
    assert!(matches!(last(&error), Kind::Connect(_)), "{error:?}");
    assert!(!error.is_ambiguous());
    let text = error.to_string();
    assert!(
        text.contains("no connection to 127.0.0.1: tcp connect error: Connection refused") && !text.contains("http:"),
        "{text}"
    );
}

#[tokio::test]
async fn a_connection_lost_after_sending_leaves_it_open_whether_the_platform_acted() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_exact(&mut [0; 20]).await.unwrap();
    });
    let error = fetch(&network_client(&base_url), &operation(), &create())
        .await
        .unwrap_err();
    assert!(matches!(error.kind(), Kind::Interrupted(_)), "{error:?}");
    assert!(error.is_ambiguous());
}

#[tokio::test]
async fn a_host_with_a_certificate_that_nobody_trusts_gets_no_request() {
    let pair = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(pair.signing_key.serialize_der()).unwrap();
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![pair.cert.der().clone()], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("https://localhost:{}/v1", listener.local_addr().unwrap().port());
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        tokio_rustls::TlsAcceptor::from(Arc::new(config))
            .accept(stream)
            .await
            .is_ok()
    });
    let error = fetch(&network_client(&base_url), &operation_of(1), &create())
        .await
        .unwrap_err();
    assert!(matches!(last(&error), Kind::Connect(_)), "{error:?}");
    assert!(error.to_string().contains("invalid peer certificate"), "{error}");
    assert!(!error.is_ambiguous());
    server.abort();
}

/// A server with a certificate that only its own authority vouches for: its base URL, and that authority.
async fn serve_tls() -> (String, Vec<u8>) {
    let CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\nconnection: close\r\n\r\n\"there\"";
            let _ = stream.write_all(answer).await;
            let _ = stream.shutdown().await;
        }
    });
    let base64 = BASE64_STANDARD.encode(cert.der());
    let pem = format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n");
    (format!("https://localhost:{port}/v1"), pem.into_bytes())
}

#[tokio::test]
async fn an_authority_of_ones_own_is_believed_where_it_is_named_and_nowhere_else() {
    let (base_url, authority) = serve_tls().await;
    let ask = async |roots: Roots| {
        let destination = Destination {
            base_url: BaseUrl::parse(&base_url).unwrap(),
            roots,
        };
        let client = client(&base_url, Transport::network(&destination));
        fetch(&client, &operation_of(1), &get_thing()).await
    };
    assert_eq!(ask(Roots::Only(authority)).await.unwrap(), "there");
    for roots in [Roots::System, Roots::Only(Vec::new())] {
        let error = ask(roots).await.unwrap_err();
        assert!(matches!(error.cause(), Kind::Connect(_)), "{error}");
    }
}
