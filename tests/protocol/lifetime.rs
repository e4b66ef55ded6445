//! The exit of the program and its cleanup. The idle timeouts are tested next to the server's code.

use std::time::Duration;

use http_body::Frame;
use http_body_util::StreamBody;
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_stream::StreamExt as _;
use tonic::Status;
use tonic::body::Body;

use super::plugin::{Options, Plugin, call, frame};
use crate::support::proto::go_plugin::grpc_broker_client::GrpcBrokerClient;
use crate::support::proto::go_plugin::grpc_stdio_client::GrpcStdioClient;
use crate::support::proto::tfplugin6::{DynamicValue, configure_provider, read_data_source, stop_provider};

const STOP: &str = "/tfplugin6.Provider/StopProvider";

#[tokio::test]
async fn shutdown_exits_program_and_removes_socket() {
    let plugin = Plugin::start(Options::default()).await;
    let directory = plugin.socket.parent().unwrap().to_owned();
    plugin.shutdown().await;
    let exited = plugin.exited().await;
    assert!(exited.status.success(), "{exited:?}");
    assert_eq!((exited.stdout, exited.stderr), (String::new(), String::new()));
    assert!(!directory.exists());
}

#[tokio::test]
async fn sigterm_and_sighup_exit_program_and_remove_socket() {
    for signal in ["TERM", "HUP"] {
        let plugin = Plugin::start(Options::default()).await;
        let directory = plugin.socket.parent().unwrap().to_owned();
        let _idle = plugin.channel().await;
        plugin.signal(signal).await;
        assert!(plugin.exited().await.status.success());
        assert!(!directory.exists());
    }
}

#[tokio::test]
async fn interrupt_does_not_exit_program() {
    let plugin = Plugin::start(Options::default()).await;
    for _ in 0..3 {
        plugin.signal("INT").await;
    }
    plugin
        .client()
        .await
        .stop_provider(stop_provider::Request {})
        .await
        .unwrap();
}

#[tokio::test]
async fn stop_provider_does_not_exit_program() {
    let plugin = Plugin::start(Options::default()).await;
    let mut client = plugin.client().await;
    for _ in 0..2 {
        client.stop_provider(stop_provider::Request {}).await.unwrap();
    }
}

#[tokio::test]
async fn streams_of_go_plugin_are_open_until_shutdown() {
    let plugin = Plugin::start(Options::default()).await;
    let channel = plugin.channel().await;
    let mut stdio = GrpcStdioClient::new(channel.clone())
        .stream_stdio(())
        .await
        .unwrap()
        .into_inner();
    let mut broker = GrpcBrokerClient::new(channel)
        .start_stream(tokio_stream::pending())
        .await
        .unwrap()
        .into_inner();
    plugin.shutdown().await;
    assert!(stdio.message().await.unwrap().is_none());
    assert!(broker.message().await.unwrap().is_none());
    assert!(plugin.exited().await.status.success());
}

/// Uses two programs, because each waits for another client for a while.
#[tokio::test]
async fn client_lost_during_message_or_call_exits_program_and_removes_socket() {
    let receiving = Plugin::start(Options::default()).await;
    let half = tokio_stream::once(frame(100, b"half of it")).chain(tokio_stream::pending());
    let body = StreamBody::new(half.map(|bytes| Ok::<_, Status>(Frame::data(bytes))));
    let sending = call(receiving.channel().await, STOP, Body::new(body));
    assert!(timeout(Duration::from_millis(100), sending).await.is_err());

    // A platform that accepts connections and never answers.
    let platform = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", platform.local_addr().unwrap());
    let options = Options::default()
        .with("STRIIM_BASE_URL", &url)
        .with("STRIIM_TOKEN", "x");
    let busy = Plugin::start(options).await;
    let mut client = busy.client().await;
    let nothing = || {
        Some(DynamicValue {
            json: b"{}".to_vec(),
            ..DynamicValue::default()
        })
    };
    let configure = configure_provider::Request {
        config: nothing(),
        ..Default::default()
    };
    client.configure_provider(configure).await.unwrap();
    let read = read_data_source::Request {
        type_name: "striim_service_account_tokens".to_owned(),
        config: nothing(),
        ..Default::default()
    };
    let _connection = tokio::select! {
        answer = client.read_data_source(read) => panic!("{answer:?}"),
        connection = platform.accept() => connection.unwrap(),
    };
    drop(client);

    for plugin in [receiving, busy] {
        let directory = plugin.socket.parent().unwrap().to_owned();
        assert!(plugin.exited().await.status.success());
        assert!(!directory.exists());
    }
}
