//! A sandbox over TCP.

use std::net::{Ipv4Addr, SocketAddr};

use secrecy::ExposeSecret;
use token_providers::sandbox::striim::{Options, Sandbox};
use token_providers::sandbox::{Effect, Fault, Listening};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn listening() -> (Sandbox, Listening) {
    let sandbox = Sandbox::new(Options::default());
    let listening = sandbox
        .listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
        .await
        .unwrap();
    (sandbox, listening)
}

/// Requests the list and returns all bytes until the server closes the connection.
async fn list(sandbox: &Sandbox, address: SocketAddr) -> String {
    let mut connection = TcpStream::connect(address).await.unwrap();
    let bearer = sandbox.admin_token();
    let request = format!(
        "GET /api/v1/service-accounts HTTP/1.1\r\nhost: acme\r\nconnection: close\r\nauthorization: Bearer {}\r\n\r\n",
        bearer.expose_secret()
    );
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn listening_serves_at_base_url_until_dropped() {
    let (sandbox, listening) = listening().await;
    let address = listening.address;
    assert_eq!(listening.base_url, format!("http://{address}/api/v1"));
    let answer = list(&sandbox, address).await;
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains(r#""name":"terraform""#),
        "{answer}"
    );
    drop(listening);
    // The listener closes when its task is next polled.
    tokio::task::yield_now().await;
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn cut_fault_closes_connection_without_answer() {
    let (sandbox, listening) = listening().await;
    sandbox.fault(Fault::new(Effect::Cut));
    assert_eq!(list(&sandbox, listening.address).await, "");
}

#[tokio::test]
async fn truncated_answer_is_shorter_than_declared() {
    let (sandbox, listening) = listening().await;
    let whole = list(&sandbox, listening.address).await;
    sandbox.fault(Fault::new(Effect::Truncate));
    let half = list(&sandbox, listening.address).await;
    let length = |answer: &str| {
        answer
            .lines()
            .find(|line| line.starts_with("content-length"))
            .map(str::to_owned)
    };
    assert_eq!(length(&half), length(&whole), "{half}");
    let body = |answer: &str| answer.split_once("\r\n\r\n").unwrap().1.len();
    assert_eq!(body(&half), body(&whole) / 2);
}
