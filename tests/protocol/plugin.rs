//! A client of the plugin protocol: a process of the testing kit, and raw messages.

use std::ops::Deref;

use bytes::{BufMut, Bytes, BytesMut};
use http_body_util::Full;
use tempfile::TempDir;
use token_providers::framework::testing::{Exited, PluginProcess, PluginProgram};
use tokio::net::UnixStream;
use tokio::process::Command;
use tonic::transport::Channel;
use tower::Service;

pub(crate) use token_providers::framework::testing::{COOKIE, Identity};

use crate::support::proto::go_plugin::{self, grpc_controller_client::GrpcControllerClient};
use crate::support::proto::tfplugin6::provider_client::ProviderClient;

/// An environment variable.
pub(crate) type Variable = (&'static str, String);

/// The options of a plugin process; by default those of Terraform.
pub(crate) struct Options {
    /// The client's certificate; without one, TLS is disabled.
    pub(crate) identity: Option<Identity>,
    /// Additional environment variables, which override others of the same name.
    pub(crate) variables: Vec<Variable>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            identity: Some(Identity::terraform()),
            variables: Vec::new(),
        }
    }
}

impl Options {
    /// The options of Terraform with `TF_DISABLE_PLUGIN_TLS`.
    pub(crate) fn without_tls() -> Self {
        Self {
            identity: None,
            ..Self::default()
        }
    }

    /// Adds an environment variable.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.to_owned()));
        self
    }

    /// The program under test.
    fn program(self) -> PluginProgram {
        let program = PluginProgram::new(env!("CARGO_BIN_EXE_terraform-provider-striim"));
        let program = match self.identity {
            Some(identity) => program.with_identity(identity),
            None => program.without_tls(),
        };
        let variables = self.variables.into_iter();
        variables.fold(program, |program, (name, value)| program.with(name, value))
    }
}

/// A running plugin.
pub(crate) struct Plugin(PluginProcess);

impl Deref for Plugin {
    type Target = PluginProcess;

    fn deref(&self) -> &PluginProcess {
        &self.0
    }
}

/// Returns the program under test. Its environment contains only `variables` and a directory for
/// temporary files.
pub(crate) fn program(temporary: &TempDir, variables: &[Variable]) -> Command {
    let options = Options {
        identity: None,
        variables: variables.to_vec(),
    };
    options.program().command(temporary)
}

impl Plugin {
    /// Starts the plugin and reads its handshake line.
    pub(crate) async fn start(options: Options) -> Self {
        Self(options.program().launch().await.expect("a line in time"))
    }

    /// Starts the program with `--debug` and reads `TF_REATTACH_PROVIDERS` from its output.
    pub(crate) async fn debug() -> Self {
        let program = Options::without_tls().program().with_argument("--debug");
        let mut process = program.run().unwrap();
        process.line = loop {
            let line = process.read_line().await.expect("a line in time");
            assert!(
                !line.is_empty(),
                "the program exited before it printed TF_REATTACH_PROVIDERS"
            );
            if let Some((_, rest)) = line.split_once("TF_REATTACH_PROVIDERS='") {
                break rest.trim_end().strip_suffix('\'').unwrap().to_owned();
            }
        };
        let reattach: serde_json::Value = serde_json::from_str(&process.line).unwrap();
        let provider = reattach.as_object().unwrap().values().next().unwrap();
        process.socket = provider["Addr"]["String"].as_str().unwrap().into();
        Self(process)
    }

    /// The id of the process.
    pub(crate) fn pid(&self) -> u32 {
        self.0.pid().expect("a running process")
    }

    /// Connects without sending anything.
    pub(crate) async fn connect(&self) -> UnixStream {
        self.0.connect().await.unwrap()
    }

    /// Connects with the identity that the plugin was started with.
    pub(crate) async fn channel(&self) -> Channel {
        self.0.channel().await.expect("a connection")
    }

    /// Returns a client of the provider's service.
    pub(crate) async fn client(&self) -> ProviderClient<Channel> {
        let limit = 256 << 20;
        let client = ProviderClient::new(self.channel().await);
        client.max_decoding_message_size(limit).max_encoding_message_size(limit)
    }

    /// Requests the shutdown, as Terraform does.
    pub(crate) async fn shutdown(&self) {
        let mut controller = GrpcControllerClient::new(self.channel().await);
        controller.shutdown(go_plugin::Empty {}).await.unwrap();
    }

    /// Sends a signal by its name, as in `kill -s`.
    pub(crate) async fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args(["-s", name, &self.pid().to_string()])
            .status()
            .await
            .unwrap();
        assert!(status.success());
    }

    /// Waits until the process exits.
    pub(crate) async fn exited(self) -> Exited {
        self.0.exited().await.expect("an exit in time")
    }
}

/// Calls `path` with the bytes of a gRPC frame and returns the status.
pub(crate) async fn call_with_bytes(channel: Channel, path: &str, frame: impl Into<Bytes>) -> tonic::Status {
    call(channel, path, tonic::body::Body::new(Full::new(frame.into()))).await
}

/// Calls `path` with this body and returns the status.
pub(crate) async fn call(mut channel: Channel, path: &str, body: tonic::body::Body) -> tonic::Status {
    let request = http::Request::post(format!("http://localhost{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(body)
        .unwrap();
    std::future::poll_fn(|context| channel.poll_ready(context))
        .await
        .unwrap();
    match channel.call(request).await {
        Ok(response) => {
            let (head, body) = response.into_parts();
            let trailers = http_body_util::BodyExt::collect(body)
                .await
                .unwrap()
                .trailers()
                .cloned();
            tonic::Status::from_header_map(&head.headers)
                .or_else(|| tonic::Status::from_header_map(&trailers?))
                .expect("a status")
        }
        Err(error) => tonic::Status::from_error(error.into()),
    }
}

/// Returns an uncompressed gRPC frame that declares `length`, which may be wrong.
pub(crate) fn frame(length: u32, message: &[u8]) -> Bytes {
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(length);
    frame.put(message);
    frame.freeze()
}
