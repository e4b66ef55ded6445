//! `--debug`: Terraform attaches to a running provider.

use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use super::plugin::Plugin;
use crate::support::proto::tfplugin6::get_provider_schema;

#[tokio::test]
async fn printed_variable_attaches_terraform_and_opentofu() {
    let plugin = Plugin::debug().await;
    let reattach: serde_json::Value = serde_json::from_str(&plugin.line).unwrap();
    let attach = json!({
        "Protocol": "grpc",
        "ProtocolVersion": 6,
        "Pid": plugin.pid(),
        "Test": true,
        "Addr": { "Network": "unix", "String": plugin.socket },
    });
    let expected = json!({
        "registry.opentofu.org/token-providers/striim": attach,
        "registry.terraform.io/token-providers/striim": attach,
    });
    assert_eq!(reattach, expected);

    let request = get_provider_schema::Request::default();
    plugin.client().await.get_provider_schema(request).await.unwrap();
}

#[tokio::test]
async fn socket_is_accessible_to_same_user_only() {
    let plugin = Plugin::debug().await;
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&plugin.socket), 0o600);
    assert_eq!(mode(plugin.socket.parent().unwrap()), 0o700);
}

#[tokio::test]
async fn debug_server_ignores_shutdown_and_exits_on_interrupt() {
    let plugin = Plugin::debug().await;
    let directory = plugin.socket.parent().unwrap().to_owned();
    plugin.shutdown().await;
    plugin.shutdown().await;
    plugin.signal("INT").await;
    assert!(plugin.exited().await.status.success());
    assert!(!directory.exists());
}
