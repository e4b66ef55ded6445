//! Behaviour that requires real connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::{get, post};
use rcgen::{CertificateParams, date_time_ymd};
use token_providers::rest::{BaseUrl, Destination, Kind, Roots, Transport};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use super::script::{BEARER, client, create, fetch, get as get_thing, operation, operation_with_timeout};
use crate::support::https::Https;

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
async fn request_and_answer_pass_over_network() {
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
async fn bearer_is_not_sent_to_target_of_redirect() {
    let followed = Arc::new(AtomicUsize::new(0));
    let count = followed.clone();
    let target = serve(Router::new().fallback(move || {
        count.fetch_add(1, Ordering::SeqCst);
        async { "\"value\"" }
    }))
    .await;
    for status in [
        StatusCode::FOUND,
        StatusCode::TEMPORARY_REDIRECT,
        StatusCode::PERMANENT_REDIRECT,
    ] {
        let to = format!("{target}/thing");
        let redirect = move || async move { (status, [(header::LOCATION, to)]) };
        let base_url = serve(Router::new().route("/v1/thing", get(redirect))).await;
        let error = fetch(&network_client(&base_url), &operation(), &get_thing())
            .await
            .unwrap_err();
        assert_eq!(error.status(), Some(status));
    }
    assert_eq!(followed.load(Ordering::SeqCst), 0);
}

/// Returns the cause of an exceeded deadline, or the failure itself.
fn cause_of(error: &token_providers::rest::Error) -> Kind {
    match error.kind() {
        Kind::WouldExceedDeadline { last: Some(last), .. } => (**last).clone(),
        kind => kind.clone(),
    }
}

#[tokio::test]
async fn refused_connection_is_unambiguous() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
    drop(listener);
    let error = fetch(&network_client(&base_url), &operation_with_timeout(1), &create())
        .await
        .unwrap_err();
    assert!(matches!(cause_of(&error), Kind::Connect(_)), "{error:?}");
    assert!(!error.is_ambiguous());
    let text = error.to_string();
    assert!(
        text.contains("no connection to 127.0.0.1: tcp connect error: Connection refused") && !text.contains("http:"),
        "{text}"
    );
}

#[tokio::test]
async fn connection_lost_after_sending_is_ambiguous() {
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

/// Answers over TLS, with a certificate for this host. Returns the server and its base URL.
async fn serve_tls() -> (Https, String) {
    serve_tls_with(CertificateParams::new(["localhost".to_owned()]).unwrap()).await
}

/// Answers over TLS, with a certificate with these parameters.
async fn serve_tls_with(certificate: CertificateParams) -> (Https, String) {
    let router = Router::new().fallback(async || "\"there\"");
    let server = Https::serve_with(certificate, router).await;
    let base_url = format!("https://localhost:{}/v1", server.port);
    (server, base_url)
}

#[tokio::test]
async fn private_authority_is_trusted_only_where_configured() {
    let (server, base_url) = serve_tls().await;
    let send = async |roots: Roots| {
        let destination = Destination {
            base_url: BaseUrl::parse(&base_url).unwrap(),
            roots,
        };
        let client = client(&base_url, Transport::network(&destination));
        fetch(&client, &operation_with_timeout(1), &get_thing()).await
    };
    assert_eq!(send(Roots::Only(server.authority.clone())).await.unwrap(), "there");
    for roots in [Roots::System, Roots::Only(Vec::new())] {
        let error = send(roots).await.unwrap_err();
        assert!(matches!(error.kind(), Kind::Unreachable { .. }), "{error}");
    }
}

/// Checks that the connection fails without a retry and that the error contains all of `parts`.
async fn assert_fails_without_retry(base_url: &str, roots: Roots, parts: &[&str]) {
    let destination = Destination {
        base_url: BaseUrl::parse(base_url).unwrap(),
        roots,
    };
    let client = client(base_url, Transport::network(&destination));
    let start = Instant::now();
    let error = fetch(&client, &operation(), &create()).await.unwrap_err();
    assert!(matches!(error.kind(), Kind::Unreachable { .. }), "{error:?}");
    assert!(!error.is_ambiguous(), "nothing was sent");
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    let text = error.to_string();
    for part in parts {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[tokio::test]
async fn untrusted_certificate_fails_without_retry_and_names_ssl_cert_file() {
    let (_server, base_url) = serve_tls().await;
    let parts = ["localhost", "invalid peer certificate", "SSL_CERT_FILE"];
    assert_fails_without_retry(&base_url, Roots::System, &parts).await;
}

#[tokio::test]
async fn certificate_for_other_host_or_time_fails_without_retry_and_names_reason() {
    let other_host = CertificateParams::new(["other.example.com".to_owned()]).unwrap();
    let mut expired = CertificateParams::new(["localhost".to_owned()]).unwrap();
    expired.not_after = date_time_ymd(2020, 1, 1);
    for (params, part) in [(other_host, "another host name"), (expired, "clock")] {
        let (server, base_url) = serve_tls_with(params).await;
        assert_fails_without_retry(&base_url, Roots::Only(server.authority.clone()), &[part]).await;
    }
}

#[tokio::test]
async fn unknown_host_name_fails_without_retry_and_is_named() {
    let parts = ["acme.striim.invalid", "check the spelling of the host name"];
    assert_fails_without_retry("https://acme.striim.invalid/api/v1", Roots::System, &parts).await;
}

#[tokio::test]
async fn tls_to_plain_http_server_fails_without_retry() {
    let plain = serve(Router::new()).await;
    let base_url = plain.replace("http://", "https://");
    assert_fails_without_retry(&base_url, Roots::System, &["does not speak TLS"]).await;
}

#[tokio::test]
async fn plain_http_to_tls_server_fails_without_retry() {
    let (_server, base_url) = serve_tls().await;
    let base_url = base_url.replace("https://", "http://");
    let start = Instant::now();
    let error = fetch(&network_client(&base_url), &operation(), &get_thing())
        .await
        .unwrap_err();
    assert!(matches!(error.kind(), Kind::NotHttp(_)), "{error:?}");
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
}

/// Runs itself in another process, because an environment variable applies to a whole process.
#[tokio::test]
async fn authority_in_ssl_cert_file_is_trusted() {
    const BASE_URL: &str = "TEST_BASE_URL";
    if let Ok(base_url) = std::env::var(BASE_URL) {
        let answer = fetch(&network_client(&base_url), &operation(), &get_thing()).await;
        assert_eq!(answer.unwrap(), "there");
        return;
    }
    let (server, base_url) = serve_tls().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &server.authority).unwrap();
    let run = async |certificates: &std::path::Path| {
        tokio::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "rest::network::authority_in_ssl_cert_file_is_trusted"])
            .env(BASE_URL, &base_url)
            .env("SSL_CERT_FILE", certificates)
            .output()
            .await
            .unwrap()
    };
    let trusting = run(file.path()).await;
    let trusts = cfg!(all(unix, not(target_vendor = "apple")));
    assert_eq!(trusting.status.success(), trusts, "{trusting:?}");
    let missing = run(std::path::Path::new("/nowhere.pem")).await;
    let output = String::from_utf8_lossy(&missing.stdout).into_owned() + &String::from_utf8_lossy(&missing.stderr);
    assert!(
        !missing.status.success() && output.contains("SSL_CERT_FILE"),
        "{output}"
    );
}
