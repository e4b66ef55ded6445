//! Large, invalid and missing messages.

use super::plugin::{Options, Plugin, call_with_bytes, frame};
use crate::support::proto::tfplugin6::{RawState, Schema, get_provider_schema, stop_provider, upgrade_resource_state};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tonic::Code;

const STOP: &str = "/tfplugin6.Provider/StopProvider";

async fn is_serving(plugin: &Plugin) -> bool {
    plugin
        .client()
        .await
        .stop_provider(stop_provider::Request {})
        .await
        .is_ok()
}

#[tokio::test]
async fn schema_is_returned_over_mutual_tls() {
    let plugin = Plugin::start(Options::default()).await;
    let schema = plugin
        .client()
        .await
        .get_provider_schema(get_provider_schema::Request::default())
        .await
        .unwrap();
    assert!(matches!(schema.into_inner().provider, Some(Schema { .. })));
}

#[tokio::test]
async fn message_of_many_megabytes_is_accepted() {
    let plugin = Plugin::start(Options::default()).await;
    let request = upgrade_resource_state::Request {
        type_name: "nothing".to_owned(),
        raw_state: Some(RawState {
            json: vec![b' '; 20 << 20],
            ..RawState::default()
        }),
        ..Default::default()
    };
    let answer = plugin
        .client()
        .await
        .upgrade_resource_state(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        answer.diagnostics.len(),
        1,
        "only the unknown type is wrong: {:?}",
        answer.diagnostics
    );
}

#[tokio::test]
async fn message_beyond_limit_is_rejected() {
    let plugin = Plugin::start(Options::default()).await;
    let status = call_with_bytes(plugin.channel().await, STOP, frame((256 << 20) + 1, b"the beginning")).await;
    assert_eq!(status.code(), Code::OutOfRange, "{status:?}");
    assert!(is_serving(&plugin).await);
}

#[tokio::test]
async fn invalid_message_is_rejected_and_plugin_keeps_serving() {
    let plugin = Plugin::start(Options::default()).await;
    let channel = plugin.channel().await;
    for bytes in [
        frame(3, &[0xff, 0xff, 0xff]),
        frame(100, b"too short"),
        frame(4, &[0x0a, 0x7f, 0, 0]),
        bytes::Bytes::from_static(b"no frame"),
        bytes::Bytes::new(),
    ] {
        let status = call_with_bytes(
            channel.clone(),
            "/tfplugin6.Provider/ApplyResourceChange",
            bytes.clone(),
        )
        .await;
        assert_ne!(status.code(), Code::Ok, "{bytes:?}");
    }
    assert!(is_serving(&plugin).await);
}

#[tokio::test]
async fn invalid_call_is_answered_and_plugin_keeps_serving() {
    let plugin = Plugin::start(Options::default()).await;
    let channel = plugin.channel().await;
    let calls = include_str!("../../proto/tfplugin6.proto").lines().filter_map(|line| {
        let (name, _) = line.trim().strip_prefix("rpc ")?.split_once('(')?;
        Some(format!("/tfplugin6.Provider/{name}"))
    });
    let mut random = fastrand::Rng::with_seed(6);
    let mut answered = 0;
    for path in calls {
        for length in [0, 1, 2, 3, 8, 64, 1024] {
            let message: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(length).collect();
            let length = u32::try_from(length).unwrap();
            call_with_bytes(channel.clone(), &path, frame(length, &message)).await;
            answered += 1;
        }
    }
    assert!(answered > 100);
    assert!(is_serving(&plugin).await);
    plugin.shutdown().await;
    let exited = plugin.exited().await;
    assert!(
        exited.status.success() && !exited.stderr.contains("panic"),
        "{exited:?}"
    );
}

#[tokio::test]
async fn unknown_service_is_unimplemented() {
    let plugin = Plugin::start(Options::default()).await;
    for path in [
        "/tfplugin6.Provider/Nothing",
        "/tfplugin5.Provider/GetSchema",
        "/x",
        "/",
    ] {
        let status = call_with_bytes(plugin.channel().await, path, frame(0, b"")).await;
        assert_eq!(status.code(), Code::Unimplemented, "{path}: {status:?}");
    }
}

#[tokio::test]
async fn garbage_on_socket_closes_only_that_connection() {
    for options in [Options::default(), Options::without_tls()] {
        let plugin = Plugin::start(options).await;
        for garbage in [
            &b"GET / HTTP/1.1\r\n\r\n"[..],
            &[0; 4096],
            &[0xff; 4096],
            b"\x16\x03\x01\xff\xff",
        ] {
            let mut connection = plugin.connect().await;
            // The plugin may close the connection before it has read everything.
            let _ = connection.write_all(garbage).await;
            let _ = connection.shutdown().await;
            let _ = connection.read_to_end(&mut Vec::new()).await;
        }
        assert!(is_serving(&plugin).await);
    }
}

#[tokio::test]
async fn silent_connections_do_not_block_terraform() {
    let plugin = Plugin::start(Options::default()).await;
    let mut silent = Vec::new();
    for _ in 0..10 {
        silent.push(plugin.connect().await);
    }
    assert!(is_serving(&plugin).await);
}
