//! When the program ends, and what it leaves behind. How long it waits for clients is tested beside the server's code.

use super::plugin::go_plugin::grpc_broker_client::GrpcBrokerClient;
use super::plugin::go_plugin::grpc_stdio_client::GrpcStdioClient;
use super::plugin::proto::stop_provider;
use super::plugin::{Options, Plugin};

#[tokio::test]
async fn shutdown_ends_the_program_and_removes_the_socket() {
    let plugin = Plugin::start(Options::default()).await;
    let directory = plugin.socket.parent().unwrap().to_owned();
    plugin.shutdown().await;
    let ended = plugin.ended().await;
    assert!(ended.status.success(), "{ended:?}");
    assert_eq!((ended.stdout, ended.stderr), (String::new(), String::new()));
    assert!(!directory.exists());
}

#[tokio::test]
async fn sigterm_and_sighup_end_the_program_and_remove_the_socket() {
    for signal in ["TERM", "HUP"] {
        let plugin = Plugin::start(Options::default()).await;
        let directory = plugin.socket.parent().unwrap().to_owned();
        let _idle = plugin.channel().await;
        plugin.signal(signal).await;
        assert!(plugin.ended().await.status.success());
        assert!(!directory.exists());
    }
}

#[tokio::test]
async fn an_interrupt_is_for_terraform_and_not_for_the_plugin() {
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
async fn stop_provider_does_not_end_the_program() {
    let plugin = Plugin::start(Options::default()).await;
    let mut client = plugin.client().await;
    for _ in 0..2 {
        client.stop_provider(stop_provider::Request {}).await.unwrap();
    }
}

#[tokio::test]
async fn the_streams_of_go_plugin_are_open_until_the_end() {
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
    assert!(plugin.ended().await.status.success());
}
