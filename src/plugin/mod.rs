//! Being a plugin: handshake, mutual TLS, gRPC server, shutdown, log lines. Knows nothing of tokens.

/// What build.rs makes of `proto/go_plugin.proto`.
#[allow(missing_docs, unreachable_pub, dead_code, clippy::all)]
pub(crate) mod proto {
    tonic::include_proto!("plugin");
}
