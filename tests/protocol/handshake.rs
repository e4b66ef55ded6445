//! The output of the program for valid and invalid handshakes.

use std::os::unix::fs::PermissionsExt;

use super::plugin::{COOKIE, Options, Plugin, program};
use tempfile::TempDir;

#[tokio::test]
async fn handshake_line_names_socket_of_user() {
    let plugin = Plugin::start(Options::default()).await;
    let fields = plugin.fields();
    assert_eq!(fields.len(), 6, "{fields:?}");
    assert_eq!([&fields[..3], &fields[4..5]].concat(), ["1", "6", "unix", "grpc"]);
    assert!(!fields[5].is_empty() && !fields[5].contains('='), "{fields:?}");

    let socket = &plugin.socket;
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert!(socket.starts_with(plugin.temporary.path()));
    assert_eq!(mode(socket), 0o600);
    assert_eq!(mode(socket.parent().unwrap()), 0o700);
}

#[tokio::test]
async fn socket_is_created_in_requested_directory() {
    let directory = TempDir::new().unwrap();
    let options = Options::default().with("PLUGIN_UNIX_SOCKET_DIR", directory.path().to_str().unwrap());
    assert!(Plugin::start(options).await.socket.starts_with(directory.path()));
}

#[tokio::test]
async fn handshake_line_reports_no_multiplexing_on_request() {
    let plugin = Plugin::start(Options::default().with("PLUGIN_MULTIPLEX_GRPC", "true")).await;
    assert_eq!(plugin.fields()[6..], ["false"]);
}

#[tokio::test]
async fn program_without_handshake_prints_help() {
    for variables in [vec![], vec![(COOKIE.0, "wrong".to_owned())]] {
        let temporary = TempDir::new().unwrap();
        let output = program(&temporary, &variables).output().await.unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(output.stdout.is_empty());
        let version = concat!(
            "terraform-provider-striim ",
            env!("CARGO_PKG_VERSION"),
            " is a Terraform provider"
        );
        for text in [version, "required_providers", r#""token-providers/striim""#, "--debug"] {
            assert!(stderr.contains(text), "{text} is not in {stderr}");
        }
    }
}

#[tokio::test]
async fn version_and_help_are_printed_to_standard_output() {
    for (argument, expected) in [
        (
            "--version",
            concat!("terraform-provider-striim ", env!("CARGO_PKG_VERSION"), "\n"),
        ),
        ("--help", "required_providers"),
    ] {
        let output = program(&TempDir::new().unwrap(), &[])
            .arg(argument)
            .output()
            .await
            .unwrap();
        assert!(output.status.success());
        assert!(String::from_utf8(output.stdout).unwrap().contains(expected));
    }
}

#[tokio::test]
async fn unknown_argument_is_an_error() {
    let mut program = program(&TempDir::new().unwrap(), &[]);
    let output = program.arg("serve").output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("unknown arguments: serve"), "{stderr}");
}

/// Terraform shows the first line of standard output if it is not a handshake, so the reason is
/// printed there as well.
#[tokio::test]
async fn unsupported_handshake_prints_reason() {
    for (name, value, reason) in [
        (
            "PLUGIN_PROTOCOL_VERSIONS",
            "4,5",
            "the client supports the plugin protocol \"4,5\", but this provider requires 6",
        ),
        (
            "PLUGIN_PROTOCOL_VERSIONS",
            "",
            "supports the plugin protocol in no version",
        ),
        (
            "PLUGIN_CLIENT_CERT",
            "-----BEGIN CERTIFICATE-----\n",
            "PLUGIN_CLIENT_CERT: ",
        ),
        (
            "PLUGIN_UNIX_SOCKET_DIR",
            "/does/not/exist",
            "cannot open a socket in /does/not/exist",
        ),
        ("PLUGIN_MAX_PORT", "many", "PLUGIN_MAX_PORT: \"many\""),
    ] {
        let plugin = Plugin::start(Options::default().with(name, value)).await;
        let line = plugin.line.clone();
        let exited = plugin.exited().await;
        assert_eq!(exited.status.code(), Some(1));
        assert!(line.contains(reason), "{line}");
        assert!(!line.contains('|'), "{line}");
        assert!(exited.stderr.contains(reason), "{exited:?}");
    }
}
